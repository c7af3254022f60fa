"""Restores the line that a program wrote from a pasted one: removes colours, quotation marks, Markdown and HTML;
joins wrapped lines.

One pasted line may hold several (PHP prints a whole dialogue into one), or be a container's JSON around one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from diagnose.parse.log.logline import LONGEST_LINE, parse
from diagnose.parse.text.masking import without_endless_words
from diagnose.patterns import late

_MARKUP = late(
    r"\x1b\[[0-9;]{0,12}[A-Za-z]|\x1b\][^\x07]{0,200}\x07|^`{1,3}(?=\S)|(?<=[^`])`{1,3}$|"
    r"(?<!\*)\*\*(?=[A-Za-z<\[(])|(?<=[\w).>\]])\*\*(?!\*)|(?<!\S)/\*\s.*?\*/"
)  # colours, Markdown, comments
_MONITORED = late(r"^\d\d:\d\d:\d\d\.\d{3} -> ")  # Arduino's serial monitor, before every line
_FENCE = late(r"^\s*(?:`{3,}|~{3,})[\w -]{0,20}$|^\s*</?(?:pre|code)>\s*$")
_TAGS = late(r"</?(?:pre|code|br|strong|span|div)(?:\s+[\w-]{1,20}=[^<>@]{0,80})?\s*/?>", re.IGNORECASE)
_ENTITY = late(r"&(?:lt|gt|amp|quot|apos|nbsp|#\d{1,5}|#x[0-9a-fA-F]{1,5});")
_QUOTED = late(r"^(?:(?:> ?)+|\|\s+)(?=\S)")  # quoted mail, tables
_LISTED = late(r"^\s*(?:[-*\u2022]|\d{1,4}[.):])\s+(?=[A-Z][a-z]{2} [ \d]\d \d\d:|\d{4}-\d\d-\d\d[T ]|postfix)")
_SPEECH = late(
    r"(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\s+)?(?:SERVER -> CLIENT:|CLIENT -> SERVER:|Connection: |SMTP (?:ERROR|NOTICE|Error):)"
)
_WRAPPERS = ("log", "message", "MESSAGE", "msg", "text", "short_message", "line", "@message")
_SUBJECT = late(r"\"subject\"\s*:\s*\"(?:[^\"\\]|\\.){0,1000}\"")
_ERRORS = ("error", "err", "error_message", "exception", "code")


def cleaned(line: str | bytes) -> str:
    """The line as text, without line end, colours, Markdown and HTML; cut to `LONGEST_LINE`, with endless words
    shortened."""
    if isinstance(line, bytes):
        line = line[:LONGEST_LINE].decode("utf-8", "replace")
    line = line[:LONGEST_LINE].rstrip("\r\n").replace("\0", "").removeprefix("\ufeff")
    if len(line) > 300:
        line = without_endless_words(line)
    if "\x1b" in line or "`" in line or "**" in line or "*/" in line:
        line = "" if _FENCE.match(line) else _MARKUP.sub("", line)
    if '"subject"' in line:
        line = _SUBJECT.sub("", line)  # a message's subject, which may be anything
    if " -> " in line:
        line = _MONITORED.sub("", line)
    if "<" in line:
        line = _TAGS.sub("", line)
    if "&" in line and _ENTITY.search(line):
        import html

        line = html.unescape(line.replace("&nbsp;", " "))
    return line


def unquoted(line: str) -> str:
    """The line without leading marks of a quotation, table or list."""
    line = _QUOTED.sub("", line)
    return _LISTED.sub("", line)


def parts(line: str) -> list[str]:
    """The lines contained in a pasted line, usually just itself."""
    stripped = line.lstrip()
    if stripped.startswith("{"):
        inner = _unwrapped(stripped)
        if inner is not None:
            return [part for part in inner.splitlines() if part.strip()] or [""]
    if line.count(" -> ") > 1 or line.count("SMTP ERROR") + line.count("Connection: ") > 1:
        starts = [match.start() for match in _SPEECH.finditer(line)]
        if len(starts) > 1:
            starts = [0, *(start for start in starts if start)]
            return [line[start:end].strip() for start, end in zip(starts, [*starts[1:], len(line)], strict=True)]
    return [line]


def _unwrapped(text: str) -> str | None:
    """The text that a container runtime or log shipper wrapped in a JSON object; None for anything else."""
    if not text.rstrip().endswith("}") or '"queue_id"' in text:
        return None
    line = parse(text)
    if line is not None and line.service is not None:
        return None  # an object that names the program is read as a log line
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    for name in _WRAPPERS:
        value = record.get(name)
        if isinstance(value, str) and value.strip():
            # The message says that it failed; another field says why.
            return ": ".join([value, *(str(record[name]) for name in _ERRORS if record.get(name))])
    return None


# Exim's debugging output begins lines with the indented process id.
_OF_EXIM = late(r"^\s+\d{1,7} (?:LOG: | {2}\S)")


def logical(lines: list[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """Group lines that belong together: indented lines and further lines of one reply join the line before."""
    group: list[tuple[int, str]] = []
    for number, line in lines:
        indented = line[:1].isspace() and not _OF_EXIM.match(line)
        continues = bool(group) and (indented or _same_reply(group[-1][1], line) or _opens(group))
        if group and not continues:
            yield group
            group = []
        group.append((number, line))
    if group:
        yield group


def _same_reply(before: str, line: str) -> bool:
    code = re.search(r"(?:^|[\s:'\"(])([45]\d\d)-", before) if "-" in before else None
    return code is not None and re.search(rf"(?:^|\s){code.group(1)}[ -]", line) is not None


def _opens(group: list[tuple[int, str]]) -> bool:
    """Whether a bounce's sentence is still open: "host X said: ... (in reply to" without its end."""
    if len(group) >= 12 or not any("said:" in line for _, line in group):
        return False
    text = " ".join(line for _, line in group)
    return " said:" in f" {text}" and "in reply to" not in text and text.count("<") >= 1 and "host" in text
