"""What can be done to a host, as data: what it changes, why, as which commands, and how it is checked.

A step is either a `FileStep`, which makes new bytes of a file's old ones and nothing else, or a `RunStep`, which runs
commands. Each is of a class: mechanical (what was meant is repaired) or policy (it opens, installs or releases something;
named by hand). What must never be done cannot be made: `Refused` is raised.
"""

from __future__ import annotations

import re
import shlex
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType

from diagnose.record import frozen
from diagnose.remedy import edits
from diagnose.remedy.permitted import WRITTEN, permitted

Argv = tuple[str, ...]
Given = Mapping[str, str]
"""What a person gave for a plan's asks, by name."""
NONE: Given = MappingProxyType({})


class Refused(ValueError):
    """The step is one that is never done: it would open the host to others, weaken TLS, or switch a filter off."""


@frozen
class Verify:
    """A command that shows whether the step worked: its expected exit status, and output (stripped; None for any)."""

    argv: tuple[str, ...]
    status: int = 0
    prints: str | None = None


@frozen
class Undo:
    """commands: the opposite of the step's; after: run when the files are as before, so that services take them up, each only
    where the one before it succeeded; lasting: what stays, in words."""

    commands: tuple[Argv, ...] = ()
    after: tuple[Argv, ...] = ()
    lasting: str = ""


@frozen
class Step(ABC):
    """why: one sentence. allow: by what name a policy step is allowed (firewall, held, package, relay, route,
    limit, service, account), "" for a mechanical one; opens: what a policy step lets happen, in a few words."""

    why: str
    allow: str = ""
    opens: str = ""

    @property
    def subject(self) -> str:
        """What it changes: a parameter, a place in a file, a table; "" if it only starts or reloads something."""
        return ""

    @abstractmethod
    def commands(self) -> tuple[str, ...]:
        """Commands to paste at a root shell, in order; () if it needs what only a person knows."""

    def files(self) -> tuple[str, ...]:
        """The files that it may change, as absolute paths."""
        return ()

    def verify(self) -> tuple[Verify, ...]:
        return ()

    def reverted(self) -> Undo:
        """How it is undone, apart from the files that it changes."""
        return Undo()


@frozen
class FileStep(Step):
    """path: links resolved. mode, owner ("user:group"): wanted afterwards, None to keep; a new file has 0644 root:root."""

    path: str
    mode: int | None = None
    owner: str | None = None

    @abstractmethod
    def edit(self, old: bytes | None, given: Given = NONE) -> bytes:
        """The new content, made from the old (None: no such file). Raises edits.Changed."""

    @property
    def config(self) -> str:
        """The directory of the file: Postfix's configuration directory, where it is main.cf or master.cf."""
        return self.path.rpartition("/")[0]

    @property
    def subject(self) -> str:
        return self.path

    def files(self) -> tuple[str, ...]:
        return (self.path,)


@frozen
class Named(FileStep):
    """A change in main.cf or master.cf. name: the parameter or service that it changes."""

    name: str

    @property
    def subject(self) -> str:
        return self.name


@frozen
class RunStep(Step):
    @abstractmethod
    def argvs(self) -> tuple[Argv, ...]:
        """The commands to run in their order, without a shell; each must succeed."""

    def renames(self) -> tuple[str, ...]:
        """Paths to which it gives another name, with whatever is there."""
        return ()

    def commands(self) -> tuple[str, ...]:
        return tuple(shlex.join(argv) for argv in self.argvs())


def postfix_tool(tool: str, config: str) -> tuple[str, ...]:
    return (tool,) if config in ("", "/etc/postfix") else (tool, "-c", config)


@frozen
class SetParameter(Named):
    """main.cf's parameter; path is that main.cf. was: its value there, None if it is not set."""

    value: str
    was: str | None = None

    def __post_init__(self) -> None:
        if not permitted(self.name, self.was, self.value):
            raise Refused(f"{self.name} = {self.value}")
        if not re.fullmatch(r"[A-Za-z0-9_]+", self.name) or not self.value.isprintable():
            raise Refused(f"{self.name!r} = {self.value!r}")

    def edit(self, old: bytes | None, given: Given = NONE) -> bytes:
        return edits.parameter(old, self.name, self.value)

    def commands(self) -> tuple[str, ...]:
        return (shlex.join((*postfix_tool("postconf", self.config), "-e", f"{self.name} = {self.value}")),)

    def verify(self) -> tuple[Verify, ...]:
        return (Verify(argv=(*postfix_tool("postconf", self.config), "-nh", self.name), prints=self.value),)


@frozen
class RemoveParameter(Named):
    """default: the value that Postfix then uses."""

    was: str | None = None
    default: str | None = None

    def __post_init__(self) -> None:
        if not permitted(self.name, self.was, self.default) or not re.fullmatch(r"[A-Za-z0-9_]+", self.name):
            raise Refused(f"without {self.name}")

    def edit(self, old: bytes | None, given: Given = NONE) -> bytes:
        return edits.parameter(old, self.name, None)

    def commands(self) -> tuple[str, ...]:
        return (shlex.join((*postfix_tool("postconf", self.config), "-X", self.name)),)

    def verify(self) -> tuple[Verify, ...]:
        return (Verify(argv=(*postfix_tool("postconf", self.config), "-nh", self.name), prints=""),)


def quoted(word: str) -> str:
    """One word for a shell; in double quotes where it holds single ones, and nothing that means more within double ones."""
    plain = "'" in word and not re.search(r"[\"`$!]|\\\\|\\$", word)
    return f'"{word}"' if plain else shlex.quote(word)


_SPECIAL = re.compile(r"[\\.\[\]*^$/]")


def _regex(text: str) -> str:
    """The text as sed's basic regular expression."""
    return _tabs(_SPECIAL.sub(r"\\\g<0>", text))


def _tabs(text: str) -> str:
    """Tabs as sed reads them in an expression and its replacement; a terminal would complete names at the pasted ones."""
    return text.replace("\t", r"\t")


def _other_port(old: str, new: str) -> str:
    """sed's command for two keys that differ in the port alone, "" for others."""
    host, _, port = old.rpartition(":")
    same, _, other = new.rpartition(":")
    return f"s/:{port}/:{other}/" if host == same and f":{port}" not in host and (port + other).isdecimal() else ""


# sed's patterns for parts of a line, as `edits.line` names them.
_PARTS = {
    "gap": "[[:blank:]][[:blank:]]*",
    "comment": "[[:blank:]][[:blank:]]*#.*$",
    "key": "^[^[:blank:]][^[:blank:]]*",
    "value": r"=\([^']*\)$",
}


@frozen
class RepairLine(FileStep):
    """One line (from 1) in which `find` becomes `put`, where the line is still as it was read. at: see `edits.line`.
    Neither find nor put holds a secret: what surrounds one is enough."""

    line: int
    find: str
    put: str
    at: str = "whole"

    def __post_init__(self) -> None:
        if "\n" in self.put or "\n" in self.find:
            raise Refused("more than one line")
        before, after = WRITTEN.match(self.find), re.match(r"\s*(\w+)\s*=\s*(.*)", self.put)
        if self.at == "whole" and self.path.endswith("main.cf") and after:
            was = before[2] if before and before[1] == after[1] else None
            if not permitted(after[1], was, after[2]) and _substance(self.find) != _substance(self.put):
                raise Refused(self.put)

    @property
    def subject(self) -> str:
        return f"{self.path} line {self.line}"

    def edit(self, old: bytes | None, given: Given = NONE) -> bytes:
        return edits.line(old, self.line, self.find, self.put, self.at)

    def commands(self) -> tuple[str, ...]:
        shown = self.find.replace("\t", " ")
        if not shown.isprintable() and self.at == "whole":
            return (
                (shlex.join(("sed", "-i", f"{self.line}c\\{self.put}", self.path)),) if self.put.isprintable() else ()
            )
        if not shown.isascii() or not shown.isprintable():
            octal = "".join(f"\\{byte:03o}" for byte in self.find.encode())
            all_ = "g" if self.at == "all" else ""
            return (
                (f"sed -i \"{self.line}s/$(printf '{octal}')/{self.put}/{all_}\" {shlex.quote(self.path)}",)
                if not self.put.strip()
                else ()
            )
        mark = next((c for c in "/|,%;" if c not in self.find + self.put), "/")
        find = _regex(self.find)
        put = _tabs(re.sub(r"[\\&]", r"\\\g<0>", self.put))
        if mark == "/":
            put = put.replace("/", r"\/")
        pattern = ({"start": f"^{find}", "end": f"{find}$", "whole": f"^{find}$"} | _PARTS).get(self.at, find)
        put = "='\\1'" if self.at == "value" else put
        flag = {"gap": self.find, "all": "g"}.get(self.at, "")
        script = f"{self.line}s{mark}{pattern}{mark}{put}{mark}{flag}"
        return (f"sed -i {quoted(script)} {shlex.quote(self.path)}",)


@frozen
class AppendLine(FileStep):
    """Appends a line to a file, unless the file has it already."""

    text: str

    def edit(self, old: bytes | None, given: Given = NONE) -> bytes:
        before = old or b""
        if self.text.encode() in before.split(b"\n"):
            return before
        return before + (b"\n" if before and not before.endswith(b"\n") else b"") + self.text.encode() + b"\n"

    def commands(self) -> tuple[str, ...]:
        text, path = shlex.quote(self.text), shlex.quote(self.path)
        return (f"grep -qxF -- {text} {path} || printf '%s\\n' {text} >>{path}",)


def _substance(text: str) -> str:
    """A line without what a repair may take away: blanks at its start, quotes, a backslash or comment at its end."""
    return re.sub(r"\s+#.*$|[\"'\\]|[^\x21-\x7e]", "", text)


@frozen
class TableEntry(FileStep):
    """A table's text in which `key` has a value: `value` itself, the one of the key `same_as` in the same file,
    which stays, or what a person gave for `asks` (joined by ":")."""

    key: str
    value: str = ""
    same_as: str = ""
    asks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if re.search(r"\s", self.key) or not self.key.isprintable() or not self.value.isprintable():
            raise Refused(f"key {self.key!r}")
        if self.path.endswith((".db", ".lmdb", ".cdb")):
            raise Refused(f"{self.path} is a compiled table")

    def edit(self, old: bytes | None, given: Given = NONE) -> bytes:
        if self.asks:
            value = ":".join(given[name] for name in self.asks).encode()
        else:
            value = edits.value_of(old, self.same_as) if self.same_as else self.value.encode()
        return edits.entry(old, self.key, value)

    def commands(self) -> tuple[str, ...]:
        if self.asks:
            return ()
        path = shlex.quote(self.path)
        find, put = _regex(self.same_as or self.key), _regex(self.key)
        if self.same_as:
            first = shlex.quote(f"/^{put}[[:blank:]]/d")  # a second time changes nothing
            change = _other_port(self.same_as, self.key) or f"s/^{find}/{put}/"
            return (f"sed -i -e {first} -e {shlex.quote(f'/^{find}[[:blank:]]/{{p;{change}}}')} {path}",)
        gone = shlex.quote(f"/^{find}[[:blank:]]/d")
        return (
            f"touch {path} && sed -i {gone} {path} && printf '%s\\n' {shlex.quote(f'{self.key} {self.value}')} >>{path}",
        )


@frozen
class GivenText(FileStep):
    """A line (from 1; 0 for a new one at the end) in which `part`, a pattern, becomes `form` with what a person gave
    in place of {user} and {password}. marks: characters that this file gives a meaning of its own, besides quotes and blanks."""

    line: int
    part: str
    form: str
    marks: str = ""

    def edit(self, old: bytes | None, given: Given = NONE) -> bytes:
        for name, value in given.items():
            if f"{{{name}}}" in self.form and (re.search(r"[\s\"'\\^]", value) or set(value) & set(self.marks)):
                raise edits.Changed(
                    f"{self.path} gives a character of the {name} a meaning of its own: edit it by hand"
                )
        return edits.given(old, self.line, self.part, self.form.format(**given))

    def commands(self) -> tuple[str, ...]:
        return ()


@frozen
class Content(FileStep):
    """A small file written whole, such as a missing one; never one that holds anything of value."""

    text: str

    def edit(self, old: bytes | None, given: Given = NONE) -> bytes:
        return self.text.encode()

    def commands(self) -> tuple[str, ...]:
        lines = " ".join(shlex.quote(line) for line in self.text.rstrip("\n").split("\n"))
        return (f"printf '%s\\n' {lines} >{shlex.quote(self.path)}",)


@frozen
class MasterService(Named):
    """A service's line in master.cf (path), put back or set right."""

    type: str
    text: str

    def edit(self, old: bytes | None, given: Given = NONE) -> bytes:
        return edits.service(old, self.name, self.type, self.text)

    def commands(self) -> tuple[str, ...]:
        argv = postfix_tool("postconf", self.config)
        return (shlex.join((*argv, "-M", f"{self.name}/{self.type}={' '.join(self.text.split())}")),)

    def verify(self) -> tuple[Verify, ...]:
        argv = postfix_tool("postconf", self.config)
        return (Verify(argv=(*argv, "-M", f"{self.name}/{self.type}")),)


@frozen
class MasterOption(Named):
    """A service's `-o name=value` in master.cf (path); value None takes it out."""

    service: str
    type: str
    value: str | None
    was: str | None = None

    def __post_init__(self) -> None:
        if not permitted(self.name, self.was, self.value):
            raise Refused(f"-o {self.name}={self.value}")

    def edit(self, old: bytes | None, given: Given = NONE) -> bytes:
        return edits.option(old, self.service, self.type, self.name, self.value)

    def commands(self) -> tuple[str, ...]:
        argv = postfix_tool("postconf", self.config)
        where = f"{self.service}/{self.type}/{self.name}"
        return (shlex.join((*argv, "-PX", where) if self.value is None else (*argv, "-P", f"{where}={self.value}")),)
