"""The runner: checks side by side, back on time, whatever they do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from diagnose.check import Check, Context, Disk, Settings, ask_all, check, fail, ok, skip
from diagnose.host.memo import FakeHost, Memo
from diagnose.host.query import DiskReply, Query
from diagnose.model import Observation, Outcome, Run, Target
from diagnose.runner import GRACE, Going, run_checks


@check(id="good", title="Good", signs=("a.b",))
def good(ctx: Context) -> Iterator[Observation]:
    yield ok("a.b", "disk", f"{ctx.ask(Disk('/')).free} free")


@check(id="crash", title="Crash", signs=("a.b",))
def crash(ctx: Context) -> Iterator[Observation]:
    yield fail("a.b", "x", "said before the crash")
    raise RuntimeError("third-party trouble")


@check(id="hang", title="Hang", signs=("a.b",), timeout=0.3)
def hang(ctx: Context) -> Iterator[Observation]:
    yield ok("a.b", "x", "said before the hang")
    time.sleep(5)


@check(id="undeclared", title="Undeclared", signs=("a.b",))
def undeclared(ctx: Context) -> Iterator[Observation]:
    yield ok("c.d", "x", "not declared")


@check(id="skipped", title="Skipped", signs=("a.b",))
def skipped(ctx: Context) -> Iterator[Observation]:
    skip("it does not apply")
    yield ok("a.b", "x", "never")


def go(*checks: Check, timeout: float = 2.0, host: object | None = None) -> dict[str, Run]:
    world = host or FakeHost((Disk("/"), DiskReply(free=7)))
    runs = run_checks(checks, Memo(world), Target(), Settings(), timeout)  # type: ignore[arg-type]
    return {run.check: run for run in runs}


def test_a_crash_is_a_result_and_keeps_what_was_said() -> None:
    runs = go(good, crash)
    assert runs["good"].outcome is Outcome.COMPLETED
    assert runs["good"].observations[0].summary == "7 free"
    assert runs["crash"].outcome is Outcome.CRASHED
    assert runs["crash"].observations[0].summary == "said before the crash"
    assert "third-party trouble" in runs["crash"].reason


def test_a_hung_check_costs_its_own_time_out_and_no_more() -> None:
    started = time.monotonic()
    runs = go(good, hang)
    assert time.monotonic() - started < 1.5
    assert runs["hang"].outcome is Outcome.TIMED_OUT
    assert runs["hang"].observations[0].summary == "said before the hang"


def test_the_whole_run_ends_on_time() -> None:
    started = time.monotonic()
    runs = go(hang, timeout=0.1)
    assert time.monotonic() - started < 0.6
    assert runs["hang"].outcome is Outcome.TIMED_OUT


def test_an_undeclared_sign_is_the_checks_fault() -> None:
    assert go(undeclared)["undeclared"].outcome is Outcome.CRASHED


def test_a_skip_gives_its_reason() -> None:
    run = go(skipped)["skipped"]
    assert (run.outcome, run.reason) == (Outcome.SKIPPED, "it does not apply")


def test_evidence_is_collected_by_the_host() -> None:
    assert go(good)["good"].evidence[0].query == Disk("/")


class Counting:
    def __init__(self) -> None:
        self.asked = 0

    def answer(self, query: Query[DiskReply], deadline: float) -> DiskReply:
        self.asked += 1
        time.sleep(0.05)
        return DiskReply(free=1)


def test_a_question_is_asked_once_however_many_checks_ask_it() -> None:
    def twin(number: int) -> Check:
        @check(id=f"twin{number}", title="Twin", signs=("a.b",))
        def body(ctx: Context) -> Iterator[Observation]:
            yield ok("a.b", "x", str(len(ask_all(ctx, [Disk("/"), Disk("/")]))))

        return body

    host = Counting()
    runs = go(*(twin(n) for n in range(5)), host=host)
    assert host.asked == 1
    assert {run.observations[0].summary for run in runs.values()} == {"2"}


@pytest.mark.parametrize("text", ["\x1b[31mred\x1b[0m", "a\x00b", "\u202eevil", "tab\tand\nline"])
def test_no_control_character_gets_into_an_observation(text: str) -> None:
    summary = ok("a.b", "x", text, note=text).summary
    assert all(character.isprintable() for character in summary)


@pytest.mark.parametrize(
    ("name", "kept"),
    [("/srv/a  b/.env", "/srv/a  b/.env"), ("/srv/a\x1b[2J", "/srv/a\\x1b[2J"), ("/srv/\u202egnp", "/srv/\\u202egnp")],
)
def test_no_name_in_an_observation_becomes_another_s(name: str, kept: str) -> None:
    assert fail("a.b", "x", "y", path=name).data["path"] == kept


@check(id="slow", title="Slow", signs=("s.low",), timeout=6)
def slow(ctx: Context) -> Iterator[Observation]:
    time.sleep(5)
    yield ok("s.low", "x", "too late")


def test_what_cannot_change_the_answer_is_not_awaited() -> None:
    """Told what ended and what still runs; once the answer is certain the rest has a moment to complete the proof."""
    told: list[Going] = []

    def watch(going: Going) -> bool:
        told.append(going)
        return True

    started = time.monotonic()
    runs = run_checks(
        (good, slow), Memo(FakeHost((Disk("/"), DiskReply(free=7)))), Target(), Settings(), 6, watch=watch
    )
    assert time.monotonic() - started < GRACE + 1
    by = {run.check: run for run in runs}
    assert by["good"].outcome is Outcome.COMPLETED
    assert by["slow"].outcome is Outcome.TIMED_OUT
    assert "certain" in by["slow"].reason
    assert [run.check for run in told[0].ended] == ["good"]
    assert [one.title for one in told[0].running] == ["Slow"]
    assert 0 < told[0].left <= 6.5


def test_a_run_without_an_answer_waits_for_all() -> None:
    runs = run_checks((good, hang), Memo(FakeHost()), Target(), Settings(), 2, watch=lambda going: False)
    assert next(run for run in runs if run.check == "hang").reason == "not finished in time"


_SEVERAL = [Disk(f"/{number}") for number in range(8)]


def _asking(name: str) -> Check:
    @check(id=name, title=name, signs=("a.b",))
    def ask(ctx: Context) -> Iterator[Observation]:
        yield ok("a.b", "x", str([reply.free for reply in ask_all(ctx, _SEVERAL)]))

    return ask


class _Slow:
    """Answers after a moment, and counts who asks."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def answer(self, query: Query[DiskReply], deadline: float) -> DiskReply:
        self.threads.append(threading.active_count())
        time.sleep(0.2)
        return DiskReply(free=1)


def test_questions_that_several_checks_ask_at_once_take_one_thread_each() -> None:
    host, before = _Slow(), threading.active_count()
    runs = go(*(_asking(f"ask-{number}") for number in range(10)), host=host)
    assert {run.observations[0].summary for run in runs.values()} == {str([1] * 8)}
    assert len(host.threads) == len(_SEVERAL)
    assert max(host.threads) - before <= 10 + len(_SEVERAL)


def test_a_question_that_another_check_has_no_time_for_is_not_lost() -> None:
    """It was claimed, but its time was up before it was asked."""
    memo = Memo(FakeHost((Disk("/"), DiskReply(free=7))))
    assert memo.claim(Disk("/"))
    assert not memo.claim(Disk("/"))
    assert not memo.has(Disk("/"), time.monotonic() + 0.05)
    assert memo.answer(Disk("/"), time.monotonic() + 1).free == 7
    assert memo.has(Disk("/"))
