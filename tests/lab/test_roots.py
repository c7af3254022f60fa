"""Other distributions: the same first cause as on the outer system's own files, as root and as nobody.

CI asks a slice, drawn from the commit's hash; `tests/run all` asks everything.
"""

from __future__ import annotations

import functools
import os
import random
import shutil
import subprocess

import pytest

from . import figures
from .drawn import EVERYTHING, commit
from .faults import every
from .roots import CASES, ROOTS, Root
from .run import Options, accused, judge, settled
from .test_lab import JOBS, able as able

pytestmark = [pytest.mark.lab, pytest.mark.timeout(4500)]


def _slice() -> list[tuple[str, str | None, tuple[str, ...]]]:
    """Root, user, cases."""
    if EVERYTHING:
        return [(name, user, CASES) for name in ROOTS for user in (None, "nobody")]
    drawn = random.Random(commit())
    real = drawn.choice([name for name, root in ROOTS.items() if root.suite in ("bullseye", "trixie")])
    layout = drawn.choice([name for name, root in ROOTS.items() if not root.suite])
    healthy = [name for name in CASES if name.startswith("healthy")]
    faults = [name for name in CASES if name not in healthy]
    return [
        (name, user, (*drawn.sample(faults, 2), drawn.choice(healthy)))
        for name, user in ((real, None), (layout, None), (layout, "nobody"))
    ]


@functools.cache
def _seen_here(user: str, cases: tuple[str, ...]) -> frozenset[str]:
    """The cases that are told rightly on the outer system's own files."""
    found = settled([every()[case] for case in cases], Options(user=user), JOBS)
    return frozenset(fault.id for fault, answer in found if judge(fault, answer))


@pytest.mark.parametrize(("name", "user", "cases"), _slice(), ids=str)
def test_the_same_first_cause(name: str, user: str | None, cases: tuple[str, ...]) -> None:
    root: Root = ROOTS[name]
    if root.suite and not shutil.which("debootstrap", path="/usr/sbin:/usr/bin"):
        pytest.fail("debootstrap is missing") if os.environ.get("CI") else pytest.skip("NOT TESTED: no debootstrap")
    try:
        root.folder()
    except subprocess.CalledProcessError as error:  # the mirror is somebody else's, and may be out of reach
        pytest.skip(f"NOT TESTED: debootstrap {root.suite}: {(error.stdout or b'')[-200:].decode('utf-8', 'replace')}")
    faults = [every()[case] for case in cases]
    options = Options(user=user, root=root)
    found = list(settled(faults, options, JOBS))
    assert figures.sums(found).broken == ()
    assert figures.sums(found).leaks == ()
    if user is None:
        assert [fault.id for fault, answer in found if not judge(fault, answer)] == []
        return
    # What an ordinary user cannot see on the outer system's files, nobody sees here.
    missed = [fault.id for fault, answer in found if not judge(fault, answer) and fault.id in _seen_here(user, cases)]
    alarms = [fault.id for fault, answer in found if fault.kind == "healthy" and accused(fault, answer)]
    assert missed + alarms == []
