"""Plans for what was diagnosed, and how a plan reads in a report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from diagnose import facts
from diagnose.errors import Late
from diagnose.facts.asks import Asks
from diagnose.model import Advice, Diagnosis, HostInfo, Remedy, Run
from diagnose.parse.text.masking import STARS, coded, mask
from diagnose.remedy.evidence import Evidence
from diagnose.remedy.plan import Ask, Plan, maker
from diagnose.remedy.running import BuildTable
from diagnose.remedy.steps import Refused, Step

_READABLE = 900  # characters of commands to paste; more is `fix`'s to carry out
_SAID = 3  # reasons of steps
_VISIBLE = 8  # lines of settings shown where nothing can be pasted


def make(
    ctx: Asks, diagnoses: Sequence[Diagnosis], runs: Sequence[Run], info: HostInfo, advice: Advice | None = None
) -> dict[str, Plan]:
    """Plans by cause id, for each cause that can have one; an empty plan if the time ran out, or a step was refused."""
    found: dict[str, Plan] = {}
    for diagnosis in diagnoses:
        lost = advice is not None and diagnosis.cause.relay and not diagnosis.explained_by
        if diagnosis.data.get("program"):
            plan = _of_program(Evidence(ctx=ctx, diagnosis=diagnosis, runs=runs, info=info), advice if lost else None)
            if plan is not None:
                found[diagnosis.cause.id] = plan
            continue
        make_one = maker(diagnosis.cause.id)
        if make_one is None and not lost:
            continue
        evidence = Evidence(ctx=ctx, diagnosis=diagnosis, runs=runs, info=info, advice=advice)
        try:
            plan = make_one(evidence) if make_one else None
            if plan is not None and plan.steps:
                from diagnose.remedy.plans.settings import readable

                plan = readable(evidence, plan)
            mended = plan is not None and (plan.steps or (plan.text and diagnosis.data.get("answers")))
            if advice and lost and not mended and not _same(evidence, advice):
                from diagnose.remedy.plans.relays import by_advice

                plan = replace(by_advice(evidence, advice), by=plan.by if plan else ())
        except (Late, Refused):
            plan = None
        found[diagnosis.cause.id] = _once(plan or Plan())
    return found


def _same(evidence: Evidence, advice: Advice) -> bool:
    """Whether the advised relay is the one that fails."""
    way = facts.route(evidence.ctx)
    return way is not None and way.relay and (way.host, way.port) == (advice.host, advice.port)


# For a mailer other than Postfix its own words say what to do; whom else to ask, and what was seen open, is added.
_ASKED = ("egress-port-25-blocked",)


def _of_program(evidence: Evidence, advice: Advice | None) -> Plan | None:
    from diagnose.remedy.plans.mailers import mailers_plan

    id, said = evidence.diagnosis.cause.id, evidence.diagnosis.remedy.text
    try:
        if (own := mailers_plan(evidence)) is not None:
            return own
    except (Late, Refused):
        pass
    try:
        asked = make_one(evidence) if id in _ASKED and (make_one := maker(id)) else None
    except (Late, Refused):
        asked = None
    if advice is not None and advice.verified and not _same(evidence, advice):
        said = f"Open from here: {advice.host} port {advice.port}. {said}"
    return Plan(by=asked.by if asked else (), text=said) if asked or advice else None


def _once(plan: Plan) -> Plan:
    """The plan without steps that repeat an earlier one."""
    kept: dict[object, Step] = {}
    for step in plan.steps:
        kept.setdefault((type(step), step.files(), step.commands()), step)
    return replace(plan, steps=tuple(kept.values()))


def remedy(diagnosis: Diagnosis, plan: Plan, here: bool) -> Remedy:
    """A plan as text and commands for the report. here: it is for the host that this runs on."""
    # Where a person must get something first, the general words say what.
    words = [plan.text or (not plan.asks and summary(plan)) or diagnosis.remedy.text]
    for step in plan.steps:
        if step.allow and step.opens:
            said = re.split(r"(?<=\.) (?=[A-Z])", f"{step.why} This lets {step.opens}.")
            words.append(" ".join(sentence for sentence in said if sentence not in words[0]))
    words += (
        [f"{'The command asks for' if here and plan.steps else 'Needed:'} {_needed(plan.asks)}."] if plan.asks else []
    )
    commands = () if plan.asks else plan.commands() or (() if plan.steps else diagnosis.remedy.commands)
    if not all(pasteable(command) for command in commands):
        commands = ()
    if here and plan.steps and sum(map(len, commands)) > _READABLE:
        commands = (f"sudo mail-diagnose fix {diagnosis.cause.id}",)
    if plan.steps and not commands:
        words += [line for step in plan.steps for line in step.commands() if pasteable(line)][:_VISIBLE]
        if here:
            commands = (f"sudo mail-diagnose fix {diagnosis.cause.id}",)
    others = tuple((other.who, other.text, other.record) for other in plan.by)
    return Remedy(text="\n".join(word for word in words if word), commands=commands, others=others)


def summary(plan: Plan) -> str:
    """What the steps change, and why, at most _SAID lines; "" if they only start or reload something. Compiled
    tables are left out unless there is nothing else."""
    about = [step for step in plan.steps if step.subject]
    about = [step for step in about if not isinstance(step, BuildTable)] or about
    lines = dict.fromkeys(
        step.why if step.subject in step.why else f"{step.subject}: {step.why}" for step in about if not step.allow
    )
    return "\n".join(list(lines)[:_SAID])


def _needed(asks: Sequence[Ask]) -> str:
    """What a person must know, and where to get it; a place that they share is named once."""
    places = {ask.where for ask in asks}
    whole = f" ({places.pop()})" if len(places) == 1 and all(places) else ""
    return " and ".join(ask.what if whole or not ask.where else f"{ask.what} ({ask.where})" for ask in asks) + whole


def pasteable(command: str) -> bool:
    return command.isprintable() and not coded(command) and STARS not in command and mask(command) == command
