"""E-mail addresses (RFC 5321 mailboxes), checked as far as a command line needs it."""

from __future__ import annotations

import re

from diagnose.errors import UsageError

# Local part: dot-string with RFC 6531's letters, or a quoted string; domain: labels, or an address literal.
_LOCAL = r"(?:[^\s\x00-\x1f\x7f\"(),:;<>@\[\\\]]{1,64}|\"[^\x00-\x1f\x7f\"\\]{0,62}\")"
_DOMAIN = r"(?:(?!-)[\w-]{1,63}(?<!-)(?:\.(?!-)[\w-]{1,63}(?<!-))*\.?|\[[0-9A-Fa-f.:]{2,45}(?:IPv6:[0-9A-Fa-f:.]+)?\])"
_MAILBOX = re.compile(rf"{_LOCAL}@{_DOMAIN}")


def without_extension(local: str, delimiter: str) -> str:
    """A local part up to the first of the delimiters (recipient_delimiter)."""
    return re.split(f"[{re.escape(delimiter)}]", local, maxsplit=1)[0] if delimiter else local


def check_address(text: str, option: str, empty: bool = False) -> str:
    """The address without blanks and angle brackets. `empty` allows "" (or "<>"), the null sender.

    Raises UsageError, naming the option, for anything else than an address.
    """
    address = text.strip().removeprefix("<").removesuffix(">").strip()
    if not address and empty:
        return ""
    if len(address) > 320 or not _MAILBOX.fullmatch(address):
        raise UsageError(f"{option} {text[:80]!r} is not an email address, such as user@example.com")
    return address
