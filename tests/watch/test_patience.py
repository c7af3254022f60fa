"""Targets that hang or ask for time, and the heartbeat that tells of the watch itself."""

from __future__ import annotations

import json
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from diagnose.watch import state
from tests.watch import world

SECRET = world.SECRET


@pytest.mark.parametrize(("statuses", "end"), [(False, "0"), (True, "2")])
def test_a_heartbeat_says_that_the_watch_lives_or_what_it_saw(tmp_path: Path, statuses: bool, end: str) -> None:
    with world.web() as server:
        world.one(tmp_path, world.FAILED, heartbeat=f"{server.url}/ping/{SECRET}", heartbeat_status=statuses)
        paths = [path for path, _, _ in server.got]
    run = paths[0].partition("?rid=")[2]
    assert len(run) == 36
    assert paths == [f"/ping/{SECRET}/start?rid={run}", f"/ping/{SECRET}/{end}?rid={run}"]
    assert server.got[1][2].startswith(b"mail.example.com: FAILED")


def test_a_heartbeat_fails_where_nobody_can_be_told(tmp_path: Path) -> None:
    with world.web() as server:
        world.one(tmp_path, world.FAILED, "exec:false", heartbeat=f"{server.url}/ping")
        assert server.got[-1][0].startswith("/ping/1?")


def test_a_target_that_hangs_is_tried_once_a_pass(tmp_path: Path) -> None:
    script = tmp_path / "hangs"
    script.write_text("#!/bin/sh\nsleep 60\n")
    script.chmod(0o755)
    world.one(tmp_path / "s", world.FAILED, f"exec:{script}", pauses=(0.01, 0.01), timeout=3)
    (waiting,) = state.last(tmp_path / "s")["watch"]["notifications"]
    assert waiting["tries"] == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_target_that_asks_for_time_gets_it(tmp_path: Path, form: str) -> None:
    when = "600" if form == "seconds" else formatdate(time.time() + 600, usegmt=True)
    with world.web(status=429, headers={"Retry-After": when}) as server:
        for _ in range(3):
            outcome = world.one(tmp_path, world.FAILED, f"{server.url}/hook", pauses=(0.01, 0.01))
            assert outcome.warnings[0].endswith("HTTP 429")
        assert len(server.got) == 1
        server.status = 200
        kept = json.loads((tmp_path / state.NAME).read_text())
        kept["outbox"][0]["after"] = time.time() - 1
        (tmp_path / state.NAME).write_text(json.dumps(kept))
        assert world.one(tmp_path, world.FAILED, f"{server.url}/hook").warnings == []
        assert len(server.got) == 2


def test_a_target_that_asks_for_a_second_gets_it_within_the_pass(tmp_path: Path) -> None:
    with world.web(status=503, headers={"Retry-After": "1"}) as server:
        began = time.monotonic()
        world.one(tmp_path, world.FAILED, f"{server.url}/hook", pauses=(0.01,))
        assert time.monotonic() - began > 0.9
        assert len(server.got) == 2


def test_a_failing_heartbeat_is_seen(tmp_path: Path) -> None:
    with world.web(status=500) as server:
        outcome = world.one(tmp_path, world.OK, heartbeat=f"{server.url}/{SECRET}")
    assert outcome.status == 1
    assert outcome.warnings == ["heartbeat (start): HTTP 500", "heartbeat (end): HTTP 500"]
    assert [n["target"] for n in state.last(tmp_path)["watch"]["notifications"]] == ["heartbeat"] * 2
    assert SECRET not in world.everything(tmp_path, outcome)
