"""Edits of a file's content, bytes to bytes: nothing is read or written. They raise `Changed` if the file is not as
it was when the step was made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_BLANK = b" \t\r\n\v\f"


class Changed(Exception):
    """The file does not hold what the step was made for."""


def _logical(lines: list[bytes]) -> Iterator[tuple[int, int]]:
    """(index of its first line, index after its last) of each logical line, as Postfix joins them."""
    start = None
    for at, line in enumerate(lines):
        bare = line.strip(_BLANK)
        if not bare or bare.startswith(b"#"):
            continue
        if line[:1] not in (b" ", b"\t") and start is not None:
            yield start, at
            start = None
        if start is None:
            start = at
    if start is not None:
        yield start, len(lines)


def _lines(old: bytes | None) -> list[bytes]:
    return (old or b"").splitlines(keepends=True) if b"\r" not in (old or b"") else _by_newline(old or b"")


def _by_newline(old: bytes) -> list[bytes]:
    return [line + b"\n" for line in old.split(b"\n")[:-1]] + (
        [old.rsplit(b"\n", 1)[-1]] if not old.endswith(b"\n") else []
    )


def _ended(lines: list[bytes]) -> list[bytes]:
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    return lines


def parameter(old: bytes | None, name: str, value: str | None) -> bytes:
    """main.cf with the parameter set at each of its places (at the end where it has none), or removed: as postconf(1) -e
    and -X do. Comments and blank lines among the lines of a value are kept."""
    made = b"" if value is None else f"{name} = {value}\n".encode()
    return _replaced(old, lambda line: _name(line) == name.encode(), made, everywhere=True)


def _name(line: bytes) -> bytes | None:
    before, equals, _ = line.partition(b"=")
    return before.strip(_BLANK) if equals else None


def _replaced(old: bytes | None, mine: Callable[[bytes], bool], made: bytes, everywhere: bool) -> bytes:
    """The content with `made` in place of each logical line that is `mine`; unless `everywhere`, of the first, and
    the others go. It is appended if there is none. Comments and blank lines among the lines that go are kept."""
    lines = _ended(_lines(old))
    out: list[bytes] = []
    done, end = False, 0
    for first, after in _logical(lines):
        if not mine(lines[first]):
            continue
        out += lines[end:first]
        if everywhere or not done:
            out.append(made)
        out += [line for line in lines[first + 1 : after] if not line.strip(_BLANK) or line.strip(_BLANK)[:1] == b"#"]
        done, end = True, after
    return b"".join([*out, *lines[end:], *(() if done else (made,))])


def line(old: bytes | None, number: int, find: str, put: str, at: str) -> bytes:
    """One line (from 1) with `find` replaced by `put`; at: "start", "end", "whole" or "within" the line, once; "all"
    of it; "gap", where `find` counts the run of blanks that becomes `put`; "comment", from a blank and `#` on;
    "key", its first word; "value", what follows its `=` without a single quote, which is put in single quotes.
    Raises Changed if nothing matches, unless the whole line is `put` already."""
    lines = _lines(old)
    if not 0 < number <= len(lines):
        raise Changed(f"there is no line {number}")
    text = lines[number - 1]
    body = text.rstrip(b"\n")
    new = put.encode()
    wanted = re.escape(find.encode())
    if at == "gap":
        gaps = list(re.finditer(rb"[ \t]+", body))[int(find) - 1 : int(find)]
        made, count = (body[: gaps[0].start()] + new + body[gaps[0].end() :], 1) if gaps else (body, 0)
    else:
        pattern = {
            "start": b"^" + wanted,
            "end": wanted + b"$",
            "whole": b"^" + wanted + b"$",
            "comment": rb"[ \t]+#.*$",
            "key": rb"^\S+",
            "value": rb"(?<==)[^']*$",
        }.get(at, wanted)
        made, count = re.subn(
            pattern, lambda m: b"'%s'" % m[0] if at == "value" else new, body, count=0 if at == "all" else 1
        )
    if not count:
        if at == "whole" and body == new:
            return old or b""
        raise Changed(f"line {number} is not as it was read")
    lines[number - 1] = made + text[len(body) :]
    return b"".join(lines)


def given(old: bytes | None, number: int, part: str, put: str) -> bytes:
    """One line (from 1; 0: a new last one) in which a pattern's first match becomes `put`. Raises Changed."""
    lines = _ended(_lines(old))
    if not number:
        return b"".join([*lines, put.encode() + b"\n"])
    text = lines[number - 1] if number <= len(lines) else b""
    made, count = re.subn(part.encode(), lambda _: put.encode(), text, count=1)
    if not count:
        raise Changed(f"line {number} is not as it was read")
    return b"".join([*lines[: number - 1], made, *lines[number:]])


def entry(old: bytes | None, key: str, value: bytes) -> bytes:
    """A table's text in which the key has this value: on its first line, else at the end; its other lines go."""
    made = key.encode() + b" " + value + b"\n"
    return _replaced(old, lambda line: line.split(None, 1)[:1] == [key.encode()], made, everywhere=False)


def value_of(old: bytes | None, key: str) -> bytes:
    """A key's value in a table's text. Raises Changed."""
    lines = _lines(old)
    for first, after in _logical(lines):
        words = (
            b"".join(one for one in lines[first:after] if not one.lstrip().startswith(b"#"))
            .strip(_BLANK)
            .split(None, 1)
        )
        if len(words) == 2 and words[0] == key.encode():
            return words[1].replace(b"\n", b"")
    raise Changed(f"no entry {key}")


def service(old: bytes | None, name: str, kind: str, text: str) -> bytes:
    """master.cf with the service's line and options replaced by `text`, or `text` appended if it has none."""
    lines = _ended(_lines(old))
    made = text.encode() + b"\n"
    for first, after in _logical(lines):
        if lines[first].split()[:2] == [name.encode(), kind.encode()]:
            last = max(at for at in range(first, after) if lines[at].strip(_BLANK)[:1] not in (b"", b"#")) + 1
            return b"".join([*lines[:first], made, *lines[last:]])
    return b"".join([*lines, made])


def option(old: bytes | None, name: str, kind: str, parameter: str, value: str | None) -> bytes:
    """master.cf in which a service's `-o parameter=…` has another value, or is gone. Raises Changed if it has none."""
    lines = _lines(old)
    wanted = re.escape(parameter.encode())
    pattern = re.compile(rb"([ \t]+(?:\n[ \t]+)?)-o[ \t]*(?:\{[ \t]*%s[ \t]*=[^}]*\}|%s=\S*)" % (wanted, wanted))
    put = b"" if value is None else rb"\1-o " + f"{parameter}={value}".encode().replace(b"\\", rb"\\")
    for first, after in _logical(lines):
        if lines[first].split()[:2] == [name.encode(), kind.encode()]:
            made, count = pattern.subn(put, b"".join(lines[first:after]))
            if count:
                return b"".join([*lines[:first], made, *lines[after:]])
    raise Changed(f"{name}/{kind} has no option {parameter}")
