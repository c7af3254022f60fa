"""Traces messages: collects their log lines and related messages, looks them up in the queue, and judges the outcome."""

from __future__ import annotations

import functools
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from diagnose.errors import UsageError
from diagnose.host.live import logs, whereabouts
from diagnose.host.live.whereabouts import Parameters, Waiting, Whereabouts
from diagnose.mail import others, pasted
from diagnose.mail.fate import Fate, judge
from diagnose.model import Impact
from diagnose.parse.log.queue_id import is_queue_id
from diagnose.parse.log.story import Step, Story, refusal, tell
from diagnose.parse.log.trail import Trail, trail
from diagnose.parse.text import duration
from diagnose.parse.text.masking import plain
from diagnose.record import frozen

LIMIT = 20  # messages
READING = 20.0  # seconds to read the log for


@frozen
class Traced:
    """The messages found for WHO. since: beginning of the window, None for the whole log; problems: why something
    could not be examined; dropped: number of older messages not shown; lines: of the log, for `explain`."""

    who: str
    since: datetime | None
    until: datetime
    source: str
    fates: tuple[Fate, ...] = ()
    verdict: str = ""
    status: str = "unknown"
    dropped: int = 0
    problems: tuple[str, ...] = ()
    any_log: bool = True
    lines: tuple[str, ...] = ()


def trace(
    who: str,
    since: float | None,
    paths: Sequence[str] = (),
    *,
    now: float | None = None,
    budget: float = 8.0,
    settings: Parameters | None = None,
    recipient: str = "",
) -> Traced:
    """Traces an address, queue id or message id. Raises UsageError.

    since: seconds of log to read (None: all); budget: seconds for the queue, 0 to skip it; settings: Postfix's, if
    already known; recipient: followed instead where a mailer logs no message ids.
    """
    who = who.strip()
    if not who.strip("<> ") or len(who) > 1000 or any(ord(c) < 32 for c in who):
        raise UsageError("trace takes an address, a queue id or a message id")
    moment = time.time() if now is None else now
    local = datetime.fromtimestamp(moment).astimezone()
    settings = settings or whereabouts.parameters()
    begin = moment - since if since is not None else 0.0
    problems: list[str] = []
    bound = pasted.Bound(READING)
    chunks = functools.partial(_chunks, bound, begin, local, paths, settings)
    other = None
    try:
        seen = _trail(who, chunks, problems)
        if seen is None or not (seen.lines or seen.refused):  # no message of Postfix's
            if paths and seen is not None:
                other = others.read(chunks, who, "", local, LIMIT)
            elif not paths and not settings.installed:
                other = others.here(begin, who, recipient, local, LIMIT)
    except OSError as error:
        raise UsageError(f"cannot read {error.filename or ', '.join(paths) or 'the log'}: {error.strerror}") from None
    if bound.cut:
        problems.append(f"the log is longer than can be read in {READING:.0f} s: later lines are not included")
    found = seen or Trail()
    if other is not None and (other.stories or not paths):
        settings, queue, stories = other.settings, other.queue, list(other.stories)
        found.any, found.dropped = found.any or other.any, other.dropped
        problems = problems if seen else []
    else:
        stories = _stories(found, local)
        queue = _queue(found, stories, who, settings, budget) if not paths and budget else Whereabouts(complete=False)
    if queue.problem:
        problems.append(f"the queue could not be read: {queue.problem}")
    elif not queue.complete and not paths and budget and settings.installed:
        problems.append("the queue is too long to be searched in time; only part of it was read")
    fates = _fates(stories, who, found, queue, settings, local)
    untied = [line for lines in found.lines.values() for line in lines] if not fates else []
    count, last = (len(untied), untied[-1]) if untied else (found.loose[0], logs.veil(found.loose[1]))
    any_log = found.any or bool(problems or paths or logs.sources((), settings.maillog_file or None))
    if found.cut:
        problems.append("a message has more log lines or related messages than are shown")
    lines = (line.decode("utf-8", "replace") for lines in found.lines.values() for line in lines)
    return replace(
        _judged(
            fates,
            who,
            any_log,
            seen is not None or other is not None,
            problems,
            since,
            (count, plain(last.decode("utf-8", "replace"))[:400]),
            settings.mailer,
        ),
        since=datetime.fromtimestamp(begin).astimezone() if since is not None else None,
        until=local,
        source=", ".join(paths) if paths else "the mail log",
        dropped=found.dropped,
        lines=(*lines, *(other.lines if other is not None else ())),
    )


# --- the log --------------------------------------------------------------------------------------------------------


def _chunks(
    bound: pasted.Bound, begin: float, now: datetime, paths: Sequence[str], settings: Parameters
) -> Iterator[bytes]:
    """The log in chunks of whole lines until the bound is reached."""
    exports = [path for path in paths if pasted.is_export(path)]
    others = tuple(path for path in paths if path not in exports)
    plain_ = logs.stream(begin, paths=others, maillog_file=settings.maillog_file or None)
    parts = [plain_] if others or not exports else []
    parts += [pasted.log_lines(path, begin, now) for path in exports]
    return itertools.takewhile(lambda _: not bound.over(), itertools.chain.from_iterable(parts))


def _trail(who: str, chunks: Callable[[], Iterable[bytes]], problems: list[str]) -> Trail | None:
    """The messages' log lines, secrets masked; None if the log may not be read. problems: reasons are added."""
    try:
        found = trail(chunks, who, LIMIT)
    except PermissionError as error:
        problems.append(f"permission denied: {error.filename or 'the mail log'} (try as root, or in the group adm)")
        return None
    # Masks secrets only in the lines found: in the whole log it would take many times longer than the search.
    found.lines = {name: [logs.veil(line) for line in lines] for name, lines in found.lines.items()}
    found.refused = [logs.veil(line) for line in found.refused]
    return found


# --- stories --------------------------------------------------------------------------------------------------------


def _stories(found: Trail, now: datetime) -> list[Story]:
    users = _users()
    stories = [story for name, lines in found.lines.items() for story in tell(name, lines, now, users)]
    stories += [story for raw in found.refused if (story := refusal(raw, now)) is not None]
    stories.sort(key=lambda story: (story.begun.timestamp() if story.begun else 0.0, story.queue_id, story.number))
    return stories


def _users() -> Mapping[int, str]:
    import pwd

    return {entry.pw_uid: entry.pw_name for entry in pwd.getpwall()}


def _queue(found: Trail, stories: Sequence[Story], who: str, settings: Parameters, budget: float) -> Whereabouts:
    if not settings.installed:
        return Whereabouts(complete=False)
    addresses = [who.strip("<>")] if "@" in who and not is_queue_id(who) else []
    ids = {*found.lines, *([who] if is_queue_id(who) else [])}
    return whereabouts.find_waiting(sorted(ids), addresses, settings.queue_directory, time.monotonic() + budget)


def _fates(
    stories: Sequence[Story], who: str, found: Trail, queue: Whereabouts, settings: Parameters, now: datetime
) -> tuple[Fate, ...]:
    known = {story.queue_id for story in stories if story.queue_id}
    waiting = {each.queue_id: each for each in queue.waiting}
    parents = {child: parent for parent, child in found.kin if child in known and parent in known}
    fates = []
    latest = {story.queue_id: story.number for story in stories}
    for story in stories:
        here = waiting.pop(story.queue_id, None) if story.number == latest[story.queue_id] else None
        kin = tuple((how, child) for how, child in dict.fromkeys(story.kin) if child in known)
        fates.append(judge(story, who, here, kin, parents.get(story.queue_id, ""), queue, settings, now))
    # Older than the log's window, or its log lines were lost.
    fates += [_unlogged(each, who, settings, now) for each in waiting.values()]
    return tuple(fates)


def _unlogged(here: Waiting, who: str, settings: Parameters, now: datetime) -> Fate:
    from diagnose.parse.words import reason as reasons_of

    steps = []
    for address, why in here.recipients:
        reason = reasons_of.classify(why) if why else None
        at = datetime.fromtimestamp(here.arrival, now.tzinfo) if here.arrival is not None else None
        status = "deferred" if why else "waiting"
        steps.append(
            Step(
                at=at,
                kind="attempt",
                text=f"to {address}: {status}",
                status=status,
                recipient=address,
                reply=why,
                reason=reason,
            )
        )
    story = Story(
        queue_id=here.queue_id,
        sender=here.sender,
        how="before the part of the log that was read",
        steps=steps,
        recipients={step.recipient: step for step in steps},
        held=here.queue_name == "hold",
    )
    return judge(story, who, here, (), "", Whereabouts(), settings, now)


_WORDS = {
    "delivered": "accepted by the remote server",
    "local": "delivered on this host",
    "handed-on": "handed on",
    "deferred": "deferred",
    "bounced": "bounced",
    "expired": "given up",
    "held": "on hold",
    "refused": "refused",
    "discarded": "thrown away",
    "deleted": "deleted",
    "queued": "queued",
    "unknown": "with unknown outcome",
}


def _judged(
    fates: tuple[Fate, ...],
    who: str,
    any_log: bool,
    readable: bool,
    problems: list[str],
    since: float | None,
    loose: tuple[int, str],
    mailer: str,
) -> Traced:
    """The overall verdict. Notifications and other generated messages do not count, their parents do."""
    now = datetime.now().astimezone()
    base = Traced(who=who, since=None, until=now, source="", fates=fates, problems=tuple(problems), any_log=any_log)
    window = f"in the last {duration.words(since)}" if since is not None else "in the log that was read"
    if not fates:
        status = "unknown"
        if not any_log:
            text = f"no mail log is kept here, neither a file nor the journal; nothing can be said about {who}"
        elif not readable:
            text = f"the mail log could not be read, so nothing can be said about {who}"
        elif loose[0]:
            lines = "one line names" if loose[0] == 1 else f"{loose[0]} lines name"
            text = f"no message can be identified: {lines} {who}, without a queue id that can be followed; the last: {loose[1]}"
        else:
            text = f"never handed to {mailer}: nothing {window} names {who}"
            status = status if problems else "warning"
        return replace(base, verdict=text, status=status)
    own = [fate for fate in fates if not fate.parent] or list(fates)
    tips = _tips(own, fates)
    last = tips[-1]
    text = last.verdict
    if len(tips) > 1:
        counts = sorted(Counter(fate.word for fate in tips).items(), key=lambda c: (-c[1], c[0]))
        parts = ", ".join(f"{number} {_WORDS[word]}" for word, number in counts)
        text = f"{len(tips)} messages: {parts}; the last one: {last.verdict}"
    return replace(base, verdict=text, status=worst(tips))


def _tips(own: Sequence[Fate], fates: Sequence[Fate]) -> list[Fate]:
    """Each message, followed to the last message that it was handed on as."""
    by_id = {fate.story.queue_id: fate for fate in fates}
    tips = []
    for fate in own:
        seen = set()
        while fate.word == "handed-on" and fate.kin and fate.story.queue_id not in seen:
            seen.add(fate.story.queue_id)
            child = by_id.get(fate.kin[-1][1])
            if child is None:
                break
            fate = child
        tips.append(fate)
    return tips


def worst(tips: Sequence[Fate]) -> str:
    """ok, warning, failed or unknown: the last message decides, an earlier failure makes it a warning."""
    last = tips[-1]
    if last.failing:
        mild = last.cause is not None and last.cause.impact < Impact.PARTIAL
        return "warning" if mild else "failed"
    if last.word == "unknown":
        return "unknown"
    return "warning" if any(fate.failing for fate in tips) or last.word == "queued" else "ok"
