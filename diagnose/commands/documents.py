"""Man page, made of the commands themselves, and the shells' completions, which ask the program (some 0.1 s a TAB).

`mail-diagnose install-units` writes them; packages make them while they are built, with
`--only documents --prefix DIR --command /usr/bin/mail-diagnose`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from diagnose.record import frozen

NAME = "mail-diagnose"


@frozen
class Option:
    """names: -o and --output; value: its metavar, empty for a flag."""

    names: tuple[str, ...]
    value: str
    help: str


@frozen
class Page:
    """A command: path is its words after the program's name, empty for the program itself."""

    path: tuple[str, ...]
    help: str
    options: tuple[Option, ...]
    arguments: tuple[Option, ...]
    commands: tuple[str, ...]


def pages(command: Any) -> list[Page]:
    """Every command of a Typer application's root command, parents first."""
    return list(_walk(command, ()))


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[Page]:
    children = {name: child for name, child in getattr(command, "commands", {}).items() if not child.hidden}
    options = [Option(names=("--help", "-h"), value="", help="Show help and exit.")]
    arguments: list[Option] = []
    for parameter in command.params:
        if getattr(parameter, "hidden", False):
            continue
        flag = bool(getattr(parameter, "is_flag", False)) or bool(getattr(parameter, "count", False))
        value = "" if flag else str(parameter.metavar or parameter.name.upper())
        names = tuple(sorted((*parameter.opts, *parameter.secondary_opts), key=lambda n: (not n.startswith("--"), n)))
        found = Option(
            names=names,
            value=value,
            help=" ".join((getattr(parameter, "help", "") or "").split()),
        )
        (options if parameter.param_type_name == "option" else arguments).append(found)
    yield Page(
        path=path,
        help=_help(command),
        options=tuple(options),
        arguments=tuple(arguments),
        commands=tuple(children),
    )
    for name, child in children.items():
        yield from _walk(child, (*path, name))


def _help(command: Any) -> str:
    text = str(command.help or command.short_help or "")
    lines = [line.strip() if not line.startswith("  ") else line for line in text.replace("\b", "").split("\n")]
    return "\n".join(lines).strip()


def man(found: list[Page], version: str, day: str) -> str:
    """The man page, section 1. day: such as 2026-11-22."""
    root = found[0]
    lines = [
        f'.TH MAIL-DIAGNOSE 1 "{day}" "mail-diagnose {version}" "User Commands"',
        ".SH NAME",
        "mail-diagnose \\- find out why mail is not leaving this server, prove it, and print the fix",
        ".SH SYNOPSIS",
        ".B mail-diagnose",
        "[\\-\\-version] COMMAND [OPTION]...",
        ".SH DESCRIPTION",
        *_paragraphs(root.help),
        ".SH OPTIONS",
        *(line for option in root.options for line in _entry(option)),
        ".SH COMMANDS",
    ]
    for page in found[1:]:
        arguments = "".join(f" {argument.value or argument.names[0].upper()}" for argument in page.arguments)
        lines += [f".SS {_roff(' '.join((NAME, *page.path)) + arguments)}", *_paragraphs(page.help)]
        for option in page.options:
            lines += _entry(option)
    lines += [
        ".SH EXIT STATUS",
        *_tagged("0", "Nothing wrong was found."),
        *_tagged("1", "A warning: mail may well flow."),
        *_tagged("2", "A cause of failure was found."),
        *_tagged("3", "Could not tell, or wrong usage."),
        ".SH FILES",
        *_tagged("/etc/mail-diagnose.toml", "Options of watch and report, by name; the command line takes precedence."),
        *_tagged("/var/lib/mail-diagnose", "What watch keeps between passes."),
        ".SH SEE ALSO",
        ".BR postfix (1),",
        ".BR postqueue (1),",
        ".BR postconf (5)",
    ]
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> list[str]:
    lines = []
    for paragraph in text.split("\n\n"):
        rows = paragraph.strip("\n").split("\n")
        if any(row.startswith("  ") for row in rows):
            lines += [".PP", ".nf", *(_roff(row) for row in rows), ".fi"]
        else:
            lines += [".PP", _roff(" ".join(row.strip() for row in rows))]
    return lines


def _entry(option: Option) -> list[str]:
    names = ", ".join(option.names) + (f" {option.value}" if option.value else "")
    return _tagged(names, option.help or "Show the traceback of an error.")


def _tagged(tag: str, text: str) -> list[str]:
    return [".TP", f"\\fB{_roff(tag)}\\fR", _roff(text)]


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    escaped = escaped.replace("^", "\\(ha").replace("~", "\\(ti")
    return f"\\&{escaped}" if escaped.startswith((".", "\\(aq")) else escaped


# Where each belongs below /usr/local or /usr.
MAN = "share/man/man1/mail-diagnose.1"
COMPLETIONS = {
    "bash": "share/bash-completion/completions/mail-diagnose",
    "zsh": "share/zsh/site-functions/_mail-diagnose",
    "fish": "share/fish/vendor_completions.d/mail-diagnose.fish",
}


def texts(command: Any) -> dict[str, str]:
    """Each file's place below /usr/local or /usr, and its text."""
    from typer._completion_shared import get_completion_script

    from diagnose import __version__
    from diagnose.commands.options import COMPLETE

    completions = {
        path: get_completion_script(prog_name=NAME, complete_var=COMPLETE, shell=shell) + "\n"
        for shell, path in COMPLETIONS.items()
    }
    return {MAN: man(pages(command), __version__, _day()), **completions}


def _day() -> str:
    """Of the build: SOURCE_DATE_EPOCH where it is set, so that builds can be reproduced."""
    import os
    import time

    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    return time.strftime("%Y-%m-%d", time.gmtime(int(given) if given.isdecimal() else time.time()))
