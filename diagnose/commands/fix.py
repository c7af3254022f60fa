"""fix: mends what run finds, on this host, and undoes that again."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from diagnose.commands import asking
from diagnose.commands.diagnosis import requested, with_relay
from diagnose.commands.fixing import ALLOW, Fixing, say, undone
from diagnose.commands.options import AppConfig, Debug, From, NoAuth, NoNetwork, Timeout, To, UseRelay
from diagnose.errors import UsageError

if TYPE_CHECKING:
    from diagnose.remedy.journal import Change, Store


def fix(
    cause: Annotated[
        str | None, typer.Argument(metavar="[CAUSE]", help="The cause to fix, if not the first one found.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask: apply repairs, but nothing that opens something.")
    ] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", metavar="|".join(ALLOW), help="Also allow steps that open this; may be repeated."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Show the plan and exit.")] = False,
    secret_file: Annotated[
        str | None,
        typer.Option(
            "--secret-file",
            metavar="FILE|-",
            help="A value that only you know, such as a password: one line, or NAME=VALUE lines.",
        ),
    ] = None,
    old: Annotated[
        str | None,
        typer.Option("--old", metavar="hold|send", help="What to do with mail that has waited for over a day."),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Undo the last fix, or the change named.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the changes that can be undone.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Keep a change for good, and delete its undo copies.")
    ] = False,
    relay: UseRelay = None,
    to: To = None,
    sender: From = None,
    app_config: AppConfig = None,
    timeout: Timeout = 15.0,
    no_network: NoNetwork = False,
    no_auth: NoAuth = False,
    debug: Debug = False,
) -> int:
    """Fix what is wrong on this server. Shows each change, asks, applies it, checks that it helped, and can undo it.

    \b
    Examples:
      mail-diagnose fix --dry-run
      mail-diagnose fix
      mail-diagnose fix --yes
      mail-diagnose fix --list
      mail-diagnose fix --undo 20261125-191234
    """
    from diagnose.remedy import journal

    if undo + list_ + forget > 1:
        raise UsageError("--undo, --list and --forget exclude one another")
    for name in allow or ():
        if name not in ALLOW:
            raise UsageError(f"--allow takes {', '.join(ALLOW)}, not {name!r}")
    if old not in (None, "hold", "send"):
        raise UsageError(f"--old takes hold or send, not {old!r}")
    request = requested(to, sender, app_config, None, None, timeout, no_network, no_auth)
    request = with_relay(request, relay)
    work = Fixing(request, cause, yes, frozenset(allow or ()), secret_file, old)
    if dry_run:
        return work.show()
    if os.geteuid() != 0:
        raise UsageError("fix changes this host: run it as root (--dry-run shows what it would do)")
    signal.signal(signal.SIGTERM, _interrupted)
    signal.signal(signal.SIGHUP, _interrupted)
    with journal.opened() as store:
        store.tidy()
        if list_:
            return _list(store)
        if forget or undo:
            changes = _chosen(store, cause, forget)
            return _forget(store, changes[0]) if forget else undone(store, changes, yes)
        if (unfinished := next((c for c in store.changes() if not c.end), None)) is not None:
            _resume(store, unfinished, yes)
        return work.mend(store)


def _interrupted(number: int, frame: object) -> NoReturn:
    """A lost connection must not leave half of a change: it ends like Ctrl-C, by putting everything back."""
    raise KeyboardInterrupt


def _list(store: Store) -> int:
    from diagnose.remedy import journal

    words = {
        "kept": "fixed",
        "unsure": "kept, not proved",
        "undone": "undone",
        "": "NOT FINISHED",
        journal.UNREAD: "NOT READABLE",
    }
    for change in store.changes():
        say(f"{change.id}  {words[change.end]:14}  {change.title}")
        for path in change.files:
            say(f"  {path}")
    if not store.changes():
        say("Nothing was changed by fix.")
    return 0


def _chosen(store: Store, id: str | None, any_end: bool) -> list[Change]:
    """The change named and those that build upon it; else all of the last run of fix. Newest first."""
    from diagnose.remedy.journal import UNREAD
    from diagnose.remedy.transaction import chain

    changes = [c for c in store.changes() if any_end or c.end not in ("undone", UNREAD)]
    if id is not None:
        found = next((c for c in changes if c.id == id), None)
        if found is None:
            raise UsageError(f"no change is called {id!r} that can be undone; see `mail-diagnose fix --list`")
        return [found] if any_end else chain(store, found)
    if any_end:
        raise UsageError("--forget takes the id of a change; see `mail-diagnose fix --list`")
    if not changes:
        raise UsageError("there is nothing to undo")
    return [c for c in reversed(changes) if c.first == changes[-1].first]


def _forget(store: Store, change: Change) -> int:
    if not change.end and (tty := asking.terminal()) is not None:
        with tty:
            if not asking.agreed(f"{change.id} is not finished: keep the host as it is, half changed?", tty):
                return 3
    store.forget(change.id)
    say(f"Forgotten: {change.id}. It can no longer be undone.")
    return 0


def _resume(store: Store, change: Change, yes: bool) -> None:
    """A change that was killed: undone first, in either case, so that what follows begins on firm ground."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(change.begun))
    say(f"The fix of {when} ({change.title}) was interrupted at step {change.done + 1} of {change.steps}.")
    finish = yes
    if not yes:
        tty = asking.terminal()
        if tty is None:
            raise UsageError(f"mail-diagnose fix --undo {change.id} reverts everything, fix --yes finishes it")
        with tty:
            chosen = asking.answer("[u]ndo it, [f]inish it, or [q]uit? ", tty).lower()[:1]
        if chosen not in ("u", "f"):
            raise typer.Exit(3)
        finish = chosen == "f"
    status = undone(store, [change], True)
    if status or not finish:
        raise typer.Exit(status)
