"""Which of a server's SASL mechanisms are usable for a login, given this host's options, filter and plug-ins.

Traits of the mechanisms as Cyrus SASL's plug-ins declare them; what the options mean: postconf(5), SASL_README.
"""

import re
from collections.abc import Iterable

from diagnose.parse.postfix.setting_types import items
from diagnose.record import frozen

PLAINTEXT = frozenset(("PLAIN", "LOGIN"))
TOKENS = ("XOAUTH2", "OAUTHBEARER")
_MUTUAL = frozenset(("DIGEST-MD5", "GSSAPI", "GSS-SPNEGO", "SRP"))
_NO_ACTIVE = frozenset(("DIGEST-MD5", "GSSAPI", "GSS-SPNEGO", "SRP", "PLAIN-OVER-TLS"))
_FORWARD_SECRECY = frozenset(("SRP",))

# Mechanisms by the part of a plug-in's file name after "lib".
_PLUGINS: dict[str, tuple[str, ...]] = {
    "plain": ("PLAIN",),
    "login": ("LOGIN",),
    "crammd5": ("CRAM-MD5",),
    "digestmd5": ("DIGEST-MD5",),
    "ntlm": ("NTLM",),
    "gssapiv2": ("GSSAPI",),
    "gs2": ("GS2-IAKERB", "GS2-KRB5"),
    "gssspnego": ("GSS-SPNEGO",),
    "scram": ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "SCRAM-SHA-224", "SCRAM-SHA-384"),
    "anonymous": ("ANONYMOUS",),
    "otp": ("OTP",),
    "srp": ("SRP",),
    "xoauth2": ("XOAUTH2",),
    "kdexoauth2": ("XOAUTH2",),
    "oauthbearer": ("OAUTHBEARER",),
}


@frozen
class Left:
    """The mechanisms left after each step of smtp(8): the filter, then the options, then the plug-ins.

    kind: "" if a login is possible, else what removes the last mechanism: none-offered, filter, options, token-only
    (only bearer-token mechanisms are offered and no plug-in supports them) or plug-in.
    """

    kind: str
    allowed: tuple[str, ...]
    usable: tuple[str, ...]


def installed(paths: Iterable[str]) -> frozenset[str]:
    """The mechanisms of plug-in files such as /usr/lib/x86_64-linux-gnu/sasl2/libplain.so.2."""
    found: set[str] = set()
    for path in paths:
        match = re.search(r"/lib(?:sasl-)?([a-z0-9]+)\.so(?:\.[\d.]+)?$", path)  # libsasl-xoauth2.so is sasl-xoauth2's
        if match:
            found.update(_PLUGINS.get(match[1], (match[1].upper(),)))
    return frozenset(found)


def allowed_by_options(mechanism: str, options: Iterable[str]) -> bool:
    """Whether a value of smtp_sasl_security_options allows this mechanism."""
    wanted = {option.lower() for option in options}
    if "noplaintext" in wanted and mechanism in PLAINTEXT:
        return False
    if "noanonymous" in wanted and mechanism == "ANONYMOUS":
        return False
    weak = PLAINTEXT | {"CRAM-MD5", "DIGEST-MD5", "NTLM", "ANONYMOUS"}
    if "nodictionary" in wanted and (mechanism in weak or mechanism.startswith("SCRAM")):
        return False
    if "mutual_auth" in wanted and mechanism not in _MUTUAL and not mechanism.startswith("SCRAM"):
        return False
    if "noactive" in wanted and mechanism not in _NO_ACTIVE and not mechanism.startswith("SCRAM"):
        return False
    return not ("forward_secrecy" in wanted and mechanism not in _FORWARD_SECRECY)


def passes_filter(mechanism: str, value: str) -> bool:
    """Whether smtp_sasl_mechanism_filter passes a mechanism: the first matching item decides; an empty filter passes
    all.

    Items are names, or !name; tables and files cannot be evaluated here and count as a match.
    """
    words = items(value)
    if not words:
        return True
    for word in words:
        negated, name = word.startswith("!"), word.lstrip("!")
        if name.startswith("/") or re.match(r"[a-z]+:", name):
            return not negated
        if name.lower() in ("static:all", mechanism.lower()):
            return not negated
    return False


def left(
    offered: Iterable[str], *, mechanism_filter: str, options: Iterable[str], plugins: frozenset[str] | None
) -> Left:
    """The usable mechanisms of an offer. plugins: None if the plug-in directory is unknown; then all count as
    installed."""
    offer = tuple(dict.fromkeys(name.upper() for name in offered))
    options = tuple(options)
    filtered = tuple(name for name in offer if passes_filter(name, mechanism_filter))
    allowed = tuple(name for name in filtered if allowed_by_options(name, options))
    usable = tuple(name for name in allowed if plugins is None or name in plugins or name == "EXTERNAL")
    kind = ""
    if not offer:
        kind = "none-offered"
    elif not filtered:
        kind = "filter"
    elif not allowed:
        kind = "options"
    elif not usable:
        tokens = all(name in TOKENS for name in offer)
        # If filter or options exclude a mechanism with an installed plug-in, they are the cause.
        held_back = [n for n in offer if plugins is not None and n in plugins]
        if tokens:
            kind = "token-only"
        elif held_back:
            kind = "filter" if any(n not in filtered for n in held_back) else "options"
        else:
            kind = "plug-in"
    return Left(kind=kind, allowed=allowed, usable=usable)
