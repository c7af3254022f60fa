"""Which machines: drawn at random, yet every fault, base, shape and distractor equally often."""

from __future__ import annotations

from collections import Counter
from random import Random

from .bases import BASES
from .compose import NONE, SHAPES, Recipe, companions, fits, trouble_ids
from .distractors import DISTRACTORS

# Healthy machines are a tenth by themselves and those whose fault is over another fifth; the other shapes share the rest.
WEIGHT = {"log": 5, "no-log": 3, "fresh": 3, "over": 3}


def sample(seed: str, count: int) -> list[Recipe]:
    """The first `count` machines of a seed; a larger count begins with the same ones."""
    rng, seen = Random(seed), Counter[str]()
    faults: list[str] = []
    made = []
    for _ in range(count):
        if not faults:
            faults = rng.sample((NONE, *trouble_ids()), len(trouble_ids()) + 1)
        made.append(_one(faults.pop(), rng, seen))
    return made


def _one(fault: str, rng: Random, seen: Counter[str]) -> Recipe:
    """That fault on the base, in the shape and among the distractors that came least so far."""
    for _ in range(200):
        number = rng.randrange(10**6)
        base = _rarest(tuple(BASES), rng, seen)
        found = [Recipe(fault=fault, base=base, shape=shape, number=number) for shape in SHAPES]
        found = [recipe for recipe in found if fits(recipe)]
        if found:
            break
        seen[base] += 1  # look elsewhere for now; given back below
        seen["given " + base] += 1
    else:
        raise ValueError(f"no machine can have {fault}")
    for name in BASES:
        seen[name] -= seen.pop("given " + name, 0)
    shape = min((r.shape for r in found), key=lambda s: (seen[s] / WEIGHT[s], rng.random()))
    recipe = next(r for r in found if r.shape == shape)
    seen[base] += 1
    seen[shape] += 1
    return _distracted(recipe, rng, seen)


def _rarest(names: tuple[str, ...], rng: Random, seen: Counter[str]) -> str:
    return min(names, key=lambda name: (seen[name], rng.random()))


def _distracted(recipe: Recipe, rng: Random, seen: Counter[str]) -> Recipe:
    """Up to three distractors, and now and then a second fault."""
    chosen: tuple[str, ...] = ()
    for _ in range(rng.randint(0, 3)):
        for name in sorted(DISTRACTORS, key=lambda name: (seen[name], rng.random())):
            wider = Recipe(
                **{f: getattr(recipe, f) for f in recipe.__dataclass_fields__} | {"distractors": (*chosen, name)}
            )
            if name not in chosen and fits(wider):
                chosen, recipe = (*chosen, name), wider
                seen[name] += 1
                break
    if recipe.shape == "log" and recipe.fault != NONE and rng.random() < 0.5:
        for name in sorted(companions(), key=lambda name: (seen[name], rng.random())):
            both = Recipe(**{f: getattr(recipe, f) for f in recipe.__dataclass_fields__} | {"also": name})
            if fits(both):
                seen[name] += 1
                return both
    return recipe
