"""The exceptions; every message is one line that says what to do next.

MailDiagnoseError            anything that ends a command with exit status 3
├─ UsageError                an option, address, check or cause id that is invalid or does not exist
├─ SnapshotError             a recording that cannot be read or is of another version
├─ StateError                kept state that cannot be read or written
└─ Late                      a question that was not answered before the check's deadline (never shown)
"""

from __future__ import annotations


class MailDiagnoseError(Exception):
    """The base class; str() is the line for the user."""


class UsageError(MailDiagnoseError):
    pass


class SnapshotError(MailDiagnoseError):
    pass


class StateError(MailDiagnoseError):
    pass


class Late(MailDiagnoseError):
    pass


class Skip(Exception):
    """Raised through `skip`: the check does not apply here; str() says why."""
