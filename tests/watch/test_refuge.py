"""A state directory that takes nothing, full, read-only or forbidden: every alarm goes out, and none twice."""

from __future__ import annotations

import grp  # noqa: F401  (nobody may not load it)
import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from diagnose.errors import StateError
from diagnose.report import digest
from diagnose.watch import machine, refuge, state, store
from diagnose.watch.contacts import Contacts
from tests.watch import world


@pytest.fixture
def open_to_all(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that any user may go through, with a stand-in that any user can make."""
    with tempfile.TemporaryDirectory(dir="/tmp") as above:
        Path(above).chmod(0o1777)
        monkeypatch.setattr(refuge, "PLACES", ("/proc/mail-diagnose", f"{above}/memory-{{uid}}"))
        yield Path(above)


@contextmanager
def _closed(directory: Path, how: str) -> Iterator[None]:
    """A state directory that takes nothing, or does not even give what it has."""
    shut, open_ = {
        "forbidden": (["chmod", "0"], ["chmod", "0755"]),
        "not writable": (["chmod", "0555"], ["chmod", "0755"]),
        "immutable": (["chattr", "+i"], ["chattr", "-i"]),
    }.get(how, (["mount", "--bind", "-o", "ro", str(directory)], ["umount", "-l"]))
    if subprocess.run([*shut, str(directory)], capture_output=True, check=False).returncode:
        pytest.skip(f"NOT TESTED: a directory that is {how} cannot be made here")
    try:
        yield
    finally:
        subprocess.run([*open_, str(directory)], check=True)


@pytest.mark.parametrize("how", ["forbidden", "not writable", "immutable", "read-only"])
def test_a_directory_that_takes_no_state_costs_no_alarm_and_repeats_none(open_to_all: Path, how: str) -> None:
    place = open_to_all / "kept"
    place.mkdir(mode=0o755)
    hook = f"journal:{open_to_all}/journal"
    world.one(open_to_all / "first", world.FAILED, hook)  # loads what nobody's process may not read

    def passes_of_one_night() -> bool:
        policy = machine.Policy(attempts=2)
        with _closed(place, how), world.journal(open_to_all) as drain:
            told = [world.one(place, world.FAILED, hook, policy=policy) for _ in range(5)]
            (note,) = drain()
            assert (note["MAIL_DIAGNOSE_KIND"], note["MAIL_DIAGNOSE_CAUSE"]) == ("problem", world.FAILED[1])
            assert "Also: cannot " in note["MAIL_DIAGNOSE_TEXT"]
            assert [outcome.status for outcome in told] == [2] * 5
            (said,) = [line for outcome in told for line in outcome.warnings if "acknowledged" not in line]
            assert "meanwhile" in said
            last = state.last(place)
            assert (last["status"], last["watch"]["state"]) == ("failed", "hard")
            for _ in range(3):
                world.one(place, world.OK, hook, policy=policy)
            kinds = [(note["MAIL_DIAGNOSE_KIND"], note["MAIL_DIAGNOSE_STATUS"]) for note in drain()]
            assert kinds == [("change", "warning")]
            assert state.last(place)["status"] == "warning", "mail is well, the watch is not"
            assert said in digest.headline(state.last(place))
        outcome = world.one(place, world.OK, policy=policy)
        assert (outcome.status, "OK again" in outcome.told[0]) == (0, True)
        (outage,) = store.outages(place)
        assert outage["worst"] == "failed"
        assert state.last(place)["watch"]["elsewhere"] == ""
        assert {path.name for path in open_to_all.glob("memory-*/*/*")} <= {"lock"}
        return True

    if how in ("immutable", "read-only"):
        if os.geteuid():
            pytest.skip("NOT TESTED: needs root")
        assert passes_of_one_night()
    else:
        if os.geteuid() == 0:
            os.chown(place, 65534, 65534)
        assert world.as_nobody(passes_of_one_night)


def test_a_stand_in_that_others_may_write_is_none(open_to_all: Path) -> None:
    place, stand_in = open_to_all / "kept", open_to_all / f"memory-{os.geteuid()}"
    place.mkdir(mode=0o755)
    assert refuge.made(place) is not None
    stand_in.chmod(0o777)
    assert refuge.made(place) is None
    assert [*refuge.known(place)] == []
    place.chmod(0o777)
    with pytest.raises(StateError, match="is not trusted"):
        world.one(place, world.OK)


def test_a_stand_in_lets_read_whom_the_directory_lets_read(open_to_all: Path) -> None:
    place = open_to_all / "kept"
    place.mkdir()
    for mode in (0o700, 0o750, 0o755):
        place.chmod(mode)
        made = refuge.made(place)
        assert made is not None
        assert stat.S_IMODE(made.stat().st_mode) == mode
        made.rmdir()


def test_a_refused_login_is_remembered_where_the_directory_takes_nothing(small: Path) -> None:
    (small / "filler").touch()
    with pytest.raises(OSError):
        (small / "filler").write_bytes(b"x" * 100_000)
    first = Contacts(small)
    first.keep_refused("relay", "user", "secret", "535 no")
    first.keep()
    assert not (small / "contacts.json").exists()
    assert Contacts(small).refused("relay", "user", "secret") == "535 no"
    (small / "filler").unlink()
    Contacts(small).keep()
    assert [*refuge.known(small)] == []
    assert Contacts(small).refused("relay", "user", "secret") == "535 no"
