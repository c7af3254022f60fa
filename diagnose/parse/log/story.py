"""The story of one message from its log lines: how it was submitted, each attempt, and its final state."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime

from diagnose.parse.log import queue_id
from diagnose.parse.log.fields import fields, message_id
from diagnose.parse.log.logline import Line, parse
from diagnose.parse.log.maillog import CLIENT, Delivery, MailLog
from diagnose.parse.words import reason as reasons_of
from diagnose.parse.words.reason import Reason
from diagnose.record import dataclass, frozen


@frozen
class Step:
    """One event of a message.

    kind: handed-over, queued, rewritten, attempt, notice, held, refused, discarded, child, requeued, expired, removed.

    status: Postfix's word for an attempt. server: host, address and port of the server reached, "" if none.
    reply: its reply or the refusal. child: queue id of a message made from it.
    """

    at: datetime | None
    kind: str
    text: str
    status: str = ""
    recipient: str = ""
    orig_to: str = ""
    server: str = ""
    reply: str = ""
    left: bool = False
    reason: Reason | None = None
    child: str = ""


@dataclass(kw_only=True)
class Story:
    """One message in the log. `how`: who submitted it and how; `ended`: it has left the queue; `kin`: (how, queue
    id) of messages made from it; `recipients`: the last attempt for each; `number` distinguishes messages that used
    the same queue id in turn."""

    queue_id: str
    number: int = 0
    message_id: str = ""
    sender: str | None = None
    size: int | None = None
    how: str = ""
    steps: list[Step] = field(default_factory=list)
    recipients: dict[str, Step] = field(default_factory=dict)
    kin: list[tuple[str, str]] = field(default_factory=list)
    held: bool = False
    ended: bool = False

    @property
    def begun(self) -> datetime | None:
        """Time of the first step."""
        return next((step.at for step in self.steps if step.at is not None), None)

    @property
    def last(self) -> datetime | None:
        """Time of the last step."""
        return next((step.at for step in reversed(self.steps) if step.at is not None), None)

    @property
    def attempts(self) -> int:
        """Number of delivery attempts."""
        return sum(step.kind == "attempt" for step in self.steps)


_CHILD = re.compile(
    r"(?P<how>sender non-delivery notification|sender delivery status notification|postmaster non-delivery notification|"
    r"sender delay notification): (?P<id>\w+)"
)
_AGAIN = re.compile(rf"(?P<how>forwarded as|queued as) (?P<id>{queue_id.PATTERN})\b")
_ACTION = re.compile(
    r"(?P<what>(?:milter-)?(?:hold|reject|discard|redirect|filter|bcc|replace)): (?P<rest>.*)", re.DOTALL
)
_RESTARTS = ("client=", "uid=", "message-id=")


def tell(
    queue_id: str, lines: Iterable[bytes | str], now: datetime, users: Mapping[int, str] | None = None
) -> list[Story]:
    """The stories of a queue id, the oldest first: more than one if Postfix reused it.

    lines: those of the id and those that its delivery agents wrote before a failed attempt, in order. users: names
    by uid, for callers of sendmail(1).
    """
    story, log = Story(queue_id=queue_id), MailLog(now)
    stories = [story]
    for raw in lines:
        line = parse(raw, now)
        if line is None:
            continue
        if story.ended and line.queue_id == queue_id and line.text.startswith(_RESTARTS):
            story, log = Story(queue_id=queue_id, number=story.number + 1), MailLog(now)
            stories.append(story)
        if line.queue_id == queue_id:
            _take(story, log, line, users or {})
        else:
            log.take(line)
    return [story for story in stories if story.steps or story.message_id]


def refusal(raw: bytes | str, now: datetime) -> Story | None:
    """The story of a submission that this host rejected (without a queue id); None if the line is no rejection."""
    line = parse(raw, now)
    if line is None or "reject:" not in line.text:
        return None
    reason = reasons_of.classify(line.text, service=line.service)
    found = fields(line.text)
    client = CLIENT.search(line.text)
    text = reasons_of.mask(reason.text if reason else line.text)
    step = Step(
        at=line.at,
        kind="refused",
        text=f"refused from {client[1] if client else 'a client'} by this host's {line.service or 'server'}",
        reply=text[:600],
        reason=reason,
        recipient=found.get("to", ""),
    )
    return Story(
        queue_id="",
        sender=found.get("from"),
        how=client[1] if client else "",
        steps=[step],
        recipients={step.recipient: step} if step.recipient else {},
        ended=True,
    )


def _take(story: Story, log: MailLog, line: Line, users: Mapping[int, str]) -> None:
    text = reasons_of.mask(line.text)
    step: Step | None = None
    if "status=" in text:
        for event in log.take(line):
            if isinstance(event, Delivery):
                step = attempt(story, event)
    elif text.startswith("client="):
        found = fields(text)
        who = f" with the login {found['sasl_username']}" if "sasl_username" in found else ""
        story.how = f"by SMTP from {found['client']}{who}"
        step = Step(at=line.at, kind="handed-over", text=f"handed over {story.how}")
    elif text.startswith("uid="):
        found = fields(text)
        number = int(found["uid"][:10]) if found["uid"].isdecimal() else -1
        name = users.get(number)
        story.how = f"by sendmail(1) as {name or 'uid'} {f'(uid {number})' if name else found['uid']}"
        story.sender = found.get("from", "")
        step = Step(at=line.at, kind="handed-over", text=f"handed over {story.how}, from <{story.sender}>")
    elif named := message_id(text):
        story.message_id = named
    elif told := _CHILD.match(text):
        story.kin.append((told["how"], told["id"]))
        step = Step(at=line.at, kind="child", text=f"{told['how']} made: {told['id']}", child=told["id"])
    elif text.startswith("removed"):
        story.ended = True
        how = " by postsuper: somebody deleted it" if line.service == "postsuper" else ""
        step = Step(at=line.at, kind="removed", text=f"removed from the queue{how}")
    elif line.service == "postsuper":
        step = _by_postsuper(story, line, text)
    elif action := _ACTION.match(text):
        step = _action(story, line, action["what"], text)
    elif text.startswith(("from=", "size=", "nrcpt=")):
        found = fields(text)
        story.sender = found.get("from", story.sender)
        story.size = int(found["size"][:15]) if found.get("size", "").isdecimal() else story.size
        log.take(line)
        if not any(each.kind == "queued" for each in story.steps):
            count = found.get("nrcpt", "1")
            step = Step(
                at=line.at,
                kind="queued",
                text=f"queued, from <{story.sender or ''}>, {story.size} octets, {count} recipient{'s' if count != '1' else ''}",
            )
    else:
        reason = next((event.reason for event in log.take(line) if event.reason), None)
        if reason is not None and reason.label != "noise":
            step = Step(at=line.at, kind="notice", text=text[:600], reason=reason)
    if step is not None:
        story.steps.append(step)


def attempt(story: Story, event: Delivery) -> Step:
    """The step of a delivery attempt, which is noted as the last one for its recipient, too."""
    story.sender = story.sender if story.sender is not None else event.sender
    server = event.relay_host or ""
    if event.relay_address and server not in ("", "none"):
        server += f"[{event.relay_address}]" + (f":{event.relay_port}" if event.relay_port else "")
    again = _AGAIN.search(event.text)
    child = again["id"] if again else ""
    if again:
        story.kin.append((again["how"], child))
    if event.status in ("expired", "force-expired"):
        return Step(
            at=event.at, kind="expired", text="given up: it waited too long", status=event.status, reason=event.reason
        )
    to = event.recipient or ""
    took = f" after {event.delay:.0f} s" if event.delay is not None and event.delay >= 10 else ""
    via = (
        f" by {server}"
        if server not in ("", "none")
        else ", no server was reached"
        if event.service in _NETWORK
        else ""
    )
    step = Step(
        at=event.at,
        kind="attempt",
        text=f"to {to or 'an unnamed recipient'}: {event.status}{via}{took}",
        status=event.status,
        recipient=to,
        orig_to=event.orig_to or "",
        server="" if server == "none" else server,
        reply=event.text[:1000],
        left=event.left,
        reason=event.reason,
        child=child,
    )
    story.recipients[to] = step
    return step


_NETWORK = ("smtp", "lmtp", "relay")


def _by_postsuper(story: Story, line: Line, text: str) -> Step:
    if "hold" in text and "release" not in text:
        story.held = True
        return Step(at=line.at, kind="held", text="put on hold by postsuper: somebody stopped it")
    if "released" in text or "release" in text:
        story.held = False
        return Step(at=line.at, kind="notice", text="released from hold")
    if "requeued" in text:
        return Step(at=line.at, kind="requeued", text="requeued: it continues under another queue id")
    return Step(at=line.at, kind="notice", text=f"postsuper: {text[:300]}")


def _action(story: Story, line: Line, what: str, text: str) -> Step:
    """The step of an action by a header or body check, a milter or an access rule."""
    if what.endswith("hold"):
        story.held = True
        return Step(at=line.at, kind="held", text=f"put on hold by a rule: {text[:400]}")
    if what.endswith("reject"):
        story.ended = True
        reason = reasons_of.classify(text, service=line.service)
        return Step(at=line.at, kind="refused", text=f"refused by a rule of this host: {text[:400]}", reason=reason)
    if what.endswith("discard"):
        story.ended = True
        return Step(at=line.at, kind="discarded", text=f"discarded by a rule of this host: {text[:400]}")
    return Step(at=line.at, kind="notice", text=text[:400])
