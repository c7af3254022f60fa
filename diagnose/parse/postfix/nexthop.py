"""Next hops in the syntax of relayhost, transport tables and default_transport (transport(5), smtp(8)).

`[host]:port` names a host, `host:port` a domain whose exchangers (MX) are looked up. Since 3.5 several may be listed.
"""

import re

from diagnose.knowledge.smtp import PORT_NUMBERS
from diagnose.parse.system.own_network import is_address
from diagnose.record import frozen

_HOST_LABELS = re.compile(
    r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$"
)
_TRANSPORT = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*):(.*)$", re.S)
# An empty value of Python, Go, Ruby, JavaScript and shells, and what stands around a variable's name.
_UNFILLED = re.compile(r"(?:none|null|nil|undefined|false)?", re.I)
_MARKS = re.compile(r"\{\{|<no value>|<nil>|<%")
_LONGEST = 10_000  # characters that are read, enough for hundreds of next hops
NO_HOST = frozenset("error retry discard local virtual pipe maildrop procmail dovecot uucp".split())
"""Delivery agents whose next hop is text or a user, no SMTP server."""


@frozen
class NextHop:
    """One next hop. `transport` is '' if none is given; `host` has no brackets; `port` is a number, a service's
    name, or '' for the default. `address`: the host is an IP address. `problems` are fixed words:

    missing-bracket, port-in-brackets, garbage-after-bracket, blank-inside, url, quoted, trailing-backslash,
    transport-in-relayhost, not-ascii, bad-host, bad-port, empty-host, ipv6-without-brackets, address-without-brackets,
    comma-list, inline-comment. (address-without-brackets is harmless: Postfix reads it as an address.)
    """

    transport: str
    host: str
    port: str
    bracketed: bool
    address: bool
    raw: str
    problems: tuple[str, ...]

    @property
    def unfilled(self) -> bool:
        """Whether it is what a template leaves that had no value for the host (or was not rendered)."""
        return bool(_UNFILLED.fullmatch(self.host) or _MARKS.search(self.raw))

    @property
    def destination(self) -> str:
        """The next hop as Postfix passes it to smtp(8), and as a key of the password map."""
        host = f"[{self.host}]" if self.bracketed else self.host
        return f"{host}:{self.port}" if self.port else host

    def port_number(self, default: int = 25) -> int | None:
        """The port number; None for a service name other than the well-known mail services."""
        if not self.port:
            return default
        if re.fullmatch(r"[0-9]{1,5}", self.port):
            return int(self.port)
        return PORT_NUMBERS.get(self.port)


def parse(text: str, transport: str = "") -> NextHop:
    """Parse one next hop of relayhost, where a transport in front (`smtp:[h]:587`) is a problem."""
    raw = text
    problems: list[str] = []
    body = text[:_LONGEST].strip()
    if body.endswith("\\"):
        problems.append("trailing-backslash")
        body = body.rstrip("\\").rstrip()
    if re.search(r"\s#", body):
        problems.append("inline-comment")
        body = re.split(r"\s#", body)[0].rstrip()
    if body[:1] in "\"'`\u201c\u2018" and body:
        problems.append("quoted")
        body = body.strip("\"'`\u201c\u201d\u2018\u2019")
    if url := re.match(r"(?:smtps?|submissions?|https?)://(?:[^@/]*@)?", body, re.I):
        problems.append("url")
        body = body[url.end() :].rstrip("/")
    if not body.isascii():
        problems.append("not-ascii")
    if re.search(r"\s", body):
        problems.append("blank-inside")
        body = re.sub(r"\s+", "", body)
    if "," in body:
        problems.append("comma-list")
        body = body.split(",")[0]
    if (pasted := _TRANSPORT.match(body)) and pasted[2].startswith("["):
        problems.append("transport-in-relayhost")
        body = pasted[2]
    host, port, bracketed, more = _split(body)
    problems.extend(more)
    address = is_address(host)
    if not host:
        problems.append("empty-host")
    elif address:
        if not bracketed:
            problems.append("address-without-brackets" if "." in host and ":" not in host else "ipv6-without-brackets")
    elif not _HOST_LABELS.match(host) and host.isascii() and "bad-host" not in problems:
        problems.append("bad-host")
    if port and not _port_ok(port):
        problems.append("bad-port")
    return NextHop(
        transport=transport,
        host=host,
        port=port,
        bracketed=bracketed,
        address=address,
        raw=raw,
        problems=tuple(dict.fromkeys(problems)),
    )


def parse_list(text: str, transport: str = "") -> tuple[NextHop, ...]:
    """Parse a list as Postfix 3.5 and later do: separated by commas or blanks, tried in order. Empty for empty text."""
    text = text[:_LONGEST]
    words = [word for word in re.split(r"[,\s]+", text.strip()) if word]
    # '[host] 587' is two next hops to Postfix, but its author meant one; likewise text with a comment after a blank, or
    # a template's variable.
    lone = (
        any(re.fullmatch(r"[:\]#\\]\S*|[0-9]{1,5}", word) for word in words[1:]) or "#" in text or _MARKS.search(text)
    )
    if len(words) < 2 or lone:
        return (parse(text, transport),) if words else ()
    return tuple(parse(word, transport) for word in words)


def parse_route(text: str) -> NextHop:
    """Parse `transport:nexthop` as in transport_maps and default_transport; of several next hops only the first is
    returned."""
    transport, _, rest = text.strip().partition(":")
    if transport in NO_HOST or not rest.strip(", \t\r\n"):
        return NextHop(transport=transport, host="", port="", bracketed=False, address=False, raw=text, problems=())
    if rest.startswith(("unix:", "/")):
        return NextHop(transport=transport, host="", port="", bracketed=False, address=False, raw=text, problems=())
    hops = parse_list(rest.removeprefix("inet:"), transport)
    return hops[0] if hops else parse(rest, transport)


def _split(body: str) -> tuple[str, str, bool, list[str]]:
    problems: list[str] = []
    if body.startswith("["):
        host, closing, rest = body[1:].partition("]")
        if not closing:
            # in '[host:587' the port follows the place of the missing bracket
            before, colon, port = host.rpartition(":")
            return (before, port, True, ["missing-bracket"]) if colon else (host, "", True, ["missing-bracket"])
        if rest and not rest.startswith(":"):
            problems.append("garbage-after-bracket")
            rest = ":" + rest.partition(":")[2] if ":" in rest else ""
        host, port = _unwrap6(host), rest[1:]
        inside = re.fullmatch(r"([^:]+):([0-9a-z]+)", host)
        if inside:
            problems.append("port-in-brackets")
            host, port = inside[1], port or inside[2]
        return host, port, True, problems
    if "]" in body:
        host, _, rest = body.partition("]")
        return host, rest.removeprefix(":"), True, ["missing-bracket"]
    if body.count(":") > 1 and is_address(_unwrap6(body)):
        return _unwrap6(body), "", False, problems
    host, colon, port = body.partition(":")
    if colon and ":" in port:
        problems.append("bad-host")
        host, _, port = body.rpartition(":")
    return host, port, False, problems


def _unwrap6(host: str) -> str:
    return host[5:] if host.lower().startswith("ipv6:") else host


def _port_ok(port: str) -> bool:
    if re.fullmatch(r"[0-9]+", port):
        return len(port) < 6 and 0 < int(port) < 65536
    return bool(re.fullmatch(r"[a-z][a-z0-9-]*", port))
