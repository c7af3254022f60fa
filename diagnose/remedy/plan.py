"""A plan: the steps, in their order; what only a person knows; who else must act. And which cause has which."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from diagnose.record import frozen
from diagnose.remedy.steps import Step

if TYPE_CHECKING:
    from diagnose.remedy.evidence import Evidence


@frozen
class Ask:
    """What only a person knows. name: by which a step refers to it; what: in words, such as "the password of …";
    where: how to get it; secret: asked for without echo, never shown; known: the default offered."""

    name: str
    what: str
    where: str = ""
    known: str = ""
    secret: bool = False


@frozen
class Other:
    """Somebody else who must act: provider, hoster, recipient, DNS. text: ready to send to them; record: the exact DNS record."""

    who: str
    text: str
    record: str = ""


@frozen
class Plan:
    """text: one or two sentences, for the head. steps in their order; () where nothing on this host mends it."""

    steps: tuple[Step, ...] = ()
    asks: tuple[Ask, ...] = ()
    by: tuple[Other, ...] = ()
    text: str = ""

    def commands(self) -> tuple[str, ...]:
        """The commands of all steps, to paste; () if a step has none, because it needs what only a person knows."""
        lines = [step.commands() for step in self.steps]
        return tuple(line for each in lines for line in each) if all(lines) else ()

    def files(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(path for step in self.steps for path in step.files()))


Maker = Callable[["Evidence"], "Plan | None"]
_MAKERS: dict[str, Maker] = {}


def plans(*causes: str) -> Callable[[Maker], Maker]:
    """Registers a function that makes the plans of these causes; it returns None if nothing on this host mends one."""

    def declare(maker: Maker) -> Maker:
        _MAKERS.update(dict.fromkeys(causes, maker))
        return maker

    return declare


def maker(cause: str) -> Maker | None:
    for section in _sections():
        importlib.import_module(section)
    return _MAKERS.get(cause)


def makers() -> Mapping[str, Maker]:
    """Plan makers by cause id, of the sections imported so far."""
    return _MAKERS


@functools.cache
def _sections() -> tuple[str, ...]:
    import diagnose.remedy.plans as package

    return tuple(f"{package.__name__}.{found.name}" for found in pkgutil.iter_modules(package.__path__))
