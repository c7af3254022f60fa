"""A test message through the whole path, to a service that alerts when it does not arrive.

The service must not run on this host: an address of a dead man's switch (healthchecks gives each check one).
"""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

from diagnose.parse.text.masking import plain
from diagnose.record import frozen
from diagnose.report import Plain


@frozen
class Canary:
    """recipient: the address that alerts when no message arrives; sender: the envelope sender, None for the mailer's
    default; every: seconds between two messages."""

    recipient: str
    sender: str | None = None
    every: float = 3600.0


def due(canary: Canary, sent: Any, now: float) -> bool:
    """sent: epoch seconds of the last one. A clock that was set back makes one due."""
    return not isinstance(sent, (int, float)) or not 0 <= now - sent < canary.every


def compose(canary: Canary, report: Plain, id: str) -> bytes:
    """The message, with headers that keep auto-responders quiet and let filters recognise it."""
    host = plain(str(report["host"]["name"])).encode("ascii", "replace").decode().replace("\n", " ")
    lines = [
        *([f"From: {canary.sender}"] if canary.sender else []),
        f"To: {canary.recipient}",
        f"Subject: mail-diagnose canary {id} from {host}",
        f"Date: {formatdate(localtime=True)}",
        "Auto-Submitted: auto-generated",
        f"X-Mail-Diagnose-Canary: {id}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        f"{host} sends this to show that its mail gets through. An alarm is due if it does not arrive.",
        "",
    ]
    return "\n".join(lines).encode("utf-8")


def send(canary: Canary, message: bytes, deadline: float) -> str:
    """Returns why the mailer did not take it, or nothing."""
    from diagnose.host.live import submit

    done = submit.by_sendmail(message, canary.sender, canary.recipient, min(deadline, time.monotonic() + 20))
    if done.accepted:
        return ""
    return "the mailer did not answer" if done.late else " ".join(done.said.split())[:300] or "the mailer refused it"
