"""app: the applications of this host that send mail, and one's settings tried from where it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diagnose.commands.options import (
    Color,
    Debug,
    Force,
    Format,
    Inside,
    NoAuth,
    Output,
    Timeout,
    Verbose,
    check_file,
    check_format,
    check_timeout,
    terminal_of,
    write,
    write_json,
)
from diagnose.errors import UsageError
from diagnose.scales import CODES

if TYPE_CHECKING:
    from diagnose.facts.applications import Installed
    from diagnose.mail.apptest import Asked, Plain
    from diagnose.report.page import Terminal

_TIME = 10.0  # seconds to look for applications
_LIMIT = 4_000_000  # bytes of what a runtime keeps of a container


def list_(
    context: typer.Context, format: Format = "text", output: Output = None, force: Force = False, debug: Debug = False
) -> None:
    """List the applications that send mail; try one.

    Shows where each one's settings are, and how its mail leaves.

    Looks at processes, units, containers and the usual places; searches no disk, and contacts nothing.

    \b
    Examples:
      mail-diagnose app
      mail-diagnose app test shop
    """
    if context.invoked_subcommand is not None:
        return
    check_format(format, "auto")
    found = _installed()
    if format == "json":
        write_json([_as_plain(each) for each in found], output)
    else:
        write(_table(found, terminal_of("never", output)), output)


def _installed() -> tuple[Installed, ...]:
    import time

    from diagnose.check import Context
    from diagnose.facts.applications import installed
    from diagnose.host.live import LiveHost
    from diagnose.host.memo import Memo, NoNetwork, Recorder

    return installed(Context(host=Recorder(Memo(NoNetwork(LiveHost())), time.monotonic() + _TIME)))


def _as_plain(each: Installed) -> dict[str, Any]:
    settings, (kind, words) = each.app.settings, each.way
    assert settings is not None
    return {
        "name": each.name,
        "application": each.title,
        "path": each.app.path,
        "pid": each.pid,
        "running": each.running,
        "container": each.container,
        "route": kind,
        "by": words,
        "host": settings.host,
        "port": settings.port,
        "tls": settings.tls,
        "user": settings.user,
        "sender": settings.sender,
    }


def _table(found: Sequence[Installed], terminal: Terminal) -> str:
    """One line for each, of the terminal's width; a path is cut at its front."""
    if not found:
        return "No application with mail settings was found here.\nTry one by its file: mail-diagnose app test FILE\n"
    rows = [("NAME", "APPLICATION", "MAIL GOES BY", "SETTINGS")]
    rows += [(each.name, each.title + ("" if each.running else " -"), each.way[1], each.app.path) for each in found]
    widths = [min(most, max(len(row[at]) for row in rows)) for at, most in enumerate((16, 17, 27))]
    lines = []
    for row in rows:
        cells = [
            cell if len(cell) <= width else f"{cell[: width - 1]}…" for cell, width in zip(row, widths, strict=False)
        ]
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        room = terminal.width - len(line) - 2
        lines.append(f"{line}  {row[3] if len(row[3]) <= room else '…' + row[3][1 - room :]}".rstrip())
    if any(not each.running for each in found):
        lines.append("- no process of it was seen")
    return "".join(f"{line}\n" for line in lines)


def try_out(
    what: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE|URL", help="An application as listed by `app`, a settings file, or smtp://user@host:587."
        ),
    ],
    sender: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="The sender, if the settings have none.")
    ] = None,
    send_to: Annotated[
        str | None, typer.Option("--send-to", metavar="ADDRESS", help="Also send a test message to this address.")
    ] = None,
    secret_file: Annotated[
        str | None,
        typer.Option("--secret-file", metavar="FILE|-", help="The password for a URL; default: ask for it."),
    ] = None,
    inside: Inside = None,
    timeout: Timeout = 15.0,
    no_auth: NoAuth = False,
    format: Format = "text",
    output: Output = None,
    force: Force = False,
    verbose: Verbose = 0,
    color: Color = "auto",
    debug: Debug = False,
) -> int:
    """Test an application's mail settings on its server. Shows the dialogue, and the cause if it fails.

    Tries TCP, TLS, login, and MAIL FROM with its sender, which is cancelled. Nothing is sent without --send-to.

    \b
    Examples:
      mail-diagnose app test shop
      mail-diagnose app test /srv/shop/.env
      mail-diagnose app test /app/config/production.json --inside 4711
      mail-diagnose app test smtp://shop@example.com:587 --send-to you@example.com
    """
    from dataclasses import replace

    from diagnose.mail.apptest import tried
    from diagnose.parse.text.address import check_address

    check_format(format, color)
    check_timeout(timeout)
    asked, pid = _asked(what, secret_file, no_auth, inside)
    asked = replace(
        asked,
        sender=check_address(sender, "--from") if sender is not None else None,
        send_to=check_address(send_to, "--send-to") if send_to is not None else None,
        auth=not no_auth,
        timeout=timeout,
    )
    if pid is None:
        plain = tried(asked)
    else:
        from diagnose.commands import inside as container
        from diagnose.host.live.namespaces import Container

        asked = replace(asked, where=f"the container of process {pid}", away=True)
        plain = container.done(Container(pid, ""), lambda: tried(asked), 2 * timeout + 60)
    if format == "json":
        write_json(plain, output)
    else:
        write(shown(plain, terminal_of(color, output), verbose), output)
    return CODES[plain["status"]]


def _asked(what: str, secret_file: str | None, no_auth: bool, inside: int | None) -> tuple[Asked, int | None]:
    """What is tried, and the process in whose container. Raises UsageError."""
    from diagnose.mail.apptest import Asked, as_text_of_url, of_url

    if "://" in what:
        user, place = of_url(what)
        password = "" if no_auth or not user else _password(user, place, secret_file)
        shown = f"{what.partition('://')[0]}://{place}"
        return Asked(path=shown, given={shown: as_text_of_url(what, password)}), inside
    if secret_file is not None:
        raise UsageError("--secret-file goes with a URL: a settings file has its own password")
    path = Path(what)
    if inside is not None:
        return Asked(path=what, given={}), inside
    if "/" in what or path.is_file():
        check_file(path)
        return Asked(path=str(path.absolute()), given={}), None
    return _by_name(what)


def _by_name(name: str) -> tuple[Asked, int | None]:
    from diagnose import files
    from diagnose.host.live.system import decode
    from diagnose.mail.apptest import Asked
    from diagnose.nearest import hint

    found = _installed()
    names = [each.name for each in found]
    each = next((each for each in found if each.name.lower() == name.lower()), None)
    if each is None:
        listed = f"those found are {', '.join(names)}" if names else "none was found here"
        raise UsageError(f"no file and no application is called {name!r}; {hint(name, names) or listed}")
    if not each.container:
        return Asked(path=each.app.path, given={}), None
    if not each.pid:
        raise UsageError(f"the container {each.name} does not run")
    # Its runtime's file is the host's, and not to be seen from within.
    return Asked(path=each.app.path, given={each.app.path: decode(files.read(Path(each.app.path), _LIMIT))}), each.pid


def _password(user: str, place: str, secret_file: str | None) -> str:
    from diagnose.commands import asking
    from diagnose.remedy import Ask

    ask = Ask(name="PASSWORD", what=f"the password of {user} at {place}", secret=True)
    return asking.given((ask,), secret_file, None if secret_file is not None else asking.terminal())["PASSWORD"]


def shown(plain: Plain, terminal: Terminal, verbose: int = 0) -> str:
    """For a person: the dialogue, then the report of the cause, or what can be said without one."""
    from diagnose.report.page import Page
    from diagnose.report.text import render

    app, page = plain["app"], Page(terminal)
    if app["host"]:
        where = f", from {app['where']}" if app["where"] else ""
        page.wrap(f"{app['host']}:{app['port']}, by {app['path']}{where}", "bold")
        for line in plain["dialogue"]:
            page.wrap(line, *(() if line.startswith(("C:", "S:")) else ("dim",)), first="  ", hang="       ")
        page.blank()
    if plain["diagnoses"]:
        return "\n".join([*([page.text()] if page.lines else []), render(plain, terminal, verbose)])
    page.wrap(app["verdict"], "bold", {"ok": "green"}.get(plain["status"], "yellow"))
    return page.text()
