"""What a fact needs of a check's context."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from diagnose.host.query import Query
from diagnose.model import Target

R = TypeVar("R")


class Asks(Protocol):
    """What a fact needs of a check's context."""

    target: Target

    @property
    def settings(self) -> Any: ...

    def ask(self, query: Query[R]) -> R: ...
