"""The composed machines: drawn evenly, spelled exactly, and a slice of never-run ones asked at each commit."""

from __future__ import annotations

from collections import Counter

import pytest

from . import figures
from .composed import compose, named, sample, spelled
from .composed.bases import BASES
from .composed.compose import SHAPES, companions, trouble_ids
from .composed.distractors import DISTRACTORS
from .drawn import commit
from .run import Options, settled
from .test_lab import JOBS, able

__all__ = ["able"]
SLICE = 30


@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_every_fault_and_every_axis_comes_often_enough(seed: str) -> None:
    """In 300 machines each value stands at least ten times."""
    drawn = sample(seed, 300)
    count = Counter(name for recipe in drawn for name in (recipe.base, recipe.shape, *recipe.distractors))
    count += Counter(name for recipe in drawn for name in (recipe.fault, recipe.also) if name)
    wanted = (*trouble_ids(), *companions(), *BASES, *SHAPES, *DISTRACTORS, "none")
    assert {name: count[name] for name in wanted if count[name] < 10} == {}
    assert len(set(trouble_ids()) | set(companions())) >= 30


def test_a_spelling_brings_the_same_machine_back() -> None:
    for recipe in sample("spelling", 60):
        assert spelled(str(recipe)) == recipe
        one, two = compose(recipe), compose(spelled(str(recipe)))
        assert (one.accept, one.world, one.args, one.about) == (two.accept, two.world, two.args, two.about)


def test_a_larger_sample_begins_with_the_smaller() -> None:
    assert sample("s", 40)[:15] == sample("s", 15)


def test_draws_of_one_fault_differ() -> None:
    """Two machines with the same fault are not the same machine."""
    worlds = {str(compose(r).world) for r in sample("w", 300) if r.fault == "receiver-words"}
    assert len(worlds) >= 8


@pytest.mark.lab
@pytest.mark.timeout(1500)
def test_a_slice_that_nobody_has_seen(able: None) -> None:
    """Of this commit's own machines no broken one is called well, no healthy one is accused, and most are right."""
    seed = commit()
    drawn = [*map(spelled, named()), *sample(seed, SLICE)]
    rows = list(settled(map(compose, drawn), Options(), JOBS))
    print(
        f"tests/lab/table --seed {seed} --count {SLICE}", figures.report(rows, set()), figures.composed(rows), sep="\n"
    )
    got = figures.sums(rows)
    # Stages that the lab cannot set tell nothing of the tool.
    assert len(got.broken) <= 2, got.broken
    assert (got.leaks, figures.all_clear(rows)) == ((), [])
    assert len(got.alarms) <= 1
    assert len(got.wrong_certain) <= 2
    assert got.right >= 0.85
