"""Does a setting slow mail down or bounce it too early?

A delay between deliveries leaves messages in the active queue without an attempt; long pauses between attempts leave them
deferred for a failure that has passed; a short lifetime returns them for one that would have. None is an error, and no line
of the log tells it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from diagnose import facts
from diagnose.check import (
    Context,
    Now,
    Observation,
    Observations,
    Scalar,
    SignSpec,
    check,
    counted,
    fail,
    ok,
    skip,
    warn,
)
from diagnose.facts import Mta, Route, mta, route
from diagnose.parse.postfix import master_cf, postconf
from diagnose.parse.postfix.queue import QueueGroup
from diagnose.parse.postfix.setting_types import integer, seconds
from diagnose.parse.text import duration

LONG = 60  # seconds; nobody waits a minute between two deliveries without having meant it
BACKLOG = 600  # seconds that the last of the waiting messages would wait by short delays
PAUSE = 7200  # seconds; Postfix's own longest pause is 4000
SHORT = 1800  # seconds of life in the queue; greylisting takes a quarter of an hour, and pauses come on top
NARROW = 2  # delivery processes or sessions that one slow receiver occupies
CROWD = 10  # messages without an attempt
# Failures that pass by themselves, so that the pause is what keeps the mail.
_PASSING = ("greylisted", "rate-limited", "server-busy", "dns-try-again", "session-lost", "session-timeout")
_DELAYS = (("destination_rate_delay", False), ("transport_rate_delay", True))


@check(
    id="throttles",
    title="Postfix's own delays and limits",
    signs=(SignSpec("config.throttle", {"kind": ("delay", "lifetime", "pause", "width")}),),
    tags=("postfix", "config", "mail"),
    needs=("postfix",),
)
def throttles(ctx: Context) -> Observations:
    postfix = mta(ctx)
    settings = master_cf.effective(postfix.settings, postfix.master.get("qmgr", ""))
    hurried = list(_hurried(ctx, settings))
    yield from hurried
    summary = facts.queue(ctx)
    if summary is None and not hurried:
        skip("the queue cannot be read, so it is not known whether mail waits")
    if summary is None or hurried:
        return
    found = [*_untried(ctx, postfix, settings, summary.groups), *_paused(ctx, settings, summary.groups)]
    yield from found
    if not found:
        yield ok("config.throttle", "queue manager", "no mail waits for a delay or limit of the settings")


def _value(settings: dict[str, str], name: str) -> str:
    return postconf.expand(settings.get(name, ""), settings).strip()


def _untried(ctx: Context, postfix: Mta, settings: dict[str, str], groups: Iterable[QueueGroup]) -> Observations:
    """Messages in the active queue without an attempt, by the transport that they wait for."""
    now = ctx.ask(Now()).epoch
    waiting: dict[str, tuple[Route, list[QueueGroup]]] = {}
    for group in [g for g in groups if g.queue_name == "active" and g.reason is None and not g.sample.text][:40]:
        way = route(ctx, group.sample.recipient, group.sample.sender)
        if way is not None:
            waiting.setdefault(way.channel, (way, []))[1].append(group)
    for channel, (way, mine) in waiting.items():
        count = sum(group.count for group in mine)
        age = max((now - group.oldest for group in mine if group.oldest is not None), default=0.0)
        yield from _delayed(ctx, settings, way, mine, count, age) or _narrow(postfix, settings, channel, count, age)


def _delayed(
    ctx: Context, settings: dict[str, str], way: Route, mine: list[QueueGroup], count: int, age: float
) -> list[Observation]:
    for suffix, everything in _DELAYS:
        parameter, span = _delay(settings, way.channel, suffix)
        if not span or (span < LONG and span * count < BACKLOG):
            continue
        # The first message to a destination passes at once.
        if everything or age > LONG or any(_lately(ctx, way, group.domain, span) for group in mine):
            whom = "transport" if everything else "destination"
            text = (
                f"{parameter} = {_value(settings, parameter)}: one delivery to a {whom} in {duration.words(span)},"
                f" while the queue holds {counted(count, 'message')} for it"
            )
            return [_said(ctx, "delay", parameter, _value(settings, parameter), text, count=count, service=way.channel)]
    return []


def _delay(settings: dict[str, str], channel: str, suffix: str) -> tuple[str, int]:
    """The parameter that sets the transport's delay, and the delay in seconds."""
    for parameter in (f"{channel}_{suffix}", f"default_{suffix}"):
        raw = settings.get(parameter, "").strip()
        if raw and not raw.startswith("$"):
            return parameter, seconds(_value(settings, parameter)) or 0
    return "", 0


def _lately(ctx: Context, way: Route, domain: str, span: int) -> bool:
    """Whether the log shows a delivery to the destination within the delay; True if no log can be read."""
    log = facts.mail_log(ctx)
    if log is None:
        return True
    since = facts.now(ctx) - timedelta(seconds=span)
    if way.relay:
        return any(at is not None and at > since for at in log.sent.values())
    at = log.sent_to.get(domain)
    return at is not None and at > since


def _narrow(postfix: Mta, settings: dict[str, str], channel: str, count: int, age: float) -> list[Observation]:
    """A failure if the transport has at most NARROW processes or sessions, and CROWD messages have waited over LONG
    seconds for one."""
    if age <= LONG or count < CROWD:
        return []
    service = postfix.master.get(channel)
    limit = f"{channel}_destination_concurrency_limit"
    chosen = limit if limit in postfix.explicit else "default_destination_concurrency_limit"
    sessions = integer(_value(settings, chosen)) or 0
    most = service.maxproc if service is not None and service.maxproc is not None else None
    if most is not None and 0 < most <= NARROW:
        processes = "one process" if most == 1 else f"{most} processes"
        text = f"master.cf gives {channel} {processes}, and {count} messages wait for one"
        return [fail("config.throttle", channel, text, kind="width", parameter="maxproc", value=str(most), count=count,
                     service=channel, path=f"{postfix.config_directory}/master.cf")]  # fmt: skip
    if 0 < sessions <= NARROW:
        text = f"{chosen} = {sessions}, and {count} messages wait for their turn"
        return [fail("config.throttle", chosen, text, kind="width", parameter=chosen, value=str(sessions), count=count,
                     service=channel)]  # fmt: skip
    return []


def _paused(ctx: Context, settings: dict[str, str], groups: Iterable[QueueGroup]) -> Observations:
    """Observes deferred mail if the settings put the next attempt PAUSE seconds or more away."""
    pauses = {name: seconds(_value(settings, name)) or 0 for name in ("minimal_backoff_time", "queue_run_delay")}
    parameter = max(pauses, key=lambda name: pauses[name])
    mine = [group for group in groups if group.queue_name == "deferred" and group.reason is not None]
    if not mine or pauses[parameter] < PAUSE:
        return
    count = sum(group.count for group in mine)
    value = _value(settings, parameter)
    text = (
        f"{parameter} = {value}: {count} deferred messages are not tried again for {duration.words(pauses[parameter])}"
    )
    passing = all(group.label in _PASSING for group in mine)
    yield _said(ctx, "pause", parameter, value, text, sure=passing, count=count)


def _hurried(ctx: Context, settings: dict[str, str]) -> Observations:
    """A failure if maximal_queue_lifetime is below SHORT and the log shows mail that expired: a later attempt might
    have succeeded."""
    log, parameter = facts.mail_log(ctx), "maximal_queue_lifetime"
    life, value = seconds(_value(settings, parameter)), _value(settings, parameter)
    if log is None or life is None or life >= SHORT or not (count := log.statuses.get("expired", 0)):
        return
    text = f"{parameter} = {value}: {count} messages were returned that a receiver may have taken at a later attempt"
    yield _said(ctx, "lifetime", parameter, value, text, count=count)


def _said(
    ctx: Context, kind: str, parameter: str, value: str, text: str, *, sure: bool = True, **data: Scalar
) -> Observation:
    say = fail if sure else warn
    data |= facts.stands(ctx, parameter)
    return say("config.throttle", parameter, text, kind=kind, parameter=parameter, value=value, **data)
