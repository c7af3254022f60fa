"""The size of the product: Python tokens (no comments, docstrings count) and lines of data. `python -m tests.bench size`."""

from __future__ import annotations

import subprocess
import tokenize
from pathlib import Path

_LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def tokens(path: Path) -> int:
    with path.open("rb") as stream:
        return sum(token.type not in _LAYOUT for token in tokenize.tokenize(stream.readline))


def report(root: Path) -> str:
    """Sums over what git tracks below diagnose/ and checks/; recorded demos (.gz) are neither."""
    listed = subprocess.run(
        ["git", "ls-files", "diagnose", "checks"], cwd=root, capture_output=True, text=True, check=True
    ).stdout.split()
    files = [path for name in listed if (path := root / name).is_file()]
    code = sum(tokens(path) for path in files if path.suffix == ".py")
    data = sum(len(path.read_bytes().splitlines()) for path in files if path.suffix not in (".py", ".gz"))
    return f"{code} Python tokens, {data} lines of data, in {len(files)} files"
