#!/usr/bin/env python3
"""Builds the single file: `python3 .ci/zipapp.py [FOLDER]` writes mail-diagnose.pyz and SHA256SUMS (default: dist).

Pure Python, for every Linux, architecture and libc with Python 3.10 or newer. Two builds of the same commit are identical.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NAME = "mail-diagnose.pyz"
# Any machine that builds takes the same files.
_TARGET = (
    *("--only-binary", ":all:", "--implementation", "cp", "--python-version", "3.10"),
    *("--platform", "manylinux2014_x86_64", "--platform", "any"),
)
_LEFT_OUT = (
    "/tests/",
    "/__pycache__/",
    ".so",
    ".pyi",
    "py.typed",
    "/RECORD",
    "/INSTALLER",
    "/REQUESTED",
    "/direct_url.json",
)
_DATE = (1980, 1, 1, 0, 0, 0)


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-compile"]
        needed = ["--require-hashes", "-r", str(HERE / "zipapp.txt"), "--target", place]
        subprocess.run([*pip, *_TARGET, *needed], check=True)
        files = {str(path.relative_to(place)): path.read_bytes() for path in Path(place).rglob("*") if path.is_file()}
        sys.path.insert(0, place)
        files |= own()
    files = {name: data for name, data in files.items() if not name.startswith("bin/") and not left_out(name)}
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / NAME
    write(target, files)
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(target.read_bytes()).hexdigest()}  {NAME}\n")
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


def left_out(name: str) -> bool:
    return any(f"/{name}".endswith(part) or (part.endswith("/") and part in f"/{name}") for part in _LEFT_OUT)


def own() -> dict[str, bytes]:
    """The program, with the index of its documents, and what starts it."""
    sys.path.insert(0, str(ROOT))
    from diagnose.knowledge import documents

    tracked = [path for package in ("diagnose", "checks") for path in (ROOT / package).rglob("*") if path.is_file()]
    files = {str(path.relative_to(ROOT)): path.read_bytes() for path in tracked}
    files[f"diagnose/knowledge/{documents.INDEX}"] = documents.index().encode()
    families = documents.document("distributions.toml")["families"].values()
    pythons = tuple(
        (*key.split(), f"{family['install']} {package}")
        for family in families
        for key, package in family.get("python", {}).items()
    )
    start = (HERE / "zipapp_main.py").read_text("utf-8")
    files["__main__.py"] = start.replace("PYTHONS = ()", f"PYTHONS = {json.dumps(pythons)}").encode()
    return files


def write(target: Path, files: dict[str, bytes]) -> None:
    with target.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name in sorted(files):
                entry = zipfile.ZipInfo(name, _DATE)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.create_system, entry.external_attr = 3, 0o100644 << 16
                archive.writestr(entry, files[name])
    target.chmod(0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist")
