"""Finds the server that a program's text says it connected to."""

from __future__ import annotations

import re

from diagnose.parse.words import reason as reasons_of
from diagnose.patterns import late

_LONGEST = 100_000  # characters that are searched for a server
_H = r"(?P<host>\[?(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F.]{0,15}\]?|[\w-]+(?:\.[\w-]+)+|localhost|[\w-]{1,63})"
# Patterns of the server in a program's text, the most reliable first. Other hosts (of a request, its own name) do not count.
_SERVERS = tuple(
    late(pattern)
    for pattern in (
        rf"\b(?:connect|read|write)\s+E[A-Z]+\s+{_H}:(?P<port>\d{{1,5}})\b",
        rf"connect\(2\) for \"?{_H}\"? port (?P<port>\d{{1,5}})",
        rf"\bdial tcp[46]?:? {_H}:(?P<port>\d{{1,5}})\b",
        rf"(?:connect to host, port|SMTP host): \"?{_H}\"?(?:, ?(?:port: )?(?P<port>\d{{1,5}}))?",
        rf"(?:\b(?:ssl|tls|tcp|smtps?)://)?(?<![\w.@/-]){_H}:(?P<port>25|465|587|1025|2525|2465|2587)(?!\d|:\d)",
        rf"(?<![\w.@/-]){_H}[,;:]? (?:on )?port[ =:]{{1,3}}(?P<port>\d{{2,5}})\b",
        rf"(?:\bvia SMTP server |\bserver=)['\"]?{_H}['\"]?(?P<port>(?!))?",
        rf"\bSMTP server ['\"]{_H}['\"](?:.{{0,60}}?\]?:(?P<port>\d{{2,5}})\b)?",
        rf"\bSMTP(?:_SSL)?\(\s*(?:host=)?['\"]{_H}['\"],\s*(?:port=)?(?P<port>\d{{2,5}})",
        rf"\b(?:EMAIL|MAIL|SMTP)_(?:HOST|SERVER)\W{{1,5}}{_H}['\"]?(?:[\s\S]{{1,80}}?_PORT\W{{1,5}}(?P<port>\d{{2,5}}))?",
        rf"\b(?:telnet|nc|ncat|netcat) (?:-\w+ )*{_H} (?P<port>\d{{2,5}})\b",
        rf"\b(?:hostname|address): ['\"]{_H}['\"](?:,\s*port: (?P<port>\d{{2,5}}))?",
        rf"(?:\blookup|\bENOTFOUND|EAI_AGAIN|getaddrinfo for|[Cc]ould not resolve(?: host)?:?|cannot locate host|failed to resolve) {_H}",
        rf"(?:TCP connection to|peeraddr=|Trying|[Cc]onnect(?:ing|ion)? to(?: host)?|host(?:name)?(?:[=:] ?| (?=[\"'(\w]\S*[.:\"']))|~c|\{{:network_failure,) ?[\"'(]*(?:ssl://)?{_H}(?:[:\"']|, port |\.\.\.)?(?P<port>\d{{2,5}})?(?=[\s\"',.;:)\]]|$)",
        rf"\bUnknownHostException: {_H}",
    )
)
_PORT = late(r"\bport[\s=:'\",]+(?P<port>\d{2,5})\b", re.IGNORECASE)
_WORDS = frozenset(
    "the smtp server host name mail your a an remote to port connect tcp is was not or and for could cannot can has lookup error failed refused timeout connection handshake socket".split()
)


def server_in(text: str) -> tuple[str | None, int | None]:
    """The server and port that a text says the program connected to, each None if not given."""
    text = reasons_of.without_endless_words(text[:_LONGEST])
    for pattern in _SERVERS:
        for found in pattern.finditer(text):
            host = found["host"].strip("[]")
            if host.lower() not in _WORDS and not host.isdecimal():
                groups = found.groupdict()
                port = groups.get("port") or ((_PORT.search(text) or {"port": None})["port"])
                return host, int(port) if port else None
    port = (_PORT.search(text) or {"port": None})["port"]
    return None, int(port) if port else None
