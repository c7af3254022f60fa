"""Weighs causes against observations.

A cause's score is its prior plus the weights of its matching signs, in decibans: those that checks measure, and
those of words (`diagnose.knowledge.sayings`). A sign counts once, by its strongest observation; an UNKNOWN one does
not count, and is listed. A diagnosis is certain from 20, likely from 10, possible from 3; below that it is not
shown. A cause that another one explains is folded under it.

Without probes (`--no-network`, or a pasted text) a cause that a probe could confirm or refute is at most likely: the
log may be out of date. In a pasted text, words that fit only one cause are still certain.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import replace

from diagnose.knowledge import programs, sayings
from diagnose.knowledge.causes import by_id
from diagnose.model import (
    REFUTES,
    SAID,
    Cause,
    Confidence,
    Data,
    Diagnosis,
    Impact,
    Observation,
    Outcome,
    Remedy,
    Run,
    Scalar,
    Sign,
    SignSpec,
    Status,
    Strength,
    Support,
)
from diagnose.sentence import joined

CERTAIN, LIKELY, POSSIBLE = 20, 10, 3


def rank(
    causes: Iterable[Cause],
    runs: Sequence[Run],
    untried: Container[str] = (),
    text: bool = False,
    program: str = "",
) -> tuple[Diagnosis, ...]:
    """The diagnoses, in the order to show them. untried: the signs of probes that were not made; text: the
    observations come from a text alone; program: whose terms advice uses, if this host's mailer is not Postfix."""
    seen, probed = _by_sign(runs)
    found = [d for cause in causes if (d := weigh(cause, seen, untried, text, probed, program)) is not None]
    found = _fold(found)
    found.sort(key=_order)
    if any(d.cause.impact is Impact.OUTAGE and d.confidence > Confidence.POSSIBLE for d in found):
        found.sort(key=_beside_an_outage)
    return tuple(found)


def _beside_an_outage(diagnosis: Diagnosis) -> int:
    """Sort key beside an outage: causes that stop no mail yet come after it, then possible ones, then those without
    impact."""
    if diagnosis.cause.impact is Impact.NONE:
        return 3
    return 2 if diagnosis.confidence <= Confidence.POSSIBLE else int(diagnosis.cause.impact is Impact.LATENT)


def _order(diagnosis: Diagnosis) -> tuple[bool, bool, int, int, int, str]:
    """Sort key: merely possible diagnoses last, unexplained ones first, then by confidence, then by impact (unless
    merely possible) and score."""
    sure = diagnosis.confidence
    impact = diagnosis.cause.impact if sure > Confidence.POSSIBLE else 0
    return (
        sure <= Confidence.POSSIBLE,
        diagnosis.explained_by is not None,
        -sure,
        -impact,
        -diagnosis.score,
        diagnosis.cause.id,
    )


def diagnose_words(observations: Sequence[Observation]) -> tuple[Diagnosis, ...]:
    """The diagnoses from observations of words alone, for `explain`, `queue` and `trace`."""
    spoken = frozenset(each.sign.removeprefix(SAID) for each in observations if each.status is Status.FAILED)
    run = Run(check="words", outcome=Outcome.COMPLETED, observations=tuple(observations))
    return rank(map(by_id, sorted(sayings.suggested(spoken))), [run], text=True)


def confidence(score: int) -> Confidence | None:
    if score >= CERTAIN:
        return Confidence.CERTAIN
    if score >= LIKELY:
        return Confidence.LIKELY
    return Confidence.POSSIBLE if score >= POSSIBLE else None


def weigh(
    cause: Cause,
    seen: Mapping[str, list[Observation]],
    untried: Container[str],
    text: bool,
    probed: Container[str],
    program: str,
) -> Diagnosis | None:
    """Weighs one cause against the observations by sign; None if none supports it or the score is too low. probed:
    the signs of probes made in this run."""
    support, against, unknown = _matched(cause, seen, probed)
    # A host's own mailer does not log an application's faults.
    if not support or (program and cause.id.startswith("app-") and all(id.startswith(SAID) for id in support)):
        return None
    # Observations that are OK fit many causes, and suffice for none.
    if cause.impact is not Impact.NONE and all(seen.status is Status.OK for _, seen in support.values()):
        return None
    score = cause.prior + sum(sign.weight for sign, _ in (*support.values(), *against.values()))
    capped = _capped(cause, score, support.values(), against.values(), untried, text)
    score += sum(one.weight for one in capped)
    sure = confidence(score)
    if sure is None:
        return None
    sure = min(sure, Confidence.LIKELY) if capped else sure
    order = sorted(support.values(), key=lambda pair: (-pair[0].weight, pair[0].id))
    data: Data = {}
    for _, observation in order:
        elsewhere = "path" in data and observation.data.get("path") != data["path"]
        for key, value in observation.data.items():
            if key != "line" or not elsewhere:  # a line number belongs to its own path
                data.setdefault(key, value)
    if program and not data.get("program") and not cause.id.startswith("app-"):
        data["program"] = program
    remedy = programs.remedy(cause, data)
    said = programs.in_general(cause, data) if remedy else cause
    return Diagnosis(
        cause=worded(said, data),
        score=score,
        confidence=sure,
        support=tuple(_support(pair) for pair in order),
        against=(
            *(_support(p) for p in sorted(against.values(), key=lambda pair: (pair[0].weight, pair[0].id))),
            *capped,
        ),
        unknown=tuple(unknown),
        # A line number of the text is not one of the file in the remedy.
        remedy=remedy or Remedy(text=fill(cause.remedy, {**data, "line": ""} if text else data)),
        data=data,
    )


_Pairs = dict[str, tuple[Sign, Observation]]


def _matched(
    cause: Cause, seen: Mapping[str, list[Observation]], probed: Container[str]
) -> tuple[_Pairs, _Pairs, dict[str, None]]:
    """(support, against) of a cause by sign id, each the sign with its strongest observation; and its unknown signs,
    in words."""
    support: _Pairs = {}
    against: _Pairs = {}
    unknown: dict[str, None] = {}
    for sign in sorted(_signs(cause), key=lambda sign: sign.weight < 0):
        if (
            sign.weight < 0
            and sign.status is not Status.FAILED
            and any(one.data.get("apart") for _, one in support.values())
        ):
            continue  # OK on the mail's own route says nothing about another one
        if sign.id == sayings.FLOW and sign.weight < 0 and sign.status is Status.OK:
            tried = any(one.weight >= Strength.SPEAKS and one.id in probed for one, _ in support.values())
            sign = replace(sign, where=(("recent" if tried else "unchanged", (True, None)),))
        for observation in seen.get(sign.id, ()):
            if observation.status is Status.UNKNOWN and sign.status is not Status.UNKNOWN:
                if sign.weight > 0:
                    unknown[joined(observation.subject, observation.summary)] = None
                continue
            if observation.status is not sign.status or not matches(sign, observation):
                continue
            side = support if sign.weight > 0 else against
            held = side.get(sign.id)
            most = observation.data.get("at_most")  # a text that is little understood proves little
            counted = replace(sign, weight=most) if isinstance(most, int) and sign.weight > most else sign
            if held is None or abs(held[0].weight) < abs(counted.weight):
                side[sign.id] = (counted, observation)
    return support, against, unknown


def _signs(cause: Cause) -> tuple[Sign, ...]:
    return (*cause.signs, *sayings.signs_of(cause.id), *_flow(cause))


def decided(causes: Sequence[Cause], runs: Sequence[Run], open_: Collection[SignSpec]) -> Diagnosis | None:
    """The first diagnosis, if it is certain and stays first whatever the open signs turn out to be; else None."""
    if any(spec.decisive or spec.names(f"{SAID}x") for spec in open_):
        return None
    first = next(iter(rank(causes, runs)), None)
    if first is None or first.confidence is not Confidence.CERTAIN:
        return None
    seen, probed = _by_sign(runs)
    low = _reach(first.cause, seen, open_, -1, probed)
    least = confidence(low)
    if least is None or least < Confidence.LIKELY:
        return None
    for cause in causes:
        if cause.id == first.cause.id or cause.id in first.cause.explains:
            continue
        high = _reach(cause, seen, open_, 1, probed)
        most = confidence(high)
        if most is not None and (most, cause.impact, high) >= (least, first.cause.impact, low):
            return None
    return first


def _by_sign(runs: Sequence[Run]) -> tuple[dict[str, list[Observation]], frozenset[str]]:
    """(observations by sign id, ids of the signs of probes)."""
    seen: dict[str, list[Observation]] = {}
    for run in runs:
        for observation in run.observations:
            seen.setdefault(observation.sign, []).append(observation)
    return seen, frozenset(spec.id for run in runs if run.probes for spec in run.signs)


def _reach(
    cause: Cause,
    seen: Mapping[str, list[Observation]],
    open_: Collection[SignSpec],
    side: int,
    probed: Container[str],
) -> int:
    """The highest (side 1) or lowest (side -1) score that a cause can still reach."""
    support, against, _ = _matched(cause, seen, probed)
    if side > 0 and not support and not any(s.weight > 0 and any(o.names(s.id) for o in open_) for s in _signs(cause)):
        return -1000
    extremes: dict[str, int] = {}
    for sign in _signs(cause):
        if sign.weight * side > 0 and any(spec.names(sign.id) for spec in open_):
            held = (support if side > 0 else against).get(sign.id)
            more = abs(sign.weight) - (abs(held[0].weight) if held else 0)
            extremes[sign.id] = max(extremes.get(sign.id, 0), more)
    now = sum(sign.weight for sign, _ in (*support.values(), *against.values()))
    return cause.prior + now + side * sum(extremes.values())


def _capped(
    cause: Cause,
    score: int,
    support: Collection[tuple[Sign, Observation]],
    against: Collection[tuple[Sign, Observation]],
    untried: Container[str],
    text: bool,
) -> tuple[Support, ...]:
    """A counterweight that keeps a cause from being certain: words about something foreign to this host, or of the log
    alone, which any user can write; an unknown that may be the cause instead; or a missing probe. () if none applies."""
    probed = any(sign.id in untried and abs(sign.weight) >= Strength.SPEAKS for sign in cause.signs)
    proof = any(
        (text and sign.weight >= Strength.PROVES) if sign.id.startswith(SAID) else sign.weight >= Strength.STRONG
        for sign, _ in support
    )
    if score < CERTAIN:
        return ()
    heard = {sign.id: o.data for sign, o in support if o.data.get("foreign") or _only_said(cause, sign, o, text)}
    others = [sign for sign, _ in support if sign.id not in heard]
    foreign = ", ".join(sorted({str(data["foreign"]) for data in heard.values() if data.get("foreign")}))
    agrees = any(sign.weight >= Strength.FITS and sign.status is Status.FAILED for sign in others)
    if heard and (foreign or not agrees) and score - sum(s.weight for s, _ in support if s.id in heard) < CERTAIN:
        why = "only the text of a log or reply says so"
        why += f", about {foreign}, which this host's own settings do not name" if foreign else ""
        # What the log alone says may still be why something else is certainly so.
        weight = CERTAIN - 1 - score if foreign else 0
        return (Support(sign=next(iter(heard)), weight=weight, subject=foreign or "log", summary=why),)
    hidden = next((o for sign, o in against if sign.status is Status.UNKNOWN), None)
    if hidden and all(sign.weight < Strength.PROVES for sign, _ in support):
        why = "what could not be checked may be the cause instead"
        return (Support(sign=hidden.sign, weight=CERTAIN - 1 - score, subject=hidden.subject, summary=why),)
    if proof or not (probed or text):
        return ()
    why = "the text fits more than one cause" if text else "no network probe was made: this may be over"
    return (Support(sign="host.network", weight=CERTAIN - 1 - score, subject="network", summary=why),)


def _only_said(cause: Cause, sign: Sign, seen: Observation, text: bool) -> bool:
    """Whether an observation is of words that prove nothing about this host: of the log alone, or another server's about
    this Postfix. text: there is no host."""
    of_peer = sign.id.startswith(SAID) and seen.data.get("code") is not None and not seen.data.get("near")
    return bool(seen.data.get("logged")) or (not text and of_peer and cause.station == "Postfix")


def _flow(cause: Cause) -> tuple[Sign, ...]:
    """The sign by which mail that got through since speaks against a cause; () without weight. `_matched` limits
    when it applies."""
    weight = cause.flow if cause.flow is not None else REFUTES if cause.impact is Impact.OUTAGE else 0
    return (Sign(sayings.FLOW, weight, Status.OK),) if weight else ()


def matches(sign: Sign, observation: Observation) -> bool:
    for key, wanted in sign.where:
        value = observation.data.get(key)
        if isinstance(wanted, tuple):
            if value not in wanted:
                return False
        elif value != wanted:
            return False
    return True


def _support(pair: tuple[Sign, Observation]) -> Support:
    sign, observation = pair
    return Support(sign=sign.id, weight=sign.weight, subject=observation.subject, summary=observation.summary)


def _fold(found: list[Diagnosis]) -> list[Diagnosis]:
    """Sets `explained_by` where another diagnosis explains one: that must be at least likely, no less sure by its score,
    and not itself explained by it."""
    by_id = {d.cause.id: d for d in found}
    result = []
    for diagnosis in found:
        roots = [
            other
            for other in found
            if diagnosis.cause.id in other.cause.explains
            and (confidence(other.score) or 0) >= max(Confidence.LIKELY, diagnosis.confidence)
            and not (other.cause.id in diagnosis.cause.explains and diagnosis.score >= other.score)
        ]
        if roots:
            root = max(roots, key=lambda d: (d.score, d.cause.id))
            diagnosis = replace(diagnosis, explained_by=root.cause.id)
        result.append(diagnosis)
    # Names the root of a chain of explanations.
    final = []
    marks = {d.cause.id: d.explained_by for d in result}
    for diagnosis in result:
        root_id, hops = diagnosis.explained_by, 0
        while root_id is not None and marks.get(root_id) is not None and hops < len(by_id):
            root_id, hops = marks[root_id], hops + 1
        if root_id is not None and (root_id == diagnosis.cause.id or hops >= len(by_id)):
            root_id = None
        final.append(replace(diagnosis, explained_by=root_id))
    return final


_NOUNS = {
    "path": "the file", "parameter": "the setting", "host": "the server", "port": "this port", "domain": "the domain",
    "recipient": "the recipient", "sender": "the sender", "address": "the address", "table": "the table", "key": "the key",
    "next_hop": "the relay", "service": "the service", "line": "", "name": "the name", "servers": "the name servers",
    "endpoint": "its address", "mailer": "the other mailer", "unit": "the service", "provider": "the provider",
    "template": "the template", "bundle": "the system's own", "stage": "that point", "wrapper": "as the port needs it",
    "near": "another key", "store": "its trust store",
}  # fmt: skip
_NAMES = re.compile(r"\{(\w+)\}")
_EITHER = re.compile(r"\{(\w+)\|([^{}]*)\}")


def worded(cause: Cause, data: Mapping[str, Scalar]) -> Cause:
    """The cause with the {names} in its texts filled from the data, and with the link to the program's documentation
    in them."""
    title, explanation, otherwise = (fill(text, data) for text in (cause.title, cause.explanation, cause.otherwise))
    links = (str(data["documentation"]),) if data.get("documentation") else cause.links
    return replace(cause, title=title, explanation=explanation, otherwise=otherwise, links=links)


def fill(text: str, data: Mapping[str, Scalar]) -> str:
    """The text with its {placeholders} filled. For a missing value: {table|a table} gives its own words, known names
    a noun; else the parenthesis or sentence around it is dropped. Booleans count as missing."""
    words = {key: str(value) for key, value in data.items() if value not in (None, "") and not isinstance(value, bool)}
    if _EITHER.search(text):
        text = re.sub(" {2,}", " ", _EITHER.sub(lambda found: words.get(found[1], found[2]), text)).strip()
    if words.get("line") == "0":
        del words["line"]
    lacking = {name for name in _NAMES.findall(text) if name not in words}
    if lacking:
        holes = "|".join(map(re.escape, sorted(lacking)))
        text = re.sub(rf" ?\([^()]*\{{(?:{holes})\}}[^()]*\)", "", text)
        text = text.replace(", line {line}", "").replace("line {line}", "the line") if "line" in lacking else text
        for name in lacking & _NOUNS.keys():
            text = text.replace(f"{{{name}}}", _NOUNS[name])
        kept = [each for each in re.split(r"(?<=[.;:])\s+", text) if not re.search(rf"\{{(?:{holes})\}}", each)]
        text = " ".join(kept)
        text = re.sub(r"[;:]$", ".", text)
        text = re.sub(r"(^|[.] )([a-z])", lambda found: found[1] + found[2].upper(), text)
    return _NAMES.sub(lambda found: words.get(found[1], found[0]), text)
