"""Machines that nobody wrote: a base, a fault, how it shows and what distracts from it, each with parts drawn at random.

A machine is spelled `FAULT/BASE/SHAPE/DISTRACTOR+DISTRACTOR/NUMBER`; the number seeds whatever is drawn within, so that the
spelling alone brings the machine back: `tests/lab/table SPELLING`. `sample(seed, count)` draws spellings in such a way that
every fault and every value of every axis comes equally often. What must be said follows from what was done; whether mail
flows is tried with a message, after the tool was asked.

Shapes: `log` the fault stands, mail failed and the log tells; `no-log` the same, and the log is gone; `fresh` the fault
struck a moment ago and nothing failed yet; `over` it was there, left its traces and was mended: nothing may be accused.
"""

from __future__ import annotations

from .compose import compose, spelled
from .sample import sample

__all__ = ["compose", "named", "sample", "spelled"]


def named() -> tuple[str, ...]:
    """Machines that were answered wrongly once, by the way they were found; each is run with every slice."""
    return FOUND


FOUND = (
    "table/direct/over/expired-listing+strangers/39384",
    "password/relay/fresh/-/862724",
    "own-route/null-client/fresh/-/550051",
    "receiver-words/multi-instance/over/bad-recipient+mended-before/595211",
    "refused/null-client/over/-/638140",
    "chroot-resolver/container/fresh/odd-setting+leftovers/483391",
)
