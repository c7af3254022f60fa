"""A block for a ticket: verdict, evidence and what to do, without the local parts of addresses, every word escaped."""

from __future__ import annotations

import re
from typing import Any

from diagnose.report import Plain, digest

_MARKS = re.compile(r"([\\`*_\[\]<>#|~&$])")
_START = re.compile(r"^(\d*)([-+=.)])(?=[\s=+-]|$)")
# Forges make links of addresses, @mentions, #123 and bare hosts; a zero-width joint keeps the text as it looks.
_SCHEME = re.compile(r"(?i)\b(https?|ftp|mailto|javascript|data|www)(?=[:.])")
_MENTION = re.compile(r"@(?=\w)")
_TICKET = re.compile(r"\\#(?=\d)")
JOINT = "\u2060"
_FENCE = re.compile(r"`+")


def render(plain: Plain) -> str:
    status = digest.WORDS[digest.status(plain)]
    host = plain["host"]
    lines = [
        f"### Mail on {escaped(host['name']) or 'this host'}: {status}",
        "",
        escaped(digest.headline(plain)) + ".",
        "",
    ]
    about = [host["system"], host["mta"] or "no Postfix", f"looked at {plain['started']}"]
    lines += ["- " + escaped(", ".join(str(part) for part in about if part))]
    lines += [f"- mail-diagnose {escaped(plain['version'])}"]
    if to := plain["target"].get("recipient"):
        lines.append(f"- mail to {escaped(to)}")
    if state := digest.state_words(plain):
        lines.append(f"- {escaped(state)}")
    lines += [f"- {escaped(note)}" for note in plain.get("notes", ())]
    for diagnosis in digest.main_diagnoses(plain):
        lines += ["", *_diagnosis(diagnosis, plain)]
    for advice in plain.get("advice", ()):
        lines += ["", *_advice(advice)]
    if gaps := digest.unchecked(plain):
        lines += ["", "#### Could not check", "", *(f"- {escaped(gap)}" for gap in gaps)]
    return "\n".join(lines) + "\n"


def _diagnosis(diagnosis: Plain, plain: Plain) -> list[str]:
    impact = digest.IMPACTS.get(str(diagnosis["impact"]), str(diagnosis["impact"]))
    lines = [f"#### {escaped(diagnosis['title'])}", ""]
    lines += [
        f"{_code(diagnosis['cause'])}, {escaped(diagnosis['confidence'])}: {escaped(impact)}.",
        "",
        "Evidence:",
        "",
    ]
    lines += [f"- {escaped(digest.statement(support))}" for support in diagnosis["support"]]
    lines += [f"- against it: {escaped(digest.statement(support))}" for support in diagnosis["against"]]
    lines += [f"- not checked: {escaped(gap)}" for gap in diagnosis["unknown"]]
    lines += ["", f"What to do: {_lines(diagnosis['remedy']['text'])}", *_block(digest.commands(plain, diagnosis))]
    for other in diagnosis["remedy"].get("others", ()):
        lines += ["", f"Ask {escaped(other['who'])}: {escaped(other['text'])}", *_block([other["record"]])]
    if folded := digest.explained(plain, diagnosis):
        lines += ["", f"It also explains: {escaped(folded)}"]
    return lines


def _advice(advice: Plain) -> list[str]:
    seen = "seen open from this host" if advice["verified"] else "NOT seen open from this host"
    head = f"A relay to use: {advice['provider']}, {advice['host']} port {advice['port']} ({seen})"
    return [f"#### {escaped(head)}", "", escaped(advice["why"]), *_block(advice["commands"]), "",
            *(f"- {escaped(note)}" for note in advice["notes"])]  # fmt: skip


def _block(commands: Any) -> list[str]:
    text = digest.anonymous(digest.clean_block("\n".join(str(command) for command in commands)))
    if not text.strip():
        return []
    # A fence longer than any run of backticks inside cannot be ended from inside.
    fence = "`" * max(3, 1 + max((len(run) for run in _FENCE.findall(text)), default=0))
    return ["", f"{fence}sh", text, fence]


def _code(value: Any) -> str:
    return f"`{re.sub(r'[^a-z0-9.-]', '', str(value).lower())}`"


def _lines(value: Any) -> str:
    return "\n\n".join(filter(None, map(escaped, str(value).split("\n"))))


def escaped(value: Any) -> str:
    """The text, escaped so that it holds no Markdown, HTML, link, mention or ticket number."""
    words = digest.anonymous(digest.clean(value))
    words = _START.sub(r"\1\\\2", _MARKS.sub(r"\\\1", words))
    words = _SCHEME.sub(lambda m: m[1] + JOINT, words)
    return _TICKET.sub(r"\\#" + JOINT, _MENTION.sub("@" + JOINT, words))
