"""What an alarm says, in words and in the shapes that chat services take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from diagnose.parse.text.masking import plain
from diagnose.report.text import excerpt
from diagnose.statement import counted
from diagnose.watch import machine

Plain = Mapping[str, Any]
_WORDS = {"ok": "OK", "warning": "WARNING", "failed": "FAILED", "unknown": "UNKNOWN"}
SEVERITY = {"failed": 3, "warning": 4, "unknown": 4, "ok": 5}  # of syslog: error, warning, notice
_PRIORITY = {"failed": 5, "warning": 4, "unknown": 3, "ok": 3}  # of ntfy, 1 to 5
_TAG = {"failed": "rotating_light", "warning": "warning", "unknown": "grey_question", "ok": "white_check_mark"}
LONGEST = 3000  # characters of text: below what every service takes


def compose(event: machine.Event, report: Plain, id: str, passes: int) -> dict[str, Any]:
    """The notification as plain data: what the generic webhook carries and what is kept until it is delivered.

    status: the hard state; id: stays the same however often it is sent, so that receivers can drop a repetition.
    """
    title = _title(event, report, passes)
    return {
        "schema": 1,
        "id": id,
        "kind": event.kind,
        "host": plain(str(report["host"]["name"])),
        "status": "unknown" if event.kind == machine.BLIND else event.status,
        "before": event.before,
        "cause": event.cause,
        "title": title,
        "text": _text(event, report),
        "since": iso(event.since),
        "at": iso(event.at),
    }


def iso(epoch: float | None) -> str | None:
    return None if epoch is None else datetime.fromtimestamp(int(epoch)).astimezone().isoformat()


def _title(event: machine.Event, report: Plain, passes: int) -> str:
    host = plain(str(report["host"]["name"])) or "this host"
    cause = _cause(event.cause, report)
    state = _WORDS.get(event.status, "UNKNOWN") + (f": {cause}" if cause and event.status != machine.OK else "")
    told = {
        machine.PROBLEM: f"{host}: {state}",
        machine.CHANGE: f"{host}: now {state}",
        machine.RECOVERY: f"{host}: OK again, mail is no longer affected",
        machine.REMINDER: f"{host}: still {state}",
        machine.FLAPPING: f"{host}: flapping, keeps changing between good and bad; last {state}",
        machine.LASTING: f"{host}: no longer flapping, now lasting: {state}",
        machine.STEADY: f"{host}: flapping has stopped, {state}",
        machine.BLIND: f"{host}: could not tell {passes} times in a row; last known: {state}",
        machine.SIGHTED: f"{host}: can tell again: {state}",
    }
    return told[event.kind]


def _cause(id: str | None, report: Plain) -> str:
    for diagnosis in report["diagnoses"]:
        if diagnosis["cause"] == id:
            return plain(str(diagnosis["title"]))
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
    return plain("\n".join(lines)).strip()[:LONGEST]


def shaped(kind: str, note: Plain, url: str) -> tuple[str, bytes, dict[str, str]]:
    """(address, body, headers) of the request that tells `note` to a service of that kind."""
    title, text, status = str(note["title"]), str(note["text"]), str(note["status"])
    both = f"{title}\n{text}" if text else title
    data: Any
    if kind == "slack":
        data = {"text": both.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    elif kind == "teams":
        # An adaptive card, as Teams' workflows take it; blank lines part its paragraphs.
        blocks: list[dict[str, Any]] = [
            {"type": "TextBlock", "text": title, "weight": "Bolder", "size": "Medium", "wrap": True}
        ]
        if text:
            blocks.append({"type": "TextBlock", "text": text.replace("\n", "\n\n"), "wrap": True})
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
