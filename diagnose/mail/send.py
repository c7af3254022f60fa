"""Sends a test message to one address as an application would, and follows it until its outcome is known."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime

from diagnose.errors import UsageError
from diagnose.host.live import LiveHost, submit, whereabouts
from diagnose.host.live.submit import Submitted
from diagnose.host.query import Now
from diagnose.mail.explain import explain
from diagnose.mail.trace import Traced, trace, worst
from diagnose.model import Report
from diagnose.record import frozen
from diagnose.report.page import Terminal

_FINAL = frozenset({"delivered", "local", "bounced", "expired", "held", "refused", "discarded", "deleted", "deferred"})
_PAUSES = (0.3, 0.5, 0.7, 1.0)  # seconds between looks at the log; the last one repeats

Progress = Callable[[str], None]


@frozen
class Sent:
    """The outcome of the test. how: "sendmail" or "host:port"; status: ok, warning, failed or unknown."""

    recipient: str
    sender: str | None
    how: str
    message_id: str
    submitted: Submitted
    traced: Traced | None
    report: Report
    verdict: str
    status: str


def send(
    recipient: str,
    sender: str | None = None,
    smtp: str | None = None,
    timeout: float = 60.0,
    progress: Progress = lambda text: None,
) -> Sent:
    """Sends one message, to this address only, and follows it for `timeout` seconds.

    sender: of envelope and header, None for the mailer's default; smtp: "host:port" to use instead of sendmail(1).
    """
    began = time.monotonic()
    end = began + timeout
    host = LiveHost()
    now = host.answer(Now(), began + 5)
    name = now.fqdn or now.hostname or "localhost"
    message_id = f"<mail-diagnose.{int(time.time())}.{secrets.token_hex(4)}@{_domain(name)}>"
    address = sender if sender is not None or smtp is None else f"{now.user or 'root'}@{_domain(name)}"
    message = compose(recipient, address, message_id, name, now.user)
    started = time.time()
    progress(f"handing a test message to {smtp or 'sendmail'}")
    if smtp is None:
        submitted = submit.by_sendmail(message, address, recipient, min(end, began + 30))
    else:
        server, port = _endpoint(smtp)
        submitted = submit.by_smtp(message, address or "", recipient, server, port, min(end, began + 30))
    traced = _follow(message_id, recipient, started, end, progress) if submitted.accepted else None
    verdict, status = _verdict(submitted, traced, timeout)
    report = _report(submitted, traced, status, smtp or "sendmail")
    return Sent(
        recipient=recipient,
        sender=address,
        how=smtp or "sendmail",
        message_id=message_id,
        submitted=submitted,
        traced=traced,
        report=report,
        verdict=verdict,
        status=status,
    )


def compose(
    recipient: str, sender: str | None, message_id: str, host: str, user: str, command: str | None = None
) -> bytes:
    """The message, clearly marked as a test in headers and body. command: the one that caused it, quoted in the body."""
    now = datetime.now().astimezone()
    lines = [
        *([f"From: {sender}"] if sender else []),
        f"To: {recipient}",
        f"Subject: Test message of mail-diagnose from {host}",
        f"Date: {format_datetime(now)}",
        f"Message-ID: {message_id}",
        "X-Mail-Diagnose: test",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=us-ascii"
        if host.isascii() and user.isascii()
        else "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: "
        + ("7bit" if host.isascii() and user.isascii() and recipient.isascii() else "8bit"),
        "",
        f"This is a test message. {user or 'Somebody'} on {host} asked for it at {now:%Y-%m-%d %H:%M:%S %z}:",
        "",
        f"    mail-diagnose {command or f'send {recipient}'}",
        "",
        "It shows that mail from that server arrives here. Nothing needs to be done.",
        "",
    ]
    return "\n".join(lines).encode("utf-8", "replace")


def _domain(name: str) -> str:
    kept = "".join(c for c in name if c.isascii() and (c.isalnum() or c in ".-")).strip(".-")
    return kept or "localhost"


def _endpoint(text: str) -> tuple[str, int]:
    """(host, port) of "host", "host:25" or "[::1]:25"; default port 25. Raises UsageError."""
    host, colon, port = text.strip().rpartition(":") if not text.strip().endswith("]") else (text.strip(), "", "")
    if not colon:
        host, port = text.strip(), "25"
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"--smtp takes HOST:PORT such as localhost:25, not {text[:80]!r}")
    return host, int(port)


# --- following ------------------------------------------------------------------------------------------------------


def _follow(message_id: str, recipient: str, started: float, end: float, progress: Progress) -> Traced:
    """Traces the message in the log until its outcome is final or `end` has passed, then looks for it in the queue,
    too."""
    settings = whereabouts.parameters()
    look = 0
    while True:
        traced = trace(message_id, time.time() - started + 2, budget=0, settings=settings, recipient=recipient)
        tips = [fate for fate in traced.fates if fate.word != "handed-on"]
        if tips and all(fate.word in _FINAL for fate in tips):
            break
        left = end - time.monotonic()
        if left <= 0:
            break
        progress(f"{traced.fates[-1].word if traced.fates else 'waiting for the log'}, {left:.0f} s left")
        time.sleep(min(_PAUSES[min(look, len(_PAUSES) - 1)], left))
        look += 1
    # The queue shows when a deferred message is retried, and messages that the log lacks.
    final = trace(message_id, time.time() - started + 2, budget=4.0, settings=settings, recipient=recipient)
    if final.fates:
        return final
    by_address = trace(recipient, time.time() - started + 2, budget=4.0, settings=settings)
    mine = tuple(
        fate for fate in by_address.fates if fate.waiting is not None and (fate.waiting.arrival or 0.0) >= started - 2
    )
    if not mine:
        return final
    return replace(final, fates=mine, verdict=mine[-1].verdict, status=worst(mine))


def _verdict(submitted: Submitted, traced: Traced | None, timeout: float) -> tuple[str, str]:
    if not submitted.accepted:
        text = "the mailer did not answer in time" if submitted.late else submitted.said.split("\n")[-1] or "refused"
        return f"not submitted: {text}", "failed"
    if traced is None or not traced.fates:
        problems = traced.problems if traced is not None else ()
        why = f" ({'; '.join(problems)})" if problems else ""
        if why:
            return f"submitted; could not check whether it went out{why}", "unknown"
        return (
            f"submitted, but not seen again within {timeout:g} s, neither in the log nor in the queue{why}",
            "unknown",
        )
    last = traced.fates[-1]
    if last.waiting is not None and last.waiting.queue_name == "maildrop":
        return "handed over, but Postfix never picked it up: it is in the maildrop directory", "failed"
    if last.word in ("queued", "unknown", "handed-on"):
        return f"{last.verdict} (after {timeout:g} s; `mail-diagnose trace '{traced.who}'` continues)", "warning"
    return traced.verdict, traced.status


def _report(submitted: Submitted, traced: Traced | None, status: str, name: str) -> Report:
    """The report of `explain` on the mailer's answer and the message's log lines."""
    lines = [*submitted.said.split("\n")]
    if traced is not None:
        lines += traced.lines
        lines += [step.reply for fate in traced.fates if fate.waiting for step in fate.story.steps if step.reply]
    if status == "ok":
        lines = [line for line in lines if "status=sent" in line]
    return explain(lines, f"the test message by {name}", datetime.now().astimezone(), numbered=False)


# --- printing -------------------------------------------------------------------------------------------------------


def as_text(sent: Sent, verbose: int = 0, terminal: Terminal | None = None) -> str:
    from diagnose.mail import timeline
    from diagnose.report.json_ import as_plain
    from diagnose.report.text import render

    color = terminal is not None and terminal.color

    lines = timeline.wrapped(f"Test message to {sent.recipient} by {sent.how} · {sent.message_id}")
    if sent.submitted.said:
        lines += [f"  the mailer said: {timeline.line(part)}" for part in sent.submitted.said.split("\n")[:5]]
    text = "\n".join(lines) + "\n"
    if sent.traced is not None and sent.traced.fates:
        text += timeline.stories(sent.traced, color)
    code = {"ok": "32", "warning": "33", "failed": "31", "unknown": "33"}[sent.status]
    for part in ("", *timeline.wrapped(sent.verdict)):
        text += f"\x1b[1;{code}m{part}\x1b[0m\n" if color and part else f"{part}\n"
    if sent.report.diagnoses:
        text += "\n" + render(as_plain(sent.report), terminal, verbose, ())
    return text


def as_json(sent: Sent) -> str:
    """The report's JSON with two additional objects: `send`, and `trace` as the `trace` command prints it."""
    from diagnose.mail import timeline
    from diagnose.report.json_ import as_plain

    data = as_plain(sent.report)
    data["status"] = sent.status
    data["send"] = {
        "recipient": sent.recipient,
        "sender": sent.sender,
        "how": sent.how,
        "message_id": sent.message_id,
        "accepted": sent.submitted.accepted,
        "said": sent.submitted.said,
        "verdict": sent.verdict,
    }
    data["trace"] = timeline.as_plain(sent.traced) if sent.traced is not None else None
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
