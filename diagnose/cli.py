"""The command line: parse, wire, print, exit; no decisions."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diagnose.commands import delivery, mail, monitoring
from diagnose.commands.options import (
    COMPLETE,
    AppConfig,
    Color,
    Debug,
    Force,
    Format,
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
    Verbose,
    check_format,
    exit_status,
    wants_color,
    write,
)  # fmt: skip
from diagnose.errors import MailDiagnoseError, UsageError
from diagnose.report import PLAIN_FORMATS

if TYPE_CHECKING:
    from diagnose.session import Request, Result

EXAMPLES = """\b
Examples:
  mail-diagnose run                            why does mail not leave this server?
  mail-diagnose run --to user@example.com      ... to this recipient
  mail-diagnose run --format json -o now.json  for a program
  mail-diagnose demo blocked-isp               see one without a server
  mail-diagnose cause egress-port-25-blocked   what a cause means
  mail-diagnose relay suggest                  a relay that works from here

Says why mail does not leave this server, proves it, and writes the fix.

Exit status: 0 nothing wrong, 1 warning, 2 a cause of failure found, 3 could not tell or wrong usage.
"""

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    help=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
relay_app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Relays: which are known, which works here.")
app.add_typer(relay_app, name="relay")


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Debug = False,
) -> None:
    if version:
        from diagnose import __version__

        typer.echo(f"mail-diagnose {__version__}")
        raise typer.Exit(0)


@app.command()
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
    request = _request(to, sender, app_config, only, skip, timeout, no_network, no_auth, recording)
    _print(_diagnose(request), format, output, verbose, color)


@app.command()
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

    result = _diagnose(_request(to, sender, app_config, None, None, timeout, no_network, no_auth, None))
    write(packed(result.recording, output.name, result.hide), output)
    typer.echo(f"recorded {len(result.recording.asked)} answers of {result.report.host.name} to {output}", err=True)
    raise typer.Exit(0)


@app.command()
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
    _print(_diagnose(demos.request(name)), format, output, verbose, color)


@app.command("list")
def list_(debug: Debug = False) -> None:
    """List the checks and the causes."""
    from diagnose import catalogue

    write(catalogue.listing(), None)
    raise typer.Exit(0)


@app.command()
def cause(
    id: Annotated[str, typer.Argument(metavar="ID", help="A cause, as `list` and reports name it.")],
    debug: Debug = False,
) -> None:
    """Explain a cause. What it is, how it is told, what rules it out, the fix."""
    from diagnose import catalogue

    write(catalogue.page(id), None)
    raise typer.Exit(0)


@relay_app.command("list")
def relay_list(debug: Debug = False) -> None:
    """List the known relays. With their hosts and ports."""
    from diagnose import catalogue

    write(catalogue.relays(), None)
    raise typer.Exit(0)


@relay_app.command("suggest")
def relay_suggest(
    provider: Annotated[str | None, typer.Option("--provider", metavar="ID", help="This one.")] = None,
    sender: From = None,
    timeout: Timeout = 15.0,
    format: Format = "text",
    output: Output = None,
    force: Force = False,
    no_network: NoNetwork = False,
    color: Color = "auto",
    debug: Debug = False,
) -> None:
    """Find a relay that works from here. Writes its exact configuration, on a port seen open from this host.

    \b
    Examples:
      mail-diagnose relay suggest
      mail-diagnose relay suggest --provider sendgrid --from app@example.net
    """
    import dataclasses

    from diagnose import relay

    check_format(format, color)
    if provider is not None and relay.find(provider) is None:
        raise UsageError(f"no relay is called {provider!r}; see `mail-diagnose relay list`")
    request = _request(None, sender, None, ["relay-choice"], None, timeout, no_network, True, None)
    result = _diagnose(dataclasses.replace(request, provider=provider, advise=True))
    if not result.report.advice:
        raise UsageError("no known relay suits this Postfix; see `mail-diagnose relay list`")
    _render(result, format, output, 0, color, advice_only=True)
    raise typer.Exit(0 if result.report.advice[0].verified else 1)


def _request(
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


def _diagnose(request: Request) -> Result:
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
    _render(result, format, output, verbose, color)
    raise typer.Exit(exit_status(result.report))


def _render(
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


mail.register(app)
monitoring.register(app)
delivery.register(app)


INTERRUPTED = 130  # what Typer makes of Ctrl-C outside a command's own care


def entry(arguments: list[str] | None = None) -> None:
    """The console script. Usage errors and crashes end with status 3, since monitoring reads 2 as a failure found."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    if COMPLETE in os.environ:
        from typer._completion_classes import completion_init

        completion_init()
    try:
        status = app(arguments, prog_name="mail-diagnose", standalone_mode=False)
        code = status if isinstance(status, int) else 0
        if code == INTERRUPTED:
            code = _fault("interrupted before anything was known", False)
    except MailDiagnoseError as error:
        code = _fault(str(error), debug)
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 3
    except (KeyboardInterrupt, typer.Abort):
        code = _fault("interrupted", False)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 3
    except Exception as error:
        show = getattr(error, "format_message", None)
        if show is not None and type(error).__name__ == "NoArgsIsHelpError":  # Typer does not export it
            sys.stderr.write(f"{show()}\n")
            code = 3
        elif show is not None:
            code = _fault(f"{show()} (see `mail-diagnose --help`)", debug)
        else:
            code = _fault(
                f"unexpected error, please report it: {type(error).__name__}: {error} (--debug shows more)", debug
            )
    sys.exit(code if 0 <= code <= 3 else 3)


def _fault(message: str, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    from diagnose.parse.text.masking import leaving, plain

    sys.stderr.write(f"mail-diagnose: {leaving(plain(' '.join(message.split())))}\n")
    return 3
