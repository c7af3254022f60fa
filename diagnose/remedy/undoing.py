"""How a step is undone, apart from the files that it changed."""

from __future__ import annotations

from diagnose.record import frozen
from diagnose.remedy.oldmail import HoldMail
from diagnose.remedy.running import (
    Aside,
    ChangeRoute,
    Command,
    Daemon,
    FirewallAccept,
    InstallPackage,
    ReleaseHeld,
    Service,
    StartUnit,
    Unmask,
    managed,
)
from diagnose.remedy.steps import Argv, Step, postfix_tool


@frozen
class Undo:
    """commands: the opposite of the step's; after: run when the files are as before, so that services take them up, each only
    where the one before it succeeded; lasting: what stays, in words."""

    commands: tuple[Argv, ...] = ()
    after: tuple[Argv, ...] = ()
    lasting: str = ""


def of(step: Step) -> Undo:
    if isinstance(step, Daemon):
        if step.verb == "start":
            return Undo(commands=(_service(step.manager, "stop", step.unit),))
        return Undo(after=step.argvs())
    if isinstance(step, Service):
        if step.verb == "start":
            return Undo(commands=(_service(step.manager, "stop", step.unit, step.config),))
        return Undo(after=step.argvs())
    if isinstance(step, Command):
        return Undo(after=step.argvs()) if step.takes_up else Undo()
    if isinstance(step, Aside):
        return Undo(commands=step.undo())
    if isinstance(step, Unmask):
        return Undo(commands=(("systemctl", "mask", step.unit),))
    if isinstance(step, StartUnit) and step.manager != "systemd":
        return Undo(commands=(_service(step.manager, "stop", step.unit),))
    if isinstance(step, StartUnit):
        return Undo(commands=(("systemctl", *(("disable", "--now") if step.enable else ("stop",)), "--", step.unit),))
    if isinstance(step, FirewallAccept):
        return Undo(commands=(step.undo,)) if step.undo else Undo(lasting="the firewall's accept rule stays")
    if isinstance(step, ChangeRoute):
        return (
            Undo(commands=(step.undo,))
            if step.undo
            else Undo(lasting=f"the route stays removed ({' '.join(step.argv)})")
        )
    if isinstance(step, HoldMail):
        return Undo(commands=step.release())
    if isinstance(step, ReleaseHeld):
        return Undo(lasting="released mail has left")
    if isinstance(step, InstallPackage):
        return Undo(lasting=f"the package {', '.join(step.packages)} stays installed")
    return Undo()


def _service(manager: str, verb: str, unit: str, config: str = "") -> Argv:
    if not manager and unit == "postfix":
        return (*postfix_tool("postfix", config), verb)
    return managed(manager, verb, unit)
