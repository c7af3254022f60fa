"""What a lab case is: a machine, what is done to it, and what must be said about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, Any

from diagnose.record import frozen

from .internet.world import World

if TYPE_CHECKING:
    from .machine import Machine

    Step = Callable[[Machine], None]


@frozen
class Fault:
    """One machine of the lab.

    accept: causes that are right as the first answer; empty for a healthy machine. Each of them stands for the same
        fault, so more than one is rare and says why where it stands.
    also: for a double fault the second cause, which must be among the first three too.
    setup: steps before Postfix starts; then: steps after it.
    shows: pattern that the machine's mail log must show before anything is asked, the proof that the fault is real;
        empty where the fault leaves no line.
    proof: a shell command and a pattern that its output must match, where the log proves nothing.
    allowed: for a healthy machine, causes that hold although mail flows (mail of an earlier outage waits).
    mailer: which takes Postfix' place (`roots.MAILERS`).
    truth: after the tool was asked: does mail flow, or not, as the case claims? Raises LabError.
    """

    id: str
    accept: tuple[str, ...]
    about: str
    shows: str = ""
    proof: tuple[str, str] | None = None
    also: tuple[str, ...] = ()
    kind: str = "fault"
    world: World = field(default_factory=World)
    setup: tuple[Step, ...] = ()
    then: tuple[Step, ...] | None = None
    start: bool = True
    args: tuple[str, ...] = ()
    history: bool = False
    allowed: tuple[str, ...] = ()
    truth: Step | None = None
    hostname: str = "app.brightwater-labs.com"
    mailer: str = ""


def fault(name: str, accept: tuple[str, ...] | str, about: str, *setup: Step, **more: Any) -> Fault:
    causes = (accept,) if isinstance(accept, str) else accept
    return Fault(id=name, accept=causes, about=about, setup=setup, **more)


def double(name: str, first: str, second: str, about: str, *setup: Step, **more: Any) -> Fault:
    return fault(name, first, about, *setup, also=(second,), kind="double", **more)


def healthy(name: str, about: str, *setup: Step, **more: Any) -> Fault:
    return fault(name, (), about, *setup, kind="healthy", **more)
