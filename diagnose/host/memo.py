"""Answers each question once a run, however many checks ask it, at once or later."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from diagnose.errors import Late
from diagnose.host.query import NETWORK, Query
from diagnose.model import Evidence
from diagnose.record import dataclass

R = TypeVar("R")


class Host(Protocol):
    """Answers queries: live, from a recording, or a test's fake. `deadline` is on the monotonic clock, in seconds."""

    def answer(self, query: Query[R], deadline: float) -> R: ...


class FakeHost:
    """The public fake for tests of checks: answers by a table of exact queries or by functions per query type.

    Unanswered questions get a reply whose problem is "not recorded", as with a snapshot that lacks them.
    """

    def __init__(self, *pairs: tuple[Query[Any], Any], by_kind: dict[type, Callable[[Any], Any]] | None = None):
        self.pairs = dict(pairs)
        self.by_kind = by_kind or {}

    def answer(self, query: Query[R], deadline: float = 0.0) -> R:
        if query in self.pairs:
            return self.pairs[query]  # type: ignore[no-any-return]
        respond = self.by_kind.get(type(query))
        reply = respond(query) if respond else None
        return query.Reply(problem="not recorded") if reply is None else reply  # type: ignore[no-any-return]


class NoNetwork:
    """A host without its network: queries that would leave the machine are not passed on."""

    def __init__(self, inner: Host) -> None:
        self.inner = inner

    def answer(self, query: Query[R], deadline: float) -> R:
        if isinstance(query, NETWORK):
            return query.Reply(problem="network probes are switched off")  # type: ignore[no-any-return]
        return self.inner.answer(query, deadline)


@dataclass
class _Slot:
    done: threading.Event
    reply: Any = None
    error: BaseException | None = None
    settled: bool = False  # before its answer came
    claimed: bool = False  # by one who has not asked yet


class Memo:
    """Remembers replies; a second asker of a running question waits for its answer. at_once: `inner` answers without
    waiting for anything, as a recording does."""

    def __init__(self, inner: Host, at_once: bool = False) -> None:
        self._inner = inner
        self._at_once = at_once
        self._slots: dict[Query[Any], _Slot] = {}
        self._lock = threading.Lock()

    def answer(self, query: Query[R], deadline: float) -> R:
        with self._lock:
            slot = self._slots.get(query)
            if slot is None:
                slot = self._slots[query] = _Slot(threading.Event(), claimed=True)
            first, slot.claimed = slot.claimed, False
        if first:
            try:
                reply = self._inner.answer(query, deadline)
                with self._lock:
                    slot.reply = slot.reply if slot.settled else reply
            except BaseException as error:
                with self._lock:
                    slot.error = None if slot.settled else error
                raise
            finally:
                slot.done.set()
        elif not (slot.done.is_set() or slot.done.wait(max(0.0, deadline - time.monotonic()))):
            raise Late(f"no answer in time: {type(query).__name__}")
        if slot.error is not None:
            raise Late(f"the question failed for the check that asked first: {slot.error}")
        return slot.reply  # type: ignore[no-any-return]

    def settle(self, query: Query[R], reply: R) -> R:
        """Returns the answer if it has arrived, else `reply`, permanently, so that a recording replays the same."""
        with self._lock:
            slot = self._slots.setdefault(query, _Slot(threading.Event()))
            if not slot.done.is_set() or slot.error is not None:
                slot.reply, slot.error, slot.settled = reply, None, True
                slot.done.set()
            return slot.reply  # type: ignore[no-any-return]

    def claim(self, query: Query[Any]) -> bool:
        """Whether nobody has asked it so far and its answer takes time; the caller must then ask it, and others need
        not."""
        with self._lock:
            if self._at_once or query in self._slots:
                return False
            self._slots[query] = _Slot(threading.Event(), claimed=True)
            return True

    def has(self, query: Query[Any], until: float = 0.0) -> bool:
        """Whether the answer is known or comes at once; waits for a running question until `until` (monotonic)."""
        slot = self._slots.get(query)
        if slot is None or slot.done.is_set():
            return slot is not None or self._at_once
        return slot.done.wait(max(0.0, until - time.monotonic()))

    def known(self) -> list[tuple[Query[Any], Any]]:
        """Every question answered so far with its answer, in the order they were asked."""
        with self._lock:
            slots = list(self._slots.items())
        return [(query, slot.reply) for query, slot in slots if slot.done.is_set() and slot.error is None]


class Recorder:
    """A check's view of the host: adds the check's deadline to its questions, and keeps them as evidence."""

    def __init__(self, inner: Host, deadline: float) -> None:
        self._inner = inner
        self.deadline = deadline
        self.evidence: list[Evidence] = []

    def ask(self, query: Query[R]) -> R:
        if time.monotonic() >= self.deadline:
            raise Late("the check's time is up")
        reply = self._inner.answer(query, self.deadline)
        self.evidence.append(Evidence(query, reply))
        return reply

    def settle(self, query: Query[R], reply: R) -> R:
        """`Memo.settle` where a memo is asked; elsewhere nobody else asks."""
        return self._inner.settle(query, reply) if isinstance(self._inner, Memo) else reply

    def claim(self, query: Query[Any]) -> bool:
        """`Memo.claim` where a memo is asked."""
        return not isinstance(self._inner, Memo) or self._inner.claim(query)

    def has(self, query: Query[Any], until: float = 0.0) -> bool:
        """`Memo.has` where a memo is asked."""
        return isinstance(self._inner, Memo) and self._inner.has(query, until)


def shorten(query: Query[R], seconds: float) -> Query[R]:
    """The question with its time-out limited to the time left."""
    timeout = getattr(query, "timeout", None)
    if timeout is None or timeout <= seconds:
        return query
    return replace(query, timeout=max(0.05, seconds))  # type: ignore[call-arg]
