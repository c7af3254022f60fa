"""run, record, demo, list and cause: diagnoses, and what they are made of."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diagnose.commands.options import (
    AppConfig,
    Color,
    Debug,
    Force,
    From,
    NoAuth,
    NoNetwork,
    Only,
    Output,
    ReportFormat,
    Skip,
    SnapshotFile,
    Timeout,
    To,
    UseRelay,
    Verbose,
    check_format,
    exit_status,
    wants_color,
    write,
)  # fmt: skip
from diagnose.errors import UsageError
from diagnose.report import PLAIN_FORMATS

if TYPE_CHECKING:
    from diagnose.session import Request, Result


def run(
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
    no_network: NoNetwork = False,
    no_auth: NoAuth = False,
    relay: UseRelay = None,
    color: Color = "auto",
    snapshot: SnapshotFile = None,
    debug: Debug = False,
) -> None:
    """Find out why mail does not leave this server.

    \b
    Examples:
      mail-diagnose run
      mail-diagnose run --to user@example.com --from app@example.net
      mail-diagnose run --app-config /home/codenvy/codenvy-data/conf/email-connection.properties
      mail-diagnose run --only egress --only firewall -v
    """
    check_format(format, color, PLAIN_FORMATS)
    recording = None
    if snapshot is not None:
        from diagnose.host.snapshot import load

        recording = load(snapshot)
    request = requested(to, sender, app_config, only, skip, timeout, no_network, no_auth, recording)
    request = with_relay(request, relay)
    _print(diagnosed(request), format, output, verbose, color)


def record(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to (.gz is compressed, - is stdout).")
    ],
    to: To = None,
    sender: From = None,
    app_config: AppConfig = None,
    timeout: Timeout = 15.0,
    no_network: NoNetwork = False,
    no_auth: NoAuth = False,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Record this host, without its secrets. The recording is diagnosed elsewhere.

    \b
    Examples:
      mail-diagnose record -o host.json.gz
      mail-diagnose run --snapshot host.json.gz
    """
    from diagnose.host.snapshot import packed

    result = diagnosed(requested(to, sender, app_config, None, None, timeout, no_network, no_auth, None))
    write(packed(result.recording, output.name, result.hide), output)
    typer.echo(f"recorded {len(result.recording.asked)} answers of {result.report.host.name} to {output}", err=True)
    raise typer.Exit(0)


def demo(
    name: Annotated[str | None, typer.Argument(help="Which recorded machine; without it they are listed.")] = None,
    format: ReportFormat = "text",
    verbose: Verbose = 0,
    color: Color = "auto",
    output: Output = None,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """See a recorded machine diagnosed. No root, Postfix or network is needed.

    \b
    Examples:
      mail-diagnose demo
      mail-diagnose demo blocked-isp -v
    """
    from diagnose import demos

    check_format(format, color, PLAIN_FORMATS)
    if name is None:
        write(demos.listing(), None)
        raise typer.Exit(0)
    _print(diagnosed(demos.request(name)), format, output, verbose, color)


def list_(debug: Debug = False) -> None:
    """List the checks and the causes."""
    from diagnose import catalogue

    write(catalogue.listing(), None)
    raise typer.Exit(0)


def cause(
    id: Annotated[str, typer.Argument(metavar="ID", help="A cause, as `list` and reports name it.")],
    debug: Debug = False,
) -> None:
    """Explain a cause. What it is, how it is told, what rules it out, the fix."""
    from diagnose import catalogue

    write(catalogue.page(id), None)
    raise typer.Exit(0)


def requested(
    to: str | None,
    sender: str | None,
    app_config: list[Path] | None,
    only: list[str] | None,
    skip: list[str] | None,
    timeout: float,
    no_network: bool,
    no_auth: bool,
    recording: Any,
) -> Request:
    from diagnose.check import Settings
    from diagnose.model import Target
    from diagnose.parse.text.address import check_address
    from diagnose.session import Request

    if not 1 <= timeout <= 3600:
        raise UsageError(f"--timeout takes 1 to 3600 seconds, not {timeout:g}")
    settings = Settings(
        app_config=tuple(str(path.absolute()) for path in app_config or ()), auth=not no_auth, network=not no_network
    )
    target = Target(
        check_address(sender, "--from", empty=True) if sender is not None else None,
        check_address(to, "--to") if to is not None else None,
    )
    for path in app_config or ():
        if recording is None and not path.is_file():
            raise UsageError(f"--app-config {path}: no such file")
    if recording is not None:
        kept = recording.settings
        target = Target(target.sender or recording.target.sender, target.recipient or recording.target.recipient)
        settings = Settings(
            app_config=settings.app_config or tuple(kept.get("app_config", ())),
            auth=settings.auth and bool(kept.get("auth", True)),
            network=settings.network and bool(kept.get("network", True)),
            since=float(kept.get("since", 86_400.0)),
        )
    return Request(
        target=target, settings=settings, only=only or (), skip=skip or (), timeout=timeout, recording=recording
    )


def with_relay(request: Request, name: str | None) -> Request:
    """The request with the relay that the user named, which is then advised. Raises UsageError."""
    if name is None:
        return request
    import dataclasses

    from diagnose.relay import asked_for

    asked_for(name)
    return dataclasses.replace(request, provider=name, advise=True)


def diagnosed(request: Request) -> Result:
    from diagnose.session import diagnose

    if not sys.stderr.isatty():
        return diagnose(request)

    def show(check: str, done: int, total: int) -> None:
        sys.stderr.write(f"\r\x1b[K{done}/{total} {check}" if done < total else "\r\x1b[K")
        sys.stderr.flush()

    result = diagnose(request, show)
    sys.stderr.write("\r\x1b[K")
    return result


def _print(result: Result, format: str, output: Path | None, verbose: int, color: str) -> None:
    rendered(result, format, output, verbose, color)
    raise typer.Exit(exit_status(result.report))


def rendered(
    result: Result, format: str, output: Path | None, verbose: int, color: str, advice_only: bool = False
) -> None:
    import json

    from diagnose.report.json_ import as_plain
    from diagnose.report.text import render, render_advice

    if format != "text":
        # Hidden before they are rendered: escaping would make secrets look different.
        data = result.hide(as_plain(result.report))
        if advice_only:
            write(json.dumps(data["advice"], indent=2, ensure_ascii=False) + "\n", output)
        else:
            write(PLAIN_FORMATS[format](data), output)
        return
    wanted = wants_color(color, output)
    if advice_only:
        write(result.hide(render_advice(result.report, wanted)), output)
    else:
        write(result.hide(render(result.report, verbose, wanted)), output)
