"""Puts mail that has waited long on hold before the cause is mended, if the user asks for it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from diagnose.host.live import queuefiles
from diagnose.record import frozen
from diagnose.remedy.steps import Argv, RunStep, Undo, postfix_tool

OLD = 86_400  # seconds
_AT_ONCE = 200  # queue ids of one command


@frozen
class HoldMail(RunStep):
    """Puts queue ids on hold; undo releases these, and no others."""

    ids: tuple[str, ...]
    config: str = ""

    def argvs(self) -> tuple[Argv, ...]:
        return tuple(self._commands("-h"))

    def reverted(self) -> Undo:
        return Undo(commands=tuple(self._commands("-H")))

    def _commands(self, flag: str) -> Iterator[tuple[str, ...]]:
        for at in range(0, len(self.ids), _AT_ONCE):
            words = [word for id in self.ids[at : at + _AT_ONCE] for word in (flag, id)]
            yield (*postfix_tool("postsuper", self.config), *words)


def hold(root: str, config: str) -> HoldMail:
    """Holds all deferred mail older than a day. root: queue_directory. Raises queuefiles.Foreign."""
    limit = time.time() - OLD
    found = [
        id
        for some in queuefiles.messages(root)
        for queue, id, arrival, *_ in some
        if queue == "deferred" and arrival < limit
    ]
    return HoldMail(ids=tuple(found), config=config, why="It has waited for more than a day.")
