"""The kept state in bad conditions: no room, no permission, two at once, damage, a clock that jumps."""

from __future__ import annotations

import json
import os
import random
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diagnose.errors import StateError, UsageError
from diagnose.watch import config, files, ignore, machine, passes, refuge, state, store
from diagnose.watch.machine import Machine
from diagnose.watch.verdict import seen
from tests.watch import world

POLICY = machine.Policy(attempts=1)


def test_a_full_disk_silences_no_alarm_and_spoils_no_state(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a stand-in either, all is told at once, and that it may be told again."""
    monkeypatch.setattr(refuge, "PLACES", ())
    assert world.one(small, world.OK).status == 0
    before = (small / state.NAME).read_bytes()
    (small / "filler").touch()
    with pytest.raises(OSError):
        (small / "filler").write_bytes(b"x" * 100_000)
    with world.web() as server:
        outcome = world.one(small, world.FAILED, f"{server.url}/hook", heartbeat=f"{server.url}/beat")
        assert "No space left on device" in outcome.warnings[0]
        assert sorted(path.partition("?")[0] for path, _, _ in server.got) == ["/beat/0", "/beat/start", "/hook"]
        assert "State not saved" in str(server.got)
    assert (small / state.NAME).read_bytes() == before
    assert list(small.glob(".*.part")) == []
    (small / "filler").unlink()
    assert world.one(small, world.FAILED).told != []


def _said(work: Callable[[], object]) -> str:
    try:
        work()
    except StateError as error:
        return str(error)
    return ""


def _refused(work: Callable[[], object]) -> str:
    try:
        work()
    except UsageError as error:
        return str(error)
    return ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lend a hand to another user")
def test_a_pass_of_root_leaves_the_state_to_the_service_that_owns_the_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("diagnose.files.SERVICE", "nobody")
    with tempfile.TemporaryDirectory(dir="/tmp") as above:
        Path(above).chmod(0o755)
        place = Path(above) / "kept"
        place.mkdir(mode=0o750)
        os.chown(place, 65534, 65534)
        world.one(place, world.FAILED)
        ignore.change(place, lambda rules: rules)
        assert {path.stat().st_uid for path in place.iterdir()} == {65534}
        assert world.as_nobody(lambda: world.one(place, world.OK).told != [] and len(store.outages(place)) == 1)
        # Nor can that user lead root's pass to a file elsewhere.
        other = Path(above) / "other"
        other.write_text("untouched")
        for name in (store.NAME, "lock", state.NAME):
            (place / name).unlink()
            (place / name).symlink_to(other)
            outcome = _said(lambda: world.one(place, world.FAILED))
            assert name == state.NAME or outcome or name == store.NAME
            assert (other.read_text(), other.stat().st_uid) == ("untouched", 0)
            (place / name).unlink()


def test_a_state_that_may_not_be_read_is_unknown_and_says_as_whom_to_run() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as above:
        Path(above).chmod(0o755)
        place = Path(above) / "kept"
        world.one(place, world.FAILED)
        place.chmod(0o700 if os.geteuid() == 0 else 0)

        def refused() -> bool:
            last = state.last(place)
            told = last["status"] == "unknown" and "run as the user of the watch" in last["notes"][0]
            return told and "Permission denied" in _said(lambda: store.outages(place))

        assert world.as_nobody(refused)
        place.chmod(0o700)


def test_a_configuration_with_secrets_need_not_be_readable_for_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as above:
        Path(above).chmod(0o755)
        place = Path(above) / "mail-diagnose.toml"
        place.write_text("attempts = 2\n")
        place.chmod(0o600 if os.geteuid() == 0 else 0)
        monkeypatch.setattr(config, "PLACE", place)
        assert world.as_nobody(lambda: config.load(None, reading=True) == {})
        assert world.as_nobody(lambda: "--config names another file" in _refused(lambda: config.load(None)))
        assert world.as_nobody(lambda: "cannot read" in _refused(lambda: config.load(place, reading=True)))


def test_without_a_home_the_system_is_read_and_a_place_to_write_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)

    def nobody_at_home() -> bool:
        os.setuid(54_321)  # of no entry in /etc/passwd
        return "--state-dir" in _said(state.default_dir) and state.reading_dir() == state.SYSTEM

    if os.geteuid() != 0:
        pytest.skip("only root can be a user that does not exist")
    child = os.fork()
    if child == 0:
        os._exit(0 if nobody_at_home() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_state_directory_that_is_a_file_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="not a directory"):
        world.one(tmp_path / "file", world.OK)
    with pytest.raises(StateError, match="cannot make the state directory"):
        world.one(tmp_path / "file" / "below", world.OK)


def test_a_second_pass_at_the_same_time_does_no_harm(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def probe(ignores: Any, timeout: float) -> dict[str, Any]:
        begun.set()
        go_on.wait(20)
        return world.report(*world.FAILED)

    options = passes.Options(state_dir=tmp_path, policy=POLICY)
    outcomes: list[passes.Outcome] = []
    first = threading.Thread(target=lambda: outcomes.append(passes.one_pass(options, probe)))
    first.start()
    assert begun.wait(20)
    before = sorted((p.name, p.read_bytes()) for p in tmp_path.iterdir())
    with world.web() as server:
        second = world.one(tmp_path, world.OK, f"{server.url}/hook", heartbeat=server.url)
        assert (second.status, second.told, second.warnings) == (0, [], []), "cron would mail, systemd fail the unit"
        assert second.seen == f"another pass is under way (process {os.getpid()}): nothing was done"
        assert server.got == []
    assert sorted((p.name, p.read_bytes()) for p in tmp_path.iterdir()) == before
    go_on.set()
    first.join(20)
    assert outcomes[0].status == 2
    assert outcomes[0].told != []


def test_a_pass_that_hangs_is_told_by_those_that_it_keeps_from_looking(tmp_path: Path) -> None:
    """Once by an alarm, each time to the switch; and no more when it has ended."""
    child = os.fork()
    if child == 0:
        with files.locked(tmp_path, limit=0.2):
            time.sleep(60)
        os._exit(0)
    try:
        while not (tmp_path / "lock").exists() or not (tmp_path / "lock").read_text():
            time.sleep(0.01)
        time.sleep(0.3)
        with world.web() as server:
            outcomes = [
                world.one(tmp_path, world.OK, f"{server.url}/hook", heartbeat=f"{server.url}/ping") for _ in range(3)
            ]
            paths = [path.partition("?")[0] for path, _, _ in server.got]
            assert sorted(paths) == ["/hook", "/ping/1", "/ping/1", "/ping/1"]
            note = json.loads(next(body for path, _, body in server.got if path == "/hook"))
        assert [outcome.status for outcome in outcomes] == [3, 3, 3]
        assert f"a pass (process {child}) hangs" in outcomes[2].warnings[0]
        assert f"a pass (process {child}) hangs" in note["title"]
        assert f"kill -9 {child}" in note["text"][:200]
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert world.one(tmp_path, world.OK).status == 0
    assert "told" not in (tmp_path / "lock").read_text()


def test_an_alarm_of_a_pass_that_hangs_is_tried_again_until_it_arrives(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with files.locked(tmp_path, limit=0.1):
        time.sleep(0.2)
        with world.web(status=500) as server:
            assert "HTTP 500" in world.one(tmp_path, world.OK, server.url).warnings[1]
            server.status = 200
            assert len(world.one(tmp_path, world.OK, server.url).warnings) == 1
            assert len(world.one(tmp_path, world.OK, server.url).warnings) == 1
            assert len(server.got) == 2
    assert lock.read_text().endswith("told\n")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "damaged"),
        (b"\x00" * 100, "damaged"),
        (b'{"schema": 1, "machine"', "damaged"),
        (b"[" * 100_000, "damaged"),
        (b"[]", "not a state file"),
        (b'{"schema": 0}', "an older version"),
        (b'{"schema": 2}', "a newer version"),
        (b'{"schema": 1}', "damaged"),
        (b'{"schema":1,"id":"a","serial":0,"passes":1,"machine":{},"report":{"status":"ok"},"outbox":[]}', "damaged"),
    ],
)
def test_a_state_that_is_no_use_is_set_aside_and_said_so(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / state.NAME).write_bytes(content)
    if b'"report"' not in content or b"machine" in content:
        last = state.last(tmp_path)
        assert last["status"] == "unknown"
        assert why in last["notes"][0]
    outcome = world.one(tmp_path, world.OK)
    assert outcome.status == 0
    (warning,) = outcome.warnings
    assert why in warning
    (aside,) = tmp_path.glob("state.json.unusable-*")
    assert str(aside) in warning
    assert aside.read_bytes() == content
    assert state.last(tmp_path)["status"] == "ok"


def test_a_state_with_any_part_replaced_is_used_or_set_aside(swift: Path) -> None:
    world.one(swift, world.FAILED, "exec:false")
    good = json.loads((swift / state.NAME).read_text())
    dice = random.Random(7)
    aside = 0
    for _ in range(300):
        kept = json.loads(json.dumps(good))
        place: Any = kept
        while True:
            key = dice.choice(list(place) if isinstance(place, dict) else range(len(place)))
            if isinstance(place[key], (dict, list)) and place[key] and dice.random() < 0.7:
                place = place[key]
                continue
            place[key] = dice.choice([None, 0, -1, 1e300, "x", "", [], {}, True, [1], {"a": 1}])
            break
        (swift / state.NAME).write_text(json.dumps(kept))
        state.last(swift, 900)
        outcome = world.one(swift, world.OK, "exec:true")
        aside += any("set aside" in warning for warning in outcome.warnings)
        assert outcome.status == 0
    assert 50 < aside < 290


def test_no_more_than_three_unusable_states_are_kept(tmp_path: Path) -> None:
    for _ in range(6):
        (tmp_path / state.NAME).write_bytes(b"")
        world.one(tmp_path, world.OK)
    assert len(list(tmp_path.glob("state.json.unusable-*"))) == 3


def test_what_a_killed_writer_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / ".state.json.4711.part").write_text("half")
    world.one(tmp_path, world.OK)
    assert list(tmp_path.glob(".*.part")) == []


def test_who_may_read_the_state_is_decided_by_its_directory(tmp_path: Path) -> None:
    for mode, expected in ((0o750, 0o640), (0o755, 0o644), (0o700, 0o600)):
        place = tmp_path / f"{mode:o}"
        place.mkdir()
        place.chmod(mode)
        old = os.umask(0o077)
        try:
            world.one(place, world.FAILED)
        finally:
            os.umask(old)
        assert {stat.S_IMODE((place / name).stat().st_mode) for name in (state.NAME, store.NAME)} == {expected}


def test_a_problem_does_not_end_because_its_proof_could_not_be_looked_at() -> None:
    ground = {"check": "egress", "sign": "egress.port-25"}
    hard = Machine(status="failed", cause="a")
    late = world.report("ok")
    late["runs"][0] |= {"outcome": "timed-out", "observations": []}
    assert seen(late, hard, ground, 1.0).status == "unknown"
    assert seen(late, Machine(), ground, 1.0).status == "ok"
    dim = world.report("ok")
    dim["runs"][0]["observations"][0]["status"] = "unknown"
    assert seen(dim, hard, ground, 1.0).status == "unknown"
    assert seen({**late, "runs": []}, hard, ground, 1.0).status == "ok", (
        "the check is skipped by choice: nothing sticks"
    )
    assert seen(world.report("ok"), hard, ground, 1.0).status == "ok"


def test_the_history_keeps_what_was_and_forgets_what_is_old(tmp_path: Path) -> None:
    world.one(tmp_path, world.FAILED)
    world.one(tmp_path, ("failed", "relay-login-refused"))
    world.one(tmp_path, world.OK)
    (outage,) = store.outages(tmp_path)
    assert outage["causes"] == ["egress-port-25-blocked", "relay-login-refused"]
    assert (outage["worst"], outage["passes"]) == ("failed", 2)
    time.sleep(0.05)
    world.one(tmp_path, world.OK, retention=0.01)
    assert store.outages(tmp_path) == []


def test_a_damaged_history_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / store.NAME).write_bytes(b"no database, " * 1000)
    outcome = world.one(tmp_path, world.FAILED)
    assert outcome.status == 2
    assert "the history was damaged" in outcome.warnings[0]
    assert len(store.outages(tmp_path)) == 1


def test_a_host_always_waits_the_same_share_of_the_jitter() -> None:
    assert 0 <= passes.delay(120) == passes.delay(120) < 120
    assert passes.delay(0) == 0


def test_mail_as_the_only_way_out_is_said_once(tmp_path: Path) -> None:
    """Under a process called cron, as crontab entries are."""
    script = tmp_path / "cron"
    script.write_text('#!/bin/sh\n"$@"\nexit 0\n')
    script.chmod(0o755)
    code = (
        "import sys; from pathlib import Path; from tests.watch import world; "
        "print(world.one(Path(sys.argv[1]), world.OK, *sys.argv[2:]).warnings)"
    )

    def under_cron(*notify: str) -> str:
        done = subprocess.run(
            [script, sys.executable, "-c", code, str(tmp_path / "s"), *notify],
            capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert done.stderr == ""
        return done.stdout

    assert "--heartbeat" in under_cron()
    assert under_cron() == "[]\n"
    assert under_cron("exec:true") == "[]\n"


def test_an_unproved_recovery_is_unknown_to_readers_too(tmp_path: Path) -> None:
    world.one(tmp_path, world.FAILED)
    late = world.report("ok")
    late["runs"][0] |= {"outcome": "timed-out", "observations": []}
    options = passes.Options(state_dir=tmp_path, policy=POLICY)
    outcome = passes.one_pass(options, world.probe_of(late))
    assert (outcome.status, outcome.told) == (3, [])
    last = state.last(tmp_path)
    assert (last["status"], last["watch"]["state"]) == ("unknown", "hard")
    assert "not known to be over" in last["notes"][0]
    assert world.one(tmp_path, world.OK).told != []


def test_a_pass_that_hangs_is_ended_from_outside(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        passes.GRACE = 0.2
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        passes.one_pass(passes.Options(state_dir=tmp_path, timeout=0.2), lambda ignores, timeout: time.sleep(60))  # type: ignore[arg-type,return-value]
        os._exit(0)
    began = time.monotonic()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    assert time.monotonic() - began < 30
    assert world.one(tmp_path, world.OK).status == 0
