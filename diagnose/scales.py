"""The scales: severity, outcome, stage, impact, confidence, and the strength of a sign."""

from __future__ import annotations

import enum
from typing import Literal


class Status(enum.IntEnum):
    """The state of a subject, in order of severity; `word` is its name in JSON."""

    OK = 0
    UNKNOWN = 1
    WARNING = 2
    FAILED = 3

    @property
    def word(self) -> str:
        return self.name.lower()


OK, UNKNOWN, WARNING, FAILED = Status
StatusName = Literal["ok", "unknown", "warning", "failed"]
CODES = {"ok": 0, "warning": 1, "failed": 2, "unknown": 3}  # Status.word to the exit status, as monitoring expects it


class Outcome(str, enum.Enum):
    """How a check ended."""

    __str__ = str.__str__  # enum.StrEnum is new in Python 3.11

    COMPLETED = "completed"
    SKIPPED = "skipped"
    TIMED_OUT = "timed-out"
    CRASHED = "crashed"


class Stage(str, enum.Enum):
    """The stages that a message passes on its way out, in order."""

    __str__ = str.__str__

    QUEUE = "queue"
    NEXT_HOP = "next hop"
    GREETING = "greeting"
    TLS = "TLS"
    LOGIN = "login"
    DELIVERY = "delivery"


class Impact(enum.IntEnum):
    """The effect of a cause on mail; among equally sure diagnoses the highest comes first."""

    NONE = 0  # not a fault here: delivered, or never submitted
    LATENT = 1  # will break later, or is unsafe today
    PLACEMENT = 2  # mail lands in spam or is throttled
    PARTIAL = 3  # some mail fails
    OUTAGE = 4  # nothing leaves

    @property
    def word(self) -> str:
        return self.name.lower()


class Confidence(enum.IntEnum):
    """How sure a diagnosis is, from its score in decibans (`diagnose.rank`)."""

    POSSIBLE = 1
    LIKELY = 2
    CERTAIN = 3

    @property
    def word(self) -> str:
        return self.name.lower()


class Strength(enum.IntEnum):
    """How much a sign says about a cause, in decibans: ten times the decimal logarithm of a likelihood ratio.

    Rules of thumb, not measurements: nine steps, more than a factor of two apart. Changing each by a fifth does not
    change the first diagnosis of any recorded machine.
    """

    SETTLES = 35  # this host's own state, which outweighs evidence against it
    PROVES = 22  # 160 times likelier with the cause than without: alone enough for "certain"
    STRONG = 16  # 40 times: alone "likely"
    SPEAKS = 10  # ten times: alone just "likely"
    FITS = 6  # four times: "possible"
    HINTS = 3  # twice: "possible", without evidence against it
    DOUBTS = -6
    AGAINST = -14
    REFUTES = -25


StrengthName = Literal["settles", "proves", "strong", "speaks", "fits", "hints", "doubts", "against", "refutes"]
DOUBTS, AGAINST, REFUTES = Strength.DOUBTS, Strength.AGAINST, Strength.REFUTES
COMMON, UNUSUAL, RARE = 1, -3, -7  # priors, in decibans
