"""The queue through a real postqueue, in a private queue directory; its own reader against it as the oracle."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from diagnose.host.live import queuecount, queuefiles
from diagnose.host.plain import from_plain
from diagnose.parse.postfix.queue import QueueSummary
from tests.bench import queuegen, sandbox

WHY_NOT = sandbox.reason_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=f"NOT TESTED: {WHY_NOT}")

READ = """
import json, sys, time
from diagnose.host.live import mailqueue
from diagnose.host.plain import to_plain
from diagnose.host.query import MailQueue
{before}
begun = time.monotonic()
reply = mailqueue.read(MailQueue({budget}), begun + 60)
print(json.dumps({{**to_plain(reply), "seconds": time.monotonic() - begun}}))
"""


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    """A private queue with 3000 messages."""
    queuegen.make(tmp_path / "spool", 3000)
    sandbox.prepare(tmp_path)
    return tmp_path


def read(root: Path, budget: float = 20.0, before: str = "") -> dict[str, Any]:
    done = sandbox.python(root, READ.format(budget=budget, before=before))
    assert done.returncode == 0, done.stderr
    reply: dict[str, Any] = json.loads(done.stdout)
    return reply


def messages(text: str) -> dict[str, Any]:
    return {each["queue_id"]: each for each in map(json.loads, text.splitlines())}


def test_files_say_what_postqueue_says(queue: Path) -> None:
    """The oracle: every message, with every field, as postqueue(1) prints it."""
    spool = queue / "spool"
    odd = [
        (
            "deferred",
            ['"a b"@x.example', "a..b@x.example", "b\\c@x.example", "plain", "@x.example", "\u00fc@x.example"],
        ),
        (
            "hold",
            ["user+tag@x.example", "#!$%&'*/=?^_`{|}~@x.example", "a,b@x.example", ".a@x.example", "a.@x.example"],
        ),
    ]
    for where, recipients in odd:
        data = queuegen.envelope(1_700_000_000, "odd sender@x.example", recipients, b"x" * 300)
        name = queuegen._store(spool, where, data, 0x12345)
        os.chown(spool / where / (name[0] if where == "deferred" else "") / name, *_owner(spool))
    # A long content, behind which the recipients stand.
    body = b"\n".join([b"y" * 70] * 5000)
    data = queuegen.envelope(1_700_000_000, "", ["late@x.example"], body, extracted=True)
    name = queuegen._store(spool, "hold", data, 0x23456)
    os.chown(spool / "hold" / name, *_owner(spool))
    told = messages(sandbox.run(queue, ["postqueue", "-j"]).stdout)
    ours = {message[1]: as_told(message) for portion in queuefiles.messages(str(spool)) for message in portion}
    assert len(told) == 3003
    assert ours == told


def as_told(message: queuefiles.Message) -> dict[str, Any]:
    """As postqueue(1) prints it."""
    queue_name, queue_id, arrival, size, expired, sender, recipients = message
    return {
        "queue_name": queue_name,
        "queue_id": queue_id,
        "arrival_time": arrival,
        "message_size": size,
        "forced_expire": expired,
        "sender": sender,
        "recipients": [{"address": who} | ({"delay_reason": why} if why else {}) for who, why in recipients],
    }


def _owner(spool: Path) -> tuple[int, int]:
    info = (spool / "active").stat()
    return info.st_uid, info.st_gid


def test_summary_is_whole(queue: Path) -> None:
    """Within its budget everything is read and postqueue's own words come along."""
    reply = read(queue)
    summary = from_plain(QueueSummary, reply["summary"])
    assert reply["problem"] is None
    assert reply["code"] == 0
    assert "Mail system is down" in reply["err"]
    assert summary.complete
    assert (summary.total, sum(summary.ages)) == (3000, 3000)
    assert summary.messages == {"active": 50, "deferred": 2850, "hold": 50, "incoming": 50}


def test_fast_and_supported_agree(queue: Path) -> None:
    """A slow postqueue is left for the files; the summary is the same."""
    slow = "mailqueue._TRIAL = 0.001; mailqueue._SLOW = 10**9"
    assert "fast" in sandbox.python(queue, READ.format(budget=20, before=slow + FAST_SEEN)).stderr
    one, other = read(queue)["summary"], read(queue, before=slow)["summary"]
    for field in ("messages", "recipients", "size", "oldest", "senders", "complete"):
        assert one[field] == other[field], field
    assert _groups(one) == _groups(other)


FAST_SEEN = """
inner = mailqueue.fast
def seen(*arguments):
    print("fast", file=sys.stderr)
    return inner(*arguments)
mailqueue.fast = seen
"""


def _groups(summary: dict[str, Any]) -> dict[tuple[str, str, str], int]:
    return {(each["domain"], each["label"], each["normalised"]): each["count"] for each in summary["groups"]}


def test_a_long_queue_is_read_from_its_files(queue: Path) -> None:
    """As root, and with the same sums and words as postqueue(1)."""
    long = "mailqueue._LONG = 500"
    assert "fast" in sandbox.python(queue, READ.format(budget=20, before=long + FAST_SEEN)).stderr
    one, other = read(queue), read(queue, before=long)
    for field in ("messages", "recipients", "size", "oldest", "senders", "complete"):
        assert one["summary"][field] == other["summary"][field], field
    assert _groups(one["summary"]) == _groups(other["summary"])
    assert "Mail system is down" in one["err"]
    assert other["err"] == one["err"]


def test_parts_are_the_whole(queue: Path) -> None:
    """Each message is read by one of the processes that read side by side, and from all over the directories."""
    spool = str(queue / "spool")
    parts = [[m[1] for portion in queuefiles.messages(spool, part, 3) for m in portion] for part in range(3)]
    whole = [m[1] for portion in queuefiles.messages(spool) for m in portion]
    assert sorted(name for part in parts for name in part) == sorted(whole)
    assert queuefiles.scattered(6) == [0, 4, 2, 1, 5, 3]
    assert [queuefiles.scattered(count) for count in (0, 1, 2)] == [[], [0], [0, 1]]


def test_disagreement_falls_back(queue: Path) -> None:
    """Files that say otherwise than postqueue are not believed."""
    wrong = (
        "from diagnose.host.live import queuefiles; mailqueue._TRIAL = 0.001; mailqueue._SLOW = 10**9\n"
        "queuefiles.quoted = lambda address: 'else@where.example'"
    )
    assert read(queue, before=wrong)["summary"]["recipients"] == read(queue)["summary"]["recipients"]
    reply = sandbox.python(
        queue, READ.format(budget=20, before=wrong + "\nprint(mailqueue.agrees('/var/spool/postfix', 1e18))")
    )
    assert reply.stdout.startswith("None")


def test_budget_gives_a_sample_of_a_counted_whole(queue: Path) -> None:
    """When time is up the summary is of a sample, and its total still is exact."""
    stall = """
inner = mailqueue._Watch.lines
def slowly(self):
    for line in inner(self):
        time.sleep(0.004)
        yield line
mailqueue._Watch.lines = slowly
mailqueue._SLOW = 0
"""
    reply = read(queue, budget=2.5, before=stall)
    summary = from_plain(QueueSummary, reply["summary"])
    assert not summary.complete
    assert summary.total == 3000
    assert 0 < sum(summary.ages) < 1500
    assert reply["seconds"] < 8  # reading all would take twelve


def test_nobody_may_not(queue: Path) -> None:
    """Without rights and with Postfix down the error is postqueue's own, not an exception."""
    for each in (queue, *queue.parents):
        if each != Path("/") and each != Path("/tmp"):
            each.chmod(0o755)
    reply = read(
        queue, before="import os, diagnose.parse.postfix.queue; os.setgroups([]); os.setgid(65534); os.setuid(65534)"
    )
    assert reply["code"] == 69
    assert reply["err"]
    assert reply["summary"]["messages"] == {}


def test_counts_are_exact_or_estimated(queue: Path) -> None:
    """Listing tells how many; stopped early it says that it is an estimate."""
    spool = str(queue / "spool")
    counted = queuecount.count(spool, 1e18)
    assert counted is not None
    assert (counted.exact, counted.total) == (True, 3000)
    early = queuecount.count(spool, 0)
    assert early is not None
    assert not early.exact
    assert queuecount.count(str(queue / "nowhere"), 1e18) is None
    enough = queuecount.count(spool, 1e18, enough=500)
    assert enough is not None
    assert not enough.exact
    assert 2700 < enough.total < 3300


def test_damaged_files_end_the_fast_way(queue: Path) -> None:
    """Octets changed at random: an ordinary refusal, never another exception, never a hang."""
    import random

    chance = random.Random(5)
    paths = sorted((queue / "spool" / "deferred").glob("?/*"))[:300]
    for path in paths:
        data = bytearray(path.read_bytes())
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data[: chance.randrange(len(data))] if chance.random() < 0.3 else data)
    for path in paths:
        try:
            message = queuefiles.message(str(queue / "spool"), str(path), "deferred")
        except (queuefiles.Foreign, ValueError):
            continue
        assert message is None or message[1] == path.name


def test_hash_of_long_ids() -> None:
    """Long queue IDs are hashed by their microseconds (long ID 4cQzk91rSpz9sWx of 2023, 0x… from its middle)."""
    assert queuefiles.hash_character("0A1B2C3D4E") == "0"
    assert queuefiles.hash_character("3Sj2Cm0000z9sWx") == "0"
    assert queuefiles.hash_character("3Sj2Cm6vwXz9sWx") == f"{_base52('6vwX'):05X}"[0]


def _base52(text: str) -> int:
    digits = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
    value = 0
    for each in text:
        value = value * 52 + digits.index(each)
    return value
