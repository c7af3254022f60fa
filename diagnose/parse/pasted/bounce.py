"""Bounce messages: the delivery status fields of RFC 3464 and the sentences that mailers write above them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from diagnose.parse.words import reason as reasons_of
from diagnose.parse.words.reason import Reason

_FIELD = re.compile(r"^\s{0,4}(?P<name>[A-Za-z][A-Za-z0-9-]{1,40}):(?:\s+(?P<value>.*))?$")
_STATUS_FIELDS = frozenset(
    {"diagnostic-code", "status", "action", "final-recipient", "original-recipient", "remote-mta", "reporting-mta",
     "arrival-date", "last-attempt-date", "will-retry-until", "x-postfix-queue-id", "x-postfix-sender", "original-envelope-id"}
)  # fmt: skip
_HEADERS = re.compile(
    r"^(?:received|from|to|cc|bcc|subject|date|message-id|mime-version|content-[\w-]+|x-[\w-]+|dkim-signature|return-path|"
    r"delivered-to|auto-submitted|reply-to|user-agent|in-reply-to|references|arc-[\w-]+|authentication-results|list-[\w-]+|"
    r"reporting-mta|arrival-date|precedence|sender|errors-to|importance|thread-[\w-]+)$",
    re.IGNORECASE,
)
_BOILERPLATE = re.compile(
    r"This is the mail system at host|sorry to have to inform you|be delivered to one or more recipients|"
    r"For further assistance, please|please include this problem report|delete your own text from|^\s*The mail system\s*$|"
    r"This message was created automatically|permanent fatal errors|transcript of session|Reporting-MTA|"
    r"A message that you (?:have )?sent (?:has not|could not)|The following address(?:es)? failed|did not reach the following|"
    r"Your message (?:to \S+ )?(?:couldn't|could not|wasn't|was not|has not been) (?:be )?delivered|Delivery has failed to these|"
    r"Undelivered Mail Returned|Mail Delivery (?:Sub)?[Ss]ystem|Delivery Status Notification|boundary=|------",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusField:
    """A reason of a bounce: the recipient that it is about, where it stands, and what it says."""

    recipient: str | None
    index: int
    text: str
    reason: Reason | None


def is_boilerplate(line: str) -> bool:
    """Whether a line is a mailer's standing phrase or a message header, which says nothing about the cause."""
    field = _FIELD.match(line)
    if field and _HEADERS.match(field.group("name")) and not line[:1].isspace():
        return True
    return _BOILERPLATE.search(line) is not None


def is_status(line: str) -> bool:
    """Whether a line is a field of a delivery status (RFC 3464 section 2)."""
    field = _FIELD.match(line)
    return field is not None and field.group("name").lower() in _STATUS_FIELDS


def read(lines: Sequence[str]) -> tuple[StatusField, ...]:
    """Read the fields of a delivery status: one result for each Diagnostic-Code, else for each failing Status."""
    found: list[StatusField] = []
    recipient = peer = None
    status: tuple[int, str] | None = None
    for index, name, value in _unfold(lines):
        if name == "final-recipient":
            recipient = value.rpartition(";")[2].strip() or None
            status = None
        elif name == "remote-mta":
            peer = value.rpartition(";")[2].strip().split(" ")[0] or None
        elif name == "status":
            status = (index, value)
        elif name == "diagnostic-code":
            found.append(
                StatusField(recipient=recipient, index=index, text=value, reason=reasons_of.classify(value, peer=peer))
            )
            status = None
    if status is not None and status[1][:1] in "45" and not found:
        found.append(
            StatusField(
                recipient=recipient, index=status[0], text=status[1], reason=reasons_of.classify(status[1], peer=peer)
            )
        )
    return tuple(found)


def _unfold(lines: Sequence[str]) -> list[tuple[int, str, str]]:
    fields: list[tuple[int, str, str]] = []
    for index, line in enumerate(lines):
        field = _FIELD.match(line)
        if field and (not line[:1].isspace() or field.group("name").lower() in _STATUS_FIELDS):
            fields.append((index, field.group("name").lower(), (field.group("value") or "").strip()))
        elif fields and line[:1].isspace():
            start, name, value = fields[-1]
            fields[-1] = (start, name, f"{value} {line.strip()}"[: reasons_of.LONGEST])
    return fields
