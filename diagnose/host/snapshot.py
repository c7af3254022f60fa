"""Recording a host and asking the recording.

A recording is what the memo knew at the end of a run: every question with its answer, secrets already removed. It is
JSON, gzip-compressed where the file name ends in .gz.
"""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from diagnose import files
from diagnose.errors import SnapshotError
from diagnose.host.kept import Keeper
from diagnose.host.plain import from_plain, to_plain
from diagnose.host.query import KINDS, Exec, LogReply, NowReply, Query, Read
from diagnose.model import Target
from diagnose.parse.text import bounded
from diagnose.parse.text.masking import mask
from diagnose.record import frozen

R = TypeVar("R")
SCHEMA = 1
LIMIT = 24_000_000  # bytes, unpacked


@frozen
class CutOff:
    """observations: how many there were; reason: as the run gave it."""

    observations: int = 0
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)  # the standard's: a field is left out of comparing
class Recording:
    """version: of the tool that made it; started: ISO 8601; asked: question to answer; settings: what changes which
    questions are asked; cut_off: checks that were out of time, with how much each had said: answers that came too
    late for them are among the recorded ones."""

    version: str
    started: str
    target: Target
    asked: Mapping[Query[Any], Any]
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    cut_off: Mapping[str, CutOff] = dataclasses.field(default_factory=dict)
    _untimed: list[dict[Query[Any], Any]] = dataclasses.field(
        default_factory=list, init=False, repr=False, compare=False
    )

    def answer(self, query: Query[R], deadline: float) -> R:
        """The recorded reply, else that of the same question with other time-outs, or with all lines (`having`);
        problem "not recorded" if there is none."""
        reply = self._kept(query)
        if reply is None and isinstance(query, (Exec, Read)) and query.having:
            reply = self._kept(dataclasses.replace(query, having=()))
        if reply is None:
            return query.Reply(problem="not recorded")  # type: ignore[no-any-return]
        return reply  # type: ignore[no-any-return]

    def _kept(self, query: Query[Any]) -> Any:
        reply = self.asked.get(query)
        if reply is None and (wanted := _without_time(query)) is not None:
            if not self._untimed:  # made when first needed, whole before another thread sees it
                every = ((_without_time(each), kept) for each, kept in self.asked.items())
                self._untimed.append({each: kept for each, kept in every if each is not None})
            reply = self._untimed[0].get(wanted)
        return reply


def _without_time(query: Query[Any]) -> Query[Any] | None:
    """The question with its time-outs set to 0; None if it has none."""
    times = {name: 0.0 for name in ("timeout", "connect_timeout") if hasattr(query, name)}
    return dataclasses.replace(query, **times) if times else None


def _masked(reply: Any) -> Any:
    """A log's lines masked once more as one text, since many lines are otherwise masked one by one."""
    if isinstance(reply, LogReply):
        return dataclasses.replace(reply, lines=tuple(mask("\n".join(reply.lines)).split("\n")) if reply.lines else ())
    return reply


def dumps(recording: Recording, hide: Callable[[Any], Any] = lambda data: data, keeper: Keeper | None = None) -> str:
    """The recording as JSON. keeper: decides what is kept of each answer; without one, all but what is masked."""
    if keeper:
        keeper.learn(recording.asked)
    asked = [
        {
            "query": {"kind": type(query).__name__, **to_plain(query)},
            "reply": to_plain(keeper.reply(query, reply) if keeper else _masked(reply)),
        }
        for query, reply in recording.asked.items()
    ]
    asked.sort(key=lambda item: json.dumps(item["query"], sort_keys=True))
    return json.dumps(
        {
            "schema": SCHEMA,
            "version": recording.version,
            "started": recording.started,
            "target": hide(to_plain(recording.target)),
            "settings": to_plain(recording.settings),
            "cut_off": {check: to_plain(end) for check, end in sorted(recording.cut_off.items())},
            "asked": hide(asked),
        },
        indent=1,
        ensure_ascii=False,
    )


def loads(text: str) -> Recording:
    try:
        data = bounded.json(text)
    except ValueError as error:
        raise SnapshotError(
            f"not a recording: not JSON ({error}); make one with `mail-diagnose record -o FILE`"
        ) from None
    if not isinstance(data, dict) or "asked" not in data:
        raise SnapshotError("not a recording of mail-diagnose; make one with `mail-diagnose record -o FILE`")
    if data.get("schema") != SCHEMA:
        raise SnapshotError(
            f"the recording has schema {data.get('schema')!r}, this version reads {SCHEMA}: "
            f"record again, or use mail-diagnose {str(data.get('version'))[:20]}"
        )
    asked: dict[Query[Any], Any] = {}
    try:
        for item in data["asked"]:
            fields = dict(item["query"])
            kind = KINDS.get(fields.pop("kind"))
            if kind is None:
                continue
            query = from_plain(kind, fields)
            reply = asked[query] = from_plain(kind.Reply, item["reply"])
            if isinstance(reply, NowReply) and abs(reply.offset) >= 86_400:
                raise SnapshotError(f"{reply.offset} is no time zone's offset")
        target = from_plain(Target, data.get("target") or {})
        return Recording(
            version=str(data.get("version", "")),
            started=str(data["started"]),
            target=target,
            asked=asked,
            settings=_settings(dict(data.get("settings") or {})),
            cut_off={check: from_plain(CutOff, end) for check, end in (data.get("cut_off") or {}).items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise SnapshotError(f"the recording is damaged ({type(error).__name__}: {error}); record again") from None


def _settings(kept: dict[str, Any]) -> dict[str, Any]:
    kinds = {"since": float, "app_config": tuple[str, ...], "auth": bool, "network": bool}
    return {name: from_plain(kinds[name], value) for name, value in kept.items() if name in kinds}


def unpack(data: bytes) -> str:
    """A recording's text, compressed or not. Raises SnapshotError."""
    try:
        if data[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
                data = packed.read(LIMIT + 1)
        if len(data) > LIMIT:
            raise SnapshotError("too large for a recording")
        return data.decode("utf-8")
    except (OSError, EOFError, zlib.error) as error:
        raise SnapshotError(f"not a recording: damaged gzip data ({error})") from None
    except UnicodeDecodeError:
        raise SnapshotError("not a recording: not UTF-8 text") from None


def load(path: Path) -> Recording:
    """Raises SnapshotError for a file that is missing, unreadable, too large or no recording."""
    try:
        data = files.read(path, LIMIT)
    except OSError as error:
        raise SnapshotError(f"cannot read the recording {path}: {error.strerror}") from None
    try:
        return loads(unpack(data))
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}") from None


def packed(
    recording: Recording, name: str, hide: Callable[[Any], Any] = lambda data: data, keeper: Keeper | None = None
) -> bytes:
    """The octets of a recording for a file of that name; `hide` takes out of the plain data what must not be kept."""
    data = dumps(recording, hide, keeper).encode()
    return gzip.compress(data, mtime=0) if name.endswith(".gz") else data


def contents(recording: Recording, left_out: int, renamed: bool = False) -> str:
    """What a recording holds, in plain words. renamed: its addresses are pseudonyms."""
    kinds = Counter(type(query).__name__ for query in recording.asked)
    lines = sum(len(reply.lines) for reply in recording.asked.values() if isinstance(reply, LogReply))
    programs = sum(len(getattr(reply, "processes", ())) for reply in recording.asked.values())
    said = (
        (lines, "line", " of the mail log"),
        (kinds["Read"], "file", " of settings"),
        (programs, "running program", ""),
        (kinds["Exec"], "command", " with its output"),
        (kinds["Dial"], "dialogue", " with mail servers"),
        (kinds["Lookup"] + kinds["Resolve"], "DNS answer", ""),
    )
    told = ", ".join(f"{count} {what}{'' if count == 1 else 's'}{more}" for count, what, more in said if count)
    addresses = "pseudonyms for addresses" if renamed else "addresses"
    rest = f"with {addresses} and host names, without passwords and messages; "
    values = "1 value that may be secret was" if left_out == 1 else f"{left_out} values that may be secret were"
    return f"{told}; {rest}{values} left out (`record --show` prints all of it)"


def readable(data: bytes) -> str:
    """A recording's answers as text that a person can read through."""
    out = []
    for item in json.loads(unpack(data))["asked"]:
        query, reply = item["query"], item["reply"]
        name = query.pop("kind")
        out.append(
            f"== {name} {' '.join(str(v) if not isinstance(v, list) else ' '.join(map(str, v)) for v in query.values() if v)}"
        )
        for field, value in reply.items():
            if value in (None, "", [], {}, False, 0, 0.0):
                continue
            many = value if isinstance(value, list) else str(value).split("\n")
            lines = [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in many]
            out += (
                [f"   {field}: {lines[0]}"]
                if len(lines) == 1
                else [f"   {field}:", *(f"      {line}" for line in lines)]
            )
    return "\n".join(out) + "\n"
