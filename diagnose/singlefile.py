"""Packs this program and its dependencies, all pure Python, into a single file for Python 3.10 or later."""

from __future__ import annotations

import importlib.util
import io
import json
import marshal
import struct
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

NAME = "mail-diagnose.pyz"
_OWN = ("diagnose", "checks")
# The import names of pyproject.toml's dependencies and of what they need.
_NEEDED = ("annotated_doc", "dns", "dotenv", "javaproperties", "shellingham", "tabulate", "typer", "yaml", "tomli")
_LEFT_OUT = tuple("/tests/ /__pycache__/ .so .pyi py.typed /RECORD /INSTALLER /REQUESTED /direct_url.json".split())
_DATE = (1980, 1, 1, 0, 0, 0)
_QUICK = 3  # level of compression where somebody waits: half of what 6 takes, for 4 % more octets
_UNCHECKED = bytes((1, *[0] * 11))  # PEP 552: hash-based, unchecked
# Sources that the program reads as text: zipimport needs none beside compiled files.
_READ = ("__main__.py", "diagnose/host/live/queuefiles.py")


def alone() -> bool:
    """Whether this program runs from its single file."""
    return _here().is_file()


def _here() -> Path:
    return next(path for path in Path(__file__).resolve().parents if path.exists())


def carried() -> bytes:
    """The single file that this program runs from, or one packed from the installed program. Raises OSError."""
    return _here().read_bytes() if alone() else packed(_installed(), _QUICK)


def _installed() -> dict[str, bytes]:
    files = own()
    for name in _NEEDED:
        files.update(_package(name))
    if not any(name.startswith("tomli/") for name in files):  # Python's own copy since 3.11
        files.update({name.replace("tomllib/", "tomli/"): data for name, data in _package("tomllib").items()})
    return files


def compiled() -> bytes:
    """Like `carried`, compiled for this Python's version: saves half of a recording's processor time elsewhere."""
    if alone():
        with zipfile.ZipFile(_here()) as archive:
            texts = {name: archive.read(name) for name in archive.namelist()}
    else:
        texts = _installed()
    files: dict[str, bytes] = {}
    for name, text in texts.items():
        if name.endswith(".py") and not left_out(name):
            files[f"{name}c"] = importlib.util.MAGIC_NUMBER + _UNCHECKED + (_kept(name) or _code(name, text))
        if not name.endswith(".py") or name.startswith(_READ):
            files[name] = text
    return packed(files, _QUICK)


def _code(name: str, text: bytes) -> bytes:
    return marshal.dumps(compile(text, f"{NAME}/{name}", "exec", dont_inherit=True))


def _kept(name: str) -> bytes:
    """The code in a module's __pycache__; b"" if missing, or not from the present source."""
    top = name.partition("/")[0].removesuffix(".py")
    spec = sys.modules[top].__spec__ if top in sys.modules else importlib.util.find_spec(top)
    if spec is None or spec.origin is None:
        return b""
    folder = Path(spec.origin).parent
    path = (folder.parent if spec.submodule_search_locations else folder) / name
    try:
        info = path.stat()
        kept = Path(importlib.util.cache_from_source(str(path))).read_bytes()
    except (OSError, NotImplementedError):
        return b""
    state = struct.pack("<4sIII", importlib.util.MAGIC_NUMBER, 0, int(info.st_mtime), info.st_size)
    return kept[len(state) :] if kept.startswith(state) else b""


def own() -> dict[str, bytes]:
    """The program's files by name, with an index in place of its documents, and the start script."""
    from diagnose.host import gather
    from diagnose.knowledge import documents

    files: dict[str, bytes] = {}
    for name in _OWN:
        files.update(_package(name))
    files = {name: text for name, text in files.items() if not documents.covers(name)}
    index = documents.index({"vocabulary": gather.words_known()})
    files[f"diagnose/knowledge/{documents.INDEX}"] = index.encode()
    families = documents.document("distributions.toml")["families"].values()
    pythons = tuple(
        (*key.split(), f"{family['install']} {package}")
        for family in families
        for key, package in family.get("python", {}).items()
    )
    start = files["diagnose/data/zipapp_main.py"].decode("utf-8")
    files["__main__.py"] = start.replace("PYTHONS = ()", f"PYTHONS = {json.dumps(pythons)}").encode()
    return files


def packed(files: Mapping[str, bytes], level: int = 9) -> bytes:
    """The zip file with a shebang; equal bytes for equal content. level: of compression, 1 to 9."""
    made = io.BytesIO(b"#!/usr/bin/env python3\n")
    made.seek(0, io.SEEK_END)
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name in sorted(name for name in files if not left_out(name)):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, files[name], compresslevel=level)
    return made.getvalue()


def left_out(name: str) -> bool:
    return any(f"/{name}".endswith(part) or (part.endswith("/") and part in f"/{name}") for part in _LEFT_OUT)


def _package(name: str) -> dict[str, bytes]:
    """The files of a package or module by name; {} if it cannot be imported here."""
    spec = sys.modules[name].__spec__ if name in sys.modules else importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return {}
    place = Path(spec.origin)
    if not spec.submodule_search_locations:
        return {place.name: place.read_bytes()}
    found = [path for path in place.parent.rglob("*") if path.is_file()]
    return {f"{name}/{path.relative_to(place.parent)}": path.read_bytes() for path in found}
