"""Compares settings pasted together with a log to what the log shows.

Compared are relayhost with the password map's keys (SASL_README: the server's bare name, or the next hop as in
relayhost), an application's settings file with the server it connected to, a rate delay with the time that messages
spent in the queue manager, and a rewriting table's catch-all with the original recipients.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from diagnose.knowledge.phrases import Grip
from diagnose.parse.log.mail_event import Delivery
from diagnose.parse.words.reason import Reason, mask
from diagnose.patterns import late
from diagnose.record import dataclass

_MOST = 200  # entries of each kind that are kept
_LONG = 60  # seconds in the queue manager, far above the wait for a free process

_HOST = r"\[?[\w-]+(?:\.[\w-]+)+\]?(?::[\w-]+)?"
_RELAYHOST = late(rf"^\W{{0,4}}relayhost\s*=\s*(?P<value>{_HOST})\s*$")
_ASKED = late(r"^\S*[$#>%]?.{0,60}\bpostconf\s+-h\s+relayhost\s*$")
_VALUE = late(rf"^\s*(?P<value>{_HOST})\s*$")
_SHOWN = late(
    r"\b(?:cat|sed|cut|grep|head|tail|awk|less|more)\b[^|]*/[\w./-]*(?:sasl|smtp_auth)\w*pass\w*\b|^\W{0,3}/[\w./-]*sasl_passwd:?\s*$"
)
_KEY = late(rf"^\s*(?P<key>{_HOST})[ \t]+\S*[:@*]\S*\s*$")
_LOOKED_UP = late(r"\bpostmap\s+-q\s+['\"]?(?P<key>[^\s'\"]+)['\"]?\s+\S*(?:sasl|passw)")
_PROMPT = late(r"^\S{0,60}[$#>%](?:\s|$)")
_DELAY = late(r"^\W{0,3}(?:[\w-]+/\w+/)?(?P<name>\w*_?destination_rate_delay)\s*=\s*(?P<value>[1-9]\d*\s*[smhdw]?)\s*$")
_ENTRY = late(
    r"^\W{0,4}(?:export\s+)?(?P<name>(?:MAIL|EMAIL|SMTP|MAILER)_?(?:HOST|SERVER|SMTP_HOST|HOSTNAME))\s*[=:]\s*['\"]?(?P<host>[\w-]+(?:\.[\w-]+)*)['\"]?\s*$"
)
_ALL = late(r"^\s*(?:/(?:\^?\.\*\$?|\.|\.\+|\^)/|\*@?\S*)\s+(?P<to>[^\s@]+@[^\s@]+)\s*$")

# RFC 8314: TLS from the first byte (994 is 163.com's); and words that say that the program does so.
_TLS_PORTS = frozenset({465, 994, 2465})
_PORT = late(
    r"(?:^\W{0,6}(?:\w*port|host|server)['\"]?(?:\s*[=:]>?\s*['\"]?|\s+(?=\d+\W*$))|smart_?host\W{1,4})(?:[\w.-]+::?)?"
    rf"(?P<port>{'|'.join(map(str, sorted(_TLS_PORTS)))})\b",
    re.IGNORECASE,
)
_IMPLICIT = late(
    r"\b(?:\w*(?:ssl|secure|encryption|security)|smtp_?tls)\b\W{1,8}(?:always|on|true|yes|1|ssl|tls|smtps|force_tls)\b|\btls_starttls\W{1,8}(?:off|no|false)\b|\b(?:ssl|smtps|tls)://|SMTP_SSL\(",
    re.IGNORECASE,
)

_POLICY = late(r"^\s*(?:\S+\s+)?(?P<level>dane-only|verify|secure|fingerprint)\b")
_TRUST = frozenset({"certificate-not-trusted", "relay-certificate-invalid", "certificate-unknown-issuer"})

_UNANSWERED = frozenset({"app-read-timeout", "app-session-lost", "greeting-lost", "greeting-timeout", "session-lost"})
_DIALLED = frozenset(
    "app-smtp-unreachable relay-name-not-found smtp-listener-missing resolver-failing app-tls-mismatch app-read-timeout app-session-lost app-host-unknown app-host-example".split()
)


@dataclass
class _Remark:
    """The result of a comparison. number: the line of the setting."""

    label: str
    number: int
    text: str
    grip: Grip = Grip.NAMES
    program: str | None = None


class Settings:
    """Collects settings from lines, and deliveries and errors; `remarks` reports where they contradict each other."""

    def __init__(self) -> None:
        self._relay: tuple[int, str] | None = None
        self._keys: dict[str, int] = {}
        self._empty: tuple[int, str] | None = None
        self._delays: dict[str, tuple[int, str]] = {}
        self._hosts: dict[str, tuple[int, str]] = {}
        self._all: dict[str, int] = {}
        self._in_map = self._asks = False
        self._asked: tuple[int, str] | None = None
        self._in_policies = False
        self._policy: tuple[int, str] | None = None
        self._waited = 0.0
        self._distrusted = False
        self._written: dict[str, set[str]] = {}  # original recipients' domains, by the address that got the mail
        self._received = False
        self._dialled: dict[str, str] = {}
        self._tls_port: tuple[int, int] | None = None
        self._implicit = False
        self._silent: str | None = None  # the program that connected and got no answer, "" for a mailer

    def lines(self, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """Yields the lines unchanged, after searching each for settings."""
        for number, line in lines:
            if len(line) < 300:
                self._line(number, line)
            yield number, line

    def _line(self, number: int, line: str) -> None:
        if self._asked is not None:
            # The map was queried, and the next line is no entry.
            if not line.strip() or _PROMPT.match(line) or "postfix" in line:
                self._empty = self._asked
            self._asked = None
        if self._asks and (found := _VALUE.match(line)):
            self._relay = number, found["value"]
        self._asks = False
        if self._in_map and (found := _KEY.match(line)):
            if len(self._keys) < _MOST:
                self._keys.setdefault(found["key"].lower(), number)
            return
        self._in_map = False
        if self._in_policies and (found := _POLICY.match(line)):
            self._policy = number, found["level"]
        self._in_policies = "tls_policy" in line and "postfix/smtp" not in line
        self._received = self._received or ": client=" in line
        self._implicit = self._implicit or _IMPLICIT.search(line) is not None
        if found := _PORT.search(line):
            self._tls_port = number, int(found["port"])
        if "sasl" in line or "passw" in line or "smtp_auth" in line:
            self._in_map = _SHOWN.search(line) is not None
            if found := _LOOKED_UP.search(line):
                self._asked = number, found["key"]
        elif "relayhost" in line:
            self._asks = _ASKED.match(line) is not None
            if found := _RELAYHOST.match(line):
                self._relay = number, found["value"]
        elif "_rate_delay" in line and (found := _DELAY.match(line)) and len(self._delays) < _MOST:
            self._delays[found["name"]] = number, found["value"]
        elif ("HOST" in line or "SERVER" in line) and (found := _ENTRY.match(line)) and len(self._hosts) < _MOST:
            self._hosts[found["host"].lower()] = number, found["name"]
        elif line.lstrip()[:1] in {"/", "*"} and (found := _ALL.match(line)) and len(self._all) < _MOST:
            self._all[found["to"].lower()] = number

    def event(self, event: object, source: str) -> None:
        """Record a delivery, or a program's failure (`source` "program")."""
        if isinstance(event, Delivery):
            if event.status == "sent" and len(event.delays) > 1:
                self._waited = max(self._waited, event.delays[1])
            if event.recipient and len(self._written) < _MOST:
                written = self._written.setdefault(event.recipient.lower(), set())
                if event.orig_to and len(written) < _MOST:
                    written.add(event.orig_to.rpartition("@")[2].lower())
            self._distrusted = self._distrusted or any(each.label in _TRUST for each in event.reasons)
            if any(map(_is_silent, event.reasons)):
                self._silent = self._silent or ""
        elif source == "program":
            for reason in getattr(event, "reasons", ()):
                if _is_silent(reason):
                    self._silent = reason.program or ""
                    if reason.peer_port in _TLS_PORTS:
                        self._tls_port = self._tls_port or (getattr(event, "number", 1), reason.peer_port)
                if reason.peer_name and reason.label in _DIALLED and len(self._dialled) < _MOST:
                    self._dialled[reason.peer_name.lower()] = reason.program or ""

    def remarks(self) -> Iterator[tuple[int, Reason]]:
        """(line of the setting, reason) of each contradiction."""
        for each in (
            *self._map(),
            *self._application(),
            *self._pace(),
            *self._rewriting(),
            *self._policies(),
            *self._tls(),
        ):
            yield (
                each.number,
                Reason(label=each.label, text=mask(each.text), grip=each.grip, program=each.program),
            )

    def _map(self) -> Iterator[_Remark]:
        if self._relay is None:
            return
        number, relay = self._relay
        bare = relay.lower().partition("]")[0].lstrip("[").partition(":")[0]
        if self._empty is not None and self._empty[1].lower() == relay.lower():
            text = f"the password map has no entry for {relay}, which is the relayhost"
            yield _Remark("sasl-key-mismatch", self._empty[0], text)
        elif self._keys and not {relay.lower(), bare} & self._keys.keys():
            text = f"relayhost is {relay}, and the password map has an entry for {', '.join(list(self._keys)[:3])}"
            yield _Remark("sasl-key-mismatch", number, text)

    def _application(self) -> Iterator[_Remark]:
        old = {host: program for host, program in self._dialled.items() if not _is_address(host)}
        if not self._hosts or not old or self._hosts.keys() & self._dialled.keys():
            return
        host, program = next(iter(old.items()))
        named, (number, name) = next(iter(self._hosts.items()))
        text = f"{name} is {named}, and the application dialled {host}"
        yield _Remark("app-config-not-applied", number, text, program=program or None)

    def _pace(self) -> Iterator[_Remark]:
        if self._delays and self._waited >= _LONG:
            name, (number, value) = next(iter(self._delays.items()))
            text = f"{name} = {value}, and a message spent {self._waited:.0f} s in the queue manager"
            yield _Remark("delivery-throttled-by-settings", number, text)

    def _rewriting(self) -> Iterator[_Remark]:
        for to, number in self._all.items():
            if self._written.get(to):
                yield _Remark(
                    "recipient-rewritten", number, f"a table sends all mail to {to}, and the log shows it there"
                )
                return
        if len(self._written) == 1 and not self._received:
            ((to, domains),) = self._written.items()
            if len(domains - {"", to.rpartition("@")[2]}) > 1:
                text = f"mail that this host wrote to {len(domains)} domains all went to {to}"
                yield _Remark("recipient-rewritten", 1, text, grip=Grip.HINT)

    def _policies(self) -> Iterator[_Remark]:
        if self._policy is not None and self._distrusted:
            number, level = self._policy
            yield _Remark("tls-policy-failure", number, f"a policy demands {level}, and the certificate is not trusted")

    def _tls(self) -> Iterator[_Remark]:
        if self._tls_port is not None and self._silent is not None and not self._implicit:
            number, port = self._tls_port
            text = f"port {port} is for TLS from the first byte, and the program waited in vain for a greeting"
            label = "app-tls-mismatch" if self._silent else "tls-wrapper-mismatch"
            yield _Remark(label, number, text, grip=Grip.WORD, program=self._silent or None)


def _is_silent(reason: Reason) -> bool:
    """Whether the reason is that a server accepted the connection but did not reply."""
    before = reason.stage in {None, "connect", "greeting"}
    return reason.code is None and before and (reason.label in _UNANSWERED or reason.stage == "greeting")


def _is_address(host: str) -> bool:
    """Whether a host is an IP address that may belong to any name; not one of 127.0.0.0/8."""
    return re.fullmatch(r"[\d.]+|[0-9a-f:]*:[0-9a-f:]*", host) is not None and not host.startswith("127.")
