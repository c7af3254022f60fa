"""watch: one pass, for timers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from diagnose.commands.options import (
    AppConfig,
    Debug,
    From,
    NoAuth,
    NoNetwork,
    Only,
    Skip,
    SnapshotFile,
    To,
    span,
    write,
)
from diagnose.errors import UsageError

StateDir = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        metavar="DIR",
        readable=False,
        help="Directory for the state; default: /var/lib/mail-diagnose as root, else in XDG_STATE_HOME.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Configuration file (TOML); default: /etc/mail-diagnose.toml, if it exists."
    ),
]
Notify = Annotated[
    list[str] | None,
    typer.Option(
        "--notify",
        metavar="TARGET",
        help="Where to send alarms: an https:// address, slack:URL, teams:URL, ntfy:URL, gotify:URL, exec:COMMAND (no shell), "
        "syslog, journal, apprise:URL; may be repeated.",
    ),
]
HeartbeatUrl = Annotated[
    str | None,
    typer.Option(
        "--heartbeat",
        metavar="URL",
        help="Ping this URL at the start and end of each pass, to show that the watch is alive.",
    ),
]
HeartbeatStatus = Annotated[
    bool,
    typer.Option(
        "--heartbeat-status", help="Add the pass's exit status to the ping, so that a problem raises an alarm there."
    ),
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


def watch(
    state_dir: StateDir = None,
    notify: Notify = None,
    heartbeat: HeartbeatUrl = None,
    heartbeat_status: HeartbeatStatus = False,
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
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also print what this pass saw, and where alarms go.")
    ] = False,
    debug: Debug = False,
) -> int:
    """Check once and report changes. For cron or a timer; state is kept between passes.

    Prints nothing while nothing changes. Exit status as for `run`; at least 1 if an alarm was not delivered; 0 if another
    pass is running, 3 if that one hangs.

    \b
    Examples:
      mail-diagnose watch --notify ntfy:https://ntfy.example.com/mail
      mail-diagnose watch --notify exec:/usr/local/bin/page-me --renotify 1h
      mail-diagnose watch --notify syslog --jitter 2m --attempts 3
    """
    import sys

    from diagnose.parse.text.address import check_address
    from diagnose.parse.text.masking import leaving, plain
    from diagnose.watch import config as configuration, passes, probe, target
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
    targets = target.several(chosen("notify", notify, []))
    beat = chosen("heartbeat", heartbeat, None)
    if beat:
        Heartbeat(beat)  # a bad address is refused before anything is looked at
    bird = chosen("canary", canary, None)
    envelope = chosen("from", sender, None)
    options = passes.Options(
        state_dir=Path(chosen("state-dir", state_dir, default_dir())),
        policy=policy,
        targets=targets,
        heartbeat=beat,
        heartbeat_status=heartbeat_status or file.get("heartbeat-status", False),
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
    if verbose:
        write(f"{plain(leaving(outcome.seen))}\n", None)
        write(f"alarms go to: {', '.join(each.label for each in targets) or 'nobody'}\n", None)
    if outcome.told:
        write(plain("\n".join(outcome.told)) + "\n", None)
    exposed = configuration.exposed(config, file) if outcome.told else ""
    for warning in [*outcome.warnings, *([exposed] if exposed else [])]:
        sys.stderr.write(f"mail-diagnose: {leaving(plain(' '.join(warning.split())))}\n")
    return outcome.status


def _whole(option: str, number: int) -> int:
    if not 1 <= number <= 1000:
        raise UsageError(f"{option} takes 1 to 1000, not {number}")
    return number
