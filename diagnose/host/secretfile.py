"""Files that hold passwords, made fit to be parsed and shown: the passwords starred, their tell-tale shape kept.

What a check must still see stays: quotes and blanks around a password, a trailing backslash or carriage return, a
provider's public key prefix, that it is a document's placeholder (then the stand-in CHANGE_ME) or an unrendered
template. Its length and its other characters do not.
"""

from __future__ import annotations

import base64
import json
import re

from diagnose.parse.text.masking import STARS, Secrets, mask
from diagnose.parse.text.paste import MARKS
from diagnose.parse.text.secret import SECRET_KEY, placeholder

STAND_IN = "CHANGE_ME"  # for whatever a document prints in a password's place: it might be the real one

_BLANKS = " \t\r\n\v\f"
_EDGE = "\\s\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u00a0\u200b-\u200f\u2060\u00ad\ufeff"
_PASSWORD = re.compile(rf"([{_EDGE}]*)(.*?)([\\{_EDGE}]*)", re.S)
_TEMPLATE = re.compile(r"(?:<%.*%>|\$\{[^{}]*\}|\{\{[^{}]*\}\})")
_PREFIX = re.compile(r"(?:SG\.|xsmtpsib-|xox[abpr]-|key-(?=[0-9a-f]{32}$)|md-|AKIA(?=[0-9A-Z]{12,}$)|re_)(?=.{8})")
_WORD = re.compile(r'(?:"[^"]*"|[^ \t\r\n\v\f"]|"(?=[^"]*$))+')
_SERVER = re.compile(
    r"(?:\[(?:ipv6:)?[\w.:-]+\]|[\w-]+(?:\.[\w-]+)+|localhost)(?::(?:\d{1,5}|smtp|smtps|submissions?))?", re.I
)
_ADDRESS = re.compile(r"[^\s:=@]*@[\w.-]+$")
_PROPERTY = re.compile(r"((?:\\.|[^=:\s\\])*)(\s*[=:]\s*|\s+)?(.*)", re.S)
_BROKEN_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u(?![0-9a-fA-F]{4})")
# What a stray backslash made part of the value before: a property of its own, `mail.smtp.port=25`.
_SWALLOWED = re.compile(r"\s*[A-Za-z][\w-]*(?:\.[\w-]+)+\s*[=:]")

# smtpd.conf(5): user:password in a table or a URL. Where a user stands alone, as a label, nothing is secret.
_SMTPD = re.compile(
    r"((?:(?<=[{,])|(?m:^))[ \t]*(?:\"[^\"\n]*\"|[^\s=,{}\"#]+)\s*=\s*\"?[^\s\"/:,{}]*:)([^\s\",}]+)|(://[^\s:/@\"]*:)([^\s\"]+)(?=@)"
)


def mask_read(text: str, kind: str, secrets: Secrets, path: str = "") -> str:
    """A file's text masked. kind: "sasl" (source of a Postfix password table), "properties" (Java's), "logins" (Exim's
    passwd.client, dma's auth.conf), "smtpd" (OpenSMTPD's), "settings" (another application's, of which the path
    tells the grammar), "password" (nothing else stands in it) or "token" (OAuth's, see `masked_token`)."""
    if kind == "sasl":
        return "\n".join(_sasl_line(line, secrets) for line in text.split("\n"))
    if kind == "properties":
        return _properties(text, secrets)
    if kind == "logins":
        from diagnose.apps import logins

        return logins.masked(text, secrets, starred)
    if kind == "smtpd":
        return _SMTPD.sub(lambda it: f"{it[1] or it[3]}{starred(it[2] or it[4], secrets)}", text)
    if kind == "settings":
        from diagnose.apps.masked import masked  # few hosts need it

        return masked(path, text, secrets, starred)
    if kind == "password":
        return starred(text, secrets)
    if kind == "token":
        return masked_token(text, secrets)
    raise ValueError(f"unknown kind of secret file: {kind}")


_CLAIMS = ("exp", "iat", "nbf", "aud", "iss", "scp", "scope", "roles")


def masked_token(text: str, secrets: Secrets) -> str:
    """An OAuth token file as JSON without its tokens: "expiry" and "claims" (of an access token that is a JWT, RFC 7519) as numbers
    and words, stars for "access_token" and "refresh_token" where they are there; {} where the text is no such file."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        starred(text.strip(), secrets)
        return "{}"
    shown: dict[str, object] = {}
    for key, value in said.items():
        if key == "expiry":
            shown[key] = value if isinstance(value, (int, float)) else str(value)[:20]
        elif key == "token_endpoint":
            shown[key] = mask(str(value))
        elif isinstance(value, str) and value:
            starred(value, secrets)
            if key in ("access_token", "refresh_token"):
                shown[key] = STARS
    if claims := _claims(said.get("access_token")):
        shown["claims"] = claims
    return json.dumps(shown)


def _claims(token: object) -> dict[str, object]:
    """What a JWT says of itself, as far as it names nobody."""
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:
        return {}
    try:
        said = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    found = said if isinstance(said, dict) else {}
    return {key: found[key] for key in _CLAIMS if isinstance(found.get(key), (str, int, float, list))}


def masked_value(value: str, secrets: Secrets) -> str:
    """A looked-up `user:password`: the user, a colon and the starred password; all starred where there is no colon."""
    user, colon, password = value.partition(":")
    return f"{user}:{starred(password, secrets)}" if colon else starred(value, secrets)


def starred(password: str, secrets: Secrets) -> str:
    """A password's stand-in, and the password itself remembered as one never to be shown."""
    match = _PASSWORD.fullmatch(password)
    before, core, behind = match.groups() if match else ("", password, "")
    if not core:
        return password
    if _TEMPLATE.fullmatch(core) or core == STARS:
        return password
    if placeholder(core):
        # Not remembered: a word such as "password" would vanish from the whole report.
        return f"{before}{STAND_IN}{behind}"
    secrets.add(core, password.strip(_BLANKS), password)
    prefix = _PREFIX.match(core)
    shown = (prefix[0] if prefix else "") + STARS
    if re.search(r"\s#", core):
        shown += " # " + STARS
    elif re.search(r"\s", core):
        shown += " " + STARS
    return f"{before}{shown}{behind}"


def _sasl_line(line: str, secrets: Secrets) -> str:
    bare = line.strip(_BLANKS)
    if not bare:
        return line
    margin = line[: len(line) - len(line.lstrip(_BLANKS))]
    if bare.startswith("#"):
        # An entry that was commented out still holds its password.
        body = bare.lstrip("# \t")
        shown = _entry(body, secrets) if ":" in body and _SERVER.match(body) else mask(body)
        return f"{margin}{bare[: len(bare) - len(body)]}{shown}{line[len(line.rstrip(_BLANKS)) :]}"
    return margin + _entry(line[len(margin) :], secrets)


def _entry(line: str, secrets: Secrets) -> str:
    match = _WORD.match(line)
    end = match.end() if match else len(line)
    key, rest = line[:end], line[end:]
    value = rest.lstrip(_BLANKS)
    if not value:
        return _lone(key, secrets) + rest
    gap = rest[: len(rest) - len(value)]
    if value[:1] == "=":
        stripped = value[1:].lstrip(_BLANKS)
        gap, value = gap + value[: len(value) - len(stripped)], stripped
    return _key(key, secrets) + gap + masked_value(value, secrets)


def _key(key: str, secrets: Secrets) -> str:
    """The key as it may be shown: whole if it is a name or an address, else masked, as it may hold the password
    after a missing blank."""
    core = key.lstrip(MARKS).strip("\"'").rstrip(":=")
    if _SERVER.fullmatch(core) or _ADDRESS.fullmatch(core) or re.fullmatch(r"\*|[\w.-]+", core):
        return key
    if re.match(r"\w+://[^\s:/@]+(?::\d+)?/?$", core):
        return key
    return _lone(key, secrets)


def _lone(word: str, secrets: Secrets) -> str:
    """A word alone on its line, as it may be shown: a server's name; what follows it, or any other word, is masked."""
    scheme = re.match(r"\w+://", word)
    if scheme:
        return scheme[0] + _lone(word[scheme.end() :], secrets)
    match = _SERVER.match(word)
    if match is None:
        return masked_value(word, secrets) if ":" in word else starred(word, secrets)
    behind = word[match.end() :]
    if not behind.strip("\\:=" + _BLANKS):
        return word
    mark = re.match(r"[:=]*", behind)
    cut = mark.end() if mark else 0
    return word[: match.end()] + behind[:cut] + masked_value(behind[cut:], secrets)


def _properties(text: str, secrets: Secrets) -> str:
    out: list[str] = []
    secret = joined = False
    for line in text.split("\n"):
        body = line.rstrip("\r")
        tail = re.search(r"\\*$", body)
        more = bool(tail and len(tail[0]) % 2)
        if joined and not _SWALLOWED.match(line):
            out.append(_continued(line, secrets) if secret else mask(line))
        elif not joined and line.lstrip(" \t\f").startswith(("#", "!")):
            out.append(_commented(line, secrets))
            continue
        else:
            shown, is_secret = _property(line, secrets)
            # A property that a backslash made part of a password goes on being part of it.
            secret = is_secret or (joined and secret)
            out.append(shown)
        joined = more
        secret = secret and more
    return "\n".join(out)


def _property(line: str, secrets: Secrets) -> tuple[str, bool]:
    margin = line[: len(line) - len(line.lstrip(" \t\f"))]
    match = _PROPERTY.fullmatch(line[len(margin) :])
    if match is None:
        return mask(line), False
    key, sign, value = match[1], match[2] or "", match[3]
    if not SECRET_KEY.search(re.sub(r"\\(.)", r"\1", key)):
        return mask(line), False
    # Java loads nothing of a file with such an escape: that it is there must still be seen.
    broken = "\\u" if _BROKEN_ESCAPE.search(value) else ""
    return f"{margin}{key}{sign}{starred(value, secrets)}{broken}", True


def _continued(line: str, secrets: Secrets) -> str:
    bare = line.strip()
    return line if not bare.strip("\\") else starred(line, secrets)


def _commented(line: str, secrets: Secrets) -> str:
    mark = re.match(r"[ \t\f]*[#!]+[ \t]*", line)
    cut = mark.end() if mark else 0
    return line[:cut] + _property(line[cut:], secrets)[0] if "=" in line or ":" in line else mask(line)
