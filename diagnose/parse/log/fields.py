"""The `key=value` fields of a Postfix log line, read one by one: any order, brackets or none, commas or none.

Postfix's releases, and what rewrites its log, add fields, leave brackets out and drop commas; a field that nobody knows
must not cost the ones that all know.
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
    """The fields up to `status=`, without angle brackets; "status" is Postfix's word, "text" what it says of it."""
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
    """The message id that cleanup(8) logs, with its brackets where it has them; it may hold blanks."""
    named = _MESSAGE_ID.match(text)
    return named[1].strip() if named else None
