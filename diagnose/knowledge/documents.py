"""The TOML files of this package, and the index that a build makes of them, since reading them takes 50 ms.

The index is used only if it was made of these very files; a checkout that was not built has none. The single-file
program has the index instead of them.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

INDEX = "index.json"
_FOLDERS = ("sayings", "speakers", "programs", "mailers", "relays", "networks", "applications")
_HERE = os.path.dirname(__file__)


@cache
def _texts() -> Mapping[str, bytes]:
    """Every document by "folder/name.toml", and the index."""
    if os.path.isdir(_HERE):  # importlib.resources takes five times as long
        names = [f"{folder}/{name}" for folder in _FOLDERS for name in os.listdir(f"{_HERE}/{folder}")]
        names = sorted(name for name in (*names, *os.listdir(_HERE)) if name.endswith(".toml") or name == INDEX)
        return {name: _read(f"{_HERE}/{name}") for name in names}
    import pkgutil

    return {INDEX: pkgutil.get_data("diagnose.knowledge", INDEX) or b""}


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()


def _sum() -> int:
    found = 0
    for name, text in _texts().items():
        if name != INDEX:
            found = zlib.crc32(text, zlib.crc32(name.encode(), found))
    return found


@cache
def _index() -> Mapping[str, bytes]:
    """The values in JSON by their names."""
    of, *lines = _texts().get(INDEX, b"").split(b"\n")
    rows = (line.partition(b" ") for line in lines)
    return {name.decode(): value for name, _, value in rows} if of == b"%d" % _sum() else {}


def index(alone: Mapping[str, Any] | None = None) -> str:
    """The index as a build writes it into the package: a checksum of the documents, then one value a line, since a
    command needs only some. alone: further values, for a program without the documents (checksum 0)."""
    from diagnose.knowledge import phrases, sayings

    read = ("sayings/", "speakers/", INDEX)  # by those two
    values = {
        "phrases": phrases.plain(),
        "sayings": sayings.plain(),
        **{name: document(name) for name in _texts() if not name.startswith(read)},
        **(alone or {}),
    }
    rows = (f"{name} {json.dumps(each, ensure_ascii=False, separators=(',', ':'))}" for name, each in values.items())
    return "\n".join(["0" if alone else str(_sum()), *rows])


def covers(path: str) -> bool:
    """Whether a file of the program is a document, which the index replaces."""
    return path.startswith("diagnose/knowledge/") and path.endswith(".toml")


def indexed(name: str, make: Callable[[], Any]) -> Any:
    """A plain value from the index, made if the index lacks it."""
    return json.loads(_index()[name]) if name in _index() else make()


@cache
def document(name: str) -> Mapping[str, Any]:
    """A document by its name, "codes.toml"."""

    def read() -> Any:
        from diagnose import toml  # 10 ms that the index spares

        return toml.loads(_texts()[name].decode())

    found: Mapping[str, Any] = indexed(name, read)
    return found


def folder(name: str) -> dict[str, Mapping[str, Any]]:
    """The documents of a folder by their stems, in the order of these."""
    found = (each for each in dict.fromkeys([*_texts(), *_index()]) if each.startswith(f"{name}/"))
    return {each.removeprefix(f"{name}/").removesuffix(".toml"): document(each) for each in found}
