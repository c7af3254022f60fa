"""Follows messages of the mailer that is this host's MTA in place of Postfix: in its log and its queue."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from diagnose import facts
from diagnose.check import Context
from diagnose.facts import mailers
from diagnose.host.live import LiveHost, logs
from diagnose.host.live.whereabouts import Parameters, Waiting, Whereabouts
from diagnose.host.memo import Memo, Recorder
from diagnose.parse.log.story import Story
from diagnose.parse.mailers import queues
from diagnose.parse.mailers.log import Reader
from diagnose.parse.mailers.trail import Follower
from diagnose.record import frozen

_SECONDS = 15.0  # for the mailer's commands


@frozen
class Followed:
    """settings: what stands for Postfix's parameters; any: whether there is a log; lines: of the messages found."""

    stories: tuple[Story, ...]
    queue: Whereabouts
    settings: Parameters
    any: bool
    lines: tuple[str, ...]
    dropped: int


def here(begin: float, who: str, recipient: str, now: datetime, limit: int) -> Followed | None:
    """The messages of `who` (or to `recipient`, where no message id is logged) since `begin`; None if no such mailer is
    this host's MTA. Raises OSError if the log may not be read."""
    ctx = Context(Recorder(Memo(LiveHost()), time.monotonic() + _SECONDS))
    mailer = facts.mailer(ctx)
    if mailer is None:
        return None
    way = mailers.outgoing(ctx)
    paths = mailers.log_paths(ctx, mailer)
    found = read(lambda: logs.stream(begin, paths=paths), who, recipient, now, limit, way.host, way.port)
    listed = mailers.waiting(ctx, mailer, now.timestamp(), now) if "listing" in mailer.table else []
    problem = "" if listed is not None else facts.queue_problem(ctx)
    wanted = [who.strip("<>").lower(), recipient.lower()]
    if recipient and found.stories:
        wanted = []  # others wait for the same recipient
    waiting = tuple(_waiting(each, found.stories) for each in listed or () if _mine(each, found.stories, wanted))
    return Followed(
        stories=found.stories,
        queue=Whereabouts(waiting=waiting, complete=not problem, problem=problem),
        settings=Parameters(mailer=mailer.title, release=mailer.table.get("release", ""), most_backoff=0.0),
        any=found.any or bool(paths),
        lines=found.lines,
        dropped=found.dropped,
    )


def read(
    chunks: Callable[[], Iterable[bytes]],
    who: str,
    recipient: str,
    now: datetime,
    limit: int,
    host: str = "",
    port: int = 25,
) -> Followed:
    """The messages of `who` in a log. host, port: of the next hop, which some mailers do not log."""
    follower, any_ = Follower(Reader(now, port, host), who, recipient), False
    for chunk in chunks():
        any_ = True
        follower.read(chunk.decode("utf-8", "replace").splitlines())
    stories = follower.stories()
    return Followed(
        stories=tuple(stories[-limit:]),
        queue=Whereabouts(complete=False),
        settings=Parameters(mailer="the mailer", most_backoff=0.0),
        any=any_,
        lines=tuple(logs.veil(line.encode()).decode("utf-8", "replace") for line in follower.lines[-2000:]),
        dropped=max(0, len(stories) - limit),
    )


def _of(each: queues.Waiting, stories: Sequence[Story]) -> str:
    """The id in the log: nullmailer lists a message without its file's name, which begins with its time."""
    began = f"{each.arrival or 0:.0f}."
    return next((s.queue_id for s in stories if s.queue_id == each.queue_id or s.queue_id.startswith(began)), "")


def _mine(each: queues.Waiting, stories: Sequence[Story], wanted: Sequence[str]) -> bool:
    names = {each.queue_id.lower(), each.sender.lower(), *(to.lower() for to in each.recipients)}
    return bool(_of(each, stories) or names & {*wanted} - {""})


def _waiting(each: queues.Waiting, stories: Sequence[Story]) -> Waiting:
    return Waiting(
        queue_id=_of(each, stories) or each.queue_id,
        queue_name=each.queue_name,
        arrival=each.arrival,
        sender=each.sender,
        recipients=tuple((to, each.reason) for to in each.recipients),
    )
