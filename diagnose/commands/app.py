"""app: an application's mail settings, tried from where the application runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    check_format,
    terminal_of,
    write,
)
from diagnose.errors import UsageError

if TYPE_CHECKING:
    from diagnose.mail.apptest import Asked, Plain
    from diagnose.report.page import Terminal

_CODES = {"ok": 0, "warning": 1, "failed": 2, "unknown": 3}


def try_out(
    what: Annotated[str, typer.Argument(metavar="FILE|URL", help="A settings file, or smtp://user@host:587.")],
    sender: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="The sender, where the settings name none.")
    ] = None,
    send_to: Annotated[
        str | None, typer.Option("--send-to", metavar="ADDRESS", help="Send a test message to this address, too.")
    ] = None,
    secret_file: Annotated[
        str | None,
        typer.Option("--secret-file", metavar="FILE|-", help="The password for a URL; else it is asked for."),
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
) -> None:
    """Try an application's mail settings on its server. Shows the dialogue, and the cause where it fails.

    TCP, TLS, login, and MAIL FROM with its sender, which is taken back. Nothing is sent unless --send-to asks for it.

    \b
    Examples:
      mail-diagnose app test /srv/shop/.env
      mail-diagnose app test /app/config/production.json --inside 4711
      mail-diagnose app test smtp://shop@mail.example.com:587 --send-to you@example.com
    """
    from dataclasses import replace

    from diagnose.mail.apptest import tried
    from diagnose.parse.text.address import check_address

    check_format(format, color)
    if not 1 <= timeout <= 3600:
        raise UsageError(f"--timeout takes 1 to 3600 seconds, not {timeout:g}")
    asked = replace(
        _asked(what, secret_file, no_auth, inside is not None),
        sender=check_address(sender, "--from") if sender is not None else None,
        send_to=check_address(send_to, "--send-to") if send_to is not None else None,
        auth=not no_auth,
        timeout=timeout,
    )
    if inside is None:
        plain = tried(asked)
    else:
        from diagnose.commands import inside as container
        from diagnose.host.live.namespaces import Container

        asked = replace(asked, where=f"the container of process {inside}", away=True)
        plain = container.done(Container(inside, ""), lambda: tried(asked), 2 * timeout + 60)
    if format == "json":
        import json

        write(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", output)
    else:
        write(shown(plain, terminal_of(color, output), verbose), output)
    raise typer.Exit(_CODES[plain["status"]])


def _asked(what: str, secret_file: str | None, no_auth: bool, away: bool) -> Asked:
    from diagnose.mail.apptest import Asked, as_text_of_url, of_url

    if "://" in what:
        user, place = of_url(what)
        password = "" if no_auth or not user else _password(user, place, secret_file)
        return Asked(path=what, given={what: as_text_of_url(what, password)})
    if secret_file is not None:
        raise UsageError("--secret-file goes with a URL: a settings file has its own password")
    path = Path(what)
    if not away and not path.is_file():
        raise UsageError(f"{what}: {'is a directory' if path.is_dir() else 'no such file'}")
    return Asked(path=what if away else str(path.absolute()), given={})


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
        return page.text() + "\n" + render(plain, terminal, verbose)
    page.wrap(app["verdict"], "bold", {"ok": "green"}.get(plain["status"], "yellow"))
    return page.text()
