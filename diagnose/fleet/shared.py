"""What hosts with the same fault share more often than by chance, and which hosts differ from their group."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from diagnose.fleet.chance import log10_chance
from diagnose.fleet.member import GROUPS, Member, Unread
from diagnose.record import frozen

ALPHA = 0.01  # how often chance alone may make a finding of a fleet, all questions taken together
LEAST = 3  # hosts that something shared is said of
_PER_CAUSE = 4  # findings
_FEW = 5  # hosts of a group that may be named as unlike it
_MOST_ODD = 20

Group = tuple[str, str]  # one of GROUPS, and the value in it


@frozen
class Finding:
    """A cause that hits a group more than others.

    hit: the group's hosts that have it, spared: those that do not; outside: the number of hosts not in the group,
    elsewhere: how many of those have it. log10_p: the decimal logarithm of the chance, already multiplied by the
    number of questions. same: other groups that hold the same of these hosts.
    """

    group: Group
    hit: tuple[Member, ...]
    spared: tuple[Member, ...]
    outside: int
    elsewhere: int
    log10_p: float
    same: tuple[Group, ...] = ()


@frozen
class CauseSeen:
    """A first cause with its hosts, and what they share; since: when the first host had it, half: when half of the
    dated hosts had it."""

    id: str
    title: str
    hosts: tuple[Member, ...]
    shared: tuple[Finding, ...]
    since: datetime | None
    half: datetime | None


@frozen
class Fleet:
    """odd: hosts that differ from their group, with a sentence each. questions: how many pairs of group and cause
    were tested."""

    members: tuple[Member, ...]
    unread: tuple[Unread, ...]
    causes: tuple[CauseSeen, ...]
    odd: tuple[tuple[Member, str], ...]
    questions: int

    @property
    def counts(self) -> Mapping[str, int]:
        """How many hosts by status."""
        return Counter(member.status for member in self.members)

    @property
    def status(self) -> str:
        """That of the worst host; unknown if no fault is known but a host could not be read or has no result."""
        found = self.counts
        open_ = "unknown" if self.unread or found["unknown"] else "ok"
        return "failed" if found["failed"] else "warning" if found["warning"] else open_


def compare(read: Iterable[Member | Unread], alpha: float = ALPHA) -> Fleet:
    """The fleet; a name that several hosts share gets its file name added."""
    every = list(read)
    members = _named([each for each in every if isinstance(each, Member)])
    known = [member for member in members if member.known]
    by_cause: dict[str, list[Member]] = defaultdict(list)
    for member in known:
        if member.cause:
            by_cause[member.cause].append(member)
    sizes = Counter(group for member in known for group in member.groups.items())
    asked = [group for group, size in sizes.items() if size >= LEAST]
    questions = len(asked) * sum(len(hosts) >= LEAST for hosts in by_cause.values())
    causes = []
    for cause, hosts in sorted(by_cause.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        moments = sorted(member.since for member in hosts if member.since)
        found = _findings(cause, known, questions, alpha) if len(hosts) >= LEAST else []
        title = Counter(member.title for member in hosts).most_common(1)[0][0]
        causes.append(
            CauseSeen(
                id=cause,
                title=title,
                hosts=tuple(hosts),
                shared=tuple(found),
                since=moments[0] if moments else None,
                half=moments[(len(moments) - 1) // 2] if moments else None,
            )
        )
    return Fleet(
        members=tuple(members),
        unread=tuple(each for each in every if isinstance(each, Unread)),
        causes=tuple(causes),
        odd=tuple(_odd(known, causes))[:_MOST_ODD],
        questions=questions,
    )


def _named(members: Sequence[Member]) -> list[Member]:
    from dataclasses import replace

    often = Counter(member.name for member in members)
    return [replace(m, name=f"{m.name} ({m.file})") if often[m.name] > 1 else m for m in members]


def _findings(cause: str, known: Sequence[Member], questions: int, alpha: float) -> list[Finding]:
    """The strongest group first; each next one is tested among the hosts outside of those before, so that no group
    is named for another one's fault."""
    left, found = list(known), list[Finding]()
    while (
        len(found) < _PER_CAUSE and (best := _strongest(cause, left, questions)) and best.log10_p <= math.log10(alpha)
    ):
        found.append(best)
        name, value = best.group
        left = [member for member in left if member.groups.get(name) != value]
    return found


def _strongest(cause: str, left: Sequence[Member], questions: int) -> Finding | None:
    hosts: dict[Group, list[Member]] = defaultdict(list)
    population, marked = Counter[str](), Counter[str]()
    for member in left:
        for group in member.groups.items():
            hosts[group].append(member)
            population[group[0]] += 1
            marked[group[0]] += member.cause == cause
    chances: dict[Group, float] = {}
    for group, inside in hosts.items():
        hits = sum(member.cause == cause for member in inside)
        every, of = population[group[0]], marked[group[0]]
        if hits >= LEAST and hits * every > of * len(inside):
            chances[group] = log10_chance(hits, len(inside), of, every) + math.log10(max(1, questions))
    if not chances:
        return None
    best = min(chances, key=lambda group: (chances[group], GROUPS.index(group[0]), group[1]))
    inside = hosts[best]
    hit = [member for member in inside if member.cause == cause]
    files = {member.file for member in hit}
    return Finding(
        group=best,
        hit=tuple(hit),
        spared=tuple(member for member in inside if member.cause != cause),
        outside=population[best[0]] - len(inside),
        elsewhere=marked[best[0]] - len(hit),
        log10_p=min(0.0, chances[best]),
        same=tuple(
            group
            for group in chances
            if group != best and {member.file for member in hosts[group] if member.cause == cause} == files
        ),
    )


def _odd(known: Sequence[Member], causes: Iterable[CauseSeen]) -> Iterable[tuple[Member, str]]:
    """Spared hosts of an affected group, and hosts that alone have a cause; each with what else sets it apart."""
    for seen in causes:
        for finding in seen.shared:
            if len(finding.spared) > min(_FEW, len(finding.hit) // 4):
                continue
            for member in finding.spared:
                state = f"has another cause: {member.title}" if member.cause else "does not have this cause"
                text = f"belongs to {finding.group[0]} {finding.group[1]}, but {state} ({seen.title})"
                yield member, text + _unlike(member, finding.hit, "theirs")
        if len(seen.hosts) == 1 and len(known) >= 2 * LEAST:
            member = seen.hosts[0]
            others = [each for each in known if each is not member]
            yield member, f"is the only one with: {seen.title}{_unlike(member, others, 'of most')}"


def _unlike(member: Member, others: Sequence[Member], whose: str) -> str:
    """What sets the host apart from nearly all others, in words; "" for nothing."""
    found = []
    for name, value in member.groups.items():
        values = Counter(each.groups[name] for each in others if name in each.groups)
        if not values or (value in values and values[value] > len(others) // 20):
            continue
        most, count = values.most_common(1)[0]
        if most != value and count >= 0.8 * values.total():
            found.append(f"{name} {value}, {whose} {most}")
    return f"; its {', '.join(found)}" if found else ""
