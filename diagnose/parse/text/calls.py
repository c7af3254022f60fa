"""Logins passed to a call in source lines and stack traces: login("user", "…"), auth=("user", "…"), SMTP.start(host,
…)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose.patterns import late

Span = tuple[int, int]

_LOGIN = late(
    r"(?:(?P<sure>credentials?|authenticat\w{0,9}|login|auth|userpass)|\b(?:connect|start|transport\.send|smtp(?:_?ssl)?|(?:new_?)?(?:dialer|mailer|transport|client)))"
    r"\\?[\"']?\s{0,9}(?:[=:]\s{0,9})?['`]?(?=[(\[])",
    re.I,
)
_TOKEN = late(
    r"""(?P<open>[(\[{])|(?P<close>[)\]}])|\\"(?P<escaped>[^"\\\n]{0,200})\\"|"(?P<double>(?:[^"\\\n]|\\.){0,200})\""""
    r"""|'(?P<single>(?:[^'\\\n]|\\.){0,200})'|(?<![(,\[])\n"""
)
# A host, a path or a mechanism is neither a user nor a password.
_PLACE = late(
    r"|(?:[\w-]+\.)+[\w-]+|localhost|[/~].*|[\d.]+|[\da-f]*:[\da-f:]*|plain|x?login|cram-?md5|xoauth2?|digest-md5|ntlm|tls|ssl|tcp",
    re.I,
)
_REACH = 400  # characters from the opening bracket


def arguments(text: str) -> Iterator[Span]:
    """Spans of the quoted arguments after the user's name."""
    done = 0
    for call in _LOGIN.finditer(text):
        if call.start() < done:
            continue
        depth, given = 0, []
        for token in _TOKEN.finditer(text, call.end(), call.end() + _REACH):
            kind, done = token.lastgroup, token.end()
            depth += (kind == "open") - (kind == "close")
            if depth < 1 or kind is None:
                break
            if kind in ("escaped", "double", "single"):
                given.append(token.span(kind))
        users = [index for index, span in enumerate(given) if not _PLACE.fullmatch(text, *span)]
        behind = users and 0 < users[0] == len(given) - 2  # host, user, password
        if len(users) > 1 or behind or (call["sure"] and len(given) > 1):
            yield from given[1 + (users[0] if len(users) > 1 or behind else 0) :]
