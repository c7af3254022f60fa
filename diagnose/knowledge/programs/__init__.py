"""Programs that send mail by themselves: how their texts are recognised, and what they call each of their settings.

One program a file, `<id>.toml`: title, matches (a regular expression, case kept; optional), where its settings stand, and its words
for host, port, TLS from the first byte (implicit), STARTTLS, login, sender, trust store, TLS versions (protocol), a
switched-off revocation check (revocation, optional), and how it takes new settings (restart). `[advice.CAUSE]` with
text and commands, and explanation where the cause's own will not do, holds what is said of this program only; {names} in them
are filled from the diagnosis' data. A command with a gap is left out. `other.toml` is every program that has no file:
looks lists the forms of a program's text, unless those of a server's or a mailer's.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from diagnose.knowledge import documents
from diagnose.knowledge.programs.advice import Fields, rendered, without_postfix
from diagnose.model import Cause, Remedy, Scalar
from diagnose.patterns import Groups, late, may_fit, required

# The products before the libraries that they are built with; the rest in the order of their names.
_FIRST = tuple("java msmtp ssmtp nullmailer dma swaks curl wordpress mailkit django gitea".split())
_SECOND = ("grafana", "mattermost", "alertmanager", "lettre", "perl", "phpmailer", "symfony", "nodemailer", "rails")
_LAST = ("php",)
OTHER = "other"
_LONGEST = 100_000  # characters in which a program is looked for


@functools.cache
def programs() -> Mapping[str, Mapping[str, Any]]:
    """Every program's words by its id, in the order in which they are tried."""
    found = documents.folder("programs")
    order = [*_FIRST, *_SECOND, *sorted(found.keys() - {*_FIRST, *_SECOND, *_LAST}), *_LAST]
    return {id: found[id] for id in order}


@functools.cache
def _signs(key: str) -> tuple[tuple[str, re.Pattern[str], Groups], ...]:
    """The patterns under that key, each with its program's id and the literals that it requires."""
    rows = ((id, each.get(key, ())) for id, each in programs().items())
    return tuple(
        (id, late(each), required(each))
        for id, found in rows
        for each in ((found,) if isinstance(found, str) else found)
    )


def _shown(key: str, text: str, lowered: str | None) -> str | None:
    """The id of the first program with a pattern under that key that is in the text, None if there is none."""
    for id, pattern, needs in _signs(key):
        if (lowered is None or may_fit(needs, lowered)) and pattern.search(text):
            return id
    return None


def recognise(text: str, of_mail: bool = False) -> str | None:
    """The id of the program that wrote a text, `OTHER` if only its form shows that one did, or with ``of_mail``;
    None if a server or a mailer wrote it, or the writer is not known."""
    text = text[:_LONGEST]
    # Beyond ASCII, letters have other equals than those of lower().
    lowered = text.lower() if text.isascii() else None
    found = _shown("matches", text, lowered)
    if found or _shown("unless", text, lowered):
        return found
    return OTHER if of_mail else _shown("looks", text, lowered)


def _words(cause: Cause, data: Mapping[str, Scalar]) -> Mapping[str, Any] | None:
    id = data.get("program") or (OTHER if cause.id.startswith("app-") and "path" not in data else "")
    return programs().get(str(id)) if id else None


def remedy(cause: Cause, data: Mapping[str, Scalar]) -> Remedy | None:
    """What to do about a cause in the words of the program that failed; None if no program did, or where its settings
    were read on this host (``path``) and the cause's own remedy names them."""
    words = _words(cause, data)
    return rendered(cause, words, Fields.of(data), data) if words is not None else None


def in_general(cause: Cause, data: Mapping[str, Scalar]) -> Cause:
    """A cause without what its title, explanation and links say of Postfix."""
    return without_postfix(cause, _words(cause, data) or {})
