"""The log reader on real files: windows, rotation, the year's turn, clocks, rights, secrets."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from diagnose.host.live import journal, logs
from diagnose.host.live.logstamp import epoch
from diagnose.host.query import LogReply, MailLog
from diagnose.parse.text.masking import veil

NOW = time.time()


def traditional(when: float, text: str) -> bytes:
    moment = time.localtime(when)
    day = f"{moment.tm_mday:2d}"
    return f"{time.strftime('%b', moment)} {day} {time.strftime('%H:%M:%S', moment)} host {text}\n".encode()


def iso(when: float, text: str) -> bytes:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(when))}.123456+00:00 host {text}\n".encode()


def write(path: Path, lines: list[bytes], mtime: float | None = None) -> Path:
    data = b"".join(lines)
    if path.suffix == ".gz":
        data = gzip.compress(data)
    elif path.suffix == ".bz2":
        data = bz2.compress(data)
    elif path.suffix == ".xz":
        data = lzma.compress(data)
    path.write_bytes(data)
    if mtime is not None:
        os.utime(path, (mtime, mtime))
    return path


def read(directory: Path, since: float = 3600.0, paths: tuple[str, ...] = (), limit: int = 24_000_000) -> LogReply:
    query = MailLog(since=since, paths=paths, limit=limit)
    return logs.read(query, time.monotonic() + 20, None, str(directory))


def filled(path: str, since: float, until: float | None = None) -> list[bytes]:
    return b"".join(logs.window(path, since, until)).split(b"\n")[:-1]


def test_stamps_of_all_styles_mean_the_same_moment() -> None:
    """Traditional, ISO with and without offset, seconds, with prefixes."""
    when = time.mktime((2026, 3, 7, 8, 9, 10, 0, 0, -1))
    utc = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when))
    for line in (
        b"Mar  7 08:09:10 host postfix/smtp[1]: x",
        b"Mar 7 08:09:10 host x",
        b"2026 Mar  7 08:09:10 host x",
        b"<22>Mar  7 08:09:10 host x",
        b"mail-1  | Mar  7 08:09:10 host x",
        b"2026-03-07T08:09:10 host x",
        f"{utc}Z host".encode(),
        f"{utc}+00:00 host".encode(),
        f"{utc}+0000 host".encode(),
        f"{utc}.000+00:00 host".encode(),
        f"{when:.6f} host x".encode(),
    ):
        assert epoch(line, when + 60) == when, line


@pytest.mark.parametrize(
    "line",
    [b"", b"\0" * 100, b"Feb 31", b"Xyz 12 10:00:00 h", b"Jan 12 25:61:00 h", b"2026-13-40T10:00:00 h", b"x" * 5000],
)
def test_no_stamp(line: bytes) -> None:
    """What is no stamp is None, never an error."""
    assert epoch(line, NOW) is None


def test_year_of_traditional_stamps() -> None:
    """December in a file written in January is last year's; tomorrow is allowed for, the day after is not."""
    january = time.mktime((2026, 1, 2, 12, 0, 0, 0, 0, -1))
    assert epoch(b"Dec 31 23:59:59 h", january) == time.mktime((2025, 12, 31, 23, 59, 59, 0, 0, -1))
    assert epoch(b"Jan  1 00:00:00 h", january) == time.mktime((2026, 1, 1, 0, 0, 0, 0, 0, -1))
    december = time.mktime((2025, 12, 31, 23, 30, 0, 0, 0, -1))
    assert epoch(b"Jan  1 05:00:00 h", december) == time.mktime((2026, 1, 1, 5, 0, 0, 0, 0, -1))


@pytest.mark.parametrize("stamp", [traditional, iso])
@pytest.mark.parametrize("hours", [0.5, 3, 200, 5000])
def test_window_is_exact(tmp_path: Path, stamp: Callable[[float, str], bytes], hours: float) -> None:
    """The first line returned is the first inside, for windows from small to larger than the file."""
    step = 37
    moments = [NOW - step * n for n in range(40_000, 0, -1)]
    lines = [stamp(when, f"postfix/smtp[{n}]: line {n}") for n, when in enumerate(moments)]
    path = str(write(tmp_path / "mail.log", lines))
    since = NOW - hours * 3600
    got = filled(path, since)
    # Stamps are whole seconds (and a fraction in ISO): the line at the very edge may fall on either side.
    expected = [line[:-1] for line, when in zip(lines, moments, strict=True) if when >= since]
    assert abs(len(got) - len(expected)) <= 1
    assert got[-1] == lines[-1][:-1]
    assert set(expected[1:]) <= set(got)


def test_window_has_an_end(tmp_path: Path) -> None:
    """Lines after `until` are left out."""
    moments = [NOW - 10 * n for n in range(30_000, 0, -1)]
    path = str(write(tmp_path / "mail.log", [iso(when, f"postfix/smtp[1]: {n}") for n, when in enumerate(moments)]))
    got = filled(path, NOW - 200_000, NOW - 100_000)
    assert 9_998 <= len(got) <= 10_002
    assert got == sorted(got)


def test_cost_grows_with_the_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file ten times as long is not read any further for the same window."""
    sizes = {}
    pread = os.pread
    for count in (20_000, 200_000):
        moments = (NOW - n for n in range(count, 0, -1))
        path = write(tmp_path / f"{count}.log", [traditional(when, "postfix/smtp[1]: " + "x" * 60) for when in moments])
        reads: list[int] = []

        def counted(fd: int, length: int, offset: int, reads: list[int] = reads) -> bytes:
            reads.append(length)
            return pread(fd, length, offset)

        monkeypatch.setattr(os, "pread", counted)
        assert 590 <= b"".join(logs.window(str(path), NOW - 600)).count(b"\n") <= 601
        monkeypatch.setattr(os, "pread", pread)
        sizes[count] = sum(reads)
    assert sizes[200_000] < sizes[20_000] * 2


@pytest.mark.parametrize("seed", range(6))
def test_disorder_is_borne(tmp_path: Path, seed: int) -> None:
    """Lines out of order, without stamps, NULs, and blocks written while the clock was wrong lose nothing inside."""
    chance = random.Random(seed)
    lines: list[bytes] = []
    wanted = set()
    since = NOW - 7200
    for n in range(60_000):
        when = NOW - (60_000 - n)
        text = f"postfix/smtp[9]: number {n} " + "y" * chance.randrange(80)
        lines.append(iso(when + chance.uniform(-50, 50) if chance.random() < 0.02 else when, text))
        if when >= since + 60:
            wanted.add(f"number {n} ".encode())
        if chance.random() < 0.001:
            lines.append(chance.choice([b"\0" * 3000 + b"\n", b"garbage without a stamp\n", b"\n", b"\xff\xfe\n"]))
    # A block with the clock at the epoch's beginning, and one in the far future.
    for year in (2001, 2040):
        at = chance.randrange(10_000, 50_000)
        lines[at:at] = [f"{year}-01-01T00:00:{n % 60:02d}+00:00 host postfix/x[1]: jump\n".encode() for n in range(300)]
    got = filled(str(write(tmp_path / "mail.log", lines)), since)
    joined = b"\n".join(got)
    missing = [each for each in sorted(wanted) if each not in joined]
    assert not missing
    assert len(got) < 9_000


def test_no_stamps_at_all_is_read_whole(tmp_path: Path) -> None:
    """A file named by the user whose lines bear no stamp is not thrown away."""
    path = write(tmp_path / "odd.log", [b"warning: something\n"] * 5)
    assert len(filled(str(path), NOW - 60)) == 5


def test_rotated_siblings_are_followed(tmp_path: Path) -> None:
    """The window goes on to .1 and .2.gz while the first line is inside, in the order of time."""
    day = 86_400
    for name, start, end in (
        ("mail.log", NOW - 0.5 * day, NOW),
        ("mail.log.1", NOW - 1.5 * day, NOW - 0.5 * day),
        ("mail.log.2.gz", NOW - 2.5 * day, NOW - 1.5 * day),
        ("mail.log.3.gz", NOW - 3.5 * day, NOW - 2.5 * day),
    ):
        count = 500
        moments = [start + (end - start) * n / count for n in range(count)]
        write(tmp_path / name, [traditional(when, f"postfix/smtp[1]: {name}") for when in moments], end)
    reply = read(tmp_path, 2 * day)
    assert reply.problem is None
    assert reply.whole
    assert [os.path.basename(each) for each in reply.source] == ["mail.log.2.gz", "mail.log.1", "mail.log"]
    assert 1240 <= len(reply.lines) <= 1260
    assert reply.lines[0].endswith("mail.log.2.gz")
    assert reply.lines[-1].endswith("mail.log")
    reply = read(tmp_path, 3600)
    assert [os.path.basename(each) for each in reply.source] == ["mail.log"]


@pytest.mark.parametrize(
    "name", ["maillog-20261115", "maillog-20261115.gz", "maillog.20261115-101112.gz", "maillog.1.xz", "maillog.2.bz2"]
)
def test_names_of_rotated_files(tmp_path: Path, name: str) -> None:
    """dateext, `postfix logrotate`, and other compressors."""
    write(tmp_path / "maillog", [traditional(NOW - 10, "postfix/smtp[1]: new")])
    write(tmp_path / name, [traditional(NOW - 1000, "postfix/smtp[1]: old")], NOW - 1000)
    write(tmp_path / "maillog.bak", [traditional(NOW - 900, "postfix/smtp[1]: no")])
    assert [line.rsplit(" ", 1)[1] for line in read(tmp_path).lines] == ["old", "new"]


def test_damaged_archive_gives_what_it_has(tmp_path: Path) -> None:
    """A gz file cut off in its middle ends early, without an error."""
    path = write(
        tmp_path / "mail.log.1.gz", [traditional(NOW - 100, f"postfix/smtp[1]: {os.urandom(20).hex()}")] * 5000
    )
    path.write_bytes(path.read_bytes()[:-30])
    write(tmp_path / "mail.log", [traditional(NOW - 10, "postfix/smtp[1]: new")])
    assert read(tmp_path).lines[-1].endswith("new")


def test_newest_octets_are_kept(tmp_path: Path) -> None:
    """Beyond the limit the newest lines stay and the reply says that it is not whole."""
    write(tmp_path / "mail.log", [traditional(NOW - 3000 + n / 10, f"postfix/smtp[1]: n{n}") for n in range(30_000)])
    reply = read(tmp_path, limit=100_000)
    assert not reply.whole
    assert reply.lines[-1].endswith("n29999")
    assert 90_000 < sum(len(line) + 1 for line in reply.lines) <= 100_000


def test_shared_log_is_filtered(tmp_path: Path) -> None:
    """From syslog only mail programs' lines leave; a mention elsewhere is not one."""
    lines = [
        traditional(NOW - 50, "kernel: postfix/smtp[1]: not mail"),
        traditional(NOW - 40, "postfix/smtp[2]: mail"),
        traditional(NOW - 35, "sshd[3]: Accepted password"),
        traditional(NOW - 30, "postfix-out/relay/smtp[2]: mail"),
        iso(NOW - 20, "dovecot: imap-login: mail"),
        traditional(NOW - 15, "mail:info postfix/smtp[2]: mail"),
        traditional(NOW - 15, "postfix/smtp[2]: mail").replace(b" host ", b" <mail.info> host ", 1),
        traditional(NOW - 10, "CRON[77]: (postfix) CMD (x)"),
    ]
    write(tmp_path / "syslog", lines)
    reply = read(tmp_path)
    assert [line[-4:] for line in reply.lines] == ["mail"] * 5


def test_stale_own_log_gives_way(tmp_path: Path) -> None:
    """A mail.log that nobody has written to for a month does not hide what syslog holds."""
    write(tmp_path / "mail.log", [traditional(NOW - 30 * 86_400, "postfix/smtp[1]: old")], NOW - 30 * 86_400)
    write(tmp_path / "messages", [traditional(NOW - 60, "postfix/smtp[1]: new")])
    assert [line[-3:] for line in read(tmp_path).lines] == ["new"]


def test_rotation_while_reading(tmp_path: Path) -> None:
    """Whoever has begun with a file ends it, and goes on with the one that took its name."""
    path = tmp_path / "mail.log"
    write(path, [iso(NOW - 3000 + n / 100, "postfix/smtp[1]: " + "a" * 80) for n in range(30_000)])
    chunks = logs.window(str(path), NOW - 3600)
    got = [next(chunks)]
    path.rename(tmp_path / "mail.log.1")
    write(path, [iso(NOW, "postfix/smtp[1]: after")])
    got += list(chunks)
    text = b"".join(got)
    assert text.count(b"\n") == 30_001
    assert text.endswith(b"after\n")


def test_nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No log at all, a named one that is missing, an empty one."""
    monkeypatch.setattr(journal, "find", lambda name: None)
    assert read(tmp_path).problem == "no mail log found"
    missing = str(tmp_path / "x.log")
    assert missing in (read(tmp_path, paths=(missing,)).problem or "")
    write(tmp_path / "mail.log", [])
    reply = read(tmp_path)
    assert (reply.problem, reply.lines) == (None, ())


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: needs root to become nobody")
def test_unreadable_log_says_who_may(tmp_path: Path) -> None:
    """The problem names the file and the group that reads it."""
    write(tmp_path / "mail.log", [traditional(NOW - 10, "postfix/smtp[1]: x")])
    os.chmod(tmp_path / "mail.log", 0o640)
    os.chown(tmp_path / "mail.log", 0, 4)
    for each in [tmp_path, *tmp_path.parents][:-2]:
        os.chmod(each, 0o755)
    code = (
        "import os,sys,time; sys.path.insert(0, sys.argv[2]);\n"
        "from diagnose.host.live import logs, journal; from diagnose.host.query import MailLog\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534); journal.find = lambda name: None\n"
        "print(logs.read(MailLog(), time.monotonic() + 5, None, sys.argv[1]).problem)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parents[2])],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == f"permission denied: {tmp_path}/mail.log (group adm reads it)"


SECRETS = [
    "postfix/smtp[1]: > relay.example[192.0.2.1]:587: AUTH PLAIN AGFwcABUT1BTRUNSRVQ=",
    "postfix/smtp[1]: > relay.example[192.0.2.1]:587: VE9QU0VDUkVUMTIz",
    "postfix/smtpd[1]: < unknown[192.0.2.9]: VE9QU0VDUkVUMTIz",
    "postfix/smtpd[1]: < unknown[192.0.2.9]: auth login VE9QU0VDUkVUMTIz",
    "postfix/smtp[1]: smtp_sasl_passwd_lookup: host `relay.example' user `app' pass `TOPSECRET!'",
    "postfix/smtp[1]: smtp_sasl_authenticate: relay.example: user=app password=TOPSECRET!",
    "postfix/smtp[1]: xsasl_cyrus_client_first: uncoded initial reply: ?app?TOPSECRET!",
    "postfix/smtp[1]: xsasl_cyrus_client_next: uncoded client response TOPSECRET!",
    "postfix/smtp[1]: maps_find: smtp_sasl_password_maps: hash:/etc/postfix/sasl_passwd(0,lock|fold_fix): [relay.example]:587 = app:TOPSECRET!",
    "postfix/proxymap[1]: send attr value = app:TOPSECRET!",
    "postfix/smtp[1]: input attribute value: app:TOPSECRET!",
    "postfix/smtp[1]: warning: mysql://app:TOPSECRET!@db.example/x is down",
    "postfix/postconf[1]: smtp_sasl_password_maps = static:app:TOPSECRET!",
]
ORDINARY = [
    "postfix/smtp[1]: > relay.example[192.0.2.1]:587: STARTTLS",
    "postfix/smtp[1]: > relay.example[192.0.2.1]:587: MAIL FROM:<a@example.org>",
    "postfix/smtp[1]: < relay.example[192.0.2.1]:587: 334 UGFzc3dvcmQ6",
    "postfix/smtp[1]: A1: to=<b@example.org>, relay=x[192.0.2.1]:587, dsn=4.7.8, status=deferred (SASL authentication failed;"
    " server x[192.0.2.1] said: 535-5.7.8 Username and Password not accepted. see https://support.example/?p=Bad)",
    "postfix/smtp[1]: Trusted TLS connection established to x: TLSv1.3 with cipher X key-exchange X25519",
]


@pytest.mark.parametrize("line", SECRETS)
def test_secrets_do_not_leave(tmp_path: Path, line: str) -> None:
    """What debug logging writes about passwords is starred, the rest of the line stays."""
    write(tmp_path / "mail.log", [traditional(NOW - 20, ORDINARY[4]), traditional(NOW - 10, line)])
    shown = "\n".join(read(tmp_path).lines)
    assert not any(each in shown for each in ("TOPSECRET", "VE9QU0VDUkVU", "AGFwcABU"))
    assert line.split(":", maxsplit=1)[0] in shown
    assert "********" in shown


@pytest.mark.parametrize("line", ORDINARY)
def test_ordinary_lines_stay(line: str) -> None:
    """What only sounds like a secret is left as it is."""
    assert veil(line.encode()) == line.encode()


def test_hostile_octets(tmp_path: Path) -> None:
    """Controls are dropped, Latin-1 is read, an overlong line is cut; other lines keep their UTF-8."""
    lines = [
        traditional(NOW - 9, "postfix/smtp[1]: a\x1b[31mb\x00c\r"),
        traditional(NOW - 8, "postfix/smtp[1]: gr\u00fcn"),
        traditional(NOW - 7, "postfix/smtp[1]: X").replace(b"X", b"gr\xfcn"),
        traditional(NOW - 6, "postfix/smtp[1]: " + "z" * 2_000_000),
        traditional(NOW - 5, "postfix/smtp[1]: last\u202e"),
    ]
    write(tmp_path / "mail.log", lines)
    got = read(tmp_path).lines
    assert got[0].endswith("a[31mbc")
    assert got[1].endswith("gr\u00fcn")
    assert got[2].endswith("gr\u00fcn")
    assert len(got[3]) == 8192
    assert got[4].endswith("last\\u202e"), "shown by its code"
    assert len(got) == 5


@pytest.mark.parametrize("seed", range(40))
def test_mutated_files(tmp_path: Path, seed: int) -> None:
    """Whatever the octets, a reply comes."""
    chance = random.Random(seed)
    data = bytearray(b"".join(iso(NOW - 5000 + n, SECRETS[n % len(SECRETS)]) for n in range(300)))
    for _ in range(200):
        at = chance.randrange(len(data))
        data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(4))
    write(tmp_path / "mail.log", [bytes(data)])
    (tmp_path / "mail.log.1.gz").write_bytes(bytes(data))
    reply = read(tmp_path)
    assert all(line.isprintable() or "\t" in line or not line.isascii() for line in reply.lines)


def test_stream_reads_all_in_order(tmp_path: Path) -> None:
    """The streaming interface joins the files, oldest first, as octets."""
    write(tmp_path / "mail.log", [iso(NOW - 10, "postfix/smtp[1]: new")])
    write(tmp_path / "mail.log.1", [iso(NOW - 1000, "postfix/smtp[1]: old")], NOW - 1000)
    got = b"".join(logs.stream(NOW - 3600, directory=str(tmp_path)))
    assert [line[-3:] for line in got.splitlines()] == [b"old", b"new"]
