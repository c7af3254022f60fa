"""Recording elsewhere: what is run there, and what of its answer is believed. A shell here stands for the other side's."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from diagnose.errors import UsageError
from diagnose.host.live import remote

ARCHIVE = os.urandom(200_000)


class Side:
    """The other side: a PATH of its own whose python3 is a script, a directory for temporary files, and lines that were run."""

    def __init__(self, place: Path) -> None:
        self.bin, self.tmp = place / "bin", place / "tmp"
        self.bin.mkdir()
        self.tmp.mkdir()
        self.lines: list[str] = []
        for name in "sh cat head id mktemp rm sleep wc ls cp touch stat".split():
            (self.bin / name).symlink_to(f"/bin/{name}")

    def python(self, script: str, name: str = "python3") -> None:
        path = self.bin / name
        told = '[ "$1" != -ISc ] || { echo another version; exit; }\n' if name == "python3" else ""
        path.write_text(f"#!/bin/sh\n{told}{script}\n", "utf-8")
        path.chmod(0o755)

    def through(self, host: str, line: str, terminal: bool) -> list[str]:
        self.lines.append(line)
        return ["env", "-i", f"PATH={self.bin}", f"TMPDIR={self.tmp}", "sh", "-c", f"echo 'You have mail.'; {line}"]

    def answer(self, arguments: Sequence[str] = (), ask: bool = False, timeout: float = 20) -> bytes:
        wanted = remote.Wanted(
            archive=lambda same: ARCHIVE,
            arguments=arguments,
            timeout=timeout,
            ask=ask,
            through=self.through,
        )
        return remote.recorded("host", wanted)


@pytest.fixture
def side(tmp_path: Path) -> Side:
    return Side(tmp_path)


def test_the_file_is_private_and_gone_afterwards(side: Side) -> None:
    side.python('cp "$1" "$TMPDIR/../got"; stat -c %a "$1" "${1%/*}"')
    assert side.answer() == b"600\n700\n"
    assert (side.tmp.parent / "got").read_bytes() == ARCHIVE
    assert list(side.tmp.iterdir()) == []


def test_where_this_very_python_is_it_gets_what_is_compiled(side: Side) -> None:
    (side.bin / "python3").symlink_to(sys.executable)
    wanted = remote.Wanted(archive=lambda same: b"print(%d)" % same, timeout=20, through=side.through)
    assert remote.recorded("host", wanted) == b"1\n"
    (side.bin / "python3").unlink()
    side.python(f'{sys.executable} "$1"')
    assert remote.recorded("host", wanted) == b"0\n"


def test_arguments_arrive_as_they_were(side: Side) -> None:
    side.python('shift; for each; do echo "<$each>"; done')
    hostile = ["--to=a'b@MARK.example", '--app-config=/srv/$(touch x) `id` ;\\ "q"', "--from=@FILE"]
    assert side.answer(hostile).decode().splitlines() == ["<record>", "<-o>", "<->", *(f"<{each}>" for each in hostile)]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (
            "echo mail-diagnose needs Python 3.10 or newer, and this is 3.6.8: dnf install python3.11 >&2; exit 3",
            "dnf install",
        ),
        ("exit 7", "exit status 7"),
        ("exit 0", "exit status 0"),
        ("printf '\\033[2Jevil\\n' >&2; exit 1", "evil"),
        ("while cat /bin/sh; do :; done", "sent more than 24 MB"),
        ("while cat /bin/sh; do :; done >&2 & sleep 1; exit 4", "."),
    ],
)
def test_what_goes_wrong_there_is_a_line(side: Side, script: str, why: str) -> None:
    side.python(script)
    with pytest.raises(UsageError, match=why) as raised:
        side.answer()
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 400


def test_without_python_it_says_which_is_needed(side: Side) -> None:
    with pytest.raises(UsageError, match=r"3\.10 or newer"):
        side.answer()


def test_without_room_it_says_so(side: Side) -> None:
    side.python("echo no")
    side.tmp.rmdir()
    with pytest.raises(UsageError, match="no private directory"):
        side.answer()


def test_a_side_that_hangs_is_given_up(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_SLACK", 0.5)
    side.python("sleep 60")
    begun = time.monotonic()
    with pytest.raises(UsageError, match="in time"):
        side.answer(timeout=0.5)
    assert time.monotonic() - begun < 30
    assert list(side.tmp.iterdir()) == []


def test_sudo_is_used_where_it_asks_for_nothing(side: Side) -> None:
    side.python("echo as $WHO")
    side.python('[ "$1" != -n ] || shift; WHO=root exec "$@"', "sudo")
    side.python("echo 1000", "true")
    (side.bin / "id").unlink()
    side.python("echo 1000", "id")
    assert side.answer() == b"as root\n"


def test_sudo_asks_on_a_terminal_and_what_it_refuses_is_done_without(side: Side) -> None:
    side.python("echo as ${WHO:-admin}")
    (side.bin / "id").unlink()
    side.python("echo 1000", "id")
    side.python('[ "$1" = -n ] && exit 1; WHO=root exec "$@"', "sudo")
    assert side.answer(ask=True) == b"as root\n"
    assert len(side.lines) == 2
    side.python("exit 1", "sudo")
    assert side.answer(ask=True) == b"as admin\n"
    assert list(side.tmp.iterdir()) == []


def test_a_place_that_is_none_is_not_run(side: Side) -> None:
    def forged(host: str, line: str, terminal: bool) -> list[str]:
        side.lines.append(line)
        mark = re.search(r"mail-diagnose-[0-9a-f]{16}", line)
        assert mark
        return ["sh", "-c", f'echo "{mark[0]} python x"; echo "{mark[0]} ask /tmp/x;touch /tmp/y"; cat >/dev/null']

    with pytest.raises(UsageError, match="no directory"):
        remote.recorded("host", remote.Wanted(archive=lambda same: b"x", timeout=5, ask=True, through=forged))
    assert len(side.lines) == 1


@pytest.mark.parametrize(
    "word", ["-oProxyCommand=id", "a b", "a;b", "$(id)", "", "a\n", "root@-oX", "ä", "a/b", "x" * 300, "a'b"]
)
def test_a_word_that_is_no_host_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="is no"):
        remote.checked(word)


@pytest.mark.parametrize("word", ["mx1", "root@mx1.example.com", "admin@2001:db8::1%eth0", "a_b-c", "192.0.2.1"])
def test_a_host_is_taken(word: str) -> None:
    assert remote.checked(word) == word


def test_ssh_forwards_nothing_and_the_host_is_no_option() -> None:
    try:
        through = remote._ssh(ask=False)
    except UsageError:
        pytest.skip("NOT TESTED: no ssh here")
    argv = through("admin@mx1", "echo 'x y'", False)
    assert {"-a", "-x", "-T", "ClearAllForwardings=yes", "BatchMode=yes", "PermitLocalCommand=no"} <= set(argv)
    assert argv[-3:] == ["--", "admin@mx1", "exec sh -c 'echo '\"'\"'x y'\"'\"''"]
    assert not [word for word in argv if "StrictHostKeyChecking" in word or "UserKnownHosts" in word]
    assert "-t" in remote._ssh(ask=True)("mx1", "x", True)
