"""Postfix here, as its own tools describe it."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import field

from diagnose import threads
from diagnose.facts.asks import Asks, Same
from diagnose.host.query import Exec, ExecReply, Glob, LogReply, MailLog, Read, Stat
from diagnose.knowledge import distributions
from diagnose.parse.postfix import main_cf, master_cf, postconf
from diagnose.parse.postfix.master_cf import MasterCf
from diagnose.parse.postfix.setting_types import boolean, items
from diagnose.record import frozen


class Parameters:
    """Settings of Postfix or of one of its services, unexpanded."""

    __slots__ = ()
    settings: Mapping[str, str]

    def value(self, name: str) -> str:
        """A parameter's value with $names expanded; "" if not set."""
        return postconf.expand(self.settings.get(name, ""), self.settings).strip()

    def flag(self, name: str) -> bool:
        return bool(boolean(self.value(name)))

    def words(self, name: str) -> tuple[str, ...]:
        return items(self.value(name))


@frozen
class Mta(Parameters):
    """Postfix as its own tools describe it.

    settings: every parameter, defaults included, unexpanded; explicit: those that main.cf sets; complaints: what
    postconf warned or died of; problem: why postconf told nothing ("" if it did).
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

    @property
    def config_directory(self) -> str:
        return self.value("config_directory") or "/etc/postfix"

    @property
    def queue_directory(self) -> str:
        return self.value("queue_directory") or "/var/spool/postfix"

    @property
    def numbers(self) -> tuple[int, int]:
        """(3, 7) for version "3.7.11"; (0, 0) if unknown."""
        part = self.version.split(".")
        try:
            return int(part[0]), int(part[1].split("-")[0])
        except (ValueError, IndexError):
            return 0, 0


_DEFAULTS = Exec(("postconf", "-d"))
_QUESTIONS = (Exec(("postconf",)), _DEFAULTS, *(Exec(("postconf", more)) for more in ("-n", "-M", "-P", "-m")))


def mta(ctx: Asks) -> Mta:
    """Postfix by its own tools; Mta(installed=False) with the reason if it is not installed."""
    everything, defaults, explicit, services, overrides, types = _together(ctx)
    if everything.problem and everything.problem.startswith("not found"):
        return Mta(problem="Postfix is not installed here (no postconf)")
    if everything.problem:
        return Mta(installed=everything.problem != "not recorded", problem=f"postconf: {everything.problem}")
    files = ("", "")
    if not everything.out or not services.out:
        # postconf rejected a file: falls back to the file's own settings over the defaults.
        place = postconf.parse_settings(defaults.out).get("config_directory", "/etc/postfix")
        files = (ctx.ask(Read(f"{place}/main.cf")).text, ctx.ask(Read(f"{place}/master.cf")).text)
    return _understood(Same(everything, defaults, explicit, services, overrides, types), *files)


def _together(ctx: Asks) -> list[ExecReply]:
    """The replies to _QUESTIONS, asked in parallel: after a fatal error in a file each takes a second, by Postfix's
    design."""
    if all(map(ctx.has, _QUESTIONS)):
        return [ctx.ask(question) for question in _QUESTIONS]
    ctx.ask(_DEFAULTS)  # first, since the other replies are parsed against it
    found: list[ExecReply | BaseException | None] = [None] * len(_QUESTIONS)

    def ask(index: int) -> None:
        try:
            found[index] = ctx.ask(_QUESTIONS[index])
        except BaseException as error:  # raised below
            found[index] = error

    threads.together([functools.partial(ask, index) for index in range(len(_QUESTIONS))], math.inf)
    replies = []
    for reply in found:
        if not isinstance(reply, ExecReply):
            raise reply or RuntimeError("postconf was not asked")
        replies.append(reply)
    return replies


@functools.lru_cache(maxsize=8)
def _understood(answers: Same[ExecReply], main: str, master: str) -> Mta:
    everything, standard, explicit_reply, services, overrides, types = answers.replies
    settings = postconf.parse_settings(everything.out)
    defaults = postconf.parse_settings(standard.out)
    explicit = postconf.parse_settings(explicit_reply.out)
    problem = ""
    if not settings:
        problem = (everything.err.strip().splitlines() or ["postconf printed nothing"])[-1]
        explicit = {s.name: s.value for s in main_cf.parse(main).settings}
        settings = {**defaults, **explicit}
    said = "\n".join((everything.err, explicit_reply.err, services.err))
    level = settings.get("compatibility_level", "0")
    parsed = master_cf.parse(services.out or master, level)
    return Mta(
        installed=True,
        version=settings.get("mail_version", defaults.get("mail_version", "")),
        settings={**defaults, **settings},
        explicit=explicit,
        defaults=defaults,
        master=master_cf.with_overrides(parsed, master_cf.parse_overrides(overrides.out)),
        complaints=postconf.complaints(said),
        map_types=tuple(types.out.split()),
        problem=problem,
    )


def stands(ctx: Asks, parameter: str) -> dict[str, str | int | None]:
    """Data for an observation: main.cf's `path`, and the `line` that sets the parameter (None if none does)."""
    path = f"{mta(ctx).config_directory}/main.cf"
    setting = main_cf.parse(ctx.ask(Read(path)).text).get(parameter)
    return {"path": path, "line": setting.line if setting else None}


def earlier(ctx: Asks, path: str) -> list[str]:
    """Copies of a file, not empty, that an editor, a package or a person left beside it, newest first; only root's own, and not
    those that Postfix ships."""
    found = [
        (ctx.ask(Stat(one)), one) for one in ctx.ask(Glob(f"{path}?*")).paths if not one.endswith(distributions.SHIPPED)
    ]
    mine = [
        (s.mtime, one) for s, one in found if s.kind == "file" and s.size and s.owner == "root" and not s.mode & 0o022
    ]
    return [one for _, one in sorted(mine, reverse=True)]


def origin(ctx: Asks, postfix: Mta) -> str:
    """The domain appended to addresses without one: $myorigin, or the first line of the file that it names."""
    value = postfix.value("myorigin") or postfix.value("myhostname")
    if not value.startswith("/"):
        return value
    first = (ctx.ask(Read(value)).text.split("\n", 1)[0]).strip()
    return first or postfix.value("myhostname")


def postfix_log(ctx: Asks) -> LogReply:
    """The mail log as Postfix's syslog writes it, as far back as the user's settings say."""
    return ctx.ask(MailLog(ctx.settings.since))
