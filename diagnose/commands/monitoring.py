"""watch, report, ignore and history: for timers and monitoring systems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from diagnose.commands.options import (
    AppConfig,
    Debug,
    Force,
    From,
    NoAuth,
    NoNetwork,
    Only,
    Skip,
    SnapshotFile,
    To,
    chosen,
    span,
    terminal_of,
    write,
)
from diagnose.errors import UsageError

StateDir = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        metavar="DIR",
        help="Where state is kept; default: /var/lib/mail-diagnose as root, else in XDG_STATE_HOME.",
    ),
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="TOML; default: /etc/mail-diagnose.toml, if there.")
]
Notify = Annotated[
    list[str] | None,
    typer.Option(
        "--notify",
        metavar="TARGET",
        help="Where to tell changes: an https:// address, slack:URL, teams:URL, ntfy:URL, gotify:URL, exec:COMMAND (no shell), "
        "syslog, journal, apprise:URL; may be repeated.",
    ),
]
HeartbeatUrl = Annotated[
    str | None,
    typer.Option("--heartbeat", metavar="URL", help="Ping this URL at the start, and at the end with the status."),
]
CanaryTo = Annotated[
    str | None,
    typer.Option(
        "--canary",
        metavar="ADDRESS",
        help="Send a test message there; the service at that address alerts if it does not arrive.",
    ),
]
CanaryEvery = Annotated[
    str | None, typer.Option("--canary-every", metavar="SPAN", help="Send the canary at most this often (1h).")
]
Attempts = Annotated[
    int | None, typer.Option("--attempts", metavar="N", help="Alert after this many passes in a row (2).")
]
UnknownAttempts = Annotated[
    int | None,
    typer.Option("--unknown-attempts", metavar="N", help="Alert after this many passes without a result (3)."),
]
FlapHigh = Annotated[
    float | None, typer.Option("--flap-high", metavar="PERCENT", help="Flapping starts at this rate of change (30).")
]
FlapLow = Annotated[
    float | None, typer.Option("--flap-low", metavar="PERCENT", help="Flapping ends at this rate of change (20).")
]
Renotify = Annotated[
    str | None,
    typer.Option("--renotify", metavar="SPAN", help="Repeat the alarm of a lasting problem this often (6h); 0: never."),
]
Retention = Annotated[
    str | None, typer.Option("--retention", metavar="SPAN", help="Keep outages in the history for this long (400d).")
]
Jitter = Annotated[
    str | None, typer.Option("--jitter", metavar="SPAN", help="Random start delay up to SPAN, constant for each host.")
]
PassTimeout = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", help="A pass ends after this long (60).")
]
MaxAge = Annotated[
    str | None,
    typer.Option("--max-age", metavar="SPAN", help="Treat a result older than this as UNKNOWN, such as 15m."),
]
Formats = Annotated[
    list[str] | None,
    chosen("--format", "NAME[:PATH]", "How to print, and into which file; may be repeated."),
]
EXIT = {"ok": 0, "warning": 1, "failed": 2, "unknown": 3}


def watch(
    state_dir: StateDir = None,
    notify: Notify = None,
    heartbeat: HeartbeatUrl = None,
    canary: CanaryTo = None,
    canary_every: CanaryEvery = None,
    attempts: Attempts = None,
    renotify: Renotify = None,
    unknown_attempts: UnknownAttempts = None,
    flap_high: FlapHigh = None,
    flap_low: FlapLow = None,
    retention: Retention = None,
    jitter: Jitter = None,
    timeout: PassTimeout = None,
    to: To = None,
    sender: From = None,
    app_config: AppConfig = None,
    only: Only = None,
    skip: Skip = None,
    no_network: NoNetwork = False,
    no_auth: NoAuth = False,
    snapshot: SnapshotFile = None,
    config: Config = None,
    debug: Debug = False,
) -> None:
    """Check once and report changes. For cron or a timer; state is kept between passes.

    \b
    Prints nothing while nothing changes. Exit status as of `run`; at least 1 when an alarm was not delivered.

    \b
    Examples:
      mail-diagnose watch --notify ntfy:https://ntfy.example.com/mail
      mail-diagnose watch --notify 'exec:/usr/local/bin/page-me' --heartbeat https://hc.example.com/ping/ID
      mail-diagnose watch --notify syslog --jitter 2m --attempts 3
    """
    import sys

    from diagnose.parse.text.address import check_address
    from diagnose.parse.text.masking import leaving, plain
    from diagnose.watch import config as configuration
    from diagnose.watch import passes, probe, target
    from diagnose.watch.canary import Canary
    from diagnose.watch.heartbeat import Heartbeat
    from diagnose.watch.machine import Policy
    from diagnose.watch.state import default_dir

    file = configuration.load(config)

    def chosen(option: str, given: Any, default: Any) -> Any:
        return given if given not in (None, []) else file.get(option, default)

    policy = Policy(
        attempts=_whole("--attempts", chosen("attempts", attempts, 2)),
        renotify=span("--renotify", chosen("renotify", renotify, "6h"), zero=True),
        unknown_attempts=_whole("--unknown-attempts", chosen("unknown-attempts", unknown_attempts, 3)),
        flap_high=float(chosen("flap-high", flap_high, 30.0)),
        flap_low=float(chosen("flap-low", flap_low, 20.0)),
    )
    if not 0 < policy.flap_low < policy.flap_high <= 100:
        raise UsageError("--flap-low and --flap-high are percents, the low one below the high one")
    seconds = float(chosen("timeout", timeout, 60.0))
    if not 5 <= seconds <= 3600:
        raise UsageError(f"--timeout takes 5 to 3600 seconds, not {seconds:g}")
    targets = {t.key: t for t in map(target.parse, chosen("notify", notify, []))}
    beat = chosen("heartbeat", heartbeat, None)
    if beat:
        Heartbeat(beat)  # a bad address is refused before anything is looked at
    bird = chosen("canary", canary, None)
    envelope = chosen("from", sender, None)
    options = passes.Options(
        state_dir=Path(chosen("state-dir", state_dir, default_dir())),
        policy=policy,
        targets=tuple(targets.values()),
        heartbeat=beat,
        canary=None
        if bird is None or snapshot is not None
        else Canary(
            recipient=check_address(bird, "--canary"),
            sender=None if envelope is None else check_address(envelope, "--from", empty=True),
            every=span("--canary-every", chosen("canary-every", canary_every, "1h")),
        ),
        retention=span("--retention", chosen("retention", retention, "400d")),
        timeout=seconds,
        jitter=span("--jitter", chosen("jitter", jitter, "0"), zero=True),
    )
    wish = probe.Wish(
        to=chosen("to", to, None),
        sender=envelope,
        app_config=[Path(path) for path in chosen("app-config", app_config, [])],
        only=chosen("only", only, []),
        skip=chosen("skip", skip, []),
        network=not (no_network or file.get("no-network", False)),
        auth=not (no_auth or file.get("no-auth", False)),
        snapshot=snapshot,
        state_dir=options.state_dir,
    )
    outcome = passes.one_pass(options, probe.prepare(wish))
    if outcome.told:
        write(plain("\n".join(outcome.told)) + "\n", None)
    exposed = configuration.exposed(config, file) if outcome.told else ""
    for warning in [*outcome.warnings, *([exposed] if exposed else [])]:
        sys.stderr.write(f"mail-diagnose: {leaving(plain(' '.join(warning.split())))}\n")
    raise typer.Exit(outcome.status)


def report(
    last: Annotated[bool, typer.Option("--last", help="The last result of `watch` (default).")] = True,
    max_age: MaxAge = None,
    format: Formats = None,
    warning: Annotated[
        str | None,
        typer.Option(
            "--warning", "-w", metavar="LEVELS", help="WARNING outside these ranges, such as queue=50,age=3600."
        ),
    ] = None,
    critical: Annotated[
        str | None,
        typer.Option("--critical", "-c", metavar="LEVELS", help="CRITICAL outside these ranges, as in Nagios."),
    ] = None,
    state_dir: StateDir = None,
    config: Config = None,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Print the last result of `watch`. In one or more formats, without probing.

    \b
    Exit status as of `run`; a result that is too old, or none, is 3.

    \b
    Examples:
      mail-diagnose report --last
      mail-diagnose report --last --max-age 15m --format nagios -w queue=50,age=3600 -c queue=500
      mail-diagnose report --format prometheus:/var/lib/prometheus/node-exporter/mail.prom --format text
    """
    from diagnose.report import PLAIN_FORMATS
    from diagnose.watch import config as configuration
    from diagnose.watch import state

    file = configuration.load(config, reading=True)
    age = max_age if max_age is not None else file.get("max-age")
    wanted = []
    for choice in format or file.get("format") or ["text"]:
        name, colon, path = str(choice).partition(":")
        if name not in PLAIN_FORMATS:
            raise UsageError(f"--format {name!r} is not known; choose of {', '.join(PLAIN_FORMATS)}")
        if colon and not path:
            raise UsageError(f"--format {choice}: the file after the colon is missing")
        wanted.append((name, Path(path) if colon else None))
    directory = state_dir or (Path(file["state-dir"]) if "state-dir" in file else None)
    plain = state.last(directory, None if age is None else span("--max-age", age))
    levels = (warning or file.get("warning"), critical or file.get("critical"))
    if any(levels):
        from diagnose.report.levels import judged

        plain = judged(plain, *levels)
    for name, target in wanted:
        extra = {"terminal": terminal_of("auto", target)} if name == "text" else {}
        text = PLAIN_FORMATS[name](plain, **extra)
        write(text, target, 0o644)
    raise typer.Exit(EXIT[plain["status"]])


def history(
    since: Annotated[str | None, typer.Option("--since", metavar="SPAN", help="How far back, such as 30d.")] = None,
    format: Annotated[str, chosen("--format", "text|json", "How to print it.")] = "text",
    state_dir: StateDir = None,
    config: Config = None,
    debug: Debug = False,
) -> None:
    """List the outages seen by `watch`. Newest first.

    \b
    Examples:
      mail-diagnose history
      mail-diagnose history --since 30d --format json
    """
    import json
    import time

    from diagnose.watch import outages as listing
    from diagnose.watch import store

    if format not in ("text", "json"):
        raise UsageError(f"--format {format!r} is not known; choose one of text, json")
    begin = 0.0 if since is None else time.time() - span("--since", since)
    folder = _directory(state_dir, config)
    if not folder.is_dir():
        raise UsageError(f"no state in {folder}: run `mail-diagnose watch` first, or see --state-dir")
    outages = store.outages(folder, begin)
    if format == "json":
        write(json.dumps([listing.as_plain(o) for o in outages], indent=2, ensure_ascii=False) + "\n", None)
    else:
        write(listing.render(outages, time.time()), None)
    raise typer.Exit(0)


def ignore_add(
    finding: Annotated[str, typer.Argument(metavar="SIGN[:SUBJECT]", help="As in `list` and in reports.")],
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for later readers.")],
    until: Annotated[
        str | None, typer.Option("--until", metavar="DAY|SPAN", help="Until the end of this day, or for this long.")
    ] = None,
    state_dir: StateDir = None,
    config: Config = None,
    debug: Debug = False,
) -> None:
    """Acknowledge a finding. It no longer counts in `watch`.

    \b
    Examples:
      mail-diagnose ignore add disk.space:/var/spool/postfix --until 14d --why "new disk ordered"
    """
    from datetime import datetime

    from diagnose import registry
    from diagnose.parse.text.masking import plain
    from diagnose.watch import ignore

    sign, subject = ignore.parse_name(finding)
    known = registry.discover()[0]
    if not any(check.declares(sign) for check in known):
        from difflib import get_close_matches

        near = get_close_matches(sign, sorted({spec.id for check in known for spec in check.signs}), 1)
        raise UsageError(f"no check declares the sign {sign!r}{f'; is {near[0]!r} meant?' if near else ''}")
    if not plain(why).strip():
        raise UsageError("--why: say why, for whoever reads the list later")
    now = datetime.now().astimezone()
    rule = ignore.Rule(
        sign=sign,
        subject=subject,
        until=None if until is None else ignore.parse_until(until, now),
        why=plain(" ".join(why.split())),
        since=now.isoformat(timespec="seconds"),
    )
    ignore.change(
        _directory(state_dir, config, own=True), lambda rules: [*(r for r in rules if r.name != rule.name), rule]
    )
    raise typer.Exit(0)


def ignore_list(state_dir: StateDir = None, config: Config = None, debug: Debug = False) -> None:
    """List the acknowledged findings."""
    from datetime import datetime

    from diagnose.watch import ignore

    now = datetime.now().astimezone()
    for rule in ignore.load(_directory(state_dir, config)):
        until = "for good" if rule.until is None else f"until {rule.until}"
        over = " (over)" if rule.expired(now) else ""
        write(f"{rule.name}  {until}{over}  {rule.why}\n", None)
    raise typer.Exit(0)


def ignore_remove(
    finding: Annotated[str, typer.Argument(metavar="SIGN[:SUBJECT]", help="As in `ignore list`.")],
    state_dir: StateDir = None,
    config: Config = None,
    debug: Debug = False,
) -> None:
    """Let a finding count again."""
    from diagnose.watch import ignore

    sign, subject = ignore.parse_name(finding)

    def without(rules: tuple[ignore.Rule, ...]) -> list[ignore.Rule]:
        rest = [rule for rule in rules if (rule.sign, rule.subject) != (sign, subject)]
        if len(rest) == len(rules):
            raise UsageError(f"{finding} is not acknowledged; see `mail-diagnose ignore list`")
        return rest

    ignore.change(_directory(state_dir, config, own=True), without)
    raise typer.Exit(0)


def _directory(given: Path | None, config: Path | None, own: bool = False) -> Path:
    from diagnose.watch import config as configuration
    from diagnose.watch.state import default_dir, reading_dir

    if given is not None:
        return given
    kept = configuration.load(config, reading=not own).get("state-dir")
    return Path(kept) if kept else default_dir() if own else reading_dir()


def _whole(option: str, number: int) -> int:
    if not 1 <= number <= 1000:
        raise UsageError(f"{option} takes 1 to 1000, not {number}")
    return number
