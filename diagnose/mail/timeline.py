"""Traced messages as text for a terminal, Markdown for a ticket, and JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from diagnose.mail.fate import Fate, meaning
from diagnose.mail.trace import Traced
from diagnose.parse.log.story import Step
from diagnose.parse.text.masking import plain
from diagnose.report.page import WIDTH

_COLOR = {"ok": "32", "warning": "33", "failed": "31", "unknown": "33"}
_SAME = 3  # up to this many similar attempts in a row are listed singly


def as_text(traced: Traced, color: bool = False) -> str:
    """Each message with its verdict and timeline, oldest first; then the overall verdict."""
    head = line(f"{traced.who} · {_window(traced)} · {_count(traced)}")
    lines = ["", *(_paint(part, f"1;{_COLOR[traced.status]}", color) for part in wrapped(traced.verdict, "", "  "))]
    for note in _notes(traced):
        lines += wrapped(f"? {note}", "  ", "    ")
    return _paint(head, "2", color) + "\n" + stories(traced, color) + "\n".join(lines) + "\n"


def stories(traced: Traced, color: bool = False) -> str:
    """The messages, without heading and overall verdict."""
    lines: list[str] = []
    for fate in traced.fates:
        lines += ["", _paint(line(_title(fate)), "1", color)]
        lines += wrapped(fate.verdict, "  => ", "     ")
        if fate.cause is not None:
            lines += wrapped(f"{fate.cause.title} (mail-diagnose cause {fate.cause.cause})", "     ", "     ")
        for when, text, more in _told(fate, traced.until):
            lines += wrapped(f"{when} {text}", "  ", "  " + " " * (len(when) + 1))
            for each in more:
                lines += wrapped(each, " " * (len(when) + 5), " " * (len(when) + 5))
    return "".join(f"{each}\n" for each in lines)


def _paint(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color else text


def as_markdown(traced: Traced) -> str:
    """Markdown with a table for each message."""
    lines = [f"## Mail trace: {_cell(traced.who)}", "", f"**{_cell(traced.verdict)}**", ""]
    lines += [f"{_cell(_window(traced))}, {_cell(_count(traced))}."]
    for fate in traced.fates:
        lines += ["", f"### {_cell(_title(fate))}", "", _cell(fate.verdict)]
        if fate.cause is not None:
            lines += ["", f"{_cell(fate.cause.title)} (`{fate.cause.cause}`)"]
        lines += ["", "| time | event |", "|---|---|"]
        for when, text, more in _told(fate, traced.until):
            lines.append(f"| {when} | {'<br>'.join(_cell(each) for each in (text, *more))} |")
    for note in _notes(traced):
        lines += ["", f"> {_cell(note)}"]
    return "\n".join(lines) + "\n"


def as_json(traced: Traced) -> str:
    return json.dumps(as_plain(traced), indent=2, ensure_ascii=False) + "\n"


def as_plain(traced: Traced) -> dict[str, Any]:
    """The trace as plain data, schema 1. Times in ISO 8601, sizes in octets."""
    return {
        "schema": 1,
        "who": traced.who,
        "since": _iso(traced.since),
        "until": _iso(traced.until),
        "source": traced.source,
        "status": traced.status,
        "verdict": traced.verdict,
        "dropped": traced.dropped,
        "problems": list(traced.problems),
        "messages": [_message(fate) for fate in traced.fates],
    }


FORMATS: dict[str, Callable[[Traced, bool], str]] = {
    "text": as_text,
    "json": lambda traced, color: as_json(traced),
    "markdown": lambda traced, color: as_markdown(traced),
}


def _message(fate: Fate) -> dict[str, Any]:
    story, here = fate.story, fate.waiting
    return {
        "queue_id": story.queue_id or None,
        "message_id": story.message_id or None,
        "sender": story.sender,
        "size": story.size,
        "handed_over": story.how or None,
        "outcome": fate.word,
        "verdict": fate.verdict,
        "cause": fate.cause.cause if fate.cause else None,
        "attempts": story.attempts,
        "parent": fate.parent or None,
        "children": [{"how": how, "queue_id": name} for how, name in fate.kin],
        "queue": None
        if here is None
        else {
            "name": here.queue_name,
            "arrival": _epoch(here.arrival),
            "next_attempt": _epoch(here.next_try),
            "recipients": [{"address": line(a), "reason": line(why) or None} for a, why in here.recipients],
        },
        "steps": [_step(step) for step in story.steps],
    }


def _step(step: Step) -> dict[str, Any]:
    means = meaning(step.reason)
    return {
        "at": _iso(step.at),
        "kind": step.kind,
        "text": line(step.text),
        "status": step.status or None,
        "recipient": step.recipient or None,
        "orig_to": step.orig_to or None,
        "server": step.server or None,
        "reply": line(step.reply) or None,
        "label": step.reason.label if step.reason else None,
        "cause": means.cause if means else None,
        "child": step.child or None,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at is not None else None


def _epoch(seconds: float | None) -> str | None:
    return _iso(datetime.fromtimestamp(seconds).astimezone()) if seconds is not None else None


# --- words ----------------------------------------------------------------------------------------------------------


def _told(fate: Fate, now: datetime) -> Iterator[tuple[str, str, list[str]]]:
    """(time, event, details) of each step; more than _SAME similar attempts in a row are merged."""
    steps = list(fate.story.steps)
    day = None
    index = 0
    while index < len(steps):
        step = steps[index]
        alike = index
        while alike + 1 < len(steps) and _key(steps[alike + 1]) == _key(step):
            alike += 1
        count = alike - index + 1
        if count <= _SAME or step.kind != "attempt":
            count, alike = 1, index
        at = step.at.astimezone(now.tzinfo) if step.at else None
        when = "--:--:--" if at is None else f"{at:%H:%M:%S}"
        if at is not None and (at.date() != day or day is None) and (at.date() != now.date() or day is not None):
            when = f"{at:%b %d %H:%M:%S}"
        day = at.date() if at is not None else day
        text = step.text
        if count > 1:
            last = steps[alike].at
            text += f" — and {count - 1} more of these" + (
                f", the last on {last.astimezone(now.tzinfo):%b %d at %H:%M:%S}" if last else ""
            )
        yield when, text, _more(step)
        index = alike + 1


def _key(step: Step) -> tuple[str, str, str, str | None]:
    return step.kind, step.status, step.recipient, step.reason.label if step.reason else None


def _more(step: Step) -> list[str]:
    more = []
    if step.orig_to and step.orig_to != step.recipient:
        more.append(f"rewritten: it was addressed to {step.orig_to}")
    if step.reply:
        more.append(f'"{step.reply}"')
    means = meaning(step.reason)
    if means is not None and step.status != "sent":
        more.append(f"means: {means.title}")
    return more


def _title(fate: Fate) -> str:
    story = fate.story
    refused = any(step.kind == "refused" for step in story.steps)
    parts = [story.queue_id or ("refused before it was accepted" if refused else "no queue id")]
    if story.sender is not None:
        parts.append(f"from {story.sender or '<> (a notification)'}")
    if story.message_id:
        parts.append(story.message_id)
    if fate.parent:
        parts.append(f"generated from {fate.parent}")
    return " · ".join(parts)


def _window(traced: Traced) -> str:
    if traced.since is None:
        return f"all of {traced.source}"
    return f"{traced.source} since {traced.since:%b %d %H:%M}"


def _count(traced: Traced) -> str:
    count = len(traced.fates)
    more = f" ({traced.dropped} older ones left out)" if traced.dropped else ""
    return f"{count or 'no'} message{'' if count == 1 else 's'}{more}"


def _notes(traced: Traced) -> list[str]:
    notes = list(traced.problems)
    if not traced.fates and traced.any_log and not traced.problems:
        span = f" (--since {_twice(traced)})" if traced.since else ""
        notes.append(
            f"an application that uses another server, or a message from before{span}, leaves no trace here; "
            "`mail-diagnose send YOUR@ADDRESS` shows whether this host sends"
        )
    return notes


def _twice(traced: Traced) -> str:
    assert traced.since is not None
    days = round((traced.until - traced.since).total_seconds() / 86_400)
    return "7d" if days < 7 else "30d"


def line(text: str) -> str:
    return " ".join(plain(text).split())


def _cell(text: str) -> str:
    """The text on one line, escaped for Markdown and HTML."""
    text = line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join("\\" + c if c in "\\`*_[]|" else c for c in text)


def wrapped(text: str, indent: str = "", hang: str = "  ") -> list[str]:
    return textwrap.wrap(
        line(text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=hang,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [indent.rstrip()]
