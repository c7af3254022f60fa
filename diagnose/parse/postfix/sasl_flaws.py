"""Flaws in the sasl_passwd line that Postfix uses, or in the one that it should have found but does not."""

from __future__ import annotations

from diagnose.parse.postfix.sasl_passwd import Entry, SaslPasswd
from diagnose.record import frozen

# Flaws that change the login of the entry in use (_HARM), and those that may (_ODD).
_HARM = {
    "no-colon": "has no colon between user and password",
    "empty-user": "has no user before the colon",
    "empty-password": "has no password after the colon",
    "leading-blank": "has a blank after the colon, which Postfix takes as part of the password",
    "quoted-value": "has user and password in quotes, which Postfix takes as part of them",
    "trailing-backslash": "ends in a backslash, which Postfix takes as part of the password",
    "smart-quote": "holds typographic quotes",
    "nbsp": "holds a non-breaking space",
    "zero-width": "holds an invisible character",
    "inline-comment": "has a comment after the password, which Postfix takes as part of it",
    "placeholder": "still contains the documentation's placeholder instead of the real user or password",
    "unrendered": "contains a template's placeholder that nothing has filled in",
    "equals-sign": "has an equals sign where a blank belongs",
    "quoted": "has the password in quotes, which Postfix takes as part of it",
}
_ODD = {"cr": "ends in a carriage return", "dash": "holds a typographic dash"}
# Flaws that keep a lookup from finding a line.
_LOST = {
    "key-without-value": "has a key and no value",
    "no-key-separator": "has no blank between the relay and the user",
    "equals-sign": "has an equals sign between relay and user where a blank belongs",
    "colon-after-key": "has a colon after the relay, which becomes part of the key",
    "whole-line-quoted": "is in quotes as a whole",
    "indented": "begins with a blank, so that it is joined to the line before or ignored",
    "url-key": "names the relay as a URL",
    "prompt": "begins with a shell's prompt",
    "bom": "begins with a byte-order mark",
}
_NAMELESS = ("indented", "whole-line-quoted", "bom", "prompt")  # findings whose text does not name the relay
_OF_SECRETS = (
    "leading-blank",
    "trailing-backslash",
    "quoted",
    "smart-quote",
    "nbsp",
    "zero-width",
    "inline-comment",
    "unrendered",
)

KINDS = (*_HARM, *_ODD, *_LOST)


@frozen
class Flaw:
    """kind: of the finding (see sasl_passwd.parse); said: text to follow "the line"; harmful: no login succeeds with
    it."""

    kind: str
    said: str
    line: int
    harmful: bool = True


def in_use(entry: Entry, text: SaslPasswd | None, has_colon: bool) -> tuple[Flaw, ...]:
    """The flaws of the entry that a lookup finds, the harmful ones first. text: its file, None if unreadable."""
    kinds = {f.kind for f in text.findings if f.line == entry.line} if text is not None else set()
    kinds |= {trait for trait in entry.secret.traits if trait in _OF_SECRETS}
    if not has_colon:
        kinds.add("no-colon")
    elif not entry.user.strip():
        kinds.add("empty-user")
    if entry.user_placeholder or entry.secret.has("placeholder"):
        kinds.add("placeholder")
    if "quoted-value" in kinds:
        kinds.discard("quoted")
    return tuple(
        Flaw(kind=kind, said=words[kind], line=entry.line, harmful=words is _HARM)
        for words in (_HARM, _ODD)
        for kind in sorted(kinds & set(words))
    )


def lost(text: SaslPasswd, host: str) -> Flaw | None:
    """The flaw of the first line that is evidently for this relay but that no lookup finds; None if there is none."""
    host = host.lower()
    for finding in text.findings:
        if finding.kind not in _LOST or not (host in finding.text.lower() or finding.kind in _NAMELESS):
            continue
        entry = next((e for e in text.entries if e.line == finding.line), None)
        if entry is not None and finding.kind in ("bom", "prompt", "url-key") and host not in entry.key.lower():
            continue
        return Flaw(kind=finding.kind, said=_LOST[finding.kind], line=finding.line)
    return None
