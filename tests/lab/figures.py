"""The sums of a lab run: how often right, how sure, what was confused with what."""

from __future__ import annotations

import json
import statistics
from collections import Counter

from diagnose.record import frozen

from .fault import Fault
from .run import Answer, accused, judge

Rows = list[tuple[Fault, Answer]]


@frozen
class Figures:
    """right: share of faults whose first cause is right; doubles: share with both among the first three; alarms:
    certain or likely claims on healthy machines; wrong_certain: ids; seconds: the tool's, median and longest."""

    right: float
    doubles: float
    alarms: tuple[str, ...]
    wrong_certain: tuple[str, ...]
    leaks: tuple[str, ...]
    broken: tuple[str, ...]
    median: float
    longest: float


def share(parts: list[bool]) -> float:
    return sum(parts) / len(parts) if parts else 1.0


def sums(rows: Rows) -> Figures:
    alarms, wrong = [], []
    for fault, answer in rows:
        known = {*fault.accept, *fault.also}
        if fault.kind == "healthy":
            alarms += [f"{fault.id}: {cause} ({confidence})" for cause, confidence in accused(fault, answer)]
        known |= {*fault.allowed}
        first = answer.ranked[:1]
        if first and first[0][1] == "certain" and first[0][0] not in known:
            wrong.append(f"{fault.id}: {first[0][0]}")
    times = [answer.seconds for _, answer in rows if answer.seconds]
    return Figures(
        right=share([judge(f, a) for f, a in rows if f.kind == "fault"]),
        doubles=share([judge(f, a) for f, a in rows if f.kind == "double"]),
        alarms=tuple(alarms),
        wrong_certain=tuple(wrong),
        leaks=tuple(f.id for f, a in rows if a.leaks),
        broken=tuple(f"{f.id}: {a.error}" for f, a in rows if a.error),
        median=statistics.median(times) if times else 0.0,
        longest=max(times, default=0.0),
    )


def honest(rows: Rows) -> float:
    """Share of faults of which nothing is claimed, with the status unknown: right where the truth cannot be seen."""
    return share([not a.ranked and a.status == "unknown" for f, a in rows if f.kind == "fault"])


def calibration(rows: Rows) -> list[str]:
    """For each word of confidence, how often the first answer that carried it was right."""
    lines = []
    for word in ("certain", "likely", "possible"):
        hits = [a.ranked[0][0] in (*f.accept, *f.also) for f, a in rows if a.ranked and a.ranked[0][1] == word]
        lines.append(f"  {word:9} {sum(hits):4} of {len(hits):4} right")
    return lines


def confusion(rows: Rows) -> list[str]:
    """Expected cause, what was answered instead, how often."""
    count = Counter(
        (f.accept[0] if f.accept else "(healthy)", a.ranked[0][0] if a.ranked else "(nothing)")
        for f, a in rows
        if not judge(f, a) and not a.error
    )
    return [f"  {wanted:34} -> {got:34} {n}" for (wanted, got), n in sorted(count.items())]


def never_first(rows: Rows) -> list[str]:
    """Causes that some fault stands for and that were never the right first answer."""
    wanted = {cause for f, _ in rows for cause in f.accept[:1] if f.kind == "fault"}
    return sorted(wanted - {a.ranked[0][0] for _, a in rows if a.ranked})


def report(rows: Rows, declared: set[str]) -> str:
    """All of it as text."""
    got = sums(rows)
    count = Counter(f.kind for f, _ in rows)
    lines = [
        "",
        f"faults {count['fault']}: first cause right {got.right:.1%}; could not tell, and said so: {honest(rows):.1%}",
        f"doubles {count['double']}: both among the first three {got.doubles:.1%}",
        f"healthy {count['healthy']}: {len(got.alarms)} certain or likely claims",
        *(f"  {line}" for line in got.alarms),
        f"wrong and certain: {len(got.wrong_certain)}",
        *(f"  {line}" for line in got.wrong_certain),
        f"secrets shown: {len(got.leaks)} {' '.join(got.leaks)}",
        f"no answer: {len(got.broken)}",
        *(f"  {line}" for line in got.broken),
        f"seconds of the tool: median {got.median:.1f}, longest {got.longest:.1f}",
        fitting(rows),
        "confidence of the first answer:",
        *calibration(rows),
    ]
    if table := confusion(rows):
        lines += ["confused:", *table]
    if causes := never_first(rows):
        lines.append("never first: " + " ".join(causes))
    if silent := declared - {sign for _, a in rows for sign in a.fired}:
        lines.append("signs that never fired: " + " ".join(sorted(silent)))
    return "\n".join(lines)


def fitting(rows: Rows) -> str:
    """How many of the faults' reports fit a console, as a terminal of 80 columns would show them."""
    from diagnose.report.text import render

    pages = {
        f.id: render(json.loads(a.text)).splitlines() for f, a in rows if f.kind != "healthy" and a.text.startswith("{")
    }
    long = [id for id, lines in pages.items() if len(lines) > 25]
    wide = [id for id, lines in pages.items() if any(len(line) > 80 for line in lines)]
    fit = len(pages) - len(long)
    text = f"reports within 25 lines: {fit} of {len(pages)} ({fit / max(1, len(pages)):.0%}), wider than 80 columns: {len(wide)}"
    return "".join((text, *(f"\n  longer: {id}" for id in long), *(f"\n  wider: {id}" for id in wide)))


def all_clear(rows: Rows) -> list[str]:
    """Broken machines of which it was said that nothing is wrong."""
    return [f.id for f, a in rows if f.kind != "healthy" and a.status == "ok"]


def composed(rows: Rows) -> str:
    """The figures of composed machines, and how often each value of each axis was right."""
    from .composed import spelled

    lines = [f"false all-clears: {len(all_clear(rows))}", *(f"  {name}" for name in all_clear(rows))]
    sure = [judge(f, a) for f, a in rows if f.kind == "fault" and a.ranked and a.ranked[0][1] == "certain"]
    hits = [a for f, a in rows if f.kind == "fault" and judge(f, a)]
    certain = sum(a.ranked[0][1] == "certain" for a in hits)
    lines.append(f"right and certain: {certain} of {len(hits)} right; certain: {sum(sure)} of {len(sure)} right")
    count: Counter[tuple[str, str]] = Counter()
    right: Counter[tuple[str, str]] = Counter()
    for fault, answer in rows:
        recipe = spelled(fault.id)
        values = [("fault", recipe.fault), ("base", recipe.base), ("shape", recipe.shape)]
        values += [("fault", recipe.also)] if recipe.also else []
        for value in values + [("among", name) for name in recipe.distractors or ("-",)]:
            count[value] += 1
            right[value] += judge(fault, answer)
    for axis in ("base", "shape", "among", "fault"):
        told = [f"{name} {right[a, name]}/{n}" for (a, name), n in sorted(count.items()) if a == axis]
        lines += [f"{axis}: " + ", ".join(told)]
    return "\n".join(lines)


def good_enough(rows: Rows, user: bool) -> bool:
    """Do the figures reach what is promised? Of runs without privileges less is promised, but nothing wrong and certain."""
    got = sums(rows)
    certain = sum(1 for _, answer in rows if answer.ranked and answer.ranked[0][1] == "certain")
    if got.alarms or got.leaks or got.broken or len(got.wrong_certain) > (0 if user else certain / 100):
        return False
    return got.right >= (0.80 if user else 0.97) and (user or got.doubles >= 0.90)
