"""Takes what debug logs of smtp(8), smtpd(8) and proxymap(8) say about passwords out of log text.

`smtp -v` writes user and password in clear (smtp_sasl_passwd_lookup), the AUTH command and the answers to its 334
challenges, and table lookups with their results. Only lines that hold one of a few words are looked at closely, so
that a day's log costs no more than a few searches.
"""

from __future__ import annotations

import re

from diagnose.host.redact import STARS, mask

_STARS = STARS.encode()
# Searched in lower-cased text.
_WORDS = (
    b"auth ", b"passw", b"pass `", b"secret", b"api_key", b"api-key", b"apikey", b"token", b"credential", b"passphrase",
    b"static:", b"inline:", b"coded ", b"init_response", b"attr", b"]: > ", b"]: < ", b"passwd",
)  # fmt: skip
_ADDRESS_WITH_PASSWORD = re.compile(rb"\w://[^\s:/@]+:[^\s@/]+@")
_SHAPES = (
    # One word of base64 said by a client: the answer to a challenge. SMTP verbs are not secret.
    re.compile(
        rb"((?:\]|\d): [<>] \S+: )(?!(?:QUIT|DATA|RSET|NOOP|STARTTLS|HELP|VRFY|EXPN|TURN|XCLIENT|XFORWARD)\s*$)"
        rb"[A-Za-z0-9+/]{4,}={0,2}(?=\s*$)",
        re.I,
    ),
    re.compile(rb"((?:\]|\d): [<>] \S+: AUTH \S+ ).+", re.I),
    re.compile(
        rb"(\b(?:un|de)?coded (?:initial reply|initial response|client response|challenge|reply|response): ).*", re.I
    ),
    re.compile(rb"(\binit_response[ =:]+)\S+", re.I),
    re.compile(rb"(\bpass(?:word|wd|phrase)? [`'\"]).*?(?=['\"](?:\s|,|;|$)|$)", re.I),
    # Lookups with their results: "maps_find: smtp_sasl_password_maps: hash:/x(0,lock|fold_fix): KEY = user:password"
    re.compile(rb"((?:sasl|passw)\S*:.* (?:=|result=) ?)\S*:\S.*", re.I),
    re.compile(rb"((?:sasl|passw).*\bresult=).+", re.I),
    re.compile(rb"(\bsend attr \S+ = )[^\s/:]+:[^\s/].*"),
    re.compile(rb"(\binput attribute value: )[^\s/:]+:[^\s/].*"),
    re.compile(rb"(\bxsasl\S*: .*?(?:auth|resp\w*|line)[ =:]+)[A-Za-z0-9+/]{8,}={0,2}", re.I),
)


def veil(data: bytes) -> bytes:
    """Log text (whole lines) with its secrets replaced by stars; other lines are the same octets as before."""
    lowered = data.lower()
    found: dict[int, int] = {}
    for word in _WORDS:
        position = lowered.find(word)
        while position >= 0:
            begin = lowered.rfind(b"\n", 0, position) + 1
            end = lowered.find(b"\n", position)
            end = len(lowered) if end < 0 else end
            found[begin] = end
            position = lowered.find(word, end)
    if b"://" in data:
        for match in _ADDRESS_WITH_PASSWORD.finditer(data):
            end = data.find(b"\n", match.end())
            found[data.rfind(b"\n", 0, match.start()) + 1] = len(data) if end < 0 else end
    if not found:
        return data
    pieces: list[bytes] = []
    done = 0
    for begin in sorted(found):
        pieces += [data[done:begin], _veil_line(data[begin : found[begin]])]
        done = found[begin]
    pieces.append(data[done:])
    return b"".join(pieces)


def _veil_line(line: bytes) -> bytes:
    for shape in _SHAPES:
        line = shape.sub(rb"\1" + _STARS, line)
    # surrogateescape: octets that are not UTF-8 come back as they were.
    return mask(line.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
