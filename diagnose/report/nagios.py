"""For Nagios, Icinga, Naemon, NRPE: one line, performance data, at most 1000 bytes, harmless characters.

https://www.monitoring-plugins.org/doc/guidelines.html#PLUGOUTPUT. A packet of NRPE 2 carries 1024 bytes.
"""

from __future__ import annotations

import re

from diagnose.report import Plain, digest
from diagnose.report.levels import with_levels

LIMIT = 1000  # bytes of all output
FIRST = 200  # bytes of the first line's text: what lists and short messages show
# Daemons take these out of macros or give them a meaning: | begins performance data, $ a macro, the rest a shell.
_UNSAFE = str.maketrans(dict.fromkeys("|$`<>&\"'\\") | {";": ","})
_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]")


def render(plain: Plain, warning: str | None = None, critical: str | None = None) -> str:
    """Raises UsageError for levels that cannot be read. The matching status is that of `levels.judged`."""
    plain = with_levels(plain, warning, critical)
    word = digest.WORDS[digest.status(plain)]
    crossed = plain["levels"].get("crossed", ())
    said = list(crossed) if digest.status(plain) != "unknown" else []
    if digest.main_diagnoses(plain) or not said:
        said = [digest.headline(plain), *said]
    first = _cut(safe(f"MAIL {word} - {'; '.join(said)}"), FIRST)
    data = _performance(plain)
    head = f"{first}|{data}" if data else first
    return _fit(head, [safe(line) for line in _more(plain)], "".join(f"\n{safe(line)}" for line in _last(plain)))


def safe(text: str) -> str:
    """The text as printable ASCII without characters that a daemon or shell interprets."""
    return _NOT_PRINTABLE.sub("?", digest.clean(text)).translate(_UNSAFE)


def _more(plain: Plain) -> list[str]:
    lines = []
    for diagnosis in digest.main_diagnoses(plain):
        lines.append(f"{diagnosis['title']} ({diagnosis['cause']}, {diagnosis['confidence']})")
        lines.append(f"do: {str(diagnosis['remedy']['text']).partition(chr(10))[0]}")
        lines += [f"run: {command}" for command in digest.commands(plain, diagnosis)[:1]]
        lines += [f"+ {digest.statement(support)}" for support in diagnosis["support"][:2]]
    for advice in plain.get("advice", ()):
        lines.append(f"relay: {advice['host']} port {advice['port']}")
    return lines


def _last(plain: Plain) -> list[str]:
    """The lines that long evidence must not push out."""
    lines = []
    if state := digest.state_words(plain):
        lines.append(state)
    if ignored := digest.ignored(plain):
        lines.append(f"acknowledged findings: {ignored}")
    if lost := len(digest.undelivered(plain)):
        lines.append(f"alarms not delivered: {lost}")
    if (said := digest.elsewhere(plain)) and not digest.lost(plain):
        lines.append(said)
    return [*lines, "full report: mail-diagnose report --last"] if digest.main_diagnoses(plain) else lines


def _performance(plain: Plain) -> str:
    levels = plain["levels"]
    counts = digest.queue(plain)
    watch = digest.kept(plain)

    def level(kind: str, name: str) -> str:
        return str(levels[kind].get(name, ""))

    found = []
    if counts.length is not None:
        found.append(f"queue={counts.length};{level('warning', 'queue')};{level('critical', 'queue')};0;")
    if counts.oldest is not None:
        found.append(f"age={counts.oldest}s;{level('warning', 'age')};{level('critical', 'age')};0;")
    if counts.held is not None:
        found.append(f"held={counts.held};;;0;")
    if plain.get("runs") and not watch.get("stale"):
        found.append(f"causes={len(digest.main_diagnoses(plain))};;;0;")
        found.append(f"duration={digest.number(plain.get('seconds', 0))}s;;;0;")
    if isinstance(watch.get("age_seconds"), (int, float)):
        found.append(f"result_age={digest.number(max(0, watch['age_seconds']))}s;;;0;")
    return " ".join(found)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3].rstrip() + "..."


def _fit(head: str, more: list[str], last: str) -> str:
    """As many further lines as the limit allows; the last one is cut if a good part of it fits."""
    text = head
    for line in more:
        room = LIMIT - len(text) - len(last) - 2
        if len(line) > room:
            if room > 40:
                text += "\n" + _cut(line, room)
            break
        text += "\n" + line
    return text + last + "\n"
