"""The words for how much a sign says of a cause."""

from __future__ import annotations

import enum


class Strength(enum.IntEnum):
    """How much a sign says of a cause, in decibans: ten times the decimal logarithm of a likelihood ratio.

    A rule of thumb, not a measurement: nine words that differ by more than a factor of two each. Changing every one by a
    fifth leaves the first diagnosis of all recorded machines as it is.
    """

    SETTLES = 35  # this host's own state, which outweighs what speaks against it
    PROVES = 22  # 160 times likelier with the cause than without: alone enough for "certain"
    STRONG = 16  # 40 times: alone "likely"
    SPEAKS = 10  # ten times: alone just "likely"
    FITS = 6  # four times: "possible"
    HINTS = 3  # twice: "possible", where nothing speaks against it
    DOUBTS = -6
    AGAINST = -14
    REFUTES = -25


SETTLES, PROVES, STRONG, SPEAKS, FITS, HINTS = (
    Strength.SETTLES,
    Strength.PROVES,
    Strength.STRONG,
    Strength.SPEAKS,
    Strength.FITS,
    Strength.HINTS,
)
DOUBTS, AGAINST, REFUTES = Strength.DOUBTS, Strength.AGAINST, Strength.REFUTES
COMMON, UNUSUAL, RARE = 1, -3, -7  # priors, in decibans
