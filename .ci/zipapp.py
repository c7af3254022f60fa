#!/usr/bin/env python3
"""Builds the single file: `python3 .ci/zipapp.py [FOLDER]` writes mail-diagnose.pyz and SHA256SUMS (default: dist).

Pure Python, for every Linux, architecture and libc with Python 3.10 or newer. Two builds of the same commit are identical.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# Any machine that builds takes the same files.
_TARGET = (
    *("--only-binary", ":all:", "--implementation", "cp", "--python-version", "3.10"),
    *("--platform", "manylinux2014_x86_64", "--platform", "any"),
)


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-compile"]
        needed = ["--require-hashes", "-r", str(HERE / "zipapp.txt"), "--target", place]
        subprocess.run([*pip, *_TARGET, *needed], check=True)
        files = {str(path.relative_to(place)): path.read_bytes() for path in Path(place).rglob("*") if path.is_file()}
        sys.path[:0] = [str(ROOT), place]
        from diagnose import singlefile

        files |= singlefile.own()
    data = singlefile.packed({name: text for name, text in files.items() if not name.startswith("bin/")})
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / singlefile.NAME
    target.write_bytes(data)
    target.chmod(0o755)
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(data).hexdigest()}  {target.name}\n")
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist")
