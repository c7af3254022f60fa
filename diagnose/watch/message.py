"""The text of an alarm, and the request bodies that chat services expect."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from diagnose.parse.text.duration import words
from diagnose.parse.text.masking import plain
from diagnose.report import Plain, digest
from diagnose.report.text import excerpt
from diagnose.statement import counted
from diagnose.watch import machine

_WORDS = {"ok": "OK", "warning": "WARNING", "failed": "FAILED", "unknown": "UNKNOWN"}
SEVERITY = {"failed": 3, "warning": 4, "unknown": 4, "ok": 5}  # of syslog: error, warning, notice
_PRIORITY = {"failed": 5, "warning": 4, "unknown": 3, "ok": 3}  # of ntfy, 1 to 5
_TAG = {"failed": "rotating_light", "warning": "warning", "unknown": "grey_question", "ok": "white_check_mark"}
LONGEST = 3000  # characters of text: below what every service takes
PAGER = 200  # characters that a pager shows: title and action fit


def compose(event: machine.Event, report: Plain, id: str, passes: int, outage: Plain | None = None) -> dict[str, Any]:
    """The notification as plain data: what the generic webhook carries and what is kept until it is delivered.

    outage: the one that lasts or has just ended, as the history has it. status: the hard state; id: stays the same
    however often it is sent, so that receivers can drop a repetition; summary: how text begins, for who sees no more
    of it.
    """
    title = _title(event, report, passes, outage)
    summary = plain("\n".join(_summary(event, report, outage, max(40, PAGER - len(f"{title}\nDo: ")))))
    text = f"{summary}\n\n{_text(event, report)}".strip()
    return {
        "schema": 1,
        "id": id,
        "kind": event.kind,
        "host": plain(str(report["host"]["name"])),
        "status": "unknown" if event.kind == machine.BLIND else event.status,
        "before": event.before,
        "cause": event.cause,
        "title": title,
        "summary": summary,
        "text": text[:LONGEST],
        "since": iso(event.since),
        "at": iso(event.at),
    }


def iso(epoch: float | None) -> str | None:
    return None if epoch is None else datetime.fromtimestamp(int(epoch)).astimezone().isoformat()


def _title(event: machine.Event, report: Plain, passes: int, outage: Plain | None) -> str:
    host = plain(str(report["host"]["name"])) or "this host"
    cause = _cause(event.cause, report)
    what = f": {cause}" if cause and event.status != machine.OK else ""
    word = _WORDS.get(event.status, "UNKNOWN")
    span = words(max(0.0, event.at - outage["began"])) if outage else ""
    was = f"; it was: {plain(str(outage['title']))}" if outage and outage["title"] else ""
    told = {
        machine.PROBLEM: f"{host}: {word}{what}",
        machine.CHANGE: f"{host}: now {word}{what}",
        machine.RECOVERY: f"{host}: OK again{f' after {span}' if span else ''}{was}",
        machine.REMINDER: f"{host}: still {word}{f' for {span}' if span else ''}{what}",
        machine.FLAPPING: f"{host}: flapping, keeps changing between good and bad; last {word}{what}",
        machine.LASTING: f"{host}: no longer flapping, now lasting: {word}{what}",
        machine.STEADY: f"{host}: flapping has stopped, {word}{what}",
        machine.BLIND: f"{host}: could not tell {passes} times in a row; last known: {word}{what}",
        machine.SIGHTED: f"{host}: can tell again: {word}{what}",
    }
    return told[event.kind]


def _summary(event: machine.Event, report: Plain, outage: Plain | None, room: int) -> Iterator[str]:
    """What to do in so many characters, how much waits and since when, and where to read on."""
    if event.status != machine.OK and (action := _action(event.cause, report, room)):
        yield f"Do: {action}"
    counts = digest.queue(report)
    numbers = [] if counts.length is None else [digest.waits(counts) or "no mail waits"]
    if outage and event.status != machine.OK:
        span = event.at - outage["began"]
        lasted = f" (for {words(span)})" if span >= 60 else ""
        numbers.append(f"since {clock(outage['began'], event.at)}{lasted}")
    yield "; ".join([clock(event.at, event.at), *numbers])
    if event.status != machine.OK:
        yield "More: mail-diagnose report --last"


def _action(cause: str | None, report: Plain, room: int) -> str:
    """The first sentence of the remedy; without one, its first command."""
    for diagnosis in report["diagnoses"]:
        if diagnosis["cause"] == cause:
            remedy = diagnosis["remedy"]
            sentence = re.split(r"(?<=\.)\s(?=[A-Z])", plain(str(remedy["text"])).strip(), maxsplit=1)[0]
            action = sentence or next(iter(map(str, remedy["commands"])), "")
            return action if len(action) <= room else f"{action[: room - 2].rpartition(' ')[0]} …"
    if cause is None and any(each["rising"] for each in digest.trend(report)):
        return "see what is waiting and why: mail-diagnose queue"
    if cause is None and report.get("watch", {}).get("elsewhere"):
        return "look at its disk, mode and attributes (df, ls -ld, lsattr -d)"
    return ""


def clock(moment: float, now: float) -> str:
    """Local time of day, with the date unless it is today."""
    then, today = datetime.fromtimestamp(moment).astimezone(), datetime.fromtimestamp(now).astimezone()
    return then.strftime("%H:%M" if then.date() == today.date() else "%Y-%m-%d %H:%M")


def _cause(id: str | None, report: Plain) -> str:
    for diagnosis in report["diagnoses"]:
        if diagnosis["cause"] == id:
            return plain(str(diagnosis["title"]))
    if id is None and digest.status(report) == "warning":
        return digest.headline(report)
    return id or ""


def _text(event: machine.Event, report: Plain) -> str:
    lines: list[str] = []
    if event.status != machine.OK:
        for diagnosis in report["diagnoses"]:
            if diagnosis["cause"] != event.cause:
                continue
            lines.append(excerpt(report, diagnosis))
    if event.kind == machine.BLIND:
        lines += [f"{run['check']}: {run['reason']}" for run in report["runs"] if run["reason"]][:5]
    ignored = report.get("watch", {}).get("ignored", ())
    if ignored:
        lines.append(f"{counted(len(ignored), 'acknowledged finding')} not counted.")
    return plain("\n".join(lines)).strip("\n")


def shaped(kind: str, note: Plain, url: str) -> tuple[str, bytes, dict[str, str]]:
    """(address, body, headers) of the request that sends `note` to a service of that kind."""
    title, text, status = str(note["title"]), str(note["text"]), str(note["status"])
    summary = str(note.get("summary", ""))
    head, detail = f"{title}\n{summary}".strip(), text.removeprefix(summary).strip("\n")
    data: Any
    if kind == "slack":
        data = {"text": f"{_slack(head)}\n```\n{_slack(detail)}\n```" if detail else _slack(head)}
    elif kind == "teams":
        # An adaptive card, as Teams' workflows take it; blank lines part its paragraphs.
        blocks: list[dict[str, Any]] = [
            {"type": "TextBlock", "text": title, "weight": "Bolder", "size": "Medium", "wrap": True}
        ]
        for part, font in ((summary, {}), (detail, {"fontType": "Monospace"})):
            if part:
                blocks.append({"type": "TextBlock", "text": part.replace("\n", "\n\n"), "wrap": True, **font})
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": blocks,
        }
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        data = {"type": "message", "attachments": [attachment]}
    elif kind == "ntfy":
        url, topic = _topic(url)
        data = {
            "topic": topic,
            "title": title,
            "message": text or title,
            "priority": _PRIORITY[status],
            "tags": [_TAG[status]],
        }
    elif kind == "gotify":
        url = _message_url(url)
        data = {"title": title, "message": text or title, "priority": 8 if status == "failed" else 5}
    else:
        data = dict(note)
    return url, json.dumps(data).encode(), {"Content-Type": "application/json"}


def _slack(text: str) -> str:
    """Escaped so that Slack sees no link, no mention and no end of a code block."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("```", "'''")


def _topic(url: str) -> tuple[str, str]:
    """ntfy takes JSON at its root, with the topic inside: a title in a header could hold no umlaut."""
    from urllib.parse import unquote, urlsplit, urlunsplit

    parts = urlsplit(url)
    base, _, topic = parts.path.rstrip("/").rpartition("/")
    return urlunsplit(parts._replace(path=f"{base}/")), unquote(topic)


def _message_url(url: str) -> str:
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    return url if path.endswith("/message") else urlunsplit(parts._replace(path=f"{path}/message"))


def journal_fields(note: Plain) -> dict[str, str]:
    fields = {
        "MESSAGE": str(note["title"]),
        "PRIORITY": str(SEVERITY[str(note["status"])]),
        "SYSLOG_IDENTIFIER": "mail-diagnose",
        "SYSLOG_FACILITY": "3",
        "MESSAGE_ID": "5d0a7c3e4f1b4a0e9c2a6b8d71e3f590",
    }
    named = ("id", "try", "kind", "status", "cause", "text")
    return fields | {f"MAIL_DIAGNOSE_{name.upper()}": str(note[name]) for name in named if note.get(name)}
