"""The steps that change an application's settings: a value in a file of KEY=VALUE lines (Java's properties, .env), a line below another."""

from __future__ import annotations

import re
import shlex

from diagnose.record import frozen
from diagnose.remedy.edits import Changed
from diagnose.remedy.steps import NONE, FileStep, Given, Refused, quoted

_SETTING = re.compile(r"""[ \t]*['"]?([\w.-]+)['"]?(?:[ \t]*[:=][ \t]*|[ \t]+)['"]?([^\s'"]*)['"]?""")
_KEY = re.compile(r"[\w.-]+")
_VALUE = re.compile(r"[\w.:@/+-]*")
# Values that would end a check of the server, or leave the login without TLS.
_NEVER = re.compile(r"(?i).*(checkserveridentity|certcheck|starttls.required|verify\w*|trust)")
_SECRET = re.compile(r"(?i).*(pass|secret|token|api.?key|credential)")


def weakens(key: str, value: str) -> bool:
    """Whether the setting is a secret, disables a check of the server, or trusts any server."""
    blind = _NEVER.match(key) and value.lower() in ("", "*", "all", "false", "no", "off", "0", "none")
    return bool(blind or _SECRET.match(key))


@frozen
class SetProperty(FileStep):
    """Sets the value on the last line that has `key`, or appends a line. Refuses settings that `weakens` rejects."""

    key: str
    value: str

    def __post_init__(self) -> None:
        if weakens(self.key, self.value) or not (_KEY.fullmatch(self.key) and _VALUE.fullmatch(self.value)):
            raise Refused(f"{self.key}={self.value}")

    def edit(self, old: bytes | None, given: Given = NONE) -> bytes:
        lines = (old or b"").split(b"\n")
        mine = re.compile(
            rb"([ \t]*(?:export[ \t]+)?" + re.escape(self.key.encode()) + rb"[ \t]*[=:][ \t]*)([^\r]*)(\r?)"
        )
        for at in range(len(lines) - 1, -1, -1):
            if match := mine.fullmatch(lines[at]):
                if match[2].endswith(b"\\"):
                    raise Changed(f"the value of {self.key} in {self.path} continues on the next line")
                lines[at] = match[1] + self.value.encode() + match[3]
                return b"\n".join(lines)
        gap = b"\n" if old and not old.endswith(b"\n") else b""
        return (old or b"") + gap + f"{self.key}={self.value}\n".encode()

    def commands(self) -> tuple[str, ...]:
        key, path = re.sub(r"[.\-]", r"\\\g<0>", self.key), shlex.quote(self.path)
        value = self.value.replace("/", r"\/")
        sets = rf"^\([[:blank:]]*\(export[[:blank:]]\{{1,\}}\)\{{0,1\}}{key}[[:blank:]]*[=:][[:blank:]]*\).*"
        script = f"s/{sets}/\\1{value}/"
        change = shlex.join(("sed", "-i", script, self.path))
        there = f"grep -q {shlex.quote(sets)} {path}"
        add = f"printf '%s\\n' {shlex.quote(f'{self.key}={self.value}')} >>{path}"
        end = f'[ -z "$(tail -c1 {path})" ] || echo >>{path}'
        return (f"if {there}; then {change}; else {end}; {add}; fi",)


@frozen
class InsertLine(FileStep):
    """Inserts a line below the given one (from 1), which must still be as it was read (`above`), unless it is there
    already."""

    line: int
    above: str
    text: str

    def __post_init__(self) -> None:
        setting = _SETTING.match(self.text)
        flag = self.text.isupper() and _KEY.fullmatch(self.text)  # as in dma.conf
        sound = self.text.isprintable() and self.above.isprintable() and (setting or flag)
        if not sound or (setting and weakens(*setting.groups())):
            raise Refused(self.text)

    def edit(self, old: bytes | None, given: Given = NONE) -> bytes:
        lines = (old or b"").split(b"\n")
        if not 0 < self.line <= len(lines) or lines[self.line - 1].rstrip(b"\r") != self.above.encode():
            raise Changed(f"line {self.line} is not as it was read")
        end = b"\r" if lines[self.line - 1].endswith(b"\r") else b""
        new = self.text.encode() + end
        if lines[self.line : self.line + 1] != [new]:
            lines.insert(self.line, new)
        return b"\n".join(lines)

    def commands(self) -> tuple[str, ...]:
        new, path = shlex.quote(self.text), shlex.quote(self.path)
        there = f"sed -n {self.line + 1}p {path} | grep -qxF -e {new}"  # a second time changes nothing
        script = f"{self.line}a\\{self.text}"
        return (f"{there} || sed -i {quoted(script)} {path}",)
