"""Counts of a whole log, against counts made line by line."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from pathlib import Path

from diagnose.host.live.logs import window
from diagnose.parse.log.tally import Tally
from tests.bench import loggen


def test_counts_are_those_of_the_lines(tmp_path: Path) -> None:
    """Statuses and failures are counted as a plain search of every line does, whatever the chunks."""
    path = tmp_path / "mail.log"
    loggen.write(path, 3_000_000, "iso", 2)
    data = path.read_bytes()
    wanted = Counter(each.decode() for each in re.findall(rb", status=(\w+) \(", data))
    assert wanted["bounced"] > 100
    counts, whole = Tally(), Tally()
    for chunk in window(str(path), 0.0):
        counts.feed(chunk)
    assert counts.statuses == wanted
    assert sum(counts.failures.values()) == wanted["deferred"] + wanted["bounced"]
    whole.feed(data)
    assert whole.failures == counts.failures
    by_domain = Counter(each.decode() for each in re.findall(rb" to=<[^@]*@([^>]*)>.* status=deferred", data))
    ours: Counter[str] = Counter()
    for (domain, status, _, _), number in counts.failures.items():
        ours[domain] += number if status == "deferred" else 0
    assert +ours == by_domain


def test_mutated_chunks() -> None:
    """Whatever the octets: no error, bounded time."""
    chance = random.Random(3)
    line = (
        b"Nov 22 10:00:00 h postfix/smtp[1]: A1: to=<a@b.example>, relay=x, dsn=4.4.1, status=deferred (connect to x)\n"
    )
    begun = time.monotonic()
    for _ in range(10_000):
        data = bytearray(line * 2)
        for _ in range(chance.randrange(6)):
            at = chance.randrange(len(data))
            data[at : at + chance.randrange(12)] = chance.randbytes(chance.randrange(4))
        Tally().feed(bytes(data))
    Tally().feed(b"to=<" * 300_000 + b", status=deferred (" + b"x" * 1_000_000)
    assert time.monotonic() - begun < 60
