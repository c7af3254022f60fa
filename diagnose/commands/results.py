"""report, history and ignore: what the watch found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from diagnose.commands.monitoring import Config, StateDir
from diagnose.commands.options import Debug, Force, Verbose, check_format, chosen, span, terminal_of, write, write_json
from diagnose.errors import UsageError
from diagnose.nearest import hint

MaxAge = Annotated[
    str | None,
    typer.Option("--max-age", metavar="SPAN", help="Treat a result older than this as UNKNOWN, such as 15m."),
]
Formats = Annotated[
    list[str] | None,
    chosen("--format", "NAME[:PATH]", "Format, and optionally the file to write; may be repeated."),
]


def report(
    last: Annotated[
        bool, typer.Option("--last", show_default=False, help="The last result of `watch` (default).")
    ] = True,
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
    hard_or_soft: Annotated[
        str | None,
        typer.Option(
            "--state",
            metavar="hard|soft",
            help="soft (default): what the last pass saw. hard: what --attempts passes confirmed.",
        ),
    ] = None,
    verbose: Verbose = 0,
    state_dir: StateDir = None,
    config: Config = None,
    force: Force = False,
    debug: Debug = False,
) -> int:
    """Print the last result of `watch`. In one or more formats, without probing.

    Exit status as for `run`; 3 if the result is missing or too old, which every format reports as UNKNOWN.

    \b
    Examples:
      mail-diagnose report --last
      mail-diagnose report --state hard --max-age 15m --format nagios -w queue=50
      mail-diagnose report --format prometheus:/run/mail.prom --format text
    """
    from diagnose.report import PLAIN_FORMATS, digest
    from diagnose.watch import config as configuration, state

    try:
        file, wrong = configuration.load(config, reading=True), None
    except UsageError as error:
        file, wrong = {}, error
    wanted = [_format(str(choice)) for choice in format or file.get("format") or ["text"]]
    try:
        if wrong:
            raise wrong
        plain = _last(file, state_dir, max_age, hard_or_soft, (warning, critical))
    except UsageError as error:
        if all(name == "text" for name, _ in wanted):
            raise
        plain = state.nothing(str(error))  # a monitoring system reads an answer, not an error
    for name, target in wanted:
        extra = {"terminal": terminal_of("auto", target), "verbose": verbose} if name == "text" else {}
        text = PLAIN_FORMATS[name](plain, **extra)
        write(text, target, 0o644)
    return digest.CODES[plain["status"]]


def _format(choice: str) -> tuple[str, Path | None]:
    """NAME[:PATH]. Raises UsageError."""
    from diagnose.report import PLAIN_FORMATS

    name, colon, path = choice.partition(":")
    if name not in PLAIN_FORMATS:
        raise UsageError(
            f"--format {name!r} is not known; {hint(name, PLAIN_FORMATS, 'choose from ' + ', '.join(PLAIN_FORMATS))}"
        )
    if colon and not path:
        raise UsageError(f"--format {choice}: the file after the colon is missing")
    return name, Path(path) if colon else None


def _last(
    file: dict[str, Any],
    state_dir: Path | None,
    max_age: str | None,
    hard_or_soft: str | None,
    levels: tuple[str | None, str | None],
) -> dict[str, Any]:
    from diagnose.watch import state

    kind = hard_or_soft or file.get("state", "soft")
    if kind not in ("hard", "soft"):
        raise UsageError(f"--state {kind}: takes hard or soft")
    age = max_age if max_age is not None else file.get("max-age")
    directory = state_dir or (Path(file["state-dir"]) if "state-dir" in file else None)
    plain = state.last(directory, None if age is None else span("--max-age", age), hard=kind == "hard")
    wanted = (levels[0] or file.get("warning"), levels[1] or file.get("critical"))
    if any(wanted):
        from diagnose.report.levels import judged

        plain = judged(plain, *wanted)
    return plain


def history(
    since: Annotated[str | None, typer.Option("--since", metavar="SPAN", help="How far back, such as 30d.")] = None,
    format: Annotated[str, chosen("--format", "text|json", "Output format.")] = "text",
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
    import time
    from datetime import datetime

    from diagnose.watch import outages as listing, store

    check_format(format, "auto")
    begin = 0.0 if since is None else time.time() - span("--since", since)
    folder = _directory(state_dir, config)
    if not folder.is_dir():
        raise UsageError(f"no state in {folder}: run `mail-diagnose watch` first, or see --state-dir")
    outages = store.outages(folder, begin)
    if format == "json":
        write_json([listing.as_plain(o) for o in outages], None)
    else:
        write(listing.render(outages, datetime.now().astimezone(), terminal_of("auto", None)), None)


def ignore_add(
    finding: Annotated[
        str, typer.Argument(metavar="SIGN[:SUBJECT]", help="The finding, as shown by `list` and in reports.")
    ],
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for whoever reads the list later.")],
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="DAY|SPAN", help="Until the end of this day, or for this long; default: for good."
        ),
    ] = None,
    state_dir: StateDir = None,
    config: Config = None,
    debug: Debug = False,
) -> None:
    """Acknowledge a finding. It no longer counts in `watch`.

    \b
    Examples:
      mail-diagnose ignore add disk.space:/var/log --until 14d --why ordered
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


def ignore_list(state_dir: StateDir = None, config: Config = None, debug: Debug = False) -> None:
    """List the acknowledged findings."""
    from datetime import datetime

    from diagnose.watch import ignore

    now = datetime.now().astimezone()
    for rule in ignore.load(_directory(state_dir, config)):
        until = "for good" if rule.until is None else f"until {rule.until}"
        over = " (over)" if rule.expired(now) else ""
        write(f"{rule.name}  {until}{over}  {rule.why}\n", None)


def ignore_remove(
    finding: Annotated[str, typer.Argument(metavar="SIGN[:SUBJECT]", help="The finding, as shown by `ignore list`.")],
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


def _directory(given: Path | None, config: Path | None, own: bool = False) -> Path:
    from diagnose.watch import config as configuration
    from diagnose.watch.state import default_dir, reading_dir

    if given is not None:
        return given
    kept = configuration.load(config, reading=not own).get("state-dir")
    return Path(kept) if kept else default_dir() if own else reading_dir()
