"""From the spelling of a machine to a case of the lab."""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Callable
from dataclasses import replace
from random import Random

from diagnose.record import frozen
from tests.lab.fault import Fault
from tests.lab.history import sent_lines
from tests.lab.internet.world import World
from tests.lab.machine import LabError, Machine
from tests.lab.steps import Step, append, pause, run, settings, shell, wait

from . import local, login, names, network, words
from .bases import BASES, RELAYS, drawn
from .distractors import DISTRACTORS, hop
from .site import Broken, Site, Trouble, sh

TROUBLES = {t.id: t for m in (network, names, login, words, local) for t in m.TROUBLES}
SHAPES = ("log", "no-log", "fresh", "over")
NONE = "none"
ROLES = dict.fromkeys(RELAYS, "submission")


@frozen
class Recipe:
    """One machine in names. also: a second fault, or ""."""

    fault: str
    base: str
    shape: str
    distractors: tuple[str, ...] = ()
    also: str = ""
    number: int = 0

    def __str__(self) -> str:
        faults = f"{self.fault}&{self.also}" if self.also else self.fault
        return f"{faults}/{self.base}/{self.shape}/{'+'.join(self.distractors) or '-'}/{self.number}"


def spelled(text: str) -> Recipe:
    """The recipe that str() spelled. Raises ValueError for anything else."""
    parts = text.split("/")
    if len(parts) != 5 or parts[1] not in BASES:
        raise ValueError(f"{text} is not FAULT/BASE/SHAPE/DISTRACTORS/NUMBER")
    fault, _, also = parts[0].partition("&")
    distractors = tuple(name for name in parts[3].split("+") if name != "-")
    return Recipe(fault=fault, base=parts[1], shape=parts[2], distractors=distractors, also=also, number=int(parts[4]))


def site_of(recipe: Recipe) -> Site:
    """The machine before anything is broken."""
    site = drawn(recipe.base, Random(f"{recipe.number} base"))
    site.rng = Random(f"{recipe.number} distractors")
    for name in recipe.distractors:
        DISTRACTORS[name][0](site)
    site.rng = Random(f"{recipe.number} fault")
    return site


def fits(recipe: Recipe) -> bool:
    """Can that fault stand on that machine, and show so?"""
    site = site_of(replace(recipe, distractors=()))
    if any(not DISTRACTORS[d][1](site) or recipe.fault in DISTRACTORS[d][2] for d in recipe.distractors):
        return False
    if recipe.fault == NONE:
        return recipe.shape == "log"
    trouble = TROUBLES[recipe.fault]
    if recipe.also and not (TROUBLES[recipe.also].on(site) and trouble.enters):
        return False
    shown: dict[str, bool] = {
        "log": bool(site.log),
        "no-log": trouble.kept,
        "fresh": trouble.fresh,
        "over": bool(site.log),
    }
    return trouble.on(site) and shown[recipe.shape]


def _saved(path: str) -> tuple[Step, Step]:
    """Keep the sending instance's configuration, and put it back."""
    keep = sh(f"rm -rf {path}; cp -a {{config}} {path}")
    return keep, sh(
        f"cp -a {path}/. {{config}}/; for f in {{config}}/*; do test -e {path}/${{f##*/}} || rm -rf $f; done; touch {{config}}/main.cf"
    )


def _received(to: str, seconds: float = 12) -> Step:
    """Hand over one message and wait until a server has it."""

    def step(m: Machine) -> None:
        until = time.monotonic() + seconds
        while not m.received(to):
            if time.monotonic() > until:
                raise LabError(f"the machine does not deliver; its log ends {m.log()[-900:]}")
            time.sleep(0.05)

    return step


def _ago(log: str, minutes: int) -> Step:
    """Let the log be so much older: it is long since anything was sent."""

    def one(found: re.Match[str]) -> str:
        now = datetime.datetime.now()
        when = datetime.datetime.strptime(f"{now.year} {found[0]}", "%Y %b %d %H:%M:%S")
        when -= datetime.timedelta(minutes=minutes)
        return f"{when:%b} {when.day:2d} {when:%H:%M:%S}"

    def step(m: Machine) -> None:
        if log:
            m.write(log, re.sub(r"(?m)^\w{3} [ \d]\d \d\d:\d\d:\d\d", one, m.read(log)), 0o640, "root", "adm")

    return step


def _truth(site: Site, submit: Callable[[str], Step], to: str, flows: bool) -> Step:
    """A message more: it must arrive, or not, as the recipe says."""

    def step(m: Machine) -> None:
        before, at = m.received(to), len(m.log())
        submit(to)(m)
        until = time.monotonic() + (15 if flows else 4)
        while time.monotonic() < until and m.received(to) == before:
            if not flows and re.search("status=|reject|fatal", m.log()[at:]):
                time.sleep(0.3)
                break
            time.sleep(0.05)
        if (m.received(to) > before) != flows:
            raise LabError(f"the message {'does not arrive' if flows else 'arrives'}; {m.log()[at:][-900:]}")

    return step


def _failed(broken: Broken, site: Site) -> Step:
    """Wait until what was handed over has failed."""
    if broken.shows:
        return wait(broken.shows, 45)
    return pause(2.5)


def _no_log(site: Site) -> tuple[list[Step], list[Step]]:
    """(steps before the start, steps after the failure) that leave no log."""
    if not site.log:
        return [], []
    if site.rng.random() < 0.5:
        gone = shell("postfix logrotate; rm -f /var/log/mail.log.[0-9]* /var/log/postfix-out.log.[0-9]*; sleep 0.3")
        return [], [gone, shell(f": > {site.log}")]
    return [settings(maillog_file=None), shell(f"rm -f {site.log} /dev/log /var/log/mail.log")], []


def compose(recipe: Recipe) -> Fault:
    """The case: what is done, and what must be said."""
    site = site_of(recipe)
    trouble = TROUBLES.get(recipe.fault)
    broken = trouble.make(site) if trouble else Broken(shows="status=sent")
    second = TROUBLES[recipe.also].make(site) if recipe.also else None
    to, submit = broken.to or site.to, broken.submit or site.submit
    many = site.rng.randint(1, 3)
    good = World(roles=ROLES, servers=tuple(site.servers), records=site.records)
    bad = replace(
        good,
        servers=(*broken.servers, *site.servers),
        records={**site.records, **broken.records},
        resolver=broken.resolver,
    )
    keep, restore = _saved("/root/kept-config")
    mends = broken.mends or (restore,)
    anew = shell("postfix stop; postfix start") if broken.restart or not site.log else run("postfix", "reload")
    if not site.log:
        anew = run("postfix", "reload")
    swap: Step = Machine.turn_world
    setup, then = list(site.before), list(site.after)
    if site.log and site.rng.random() < 0.7:
        setup.insert(0, append("/var/log/mail.log", sent_lines("app", 9, 70, 2, hop(site), "user{n}@" + site.domain)))
    healthy = recipe.shape == "over" or trouble is None
    world = bad
    mails = [submit(to)] * many
    early = () if broken.late else broken.breaks
    late = broken.breaks if broken.late else ()
    companion = list(second.breaks) if second else []
    if trouble is None:
        then += [*mails, _received(to)]
    elif recipe.shape == "fresh":
        world = replace(good, later=bad)
        then += [site.submit(site.to), _received(site.to), pause(0.3), _ago(site.log, site.rng.randint(15, 300))]
        then += [*broken.breaks, swap]
        then += [pause(0.5)] if broken.unread else [anew, pause(0.7)]
    elif recipe.shape == "over":
        world = replace(bad, later=good)
        setup += [keep, *early]
        then += [*late, *mails, _failed(broken, site), *mends, swap, anew, pause(1.5)]
        if site.rng.random() < 0.5:
            then += [run("postqueue", "-c", site.config, "-f"), pause(2)]
        then += [site.submit(site.to), _received(site.to), pause(0.5)]
    else:
        before, after = _no_log(site) if recipe.shape == "no-log" else ([], [])
        blind = bool(before) or (recipe.shape == "no-log" and not site.log)
        setup += [*before, *early]
        then += [*companion, *late, *mails, pause(4) if blind else _failed(broken, site), *after]
    accept = broken.accept or (trouble.accept if trouble else ())
    args = (*site.args, *broken.args, *(second.args if second else ()))
    if (site.rng.random() < 0.4 or recipe.shape == "fresh") and "--to" not in args:
        args = (*args, "--to", to)
    allowed = ("retry-pending",) if recipe.shape == "over" else ()
    return Fault(
        id=str(recipe),
        accept=() if healthy else accept,
        also=TROUBLES[recipe.also].accept if recipe.also else (),
        kind="healthy" if healthy else "double" if recipe.also else "fault",
        about=f"{recipe.fault} on {recipe.base}: {', '.join(accept) or 'nothing is broken'}",
        world=world,
        setup=tuple(setup),
        then=tuple(then),
        start=site.start,
        args=args,
        allowed=(*allowed, "delivered-to-remote") if "--to" in args else allowed,
        truth=_truth(site, submit, site.to if healthy else to, healthy),
    )


def trouble_ids() -> tuple[str, ...]:
    """The faults that are drawn as a machine's first."""
    return tuple(name for name, trouble in TROUBLES.items() if not trouble.companion)


def companions() -> tuple[str, ...]:
    return tuple(name for name, trouble in TROUBLES.items() if trouble.companion)


__all__ = ["NONE", "SHAPES", "Recipe", "Site", "Trouble", "companions", "compose", "fits", "spelled", "trouble_ids"]
