"""The outcome of one message: a word, a sentence, and the likeliest cause."""

from __future__ import annotations

import re
from datetime import datetime

from diagnose import rank
from diagnose.host.live.whereabouts import Parameters, Waiting, Whereabouts
from diagnose.model import Impact
from diagnose.parse.log.story import Step, Story
from diagnose.parse.text import duration
from diagnose.parse.words.reason import Reason
from diagnose.record import frozen
from diagnose.statement import fail


@frozen
class Meaning:
    """The likeliest cause of a reason."""

    cause: str
    title: str
    impact: Impact


@frozen
class Fate:
    """A message with its outcome.

    word: delivered, local, handed-on, deferred, bounced, expired, held, refused, discarded, deleted, queued, unknown.
    verdict: the same as a sentence. kin: (how, queue id) of messages generated from it that the log also shows.
    """

    story: Story
    word: str
    verdict: str
    cause: Meaning | None = None
    waiting: Waiting | None = None
    kin: tuple[tuple[str, str], ...] = ()
    parent: str = ""

    @property
    def failing(self) -> bool:
        return self.word in ("deferred", "bounced", "expired", "held", "refused", "discarded", "deleted")


def meaning(reason: Reason | None, mailer: str = "Postfix") -> Meaning | None:
    """The likeliest cause of a failure's reason, in the words of this host's mailer; None if it has none."""
    if reason is None or reason.harmless:
        return None
    seen = fail(f"mail.{reason.label}", "message", reason.text, **reason.scalars())
    found = rank.diagnose_words([seen])
    if not found:
        return None
    likeliest = found[0].cause
    return Meaning(cause=likeliest.id, title=re.sub(r"\bPostfix\b", mailer, likeliest.title), impact=likeliest.impact)


def judge(
    story: Story,
    who: str,
    here: Waiting | None,
    kin: tuple[tuple[str, str], ...],
    parent: str,
    queue: Whereabouts,
    settings: Parameters,
    now: datetime,
) -> Fate:
    word, verdict, step = _outcome(story, who, here, kin, queue, settings, now)
    return Fate(
        story=story,
        word=word,
        verdict=verdict,
        cause=meaning(step.reason, settings.mailer)
        if step is not None and word not in ("delivered", "local", "handed-on")
        else None,
        waiting=here,
        kin=kin,
        parent=parent,
    )


def _mine(story: Story, who: str) -> list[Step]:
    """The last step for the recipient `who`; for every recipient if `who` is none of them (the message was asked for)."""
    name = who.strip("<>").lower()
    last = list(story.recipients.values())
    wanted = [step for step in last if name in (step.recipient.lower(), step.orig_to.lower())]
    return wanted or last


def _outcome(
    story: Story,
    who: str,
    here: Waiting | None,
    kin: tuple[tuple[str, str], ...],
    queue: Whereabouts,
    settings: Parameters,
    now: datetime,
) -> tuple[str, str, Step | None]:
    ends = [step for step in story.steps if step.kind in ("refused", "discarded", "expired", "removed", "requeued")]
    last = _mine(story, who)
    if (here is not None and here.queue_name == "hold") or (story.held and not story.ended):
        stopped = next((step for step in reversed(story.steps) if step.kind == "held"), None)
        why = f" ({stopped.text})" if stopped else ""
        by = f"`{settings.release} {story.queue_id}` releases it" if settings.release else "somebody releases it"
        return "held", f"on hold{why}: it waits until {by}", stopped
    for kind, word, text in (
        ("refused", "refused", "never accepted"),
        ("discarded", "discarded", "discarded by a rule on this host"),
    ):
        step = next((step for step in reversed(ends) if step.kind == kind), None)
        if step is not None:
            return word, f"{text}: {_quoted(step)}", step
    failed = [step for step in last if step.status.startswith(("bounced", "expired", "undeliverable"))]
    deferred = [step for step in last if step.status in ("deferred", "SOFTBOUNCE", "waiting")]
    taken = [step for step in last if step.status in ("sent", "deliverable")]
    some = f" to {{}} of {len(last)} recipients" if len(last) > 1 else ""
    if any(step.kind == "expired" for step in ends):
        step = (deferred or failed or last or [ends[-1]])[-1]
        return "expired", f"given up after waiting too long; the last result was: {_quoted(step)}", step
    if failed:
        step = failed[-1]
        told = next((child for how, child in kin if "notification" in how), "")
        sender = f"; <{story.sender}> was notified in {told}" if told and story.sender else ""
        return "bounced", f"bounced{some.format(len(failed))} at {_clock(step.at, now)}: {_quoted(step)}{sender}", step
    if deferred:
        step = deferred[-1]
        if story.ended:
            by = ends[-1].text if ends else "taken out of the queue"
            return "deleted", f"it never got through and is gone: {by}", step
        when = _next(story, here, step, queue, settings, now)
        return "deferred", f"deferred{some.format(len(deferred))}, {when}: {_quoted(step)}", step
    if taken:
        return _taken(taken[-1], kin, now)
    if any(step.kind == "requeued" for step in ends):
        return "handed-on", "requeued by postsuper: it goes on under another queue id", None
    if story.ended:
        return "deleted", "taken out of the queue without any attempt", None
    if here is not None:
        return "queued", f"it waits in the {here.queue_name} queue; no attempt has been made yet", None
    if queue.complete:
        return "unknown", "it is not in the queue, and the log does not show what became of it", None
    return "queued", "queued; the log shows no attempt yet", None


def _taken(step: Step, kin: tuple[tuple[str, str], ...], now: datetime) -> tuple[str, str, Step]:
    at = _clock(step.at, now)
    child = next((name for _, name in kin if name == step.child), "")
    if child:
        return "handed-on", f"handed on at {at} as {child}: follow that one", step
    if step.left:
        return "delivered", f"accepted by the remote server {step.server} at {at}: look there", step
    if step.reason is not None or "discard" in step.server:
        return "discarded", f"Postfix logged it as sent at {at}, but discarded it: {_quoted(step)}", step
    return "local", f"delivered on this host at {at} ({step.reply or step.server})", step


def _next(
    story: Story, here: Waiting | None, step: Step, queue: Whereabouts, settings: Parameters, now: datetime
) -> str:
    if here is not None and here.queue_name == "active":
        return "being tried right now"
    if here is None and queue.complete:
        return "no longer in the queue"
    if here is not None and here.next_try is not None:
        due = datetime.fromtimestamp(here.next_try, now.tzinfo)
        exact = ""
    elif settings.most_backoff and step.at is not None and story.begun is not None:
        # qmgr(8): the backoff grows with the message's age, between these limits.
        waited = (step.at - story.begun).total_seconds()
        wait = min(max(waited, settings.least_backoff), settings.most_backoff)
        due = datetime.fromtimestamp(step.at.timestamp() + wait, now.tzinfo)
        exact = "about "
    else:
        return "waiting for the next attempt"
    left = (due - now).total_seconds()
    if left <= 0:
        return "the next attempt is due"
    return f"next attempt at {exact}{_clock(due, now)} (in {duration.words(left)})"


def _quoted(step: Step) -> str:
    text = step.reply or step.text
    return text if len(text) <= 240 else f"{text[:237]}..."


def _clock(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "an unknown time"
    at = at.astimezone(now.tzinfo)
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M:%S}"
