"""Which Postfix instance a diagnosis is about."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnose.host.live import instances
from diagnose.host.query import LockReply


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.delenv("MAIL_CONFIG", raising=False)
    monkeypatch.setattr(instances, "_FIRST", (f"{tmp_path}/first",))
    instances.followed.cache_clear()
    instances._settings.cache_clear()
    yield tmp_path
    instances.followed.cache_clear()
    instances._settings.cache_clear()


def host(place: Path, monkeypatch: pytest.MonkeyPatch, *, relayhost: str, running: str, waiting: str = "") -> str:
    """Two instances, the second listening on 10026; running and waiting: their names."""
    for name in ("first", "second"):
        (place / name).mkdir()
        (place / name / "main.cf").write_text(f"queue_directory = {place}/{name}-queue\n")
        (place / name / "master.cf").write_text("127.0.0.1:10026 inet n - n - - smtpd\n" if name == "second" else "")
        for queue in ("maildrop", "incoming", "active", "deferred", "hold"):
            (place / f"{name}-queue" / queue).mkdir(parents=True)
        if name in waiting:
            (place / f"{name}-queue" / "deferred" / "4A1B2C3D4E").write_text("")
    with (place / "first" / "main.cf").open("a") as file:
        file.write(f"multi_instance_directories = {place}/second\nrelayhost = {relayhost}\n")
    monkeypatch.setattr(
        instances, "lock", lambda q: LockReply(held=Path(q.path).parts[-3].removesuffix("-queue") in running.split())
    )
    return instances.followed().rpartition("/")[2]


@pytest.mark.parametrize(
    ("relayhost", "running", "waiting", "chosen"),
    [
        ("[127.0.0.1]:10026", "first second", "", "second"),
        ("[127.0.0.1]:10026", "first", "first", "second"),  # what waits, waits for the one that is down
        ("[127.0.0.1]:10026", "second", "", ""),
        ("[127.0.0.1]:10026", "first second", "first", ""),
        ("[127.0.0.1]:10099", "first second", "", ""),
        ("", "first second", "second", "second"),
        ("", "first", "second", ""),  # of one that is switched off on purpose
    ],
)
def test_the_one_by_which_mail_leaves(
    place: Path, monkeypatch: pytest.MonkeyPatch, relayhost: str, running: str, waiting: str, chosen: str
) -> None:
    assert host(place, monkeypatch, relayhost=relayhost, running=running, waiting=waiting) == chosen


def test_whoever_sets_the_variable_has_chosen(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_CONFIG", "/etc/postfix-in")
    assert instances.followed() == "/etc/postfix-in"
    assert "/etc/postfix-in" in instances.note()
