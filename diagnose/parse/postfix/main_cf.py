"""Parses main.cf as Postfix does, with line numbers: logical lines, duplicates, and common mistakes.

Postfix joins a line that begins with white space to the previous one, even across comments and empty lines. There
are no trailing comments, no quotes, and no backslash continuation.
"""

import re
from collections.abc import Iterator, Sequence

from diagnose.parse.postfix.postconf import refers_badly
from diagnose.parse.text.finding import Finding
from diagnose.parse.text.paste import artifacts
from diagnose.record import frozen

_ASCII_SPACE = " \t\r\n\v\f"
_LOOKS_LIKE_SETTING = re.compile(r"[a-z][a-z0-9_]+\s*=(?!=)")
_QUOTED = re.compile(r"^(['\"]).*\1$")
_INLINE_COMMENT = re.compile(r"\s#")
_NO_VALUES_WITH_HASH = re.compile(r"banner|_footer|_text|_command|regexp|pcre|checks|_template")


@frozen
class Line:
    """A logical line: its first physical line (from 1), its text without newlines, and the lines it was joined from."""

    number: int
    text: str
    parts: tuple[tuple[int, str], ...]


@frozen
class Setting:
    """One `name = value` of the file, as Postfix splits it."""

    line: int
    name: str
    value: str


@frozen
class MainCf:
    """The settings in order (later ones win) and the findings by line."""

    settings: tuple[Setting, ...]
    findings: tuple[Finding, ...]

    def get(self, name: str) -> Setting | None:
        """The setting in effect, the last of its name; None if it is not set."""
        return next((setting for setting in reversed(self.settings) if setting.name == name), None)

    def unexpanded(self, said: str = "") -> Iterator[Setting]:
        """The settings whose references to parameters are malformed, or lead to themselves; said: what postconf quotes,
        since a value that looks like a secret is masked."""
        for setting in self.settings:
            if (
                refers_badly(setting.value)
                or f'"{setting.value}"' in said
                or re.search(rf"\$[{{(]?{re.escape(setting.name)}\b", setting.value)
            ):
                yield setting

    def swallowed(self) -> Iterator[tuple[Setting, Finding]]:
        """Each indented setting that became a part of another one's value, behind that one."""
        for finding in self.findings:
            above = next((setting for setting in reversed(self.settings) if setting.line < finding.line), None)
            if finding.kind == "swallowed-setting" and above is not None:
                yield above, finding


def followed(lines: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """(number from 1, line, next line) of each physical line; the next line may continue it, and is "" after the last."""
    return ((number, raw, after) for number, (raw, after) in enumerate(zip(lines, [*lines[1:], ""], strict=False), 1))


def logical_lines(text: str) -> Iterator[Line]:
    """Join physical lines as Postfix's readlline does (for main.cf, master.cf and table sources).

    A logical line that itself begins with white space is yielded too; Postfix warns about it and skips it.
    """
    parts: list[tuple[int, str]] = []
    for number, raw in enumerate(text.split("\n"), 1):
        stripped = raw.strip(_ASCII_SPACE)
        if not stripped or stripped.startswith("#"):
            continue
        if raw[0] not in _ASCII_SPACE and parts:
            yield _join(parts)
            parts = []
        parts.append((number, raw))
    if parts:
        yield _join(parts)


def _join(parts: list[tuple[int, str]]) -> Line:
    return Line(number=parts[0][0], text="".join(part for _, part in parts), parts=tuple(parts))


def parse(text: str) -> MainCf:
    """Read main.cf.

    Kinds of finding: missing-equals, missing-name, leading-whitespace (the file begins indented), swallowed-setting (an
    indented setting became part of the one before), continuation-after-comment, duplicate, inline-comment,
    quoted-value, name-not-ascii, and those of paste.artifacts ('cr' is harmless to Postfix).
    """
    settings: list[Setting] = []
    findings: list[Finding] = []
    set_before: dict[str, Setting] = {}
    physical = text.split("\n")
    for number, raw in enumerate(physical, 1):
        if raw.strip(_ASCII_SPACE) and not raw.lstrip(_ASCII_SPACE).startswith("#"):
            for kind in artifacts(raw):
                findings.append(Finding(line=number, kind=kind, text=_short(raw)))
    for line in logical_lines(text):
        if line.text[0] in _ASCII_SPACE:
            findings.append(Finding(line=line.number, kind="leading-whitespace", text=_short(line.text)))
            continue
        findings.extend(_continuations(line, physical))
        name, equals, value = line.text.partition("=")
        name, value = name.strip(_ASCII_SPACE), value.strip(_ASCII_SPACE)
        if not equals or re.search(r"[ \t]", name):
            findings.append(Finding(line=line.number, kind="missing-equals", text=_short(line.text)))
            continue
        if not name:
            findings.append(Finding(line=line.number, kind="missing-name", text=_short(line.text)))
            continue
        if not name.isascii():
            findings.append(Finding(line=line.number, kind="name-not-ascii", text=_short(name)))
        earlier = set_before.get(name)
        if earlier:
            same = " (same value)" if earlier.value == value else ""
            remark = f"{name} was set on line {earlier.line} already{same}"
            findings.append(Finding(line=line.number, kind="duplicate", text=remark))
        if _INLINE_COMMENT.search(value) and not _NO_VALUES_WITH_HASH.search(name):
            findings.append(Finding(line=line.number, kind="inline-comment", text=name))
        if _QUOTED.match(value):
            findings.append(Finding(line=line.number, kind="quoted-value", text=name))
        set_before[name] = Setting(line=line.number, name=name, value=value)
        settings.append(set_before[name])
    findings.sort(key=lambda finding: (finding.line, finding.kind))
    return MainCf(settings=tuple(settings), findings=tuple(findings))


def _continuations(line: Line, physical: list[str]) -> Iterator[Finding]:
    open_braces = 0
    for (before, last), (number, part) in zip(line.parts, line.parts[1:], strict=False):
        body = part.strip(_ASCII_SPACE)
        open_braces += last.count("{") - last.count("}")
        # An '=' within braces or a long macro is ordinary; a line that begins with 'name = value' is not.
        if _LOOKS_LIKE_SETTING.match(body) and open_braces <= 0:
            yield Finding(line=number, kind="swallowed-setting", text=_short(body))
        elif any(physical[at].lstrip().startswith("#") and "=" in physical[at] for at in range(before, number - 1)):
            yield Finding(line=number, kind="continuation-after-comment", text=_short(body))


def _short(text: str) -> str:
    """The first 80 characters, or only the name if the value may hold a secret (static:user:password)."""
    name, equals, value = text.strip().partition("=")
    if equals and re.search(r"(static|inline):", value):
        return f"{name.strip()} = …"
    return text.strip()[:80]
