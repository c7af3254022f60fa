"""The `key=value` fields of a Postfix log line, in any order, with or without brackets and commas.

Postfix releases and programs that rewrite its log add fields, leave out brackets and drop commas; an unknown field
must not hide the known ones.
"""

from __future__ import annotations

import re

from diagnose.patterns import late

STATUSES = frozenset(
    "sent deferred bounced softbounce expired force-expired deliverable undeliverable undeliverable-but-not-cached".split()
)
_FIELD = late(r"(?:^|[\s,;])([a-z]+(?:[_-][a-z]+)*)=(?:<(.*?)>(?=[,;:)\s]|$)|<?([^\s,]*))", re.DOTALL)
_MESSAGE_ID = late(r"(?:resent-)?message-id=(<[^>]*>|.*)", re.DOTALL)


def fields(text: str) -> dict[str, str]:
    """The fields up to `status=`, by name, without angle brackets; "status" is Postfix's word, "text" the
    explanation after it."""
    found: dict[str, str] = {}
    for match in _FIELD.finditer(text):
        name, bracketed, bare = match.groups()
        if name == "status":
            found["status"] = bare
            rest = text[match.end() :].lstrip(", ").rstrip()
            found["text"] = rest[1:].removesuffix(")") if rest.startswith("(") else rest
            break
        found.setdefault(name, bare if bracketed is None else bracketed)
    return found


def message_id(text: str) -> str | None:
    """The message id in a cleanup(8) line, with its brackets if it has any; may contain blanks. None for other lines."""
    named = _MESSAGE_ID.match(text)
    return named[1].strip() if named else None
