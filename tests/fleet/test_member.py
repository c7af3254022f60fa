"""Reports that anybody may have written are read, or refused in a line."""

from __future__ import annotations

import copy
import gzip
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diagnose.errors import UsageError
from diagnose.fleet.member import MOST, NO_RELAY, Member, Unread, listed, member, read
from tests.report import material

REPORT = material.report("wrong-key")


def test_a_report_tells_its_cause_and_its_groups() -> None:
    found = member("a.json", material.report("app-password"))
    assert (found.cause, found.status) == ("relay-app-password-required", "failed")
    assert found.groups == {
        "network": "STRATO-AS, DE", "relay": "[smtp.gmail.com]:587", "Postfix version": "3.7.11",
        "distribution": "Debian GNU/Linux 12 (bookworm)", "configuration": found.groups["configuration"],
    }  # fmt: skip
    assert re.fullmatch(r"[0-9a-f]{12}", found.groups["configuration"])
    assert found.since is not None
    assert member("a.json", material.report("blocked-isp")).groups["relay"] == NO_RELAY


def test_watch_knows_since_when() -> None:
    found = member("a.json", material.watched(REPORT))
    assert found.since
    assert found.since.isoformat() == "2026-11-22T14:00:00+00:00"


def test_a_report_of_before_has_fewer_groups() -> None:
    old = copy.deepcopy(REPORT)
    del old["host"]["config"], old["target"]["relay"]
    assert "configuration" not in member("a.json", old).groups


HOSTILE: tuple[Any, ...] = (
    None,
    True,
    -1,
    1e308,
    2**62,
    "",
    "x" * 9000,
    material.HOSTILE,
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    [1],
)


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of the report; of lists the first."""
    yield way
    items = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*way, key))


PLACES = [way for way in places(REPORT) if way]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:12])
def test_whatever_stands_in_a_report_ends_in_a_host_or_a_line(value: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for way in PLACES:
        report = copy.deepcopy(REPORT)
        inner = report
        for key in way[:-1]:
            inner = inner[key]
        inner[way[-1]] = value
        path.write_text(json.dumps(report), "utf-8")
        found = read(path)
        words = [found.why] if isinstance(found, Unread) else [found.name, found.title, *found.groups.values()]
        assert all(len(word) <= 400 and word.isprintable() for word in words), (way, words)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting"),
        (b"[]", "neither a report nor a recording"),
        (b'{"schema": 1}', "neither a report nor a recording"),
        (b'{"schema": 2, "host": {}, "diagnoses": []}', "schema 2"),
        (b'{"schema": 1, "host": {}, "diagnoses": []}', "without a status"),
        (b"[" * 200_000, "nested too deep"),
        (b"[" * 4_000_000, "too many values"),
        (b'{"n": 1e999}', "out of range"),
        (b"\xff\xfe", "not UTF-8"),
        (b"\x1f\x8b\x08broken", "damaged gzip data"),
        (gzip.compress(b" " * 30_000_000, mtime=0), "too large"),
        (b" " * 5_000_000, "too large for a report"),
        (b'{"asked": 1}', "schema"),
        (b'{"asked": [{}], "schema": 1}', "damaged"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_broken_file_is_a_line(data: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(data)
    found = read(path)
    assert isinstance(found, Unread)
    assert why in found.why
    assert "\n" not in found.why


def test_what_is_no_plain_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.json")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    (tmp_path / "nowhere.json").symlink_to("/nonexistent")
    assert [type(read(path)) for path in listed(tmp_path)] == [Unread] * 4


def test_a_recording_is_diagnosed(tmp_path: Path) -> None:
    path = tmp_path / "host.json.gz"
    path.write_bytes((material.ROOT / "diagnose/data/demos/blocked-isp.json.gz").read_bytes())
    found = read(path)
    assert isinstance(found, Member)
    assert found.cause == "egress-port-25-blocked"
    assert found.groups == member("a.json", material.report("blocked-isp")).groups


def test_only_json_files_are_listed_and_not_too_many(tmp_path: Path) -> None:
    for name in ("b.json", "a.json.gz", ".hidden.json", "c.txt", "d.json.part"):
        (tmp_path / name).touch()
    assert [path.name for path in listed(tmp_path)] == ["a.json.gz", "b.json"]
    many = tmp_path / "many"
    many.mkdir()
    with pytest.raises(UsageError, match=r"no \*\.json file"):
        listed(many)
    for number in range(MOST + 1):
        (many / f"{number}.json").touch()
    with pytest.raises(UsageError, match="at most"):
        listed(many)
    with pytest.raises(UsageError, match="No such file"):
        listed(tmp_path / "nowhere")
