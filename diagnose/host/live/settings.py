"""Reads applications' settings files on this host with all files that they name; the values stay here."""

from __future__ import annotations

import os

from diagnose import files
from diagnose.host.live.system import decode, why
from diagnose.host.query import EnvironmentCompare, EnvironmentReply

_MOST = 4_000_000  # bytes


def text_of(path: str, kind: str = "") -> tuple[str, str]:
    """A file's text and why it could not be read, as `diagnose.apps.wider.Other`."""
    from diagnose.apps.wider import MISSING

    try:
        if kind == "folder":
            return "\n".join(os.listdir(path)), ""
        return decode(files.read(path, _MOST)), ""
    except FileNotFoundError:
        return "", MISSING
    except OSError as error:
        return "", why(error)


def compare(query: EnvironmentCompare) -> EnvironmentReply:
    """The answer to `EnvironmentCompare`."""
    from diagnose.apps import formats

    raw, problem = text_of(f"/proc/{query.pid}/environ")
    text, unread = text_of(query.path)
    if problem or unread:
        return EnvironmentReply(problem=problem or unread)
    given = dict(each.partition("=")[::2] for each in raw.split("\0") if "=" in each)
    wanted = formats.values(query.path, text, text_of)
    same: list[str] = []
    differ: list[str] = []
    missing: list[str] = []
    for name in query.names:
        if wanted.get(name) is None:
            continue
        (missing if name not in given else same if given[name] == wanted[name] else differ).append(name)
    return EnvironmentReply(same=tuple(same), differ=tuple(differ), missing=tuple(missing))
