"""The commands, a file for each family. Only the one that is asked for is imported: all of them take 50 ms."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from diagnose.commands.options import Debug

# A command, where need be below its group, and the function of a module here that it is.
COMMANDS = {
    "run": "diagnosis.run",
    "fix": "fix.fix",
    "record": "diagnosis.record",
    "demo": "diagnosis.demo",
    "list": "diagnosis.list_",
    "cause": "diagnosis.cause",
    "fleet": "fleet.fleet",
    "explain": "mail.explain",
    "trace": "mail.trace",
    "queue": "mail.queue",
    "send": "mail.send",
    "watch": "monitoring.watch",
    "report": "results.report",
    "history": "results.history",
    "install-units": "delivery.install_units",
    "app": "app.list_",
    "app test": "app.try_out",
    "relay list": "relays.relay_list",
    "relay suggest": "relays.relay_suggest",
    "ignore add": "results.ignore_add",
    "ignore list": "results.ignore_list",
    "ignore remove": "results.ignore_remove",
}
GROUPS = {
    "app": "List the applications that send mail; test one.",
    "relay": "Show the known relays, and find one that works from here.",
    "ignore": "Manage acknowledged findings, which are not counted.",
}
EXAMPLES = """\b
Examples:
  mail-diagnose run                            find out why mail is not leaving
  mail-diagnose fix                            fix it, after asking
  mail-diagnose run --to user@example.com      ... to this recipient
  mail-diagnose run --json -o now.json         as JSON
  mail-diagnose demo blocked-isp               an example, without a server
  mail-diagnose cause egress-port-25-blocked   what a cause means
  mail-diagnose relay suggest                  a relay that works from here
  mail-diagnose help run                       the options of a command

Finds out why mail is not leaving this server, proves it, and prints the fix.

Exit status: 0 nothing wrong, 1 warning, 2 a cause of failure found, 3 could not tell or wrong usage,
130 after Ctrl-C.
"""


def application(wanted: str = "") -> typer.Typer:
    """The command line with the command or group of this name only; with all of them where there is none such."""
    app = typer.Typer(
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        no_args_is_help=True,
        help=EXAMPLES,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_main)
    groups: dict[str, typer.Typer] = {}
    chosen = {words: place for words, place in COMMANDS.items() if words.partition(" ")[0] == wanted}
    for words, place in (chosen or COMMANDS).items():
        group, _, name = words.rpartition(" ")
        module, _, function = place.partition(".")
        command = getattr(import_module(f"{__name__}.{module}"), function)
        if words in GROUPS:  # what it does without a command of its own
            groups[words] = typer.Typer(rich_markup_mode=None, invoke_without_command=True, callback=command)
            app.add_typer(groups[words], name=words)
            continue
        if group and group not in groups:
            groups[group] = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help=GROUPS[group])
            app.add_typer(groups[group], name=group)
        (groups[group] if group else app).command(name)(command)
    return app


def _main(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False, debug: Debug = False
) -> None:
    if version:
        from diagnose import __version__

        typer.echo(f"mail-diagnose {__version__}")
        raise typer.Exit(0)
