"""How slow this machine is at the moment: bounds on a parser's time are given for one of today's, and stretch with it."""

from __future__ import annotations

import time

_USUAL = 0.05  # seconds that the loop takes on the machines for which the bounds are given


def pace() -> float:
    """By what a bound in seconds is multiplied: 1 on a usual machine, 3 on one that is three times as slow."""
    began = time.process_time()
    for _ in range(2_000_000):
        pass
    return max(1.0, (time.process_time() - began) / _USUAL)
