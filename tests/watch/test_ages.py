"""How old a result is, and what a clock that was set does to it: nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from diagnose.watch import machine, state, store
from tests.watch import world

POLICY = machine.Policy(attempts=1)


def test_no_result_yet_is_unknown_and_stale(tmp_path: Path) -> None:
    last = state.last(tmp_path / "nowhere")
    assert last["status"] == "unknown"
    assert last["watch"]["stale"] is True
    assert "no result yet" in last["notes"][0]


def test_an_old_result_is_unknown_and_keeps_what_it_said(tmp_path: Path) -> None:
    world.one(tmp_path, world.FAILED)
    assert state.last(tmp_path, 900)["status"] == "failed"
    time.sleep(0.05)
    last = state.last(tmp_path, 0.01)
    assert (last["status"], last["watch"]["last_status"], last["watch"]["stale"]) == ("unknown", "failed", True)
    assert last["diagnoses"][0]["cause"] == world.FAILED[1]


def _rewrite(directory: Path, **written: Any) -> None:
    kept = json.loads((directory / state.NAME).read_text())
    kept["written"] |= written
    (directory / state.NAME).write_text(json.dumps(kept))


def test_a_clock_set_back_since_the_result_does_not_change_its_age(tmp_path: Path) -> None:
    world.one(tmp_path, world.OK)
    _rewrite(tmp_path, epoch=time.time() + 86_400)
    last = state.last(tmp_path, 900)
    assert last["status"] == "ok"
    assert last["watch"]["age_seconds"] < 60


def test_a_result_from_the_future_of_another_boot_is_unknown(tmp_path: Path) -> None:
    world.one(tmp_path, world.OK)
    _rewrite(tmp_path, epoch=time.time() + 86_400, boot="another")
    last = state.last(tmp_path, 900)
    assert last["status"] == "unknown"
    assert last["watch"]["age_seconds"] is None
    assert "clock was set back" in last["notes"][0]


def test_a_clock_set_back_between_passes_leaves_the_states_alone(tmp_path: Path) -> None:
    world.one(tmp_path, world.FAILED)
    kept = json.loads((tmp_path / state.NAME).read_text())
    ahead = time.time() + 86_400
    kept["machine"] |= {"since": ahead, "told": ahead}
    kept["outage"]["began"] = ahead
    (tmp_path / state.NAME).write_text(json.dumps(kept))
    assert world.one(tmp_path, world.FAILED).told == []
    assert world.one(tmp_path, world.OK).told[0].startswith("mail.example.com: OK again after ")
    (outage,) = store.outages(tmp_path)
    assert outage["ended"] >= outage["began"]
