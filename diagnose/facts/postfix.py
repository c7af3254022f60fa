"""Postfix here, as its own tools describe it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from diagnose.facts.asks import Asks
from diagnose.host.query import Exec, Read
from diagnose.parse import master_cf, postconf
from diagnose.parse.master_cf import MasterCf
from diagnose.parse.setting_types import boolean, items


@dataclass(frozen=True, slots=True, kw_only=True)
class Mta:
    """Postfix as its own tools describe it.

    settings: every parameter, defaults included, unexpanded; explicit: those that main.cf sets; complaints: what
    postconf warned or died of; problem: why nothing could be learnt ("" when it could).
    """

    installed: bool = False
    version: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    explicit: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    master: MasterCf = field(default_factory=lambda: MasterCf(services=(), findings=()))
    complaints: tuple[postconf.Complaint, ...] = ()
    map_types: tuple[str, ...] = ()
    problem: str = ""

    def value(self, name: str) -> str:
        """A parameter's value, $names expanded."""
        return postconf.expand(self.settings.get(name, ""), self.settings).strip()

    def flag(self, name: str) -> bool:
        return bool(boolean(self.value(name)))

    def words(self, name: str) -> tuple[str, ...]:
        return items(self.value(name))

    @property
    def config_directory(self) -> str:
        return self.value("config_directory") or "/etc/postfix"

    @property
    def queue_directory(self) -> str:
        return self.value("queue_directory") or "/var/spool/postfix"

    @property
    def numbers(self) -> tuple[int, int]:
        """(3, 7) of version "3.7.11"; (0, 0) when unknown."""
        part = self.version.split(".")
        try:
            return int(part[0]), int(part[1].split("-")[0])
        except (ValueError, IndexError):
            return 0, 0


def mta(ctx: Asks) -> Mta:
    everything = ctx.ask(Exec(("postconf",)))
    if everything.problem and everything.problem.startswith("not found"):
        return Mta(problem="Postfix is not installed here (no postconf)")
    if everything.problem:
        return Mta(installed=everything.problem != "not recorded", problem=f"postconf: {everything.problem}")
    settings = postconf.parse_settings(everything.out)
    defaults = postconf.parse_settings(ctx.ask(Exec(("postconf", "-d"))).out)
    explicit_reply = ctx.ask(Exec(("postconf", "-n")))
    explicit = postconf.parse_settings(explicit_reply.out)
    services = ctx.ask(Exec(("postconf", "-M")))
    problem = ""
    if not settings:
        # postconf refused main.cf: what it names in spite of that, over the defaults, is the best that can be had.
        problem = (everything.err.strip().splitlines() or ["postconf said nothing"])[-1]
        raw = ctx.ask(Read(f"{_config_directory(defaults)}/main.cf"))
        from diagnose.parse import main_cf

        explicit = {s.name: s.value for s in main_cf.parse(raw.text).settings}
        settings = {**defaults, **explicit}
    complaints = postconf.complaints("\n".join((everything.err, explicit_reply.err, services.err)))
    return Mta(
        installed=True,
        version=settings.get("mail_version", defaults.get("mail_version", "")),
        settings={**defaults, **settings},
        explicit=explicit,
        defaults=defaults,
        master=_master(ctx, services.out, settings, defaults),
        complaints=complaints,
        map_types=tuple(ctx.ask(Exec(("postconf", "-m"))).out.split()),
        problem=problem,
    )


def _config_directory(defaults: Mapping[str, str]) -> str:
    return defaults.get("config_directory", "/etc/postfix")


def _master(ctx: Asks, out: str, settings: Mapping[str, str], defaults: Mapping[str, str]) -> MasterCf:
    level = settings.get("compatibility_level", "0")
    if out:
        parsed = master_cf.parse(out, level)
    else:
        parsed = master_cf.parse(ctx.ask(Read(f"{_config_directory(defaults)}/master.cf")).text, level)
    overrides = master_cf.parse_overrides(ctx.ask(Exec(("postconf", "-P"))).out)
    return master_cf.with_overrides(parsed, overrides)
