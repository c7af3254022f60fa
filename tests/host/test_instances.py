"""Which Postfix instance a diagnosis is about."""

import socket
import threading
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


def host(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    relayhost: str,
    running: str,
    waiting: str = "",
    deferral: str = "",
    port: int = 10026,
) -> str:
    """Two instances, the second listening on a port; running and waiting: their names; deferral: why the first's mail waits."""
    for name in ("first", "second"):
        (place / name).mkdir()
        (place / name / "main.cf").write_text(f"queue_directory = {place}/{name}-queue\n")
        (place / name / "master.cf").write_text(f"127.0.0.1:{port} inet n - n - - smtpd\n" if name == "second" else "")
        for queue in ("maildrop", "incoming", "active", "deferred", "hold"):
            (place / f"{name}-queue" / queue).mkdir(parents=True)
        if name in waiting:
            (place / f"{name}-queue" / "deferred" / "4A1B2C3D4E").write_text("")
    if deferral:
        (place / "first-queue" / "defer" / "4").mkdir(parents=True)
        (place / "first-queue" / "defer" / "4" / "4A1B2C3D4E").write_text(
            f"<maria@example.com>: {deferral}\nreason={deferral}\n"
        )
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
        ("[127.0.0.1]:10099", "first second", "", ""),
        ("", "first second", "second", "second"),
        ("", "first", "second", ""),  # of one that is switched off on purpose
    ],
)
def test_the_one_by_which_mail_leaves(
    place: Path, monkeypatch: pytest.MonkeyPatch, relayhost: str, running: str, waiting: str, chosen: str
) -> None:
    assert host(place, monkeypatch, relayhost=relayhost, running=running, waiting=waiting) == chosen


@pytest.mark.parametrize(
    ("greeting", "deferral", "chosen"),
    [
        (b"220 out.example.org ESMTP\r\n", "TLS is required, but was not offered by host 127.0.0.1[127.0.0.1]", ""),
        (
            b"220 out.example.org ESMTP\r\n",
            "host 127.0.0.1[127.0.0.1] said: 451 4.3.5 Server configuration problem",
            "second",
        ),
        (
            b"220 out.example.org ESMTP\r\n",
            "conversation with 127.0.0.1[127.0.0.1] timed out while sending RCPT TO",
            "second",
        ),
        (b"", "", "second"),  # hangs before it greets
    ],
)
def test_what_waits_for_the_next_instance_is_that_one_s(
    place: Path, monkeypatch: pytest.MonkeyPatch, greeting: bytes, deferral: str, chosen: str
) -> None:
    monkeypatch.setattr(instances, "_GREETING", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            with listener.accept()[0] as link:
                link.sendall(greeting)
                link.recv(64)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        relayhost = f"[127.0.0.1]:{port}"
        chosen_now = host(
            place,
            monkeypatch,
            relayhost=relayhost,
            running="first second",
            waiting="first",
            deferral=deferral,
            port=port,
        )
    assert chosen_now == chosen


def test_whoever_sets_the_variable_has_chosen(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_CONFIG", "/etc/postfix-in")
    assert instances.followed() == "/etc/postfix-in"
    assert "/etc/postfix-in" in instances.note()
