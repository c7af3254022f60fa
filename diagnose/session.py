"""One diagnosis from start to end: discovers checks, asks the host, weighs, advises, and returns a Report."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from diagnose import __version__, facts, files, rank, registry, runner, threads
from diagnose.check import Check, Context, Settings
from diagnose.errors import Late
from diagnose.facts import mailers, network, packets
from diagnose.host.live import LiveHost
from diagnose.host.memo import Host, Memo, NoNetwork, Recorder
from diagnose.host.query import Exec, Now, Read, Stat
from diagnose.host.snapshot import CutOff, Recording
from diagnose.knowledge.causes import all_causes
from diagnose.model import Advice, Confidence, Data, HostInfo, Observation, Outcome, Report, Run, Target, measured
from diagnose.parse.system import os_release
from diagnose.parse.system.own_network import is_loopback
from diagnose.record import dataclass, frozen
from diagnose.remedy import Plan, make as remedy

TIMEOUT = 15.0  # seconds for a whole run
PLANNING = 0.1  # share of a run's time for the plans: without it slow checks would leave a diagnosis without commands
HEAD_START = 0.5  # seconds at most for the first dials; loading the checks would take the processor from them
RESERVE = 0.4  # seconds for the work after the checks


@frozen
class Request:
    """What to diagnose, and how. recording: used instead of the live host; provider: the relay asked for; ignores:
    whether an observation is acknowledged and does not count (it stays in the report's runs); refused: remembers
    refused logins (`diagnose.host.live.dial.Refused`); live: the caller's live host, if it has one; away: the
    subject, such as a container, is not what `fix` would change here."""

    target: Target = field(default_factory=Target)
    settings: Settings = field(default_factory=Settings)
    only: Sequence[str] = ()
    skip: Sequence[str] = ()
    timeout: float = TIMEOUT
    recording: Recording | None = None
    provider: str | None = None
    advise: bool = False
    ignores: Callable[[Observation], bool] | None = None
    refused: Any = None
    live: LiveHost | None = None
    away: bool = False


def of_recording(recording: Recording, asked: Request | None = None) -> Request:
    """The request to diagnose a recording with the options it was made with, as far as `asked` does not override them."""
    asked, kept = asked or Request(), recording.settings
    target, settings = asked.target, asked.settings
    settings = Settings(
        app_config=settings.app_config or tuple(kept.get("app_config", ())),
        auth=settings.auth and bool(kept.get("auth", True)),
        network=settings.network and bool(kept.get("network", True)),
        since=float(kept.get("since", 86_400.0)),
    )
    target = Target(target.sender or recording.target.sender, target.recipient or recording.target.recipient)
    return replace(asked, recording=recording, target=target, settings=settings)


@dataclass(frozen=True)
class Result:
    """A report with its recording. hide: masks known secrets in plain data; plans: cause id to plan."""

    report: Report
    recording: Recording
    hide: Callable[[Any], Any]
    plans: Mapping[str, Plan]

    @property
    def interrupted(self) -> bool:
        return any(run.reason == runner.INTERRUPTED for run in self.report.runs)


@dataclass(frozen=True)
class Progress:
    """The progress of a run. waiting: titles of running checks; left: seconds at most; certain: title of the cause
    that is already certain, "" if none."""

    waiting: tuple[str, ...]
    left: float
    certain: str


def diagnose(request: Request, progress: Callable[[Progress], None] | None = None) -> Result:
    """Runs the checks and returns the report; problems on the host appear in it. Raises UsageError for an unknown
    check. A live run ends once no running check can change the first cause."""
    began = time.monotonic()
    live, world = _asked(request)
    memo = Memo(world if request.settings.network else NoNetwork(world), at_once=live is None)
    if live is not None:
        dialled = threading.Event()
        threads.begin(lambda: _ahead(_context(memo, request, began + request.timeout), request, dialled.set))
        if request.settings.network:
            live.load_resolver()
        dialled.wait(HEAD_START)
    checks, notes = registry.discover()
    if live is not None:
        notes = (*notes, *filter(None, (files.tool_in_doubt(), live.about())))
    # Leaves time for weighing and printing; loading the checks has taken some.
    left = max(0.3, began + request.timeout * (1 - PLANNING) - RESERVE - time.monotonic())
    runs = runner.run_checks(
        registry.select(checks, request.only, request.skip),
        memo,
        request.target,
        request.settings,
        left,
        missing=_missing,
        watch=_Watch(request, progress) if live else None,
    )
    context = _context(memo, request, began + request.timeout - RESERVE / 2)
    other = _other(context)
    if other is not None:
        runs = tuple(_in_its_name(run, other.title) for run in runs)
    if request.recording is not None:
        runs = tuple(_as_it_ended(run, request.recording.cut_off.get(run.check)) for run in runs)
    hide = live.secrets.hide_data if live else (lambda data: data)
    info, target, started = _host(context, hide), _target(context), _started(context)
    untried = () if request.settings.network else registry.probed(checks)
    diagnoses = rank.rank(
        all_causes(), _weighed(runs, request.ignores), untried, program=other.program if other is not None else ""
    )
    set_aside = bool(request.ignores and not diagnoses and rank.rank(all_causes(), runs, untried))
    advice = _advice(context, request, runs, diagnoses, info, target)
    plans = remedy.make(context, diagnoses, runs, info, advice)
    here = live is not None and not request.away
    report = Report(
        version=__version__,
        host=info,
        target=target,
        started=started,
        seconds=time.monotonic() - began,
        runs=runs,
        diagnoses=tuple(
            replace(d, remedy=remedy.remedy(d, plans[d.cause.id], here)) if d.cause.id in plans else d
            for d in diagnoses
        ),
        advice=(_to_paste(advice, here),) if advice else (),
        acknowledged=set_aside,
        notes=notes,
    )
    return Result(report, _recording(memo, request, started, runs), hide, plans)


def _asked(request: Request) -> tuple[LiveHost | None, Host]:
    """(live host or None, host to query: this or the recording)."""
    if request.recording is not None:
        return None, request.recording
    live = request.live or LiveHost(request.refused)
    return live, live


def _to_paste(advice: Advice, here: bool) -> Advice:
    """The advice with commands that contain placeholders replaced by `fix`, which asks for the login; by none if not
    for this host."""
    if not any("<" in command for command in advice.commands):
        return advice
    asks = f"sudo mail-diagnose fix --relay '[{advice.host}]:{advice.port}'"
    return replace(advice, commands=(asks,) if here else ())


def _recording(memo: Memo, request: Request, started: datetime, runs: Sequence[Run]) -> Recording:
    """All queries and replies, with the options that matter for diagnosing it elsewhere."""
    return Recording(
        version=__version__,
        started=started.isoformat(),
        target=request.target,
        asked=dict(memo.known()),
        settings={
            "app_config": list(request.settings.app_config),
            "auth": request.settings.auth,
            "network": request.settings.network,
            "since": request.settings.since,
        },
        cut_off={
            run.check: CutOff(observations=len(run.observations), reason=run.reason)
            for run in runs
            if run.outcome is Outcome.TIMED_OUT
        },
    )


EARLY = 1.0  # seconds in which quick checks end, before which no progress is shown


class _Watch:
    """Weighs results while checks still run; as a `runner.Watch` it returns whether the first cause is certain."""

    def __init__(self, request: Request, progress: Callable[[Progress], None] | None) -> None:
        self._request, self._progress = request, progress
        self._began = time.monotonic()
        self._ended = 0
        self._certain = ""

    def __call__(self, going: runner.Going) -> bool:
        if time.monotonic() - self._began < EARLY:
            return False
        if len(going.ended) > self._ended:
            self._ended = len(going.ended)
            open_ = [spec for check in going.running for spec in check.signs]
            found = rank.decided(all_causes(), _weighed(going.ended, self._request.ignores), open_)
            self._certain = found.cause.title if found else ""
        if self._progress:
            self._progress(Progress(tuple(check.title for check in going.running), going.left, self._certain))
        return bool(self._certain)


def _as_it_ended(run: Run, end: CutOff | None) -> Run:
    """The run cut off as it was on the recorded host, although replaying takes no time. end: None if it completed
    there."""
    if end is None:
        return run
    return replace(run, outcome=Outcome.TIMED_OUT, observations=run.observations[: end.observations], reason=end.reason)


def _weighed(runs: Sequence[Run], ignores: Callable[[Observation], bool] | None) -> Sequence[Run]:
    if ignores is None:
        return runs
    return [replace(run, observations=tuple(o for o in run.observations if not ignores(o))) for run in runs]


def _context(memo: Memo, request: Request, deadline: float) -> Context:
    return Context(host=Recorder(memo, deadline), target=request.target, settings=request.settings)


def _ahead(context: Context, request: Request, begun: Callable[[], object]) -> None:
    """Asks for what takes time, before the checks are loaded: postconf, and servers that may keep silent. begun: called
    when these are dialled."""
    with suppress(Exception):  # met again, and told, by the check that asks the same
        facts.mta(context)
        if request.settings.network and not (request.only or request.skip):
            threads.begin(lambda: _own_servers(context))
            network.egress(context, begun)
    begun()


def _own_servers(context: Context) -> None:
    with suppress(Exception):
        packets.own_tried(context, network.mail_port(context))


def _missing(check: Check, context: Context) -> str | None:
    """Why the check does not apply; None if it does."""
    if "network" in check.needs and not context.settings.network:
        return "network probes are switched off"
    if "linux" in check.needs and not sys.platform.startswith("linux"):
        return "only Linux reports this"
    if "postfix" in check.needs:
        postfix = facts.mta(context)
        if not postfix.installed:
            here = facts.mailer(context)
            return f"the mailer here is {here.title}" if here else postfix.problem or "Postfix is not installed here"
    if "mta" in check.needs and not facts.mta(context).installed and facts.mailer(context) is None:
        return "there is neither Postfix nor another mailer known to this tool"
    return None


def _host(context: Context, hide: Callable[[Any], Any]) -> HostInfo:
    try:
        now = context.ask(Now())
        release = os_release.parse(context.ask(Read("/etc/os-release")).text)
        version = context.ask(Exec(("postconf", "-d"))).out
        config = facts.fingerprint(context, hide)
        other = facts.mailer(context)
        named = mailers.title(context, other) if other is not None else ""
    except Late:
        return HostInfo()
    numbers = [line.partition("=")[2].strip() for line in version.splitlines() if line.startswith("mail_version =")]
    return HostInfo(
        name=now.fqdn or now.hostname,
        system=release.name,
        family=release.family,
        mta=f"Postfix {numbers[0]}" if numbers else "Postfix" if facts.mta(context).installed else named,
        config=config,
        user=now.user,
        privileged=now.root,
        network=context.settings.network,
    )


def _other(context: Context) -> facts.Mailer | None:
    """The mailer that is this host's MTA instead of Postfix; None if there is none."""
    try:
        return facts.mailer(context)
    except Late:
        return None


def _in_its_name(run: Run, title: str) -> Run:
    """The run with "Postfix" in its summaries replaced by another mailer's title."""
    named = (
        replace(o, summary=re.sub(r"\bPostfix\b('(?!s))?", lambda m: title + ("'s" if m[1] else ""), o.summary))
        if "Postfix" in o.summary
        else o
        for o in run.observations
    )
    return replace(run, observations=tuple(named))


def _target(context: Context) -> Target:
    try:
        target = facts.target(context)
        way = facts.route(context)
    except Late:
        return context.target
    return replace(target, relay=way.nexthop) if way and way.relay else target


def _started(context: Context) -> datetime:
    """When this run began; for a recording, when it was made."""
    try:
        now = context.ask(Now())
    except Late:
        now = Now.Reply(epoch=time.time())
    return datetime.fromtimestamp(int(now.epoch), timezone(timedelta(seconds=now.offset)))


def _advice(
    context: Context,
    request: Request,
    runs: Sequence[Run],
    diagnoses: Sequence[Any],
    info: HostInfo,
    target: Target,
) -> Advice | None:
    """A relay, if asked for or if a likely cause calls for one; else None."""
    wanted = request.advise or any(
        d.cause.relay and d.explained_by is None and d.confidence >= Confidence.LIKELY for d in diagnoses
    )
    if not wanted:
        return None
    from diagnose import relay

    try:
        postfix = facts.mta(context)
        way = facts.route(context)
    except Late:
        postfix, way = facts.Mta(), None
    if not request.advise and way is not None and way.relay and is_loopback(way.host):
        return None  # a tunnel or proxy on this host, with its own route
    release = os_release.parse(context.ask(Read("/etc/os-release")).text)
    support = os_release.mail_support(release, postfix.map_types)
    bundle = context.ask(Stat(support.ca_file)) if support.ca_file else None
    system = relay.System(
        family=info.family,
        ca_bundle=support.ca_file if bundle is not None and bundle.exists else None,
        map_type=postfix.value("default_database_type") or support.map_type,
        sasl_package=" ".join(support.sasl_packages),
        supported_map_types=postfix.map_types,
        postfix_version=postfix.version or None,
        config_directory=postfix.config_directory,
    )
    ports: dict[tuple[str, int], bool | None] = {}
    owner: Data = {}
    for data in (o.data for o in measured(runs, "endpoint")):
        if isinstance(port := data.get("port"), int):
            ports[(str(data.get("host")), port)] = bool(data.get("open"))
    for seen in measured(runs, "network"):
        owner.update(seen.data)
    suggested = relay.suggest(
        ports,
        way.nexthop if way and way.relay else None,
        request.provider,
        system,
        sender=target.sender,
        network=_network(owner),
    )
    if suggested is None or postfix.installed or request.advise:
        return suggested
    # Without Postfix only the application's own settings remain.
    return replace(suggested, main_cf={}, files=(), commands=(), notes=())


def _network(owner: Data) -> Any:
    from diagnose.knowledge import labels

    return next((n for n in labels.networks() if n.id == owner.get("network")), None)
