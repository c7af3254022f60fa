"""Lines for a terminal: wrapped to its width, marked, coloured; commands are broken so that a shell still reads them."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap

from diagnose import selfname
from diagnose.parse.text.masking import plain
from diagnose.record import dataclass

WIDTH = 80  # columns where there is no terminal to ask
LEAST = 20
_CODES = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}
# Of UTF-8 and of other locales: what failed, what is fine, what to heed, what is not known; from one to the next; end of sentence.
_SIGNS = {
    "bad": ("✗", "x"),
    "ok": ("✓", "ok"),
    "mind": ("!", "!"),
    "open": ("?", "?"),
    "to": ("→", ">"),
    "dot": ("·", "-"),
    "cut": ("…", "..."),
}
_PAINT = {"bad": "red", "ok": "green", "mind": "yellow", "open": "yellow"}


@dataclass(frozen=True)
class Terminal:
    """The properties of a terminal. ascii: it shows ASCII only; names: this program's names (`diagnose.selfname`)."""

    width: int = WIDTH
    color: bool = False
    ascii: bool = False
    names: tuple[str, str] = (selfname.NAME, selfname.NAME)


def here(color: bool, to_file: bool = False) -> Terminal:
    """The terminal at standard output; 80 columns for a pipe or a file."""
    screen = not to_file and sys.stdout.isatty()
    width = max(LEAST, shutil.get_terminal_size((WIDTH, 24)).columns) if screen else WIDTH
    encoding = "utf-8" if to_file else (sys.stdout.encoding or "ascii")
    # The Linux console has few characters, and a dumb terminal is promised none.
    poor = screen and os.environ.get("TERM", "dumb") in ("dumb", "linux")
    return Terminal(width, color, poor or "utf" not in encoding.lower(), selfname.here())


class Page:
    """Lines no wider than the terminal, except for long words of commands."""

    def __init__(self, terminal: Terminal, compact: bool = False) -> None:
        self.terminal, self.compact = terminal, compact
        self.begun = 0  # the row of the first command
        self.lines: list[str] = []

    def sign(self, name: str) -> str:
        return _SIGNS[name][self.terminal.ascii]

    def paint(self, text: str, *styles: str) -> str:
        if not self.terminal.color or not text or not styles:
            return text
        return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"

    def blank(self) -> None:
        if self.lines and self.lines[-1] and not self.compact:
            self.lines.append("")

    def wrap(
        self,
        text: str,
        *styles: str,
        first: str = "",
        hang: str | None = None,
        rows: int = 0,
        lead: tuple[str, ...] = (),
    ) -> None:
        """rows: the maximum, after which the text is cut (0: none); lead: styles of `first`."""
        hang = " " * len(first) if hang is None else hang
        found: list[str] = []
        for paragraph in self.shown(text).split("\n"):
            found += self._fill(paragraph, hang if found else first, hang)
        if rows and len(found) > rows:
            mark = self.sign("cut")
            room = self.terminal.width - len(mark) - 1
            last = f"{found[rows - 1]} {found[rows].strip()}"[: room + 1]
            whole = last.rpartition(" ")[0]  # a long word is cut, rather than most of the line left empty
            last = whole if len(whole) > room // 2 else last[:room]
            found = [*found[: rows - 1], f"{last.rstrip(' ,;:(')} {mark}"]
        if lead and first:
            found[0] = self.paint(first, *lead) + found[0][len(first) :]
        self.lines += [self.paint(line, *styles) for line in found]

    def marked(self, mark: str, text: str, rows: int = 2) -> None:
        """A line of the proof after its mark."""
        sign = self.sign(mark)
        head = f"  {sign:<{2 if self.terminal.ascii else 1}} "
        begin = len(self.lines)
        self.wrap(short(text, self.terminal.width - len(head)), first=head, rows=rows)
        self.lines[begin] = self.lines[begin].replace(sign, self.paint(sign, _PAINT[mark]), 1)

    def command(self, text: str, indent: str = "  ") -> None:
        self.begun = self.begun or len(self.lines) + 1
        for line in self.shown(text).split("\n"):
            about = None if len(indent) + len(line) <= self.terminal.width else _REMARK.search(line)
            if about:  # a comment cannot be continued, but may stand before its command
                self.wrap(about[0].strip(), first=indent, hang=f"{indent}# ")
                line = line[: about.start()]
            self.lines += broken(line, self.terminal.width, indent)

    def record(self, text: str, indent: str = "     ") -> None:
        """A DNS record in zone file syntax; a long one in parentheses, its text split into strings."""
        self.begun = self.begun or len(self.lines) + 1
        shown = self.shown(text)
        name, sign, strings = shown.partition(' TXT "')
        if len(indent) + len(shown) <= self.terminal.width or not sign:
            self.command(text, indent)
            return
        left, room = strings[:-1].replace('" "', ""), max(LEAST, self.terminal.width - len(indent) - 6)
        self.lines.append(f"{indent}{name} TXT (")
        while left:
            cut = len(left) if len(left) <= room else left.rfind(" ", room // 2, room) + 1 or room
            self.lines.append(f'{indent}  "{left[:cut]}"' + (" )" if cut == len(left) else ""))
            left = left[cut:]

    def shown(self, text: str) -> str:
        text = selfname.spelled(plain(text), self.terminal.names)
        return text.translate(_ASCII).encode("ascii", "replace").decode() if self.terminal.ascii else text

    def text(self) -> str:
        return "\n".join(self.lines).rstrip("\n") + "\n"

    def _fill(self, text: str, first: str, hang: str) -> list[str]:
        lines = textwrap.wrap(
            _AMOUNT.sub("\\1\u00a0", text),
            max(LEAST, self.terminal.width),
            initial_indent=first,
            subsequent_indent=hang,
            break_on_hyphens=False,
        )
        return [line.replace("\u00a0", " ") for line in lines] or [first.rstrip()]


_ASCII = str.maketrans(
    {"…": "...", "→": "->", "·": "-", "×": "x", "–": "-", "’": "'", "“": '"', "”": '"', "⟨": "<", "⟩": ">"}
)
_AMOUNT = re.compile(r"(\b\d+) (?=(?:ms|s|min|h|d|kB|MB|GB|dB)\b)")  # no line ends between a number and its unit
_REMARK = re.compile(r"\s+# .*$")
_ASIDE = re.compile(r"\s*\([^()]*(?:\([^()]*\)[^()]*)*\)")


def short(text: str, room: int) -> str:
    """The text, without its parentheses if it does not fit into one line."""
    if len(text) <= room:
        return text
    less = _ASIDE.sub("", text)
    return less if len(less) > 12 else text


# A word of a shell's command line, quoted parts and escapes within it, or the blanks between two.
_WORD = re.compile(r"""[ \t]+|(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\])+""")


def broken(command: str, width: int, indent: str) -> list[str]:
    """The command in lines that a shell joins again, broken between words only."""
    pieces = _WORD.findall(command)
    if len(indent) + len(command) <= width or "<<" in command or "".join(pieces) != command:
        return [indent + command]
    lines: list[str] = []
    line = indent
    for piece in pieces:
        while len(piece) > width - len(indent) - 4 and piece[0] == piece[-1] == "'" and "'" not in piece[1:-1]:
            # Of one word: the quotes are closed, and opened again at the very start of the next line.
            if line.strip():
                lines.append(line.rstrip() + " \\")
            line, room = f"{indent}  " if line.strip() else line, width - 8
            cut = max(*(piece.rfind(mark, 2, room) for mark in " ;/"), room // 2) + 1
            lines.append(f"{line}{piece[:cut]}'\\")
            line, piece = "", f"'{piece[cut:]}"
        if not piece.isspace() and len(line) + len(piece) > width - 2 and line.strip():
            lines.append(line.rstrip() + " \\")
            line = f"{indent}  "
        line += piece
    return [*lines, line]
