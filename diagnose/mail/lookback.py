"""What was seen at the last look, in a small file of its own: written whole or not at all, and missed by nobody."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

NAME = "queue.json"
_LARGEST = 100_000  # octets


def last(folder: Path) -> dict[str, Any]:
    """The last look; empty where there was none, or its file is no longer what we wrote."""
    try:
        with open(folder / NAME, "rb") as file:
            data = json.loads(file.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def keep(folder: Path, look: dict[str, Any]) -> bool:
    """Writes it by renaming; False where this user may not write there, which hurts nobody."""
    temporary = ""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd, temporary = tempfile.mkstemp(prefix=".queue-", dir=folder)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump(look, file)
        os.replace(temporary, folder / NAME)
    except OSError:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        return False
    return True
