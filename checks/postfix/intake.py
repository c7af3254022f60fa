"""Does this host's own SMTP port accept mail from a client: greeting, EHLO, STARTTLS, relay permission?

One short dialogue with one port, as the application's user, never with a message. Its EHLO name marks its log lines,
so that no check takes them for a client's.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import replace

from diagnose import facts
from diagnose.check import (
    FLAG,
    Context,
    Data,
    Dial,
    DialReply,
    Listeners,
    Now,
    Observation,
    Observations,
    Processes,
    SignSpec,
    Stat,
    check,
    dataclass,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts import Mta, master, mta, postfix_log
from diagnose.facts.accounts import application
from diagnose.facts.mail import SAID_SIGNS
from diagnose.facts.network import FIND
from diagnose.facts.postfix import Parameters
from diagnose.knowledge.smtp import IMPLICIT_TLS_PORTS, OWN_HELO, port_number
from diagnose.model import SAID, Strength
from diagnose.parse.postfix import master_cf
from diagnose.parse.postfix.master_cf import Service
from diagnose.parse.postfix.setting_types import integer, items
from diagnose.parse.words.reason import classify

_HERE = ("127.0.0.1", "0.0.0.0", "::", "::1")
_USUAL = (25, *IMPLICIT_TLS_PORTS, 587, 2525)  # others are often for mail from another instance or a filter
# That cleanup(8) or another service does not answer it is no fault of its own.
_FATAL = re.compile(
    r"/smtpd(?:\[\d+\]|\s\d+\s).*?: (?:fatal|panic): (?!unable to connect to the \w+ \w+ service|chroot\()(?P<text>.+)"
)
# A message came by SMTP from this host: this tool's own dialogue ends before DATA.
_TAKEN = re.compile(r"smtpd\[\d+\]: disconnect from [^\[]*\[(?:127\.|::1\]).* (?:data|bdat)=[1-9]")
_IN_THE_CLEAR = re.compile(r"smtpd\[\d+\]: disconnect from [^\[]*\[(?:127\.|::1\])(?!.* starttls=).* mail=0/")
_UNPROXIED = re.compile(r"(?:haproxy read|haproxy protocol error|proxy protocol).*")
_UNHEARD = re.compile(
    r"(?:SSL_accept error|lost connection after (?:CONNECT|UNKNOWN)|non-SMTP command) from [^\[]*\[(?:127\.|::1)"
)
_FULL = "has reached its process limit"
# Restrictions that ask a server, or count, for each RCPT.
_BUSY = re.compile(r"check_policy_service|reject_unverified|check_client_access\s+(?:tcp|socketmap|ldap|mysql|pgsql):")
_FILES = ("smtpd_tls_cert_file", "smtpd_tls_key_file", "smtpd_tls_eccert_file", "smtpd_tls_eckey_file")
# Labels that say no more than "fatal" does.
_GENERAL = ("postfix-config-error", "daemon-failed", "noise")
_OUR_NAME = re.compile(r"Helo command rejected", re.I)


@dataclass(frozen=True)
class Port(Parameters):
    """A service of smtpd(8) that listens, with the settings as it sees them."""

    service: Service
    number: int
    address: str
    settings: dict[str, str]

    @property
    def tls(self) -> str:
        """none, may or encrypt."""
        level = self.value("smtpd_tls_security_level").lower()
        wrapped = self.flag("smtpd_tls_wrappermode")
        if wrapped or level == "encrypt" or self.flag("smtpd_enforce_tls"):
            return "encrypt"
        return "may" if level == "may" or self.flag("smtpd_use_tls") else "none"

    @property
    def data(self) -> Data:
        return {"service": self.service.name, "host": self.address, "port": self.number}


@check(
    id="intake",
    title="Dialogue with this host's own SMTP port",
    signs=(
        SignSpec("listener.dialogue", {"kind": ("busy", "closed", "mute", "pass", "proxy", "refused")}),
        SignSpec("listener.tls", {"kind": ("missing", "unavailable", "wrapper")}),
        SignSpec("config.submission-refused", {"kind": ("rule",)}),
        SignSpec("config.fatal", {"named": FLAG}),
        SignSpec("firewall.smtp", {"by_user": FLAG}),
        SAID_SIGNS,
    ),
    tags=("postfix", "host"),
    needs=("postfix", "network"),
    timeout=8.0,
)
def intake(ctx: Context) -> Observations:
    postfix = mta(ctx)
    if master(ctx) is None:
        skip("Postfix does not run, or its processes cannot be seen")
    screen = next((s for s in postfix.master.services if s.command == "postscreen"), None)
    if screen is not None and not any(s.command == "smtpd" and s.type == "pass" for s in postfix.master.services):
        text = "postscreen hands each client on to a service smtpd of type pass, which master.cf lacks"
        path = f"{postfix.config_directory}/master.cf"
        yield fail("listener.dialogue", f"port {screen.name}", text, kind="pass", service=screen.name, path=path)
        return
    ports = list(_ports(ctx, postfix, _USUAL)) or list(_ports(ctx, postfix))
    if not ports:
        skip("no smtpd(8) of this Postfix listens where programs of this host connect")
    lines = facts.since_start(ctx)
    for port in ports:
        yield from _certificates(ctx, port)
        yield from _wrapping(port, lines)
    used = any("]: disconnect from" in line and _TAKEN.search(line) for line in postfix_log(ctx).lines)
    port = next((port for port in ports if port.number == 25), ports[0])
    if port.value("smtpd_upstream_proxy_protocol"):
        yield _proxied(port, lines)
        return
    dial, account = _dial(ctx, port), application(ctx, postfix_log(ctx).lines)
    reply = ctx.ask(replace(dial, user=account))
    if not reply.connected and not reply.problem:
        root = ctx.ask(Now()).root
        reply = ctx.ask(dial) if root and account else reply
        who = f"connections by {account} do not" if reply.connected else "it listens, and connections do not"
        # The sendmail command needs no connection, and another account may be the application's.
        say = fail if used and root else warn
        text = f"{who} reach {port.address}{', those by root do' if reply.connected else ''}"
        yield say("firewall.smtp", f"port {port.number}", text, by_user=True, apart=True, fix=FIND,
                  at_most=Strength.STRONG, **port.data)  # fmt: skip
    if reply.problem:
        yield unknown(
            "listener.dialogue",
            f"port {port.number}",
            f"Could not check the dialogue on port {port.number}: {reply.problem}",
        )
        return
    yield from _judged(ctx, postfix, port, reply, lines, used)


def _ports(ctx: Context, postfix: Mta, wanted: Container[int] = range(1, 65536)) -> Iterator[Port]:
    listening = ctx.ask(Listeners()).listeners
    for service in postfix.master.services:
        if service.type != "inet" or service.command != "smtpd":
            continue
        host, _, word = service.name.rpartition(":")
        number = port_number(word)
        if number not in wanted:
            continue
        places = [one.address for one in listening if one.port == number]
        if not places or (host and host not in ("localhost", *_HERE)):
            continue
        near = any(place in _HERE or place.startswith("127.") for place in places)
        address = (
            ("127.0.0.1" if any("." in place for place in places) or "::" in places else "::1") if near else places[0]
        )
        yield Port(service, number, address, master_cf.effective(postfix.settings, service))


def _certificates(ctx: Context, port: Port) -> Observations:
    if port.tls == "none":
        return
    named = [(name, port.value(name)) for name in _FILES]
    named += [("smtpd_tls_chain_files", path) for path in items(port.value("smtpd_tls_chain_files"))]
    for name, path in named:
        reply = ctx.ask(Stat(path)) if path.startswith("/") else None
        if reply is not None and not reply.exists and reply.problem in (None, "not found"):
            say = fail if port.tls == "encrypt" else warn
            text = f"{name} = {path} does not exist: smtpd offers no TLS on port {port.number}"
            yield say(
                "listener.tls", f"port {port.number}", text, kind="missing", parameter=name, path=path, **port.data
            )
            return


def _wrapping(port: Port, lines: list[str]) -> Observations:
    """Implicit TLS where clients expect STARTTLS, or the reverse (RFC 8314, section 3): both sides then wait for the other."""
    wrapped = port.flag("smtpd_tls_wrappermode")
    if wrapped == (port.number in IMPLICIT_TLS_PORTS):
        return
    name = f"{port.value('syslog_name')}/smtpd["
    failed = any(name in line and _UNHEARD.search(line) for line in lines)
    does = "each connection must begin with TLS" if wrapped else "no connection may begin with TLS"
    usual = "a greeting and STARTTLS" if wrapped else "implicit TLS"
    text = f"smtpd_tls_wrappermode = {'yes' if wrapped else 'no'}: {does}, while clients expect {usual} on port {port.number}"
    text += "; a program of this host failed there" if failed else ""
    say = fail if failed else warn
    yield say(
        "listener.tls", f"port {port.number}", text, kind="wrapper", parameter="smtpd_tls_wrappermode", **port.data
    )


def _proxied(port: Port, lines: list[str]) -> Observation:
    """Observes a port that expects a proxy, by settings and log: a dialogue would only fail as the programs' do."""
    protocol = port.value("smtpd_upstream_proxy_protocol")
    data = port.data | {"kind": "proxy", "parameter": "smtpd_upstream_proxy_protocol", "value": protocol}
    text = f"smtpd_upstream_proxy_protocol = {protocol}: smtpd serves only connections from a proxy"
    said = next((match[0] for line in lines if (match := _UNPROXIED.search(line))), "")
    say = fail if said else warn
    return say("listener.dialogue", f"port {port.number}", f"{text}; the log: {said}" if said else text, **data)


def _dial(ctx: Context, port: Port) -> Dial:
    asked = " ".join(
        port.value(name) for name in port.settings if name.startswith("smtpd_") and name.endswith("_restrictions")
    )
    target = facts.target(ctx)
    tls = "implicit" if port.number in IMPLICIT_TLS_PORTS else "starttls" if port.tls != "none" else "none"
    return Dial(
        host=port.address,
        port=port.number,
        tls=tls,
        say="ehlo" if _BUSY.search(asked) else "rcpt",
        helo=OWN_HELO,
        sender=target.sender or "",
        recipient=target.recipient or facts.ANYBODY,
        verify=False,
        timeout=4.0,
    )


def _judged(ctx: Context, postfix: Mta, port: Port, reply: DialReply, lines: list[str], used: bool) -> Observations:
    where = f"port {port.number}"
    if not reply.connected:
        return  # the check of listeners says so
    if not reply.banner and not (reply.tls and reply.tls.error):
        yield _without_greeting(ctx, postfix, port, reply, lines)
        return
    if reply.stage == "banner" or (reply.ehlo and not reply.ehlo.startswith("2")):
        said = (reply.ehlo or reply.banner).splitlines()[-1]
        if not _OUR_NAME.search(said):
            yield fail("listener.dialogue", where, f"answers {said}", kind="refused", text=said, **port.data)
        return
    yield ok("listener.dialogue", where, f"greets and answers EHLO ({reply.seconds:.1f} s)", **port.data)
    tls = reply.tls
    if (reply.starttls and not reply.starttls.startswith("220")) or (tls and tls.error):
        said = reply.starttls if not tls else f"TLS handshake: {tls.error}"
        say = fail if port.tls == "encrypt" else warn
        yield say("listener.tls", where, f"offers STARTTLS, and answers {said}", kind="unavailable",
                  parameter="smtpd_tls_cert_file", path=port.value("smtpd_tls_cert_file") or None, **port.data)  # fmt: skip
    elif tls:
        yield ok("listener.tls", where, f"{tls.version} works", **port.data)
    yield from _permission(port, reply, used)
    works = tls is not None and not tls.error  # else no client gets in, whether it uses TLS or not
    if works and port.number == 25 and port.tls == "encrypt" and any(_IN_THE_CLEAR.search(line) for line in lines):
        text = f"{where} requires STARTTLS and refused a program of this host that does not use it"
        yield fail("config.submission-refused", port.address, text, kind="rule", client=port.address,
                   text="530 5.7.0 Must issue a STARTTLS command first", parameter="smtpd_tls_security_level")  # fmt: skip


def _without_greeting(ctx: Context, postfix: Mta, port: Port, reply: DialReply, lines: list[str]) -> Observation:
    where = f"port {port.number}"
    if fatal := next((match["text"] for line in lines if (match := _FATAL.search(line))), ""):
        reason = classify(f"fatal: {fatal}", own=True)
        text = f"smtpd ends with a fatal error: {fatal}"
        if reason is not None and reason.label not in _GENERAL:
            return fail(f"{SAID}{reason.label}", "smtpd", text, **reason.scalars())
        parameter = re.search(r"\b(smtpd?_\w+)", fatal)
        path = f"{postfix.config_directory}/main.cf"
        return fail("config.fatal", "smtpd", text, named=True, path=path, parameter=parameter[1] if parameter else None)
    limit = port.service.maxproc if port.service.maxproc is not None else integer(port.value("default_process_limit"))
    top = master(ctx)
    serving = [
        p for p in ctx.ask(Processes()).processes if top is not None and p.parent == top.pid and p.name == "smtpd"
    ]
    if (limit and len(serving) >= limit) or any(_FULL in line for line in lines[:200]):
        name = "default_process_limit" if port.service.maxproc is None else "maxproc"
        text = f"accepts the connection and does not greet: all {limit} processes that {name} allows are in use"
        return fail("listener.dialogue", where, text, kind="busy", parameter=name, value=limit, **port.data)
    closed = reply.error == "connection closed"
    text = (
        "closes the connection before a greeting"
        if closed
        else f"accepts the connection and does not greet ({reply.error})"
    )
    return fail("listener.dialogue", where, text, kind="closed" if closed else "mute", **port.data)


def _permission(port: Port, reply: DialReply, used: bool) -> Observations:
    said = next((text for text in (reply.mail, reply.rcpt) if text and not text.startswith("2")), "").splitlines()[-1:]
    reason = classify(said[0], stage="rcpt") if said and not _OUR_NAME.search(said[0]) else None
    if reason is None or reason.label not in ("relay-access-denied", "submission-rejected"):
        return
    text = f"port {port.number} refuses to relay for programs of this host: {said[0]}"
    say = fail if used else warn
    yield say("config.submission-refused", port.address, text, kind="rule", client=port.address, text=said[0],
              parameter="smtpd_relay_restrictions")  # fmt: skip
