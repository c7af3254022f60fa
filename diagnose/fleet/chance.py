"""Fisher's exact test, for numbers whose factorials exceed a float."""

from __future__ import annotations

import math

_SMALL = 45.0  # natural logarithm: terms so much smaller than the first change no digit of a float


def log10_chance(hits: int, size: int, marked: int, population: int) -> float:
    """The decimal logarithm of the probability that of `size` hosts, drawn at random from a `population` with
    `marked` ones, at least `hits` are marked: the one-sided test (R. A. Fisher, Statistical Methods for Research
    Workers, 21.02)."""
    if hits <= max(0, size + marked - population):
        return 0.0
    most = min(size, marked)
    if hits > most:
        return -math.inf
    every = _log_choose(population, size)
    terms = []
    for number in range(hits, most + 1):
        terms.append(_log_choose(marked, number) + _log_choose(population - marked, size - number) - every)
        if terms[-1] < max(terms) - _SMALL:
            break
    largest = max(terms)
    log = largest + math.log(math.fsum(math.exp(term - largest) for term in terms))
    return min(0.0, log / math.log(10))


def _log_choose(of: int, number: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(number + 1) - math.lgamma(of - number + 1)
