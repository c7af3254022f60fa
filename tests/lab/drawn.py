"""What one commit's CI asks of the lab: a part drawn from the commit's hash, so that commits take turns. `tests/run all` asks everything."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterable

from .fault import Fault
from .machine import CHECKOUT

EVERYTHING = os.environ.get("MAIL_DIAGNOSE_TEST_ALL") == "1"


def commit() -> str:
    """The first twelve digits of the commit's hash; outside a repository always the same word."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=CHECKOUT, check=False)
    return done.stdout.strip()[:12] or "outside"


def half(faults: Iterable[Fault], seed: str) -> list[Fault]:
    """Of the machines of each kind and cause one half, rounded up: no cause is left out."""
    groups: dict[tuple[str, tuple[str, ...]], list[Fault]] = {}
    for fault in faults:
        groups.setdefault((fault.kind, fault.accept[:1]), []).append(fault)
    rng = random.Random(seed)
    return [fault for group in groups.values() for fault in rng.sample(group, (len(group) + 1) // 2)]
