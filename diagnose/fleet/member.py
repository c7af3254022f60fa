"""One host of a fleet, read from its report or recording; the file is untrusted input."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from diagnose import files
from diagnose.errors import MailDiagnoseError, SnapshotError, UsageError
from diagnose.host import snapshot
from diagnose.parse.text import bounded
from diagnose.record import dataclass, frozen
from diagnose.report import Plain, digest

MOST = 10_000  # files
LARGEST = 4_000_000  # octets of a report
GROUPS = ("network", "relay", "Postfix version", "distribution", "configuration")
NO_RELAY = "none, mail goes out directly"
_LONGEST = 160  # characters of a word that a report says


@frozen
class Member:
    """A host as its report describes it.

    cause: the first diagnosis' id, title its words, "" where there is none. groups: the host's value in each of
    GROUPS, if known. since: when the fault began, if known. asks: who else must act, and the text to send them.
    """

    file: str
    name: str
    status: str
    cause: str = ""
    title: str = ""
    confidence: str = ""
    groups: Mapping[str, str]
    since: datetime | None = None
    asks: tuple[tuple[str, str], ...] = ()

    @property
    def known(self) -> bool:
        """Whether its report has a result, be it that nothing is wrong."""
        return bool(self.cause) or self.status != "unknown"


@dataclass(frozen=True)
class Unread:
    file: str
    why: str


def listed(folder: Path) -> list[Path]:
    """The files of a directory that may be reports or recordings, by name. Raises UsageError."""
    try:
        found = sorted(
            each.path
            for each in os.scandir(folder)
            if each.name.endswith((".json", ".json.gz")) and each.name[0] != "."
        )
    except OSError as error:
        raise UsageError(f"cannot read the directory {folder}: {error.strerror}") from None
    if not found:
        raise UsageError(f"{folder} holds no *.json file: write one per host with `mail-diagnose run --json -o FILE`")
    if len(found) > MOST:
        raise UsageError(f"{folder} holds {len(found)} *.json files, and at most {MOST} are read")
    return [Path(each) for each in found]


def read(path: Path) -> Member | Unread:
    """Never raises for the file's content. A recording is diagnosed."""
    name = digest.clean(os.fsencode(path.name).decode("utf-8", "replace"))[:_LONGEST]
    try:
        text = snapshot.unpack(files.read(path, snapshot.LIMIT))
        if len(text) > LARGEST and '"asked"' not in text:
            raise ValueError("too large for a report")
        data = bounded.json(text)
        if isinstance(data, dict) and "asked" in data:
            data = _diagnosed(text)
        return member(name, data)
    except OSError as error:
        why = error.strerror or type(error).__name__
    except SnapshotError as error:
        why = str(error)
    except MailDiagnoseError as error:
        why = f"could not be diagnosed: {error}"
    except json.JSONDecodeError as error:
        why = f"not JSON ({error})"
    except (ValueError, OverflowError, MemoryError, RecursionError) as error:
        why = str(error) or type(error).__name__
    return Unread(name, digest.clean(why)[:_LONGEST])


def _diagnosed(text: str) -> Any:
    from diagnose.report.json_ import as_plain
    from diagnose.session import diagnose, of_recording

    return as_plain(diagnose(of_recording(snapshot.loads(text))).report)


def member(file: str, data: Any) -> Member:
    """Raises ValueError if the data are not a complete report of schema 1."""
    if not isinstance(data, dict) or "diagnoses" not in data or "host" not in data:
        raise ValueError("neither a report nor a recording of mail-diagnose")
    if data.get("schema") != 1:
        raise ValueError(f"a report of schema {str(data.get('schema'))[:10]}, but this version reads schema 1")
    host, status = _object(data["host"]), _word(data.get("status"))
    if status not in digest.CODES:
        raise ValueError("a report without a status")
    found = [each for each in _objects(data["diagnoses"]) if not each.get("explained_by")]
    first = found[0] if found else {}
    mta, relay = _word(host.get("mta")), _word(_object(data.get("target")).get("relay"))
    seen = [each for run in _objects(data.get("runs")) for each in _objects(run.get("observations"))]
    groups = {
        "network": next(filter(None, map(_network, seen)), ""),
        "relay": relay or (NO_RELAY if mta else ""),
        "Postfix version": mta.removeprefix("Postfix "),
        "distribution": _word(host.get("system")),
        "configuration": _word(host.get("config")),
    }
    cause = _word(first.get("cause")) if first else ""
    if first and not cause:
        raise ValueError("a diagnosis without a cause")
    return Member(
        file=file,
        name=_word(host.get("name")) or file.partition(".json")[0],
        status=status,
        cause=cause,
        title=_word(first.get("title")).rstrip(".") or cause,
        confidence=_word(first.get("confidence")),
        groups={name: value for name, value in groups.items() if value},
        since=_since(data, first, seen) if cause else None,
        asks=tuple(_asks(first)),
    )


def _network(seen: Plain) -> str:
    if seen.get("gauge") != "network" or seen.get("status") != "ok":
        return ""
    data = _object(seen.get("data"))
    return _word(data.get("network_name")) or _word(data.get("as_name")) or _word(seen.get("subject"))


def _asks(diagnosis: Plain) -> Iterator[tuple[str, str]]:
    for other in _objects(_object(diagnosis.get("remedy")).get("others"))[:3]:
        if (who := _word(other.get("who"))) and (text := _word(other.get("text"), 400)):
            yield who, text


def _since(data: Plain, first: Plain, seen: list[Plain]) -> datetime | None:
    """When `watch` first saw it; else the earliest dated observation that supports the diagnosis."""
    started = _moment(data.get("started"))
    watched = _moment(_object(data.get("watch")).get("since"))
    if watched:
        return watched
    shown = {(_word(each.get("sign")), _word(each.get("subject"))) for each in _objects(first.get("support"))}
    dated = [each for each in seen if each.get("at")]
    moments = [_moment(e["at"]) for e in dated if (_word(e.get("sign")), _word(e.get("subject"))) in shown]
    known = [moment for moment in moments if moment and (started is None or moment <= started)]
    return min(known, default=None)


def _moment(value: Any) -> datetime | None:
    found = digest.moment(value) if isinstance(value, str) and len(value) < 40 else None
    if found is None:
        return None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (OverflowError, ValueError):
        return None


def _word(value: Any, longest: int = _LONGEST) -> str:
    """One line without control characters; "" for null. Raises ValueError for what is not text."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"a report with {type(value).__name__} where text belongs")
    return digest.clean(value[: 4 * longest])[:longest]


def _object(value: Any) -> Plain:
    if not isinstance(value, dict | None):
        raise ValueError(f"a report with {type(value).__name__} where an object belongs")
    return value or {}


def _objects(value: Any) -> list[Plain]:
    if not isinstance(value, list | None):
        raise ValueError(f"a report with {type(value).__name__} where a list belongs")
    return [_object(each) for each in value or ()]
