"""run, record, demo, list and cause: diagnoses, and what they are made of."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diagnose.commands.options import (
    INTERRUPTED,
    AppConfig,
    Color,
    Debug,
    Force,
    From,
    Hosts,
    Inside,
    NoAuth,
    NoNetwork,
    Only,
    Output,
    Quiet,
    ReportFormat,
    Skip,
    SnapshotFile,
    Ssh,
    Timeout,
    To,
    UseRelay,
    Verbose,
    check_file,
    check_format,
    check_timeout,
    exit_status,
    terminal_of,
    write,
    write_json,
)  # fmt: skip
from diagnose.errors import UsageError
from diagnose.report import PLAIN_FORMATS

if TYPE_CHECKING:
    from diagnose.host.live.namespaces import Container
    from diagnose.host.snapshot import Recording
    from diagnose.report.digest import Plain
    from diagnose.session import Progress, Request, Result


def run(
    hosts: Hosts = None,
    to: To = None,
    sender: From = None,
    app_config: AppConfig = None,
    only: Only = None,
    skip: Skip = None,
    timeout: Timeout = 15.0,
    format: ReportFormat = "text",
    output: Output = None,
    force: Force = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    no_network: NoNetwork = False,
    no_auth: NoAuth = False,
    relay: UseRelay = None,
    color: Color = "auto",
    snapshot: SnapshotFile = None,
    inside: Inside = None,
    ssh: Ssh = None,
    debug: Debug = False,
) -> int:
    """Find out why mail is not leaving this server.

    If Postfix runs in a container and not on this host, root's run looks inside the container.

    \b
    Examples:
      mail-diagnose run
      mail-diagnose run --to user@example.com --from app@example.net
      mail-diagnose run --app-config /srv/shop/.env
      mail-diagnose run --only egress --only firewall -v
      mail-diagnose run --ssh admin@mx1.example.com mx2.example.com
    """
    check_format(format, color, PLAIN_FORMATS)
    if hosts and not ssh:
        raise UsageError(
            f"run takes no argument {hosts[0][:60]!r}: name a recipient with --to, other hosts after --ssh"
        )
    if ssh:
        if snapshot is not None or inside is not None:
            raise UsageError("--ssh records the hosts itself: it cannot be combined with --snapshot or --inside")

        def work(found: Recording | None) -> Request:  # without --app-config, whose file is on the other side
            return with_relay(requested(to, sender, None, only, skip, timeout, no_network, no_auth, found), relay)

        there = [*dict.fromkeys([*ssh, *(hosts or ())])]
        given = (("--to", to), ("--from", sender), *(("--app-config", str(path)) for path in app_config or ()))
        words = [f"{name}={value}" for name, value in given if value is not None] + [f"--timeout={timeout:g}"]
        words += [name for name, on in (("--no-network", no_network), ("--no-auth", no_auth)) if on]
        return _elsewhere(there, words, work, timeout, format, output, -1 if quiet else verbose, color)
    if snapshot is None and (where := _place(inside)) is not None:
        asked = (to, sender, app_config, only, skip, timeout, no_network, no_auth)
        plain, code = _inside(where, lambda: with_relay(requested(*asked), relay), timeout)
        shown(plain, format, output, -1 if quiet else verbose, color)
        return code
    recording = None
    if snapshot is not None:
        from diagnose.host.snapshot import load

        recording = load(snapshot)
    request = requested(to, sender, app_config, only, skip, timeout, no_network, no_auth, recording)
    request = with_relay(request, relay)
    return _print(diagnosed(request, quiet), format, output, -1 if quiet else verbose, color)


def record(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write it (.gz: compressed, -: stdout)."),
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the contents of the recording, for review before you send it.")
    ] = False,
    pseudonymise: Annotated[
        bool, typer.Option("--pseudonymise", help="Put pseudonyms for the persons in mail addresses.")
    ] = False,
    to: To = None,
    sender: From = None,
    app_config: AppConfig = None,
    timeout: Timeout = 15.0,
    no_network: NoNetwork = False,
    no_auth: NoAuth = False,
    force: Force = False,
    inside: Inside = None,
    debug: Debug = False,
) -> None:
    """Record this host, without its secrets. Diagnose the recording elsewhere.

    The recording holds what the diagnosis looked at: Postfix's settings, lines of the mail log, running programs, and mail
    servers' replies. Passwords, messages, other programs' log lines and whatever might be a secret are left out.

    \b
    Examples:
      mail-diagnose record -o host.json.gz
      mail-diagnose record --show | less
      mail-diagnose run --snapshot host.json.gz
    """
    from diagnose.host.snapshot import readable
    from diagnose.parse.text.masking import leaving

    if output is None and not show:
        raise UsageError("record takes --output FILE (-o), or --show")

    def work() -> tuple[str, str, str]:
        from diagnose.host.gather import vocabulary
        from diagnose.host.kept import Keeper
        from diagnose.host.persons import Persons
        from diagnose.host.snapshot import contents, packed

        result = diagnosed(requested(to, sender, app_config, None, None, timeout, no_network, no_auth))
        keeper = Keeper(vocabulary())
        rename = Persons().data if pseudonymise else lambda data: data
        name = output.name if output else ""
        data = packed(result.recording, name, lambda data: rename(result.hide(data)), keeper)
        told = f"{len(result.recording.asked)} answers of {result.report.host.name}"
        return data.decode("latin-1"), told, contents(result.recording, keeper.left_out, pseudonymise)

    if (where := _place(inside)) is None:
        text, answers, held = work()
    else:
        from diagnose.commands.inside import done

        text, answers, held = done(where, work, timeout)
    data = text.encode("latin-1")
    if output is not None:
        write(data, output)
    if show:
        write(readable(data), None)
    place = f" to {output}" if output else ""
    typer.echo(leaving(f"recorded {answers}{place}"), err=True)
    typer.echo(leaving(f"it holds {held}"), err=True)


def demo(
    name: Annotated[str | None, typer.Argument(help="A recorded machine; default: list them.")] = None,
    format: ReportFormat = "text",
    verbose: Verbose = 0,
    quiet: Quiet = False,
    color: Color = "auto",
    output: Output = None,
    force: Force = False,
    debug: Debug = False,
) -> int:
    """Diagnose a recorded machine. No root, Postfix or network is needed.

    \b
    Examples:
      mail-diagnose demo
      mail-diagnose demo blocked-isp -v
    """
    from diagnose import demos

    check_format(format, color, PLAIN_FORMATS)
    if name is None:
        write(demos.listing(), None)
        return 0
    return _print(diagnosed(demos.request(name)), format, output, -1 if quiet else verbose, color)


def list_(debug: Debug = False) -> None:
    """List the checks and the causes."""
    import shutil

    from diagnose import catalogue

    screen = sys.stdout.isatty()
    write(catalogue.listing(shutil.get_terminal_size().columns if screen else None), None)


def cause(
    id: Annotated[str, typer.Argument(metavar="ID", help="A cause, as shown by `list` and in reports.")],
    verbose: Verbose = 0,
    debug: Debug = False,
) -> None:
    """Explain a cause. Shows what it is, what rules it out, and the fix; -v adds its weights."""
    from diagnose import catalogue

    write(catalogue.page(id, verbose), None)


def requested(
    to: str | None,
    sender: str | None,
    app_config: list[Path] | None,
    only: list[str] | None,
    skip: list[str] | None,
    timeout: float,
    no_network: bool,
    no_auth: bool,
    recording: Recording | None = None,
) -> Request:
    from diagnose.check import Settings
    from diagnose.model import Target
    from diagnose.parse.text.address import check_address
    from diagnose.session import Request, of_recording

    check_timeout(timeout)
    settings = Settings(
        app_config=tuple(str(path.absolute()) for path in app_config or ()), auth=not no_auth, network=not no_network
    )
    target = Target(
        check_address(sender, "--from", empty=True) if sender is not None else None,
        check_address(to, "--to") if to is not None else None,
    )
    for path in app_config or ():
        if recording is None:
            check_file(path, "--app-config ")
    request = Request(target=target, settings=settings, only=only or (), skip=skip or (), timeout=timeout)
    return of_recording(recording, request) if recording is not None else request


def with_relay(request: Request, name: str | None) -> Request:
    """The request with the relay that the user named, which is then advised. Raises UsageError."""
    if name is None:
        return request
    import dataclasses

    from diagnose.relay import asked_for

    asked_for(name)
    return dataclasses.replace(request, provider=name, advise=True)


def diagnosed(request: Request, quiet: bool = False) -> Result:
    from diagnose.session import diagnose

    if quiet or not sys.stderr.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return diagnose(request)
    try:
        return diagnose(request, _show)
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _show(now: Progress) -> None:
    """One line that is overwritten: what is certain, what is waited for, and how long at most."""
    import shutil

    from diagnose.report.digest import inside

    names = ", ".join(inside(title) for title in now.waiting[:2])
    more = f" and {len(now.waiting) - 2} more" if len(now.waiting) > 2 else ""
    found = f"{now.certain}. Still checking" if now.certain else "Checking"
    text = f"{found} {names}{more}, at most {now.left:.0f} s"
    sys.stderr.write(f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}")
    sys.stderr.flush()


def _print(result: Result, format: str, output: Path | None, verbose: int, color: str) -> int:
    rendered(result, format, output, verbose, color)
    if result.interrupted:
        sys.exit(INTERRUPTED)
    return exit_status(result.report)


def _place(inside: int | None) -> Container | None:
    from diagnose.host.live.system import find

    if inside is None and (os.geteuid() or find("postconf")):
        return None
    from diagnose.commands.inside import place

    return place(inside)


def _elsewhere(
    hosts: list[str],
    arguments: list[str],
    request: Callable[[Recording | None], Request],
    timeout: float,
    format: str,
    output: Path | None,
    verbose: int,
    color: str,
) -> int:
    """Diagnoses hosts that are recorded over ssh; of one the report, of several a line each. arguments: of `record` there."""
    from diagnose.commands import remote

    request(None)  # what is wrong in the options is said before anybody is contacted
    if len(hosts) > 1 and format != "text":
        raise UsageError("for several hosts, -o DIR keeps a JSON report of each; --format is for a single host")
    how = remote.wanted(arguments, timeout, hosts)
    if len(hosts) > 1:
        return remote.several(hosts, how, lambda recording: diagnosed(request(recording), True), output)
    result = diagnosed(request(remote.one(hosts[0], how)), True)
    rendered(result, format, output, verbose, color)
    return exit_status(result.report)


def _inside(where: Container, request: Callable[[], Request], timeout: float) -> tuple[Plain, int]:
    """The report of a run in that container, without its secrets, and the exit status."""
    from dataclasses import replace

    from diagnose.commands import inside
    from diagnose.report.json_ import as_plain
    from diagnose.session import diagnose

    def work() -> tuple[Plain, int]:
        result = diagnose(replace(request(), away=True))
        return result.hide(as_plain(result.report)), exit_status(result.report)

    plain, code = inside.done(where, work, timeout)
    plain["notes"] += filter(None, (inside.note(where), inside.dropped_here(plain)))
    return plain, code


def rendered(
    result: Result, format: str, output: Path | None, verbose: int, color: str, advice_only: bool = False
) -> None:
    from diagnose.report.json_ import as_plain

    # Hidden before they are rendered: escaping and wrapping would make secrets look different.
    shown(result.hide(as_plain(result.report)), format, output, verbose, color, advice_only)


def shown(data: Plain, format: str, output: Path | None, verbose: int, color: str, advice_only: bool = False) -> None:
    if format != "text":
        if advice_only:
            write_json(data["advice"], output)
        else:
            write(PLAIN_FORMATS[format](data), output)
        return
    from diagnose.report.text import render, render_advice

    terminal = terminal_of(color, output)
    write(render_advice(data, terminal) if advice_only else render(data, terminal, verbose), output)
