"""Steps that run commands: tables, copies, owners and modes, services, mail that waits, and what only a person may allow."""

from __future__ import annotations

import shlex

from diagnose.knowledge import distributions
from diagnose.parse.postfix import table
from diagnose.record import frozen
from diagnose.remedy.steps import Argv, Refused, RunStep, Undo, Verify, postfix_tool

_TAKES_AWAY = frozenset("-D -F -X -P delete flush destroy disable reset stop -f restore".split())


@frozen
class OnPath(RunStep):
    path: str

    @property
    def subject(self) -> str:
        return self.path

    def files(self) -> tuple[str, ...]:
        return (self.path,)


@frozen
class OneCommand(RunStep):
    argv: Argv

    def argvs(self) -> tuple[Argv, ...]:
        return (self.argv,)


@frozen
class BuildTable(RunStep):
    """Runs postmap(1), or postalias(1), on type:path. key: one that must be found afterwards, "" for none."""

    type: str
    path: str
    key: str = ""
    aliases: bool = False
    config: str = ""

    @property
    def table(self) -> str:
        return f"{self.type}:{self.path}"

    @property
    def subject(self) -> str:
        return self.table

    def argvs(self) -> tuple[Argv, ...]:
        return ((*postfix_tool("postalias" if self.aliases else "postmap", self.config), self.table),)

    def files(self) -> tuple[str, ...]:
        return tuple(self.path + suffix for suffix in table.INDEXED.get(self.type, ()))

    def verify(self) -> tuple[Verify, ...]:
        return (Verify(argv=(*postfix_tool("postmap", self.config), "-q", self.key, self.table)),) if self.key else ()


@frozen
class CopyFile(OnPath):
    """Copies a file with its owner and mode, such as into the chroot, where Postfix reads a copy."""

    source: str

    def argvs(self) -> tuple[Argv, ...]:
        return (("cp", "-pL", "--", self.source, self.path),)

    def verify(self) -> tuple[Verify, ...]:
        return (Verify(argv=("cmp", "-s", "--", self.source, self.path)),)


@frozen
class Aside(RunStep):
    """Renames a dangling link, or a file where a directory must be, to PATH.old. directory: Postfix then makes a
    directory there that holds nothing lasting (sockets, lock files)."""

    path: str
    directory: bool = False

    @property
    def kept(self) -> str:
        return f"{self.path}.old"

    @property
    def subject(self) -> str:
        return self.path

    def argvs(self) -> tuple[Argv, ...]:
        return (("mv", "-nT", "--", self.path, self.kept),)

    def renames(self) -> tuple[str, ...]:
        return (self.path,)

    def reverted(self) -> Undo:
        gone = (("rm", "-rf", "--one-file-system", "--", self.path),) if self.directory else ()
        return Undo(commands=(*gone, ("mv", "-nT", "--", self.kept, self.path)))

    def verify(self) -> tuple[Verify, ...]:
        return (Verify(argv=("test", "-e", self.kept, "-o", "-L", self.kept)),)


@frozen
class Mode(OnPath):
    """was: the present mode. Refused if it is wider than that, unless `standard` says who demands it:
    "postfix-files" for what Postfix owns, "chroot" for its copies of files that everybody may read, "system" for
    those files themselves, "package" for a group of the mailer's own that its package lets read its logins."""

    mode: int
    was: int
    standard: str = ""

    def __post_init__(self) -> None:
        if self.mode & ~self.was and not self.standard:
            raise Refused(f"mode {self.mode:04o} of {self.path} is wider than {self.was:04o}")

    def argvs(self) -> tuple[Argv, ...]:
        return (("chmod", f"{self.mode:04o}", "--", self.path),)

    def verify(self) -> tuple[Verify, ...]:
        return (Verify(argv=("stat", "-c", "%a", "--", self.path), prints=f"{self.mode:o}"),)


@frozen
class Remount(RunStep):
    """Takes an option off a mount until it is next mounted: ro, nosuid or noexec, each set for the mount alone."""

    allow: str = "limit"
    mount: str
    option: str

    @property
    def subject(self) -> str:
        return self.mount

    def argvs(self) -> tuple[Argv, ...]:
        return (("mount", "-o", f"remount,bind,{_OPPOSITE[self.option]}", "--", self.mount),)

    def reverted(self) -> Undo:
        return Undo(commands=(("mount", "-o", f"remount,bind,{self.option}", "--", self.mount),))


_OPPOSITE = {"ro": "rw", "nosuid": "suid", "noexec": "exec"}


@frozen
class Ownership(OnPath):
    """owner, group: by name; "" for one that stays as it is, such as a number that no account has."""

    owner: str = ""
    group: str = ""

    def argvs(self) -> tuple[Argv, ...]:
        return (("chown", "--", f"{self.owner}:{self.group}".removesuffix(":"), self.path),)

    def verify(self) -> tuple[Verify, ...]:
        form = ("%U" if self.owner else "") + ":" + ("%G" if self.group else "")
        return (Verify(argv=("stat", "-c", form, "--", self.path), prints=f"{self.owner}:{self.group}"),)


@frozen
class SetPermissions(RunStep):
    """Owners and modes of Postfix's own files as its postfix-files lists them. paths: those seen to be wrong."""

    paths: tuple[str, ...]
    config: str = ""

    def argvs(self) -> tuple[Argv, ...]:
        return ((*postfix_tool("postfix", self.config), "set-permissions"),)

    def files(self) -> tuple[str, ...]:
        return self.paths


@frozen
class Service(RunStep):
    """Postfix started, restarted or made to read its settings again. manager: systemd, openrc, sysv, or "" for none."""

    verb: str
    manager: str = ""
    config: str = ""
    unit: str = "postfix"

    def argvs(self) -> tuple[Argv, ...]:
        own = postfix_tool("postfix", self.config)
        check = (*own, "check")
        if self.verb == "reload":
            return (check, (*own, "reload"))
        if self.manager:
            # Debian's postfix.service stays active when the instance below it has ended, and a start would do nothing.
            verb = "restart" if self.manager == "systemd" else self.verb
            return (check, managed(self.manager, verb, self.unit))
        return (check, *(((*own, "stop"),) if self.verb == "restart" else ()), (*own, "start"))

    def commands(self) -> tuple[str, ...]:
        return (" && ".join(shlex.join(argv) for argv in self.argvs()),)

    def verify(self) -> tuple[Verify, ...]:
        return (Verify(argv=(*postfix_tool("postfix", self.config), "status")),)

    def reverted(self) -> Undo:
        if self.verb != "start":
            return Undo(after=self.argvs())
        if not self.manager and self.unit == "postfix":
            return Undo(commands=((*postfix_tool("postfix", self.config), "stop"),))
        return _stopped(self.manager, self.unit)


def _stopped(manager: str, unit: str) -> Undo:
    return Undo(commands=(managed(manager, "stop", unit),))


def _active(manager: str, unit: str) -> tuple[Verify, ...]:
    return (Verify(argv=("systemctl", "is-active", "--quiet", unit)),) if manager == "systemd" else ()


def managed(manager: str, verb: str, unit: str) -> Argv:
    return tuple(shlex.split(distributions.service(manager, verb, unit)))


@frozen
class Daemon(RunStep):
    """Another mailer's daemon started, or made to read its settings again. manager: systemd, openrc or sysv."""

    verb: str
    manager: str
    unit: str

    def argvs(self) -> tuple[Argv, ...]:
        return (managed(self.manager, self.verb, self.unit),)

    def verify(self) -> tuple[Verify, ...]:
        return _active(self.manager, self.unit)

    def reverted(self) -> Undo:
        return _stopped(self.manager, self.unit) if self.verb == "start" else Undo(after=self.argvs())


@frozen
class Unmask(RunStep):
    """A unit that systemd may start again. Whether it starts at boot is as it was before it was masked."""

    allow: str = "service"
    unit: str

    def argvs(self) -> tuple[Argv, ...]:
        return (("systemctl", "unmask", self.unit),)

    def reverted(self) -> Undo:
        return Undo(commands=(("systemctl", "mask", self.unit),))


@frozen
class StartUnit(RunStep):
    """Starts another program by its unit, or by its script where systemd does not run (manager: sysv). enable: at
    each boot as well."""

    allow: str = "service"
    unit: str
    enable: bool = False
    manager: str = "systemd"

    def argvs(self) -> tuple[Argv, ...]:
        if self.manager != "systemd":
            return (managed(self.manager, "start", self.unit),)
        return (("systemctl", *(("enable", "--now") if self.enable else ("restart",)), "--", self.unit),)

    def verify(self) -> tuple[Verify, ...]:
        return _active(self.manager, self.unit)

    def reverted(self) -> Undo:
        if self.manager != "systemd":
            return _stopped(self.manager, self.unit)
        return Undo(commands=(("systemctl", *(("disable", "--now") if self.enable else ("stop",)), "--", self.unit),))


@frozen
class Requeue(RunStep):
    """Retries a few messages now, and no others. ids: queue ids. through_cleanup: requeues them (postsuper -r), so
    that cleanup(8) records the present content filter in each message."""

    ids: tuple[str, ...]
    config: str = ""
    through_cleanup: bool = False

    def argvs(self) -> tuple[Argv, ...]:
        if self.through_cleanup:
            return tuple((*postfix_tool("postsuper", self.config), "-r", id) for id in self.ids)
        return tuple((*postfix_tool("postqueue", self.config), "-i", id) for id in self.ids)


@frozen
class ReleaseHeld(RunStep):
    """Releases held mail, by queue id."""

    allow: str = "held"
    ids: tuple[str, ...]
    config: str = ""

    def argvs(self) -> tuple[Argv, ...]:
        return tuple((*postfix_tool("postsuper", self.config), "-H", id) for id in self.ids)

    def reverted(self) -> Undo:
        return Undo(lasting="released mail has left")


@frozen
class InstallPackage(RunStep):
    """packages by name; install: this distribution's command before them, as words."""

    allow: str = "package"
    packages: tuple[str, ...]
    install: tuple[str, ...]

    def argvs(self) -> tuple[Argv, ...]:
        return ((*self.install, *self.packages),)

    def reverted(self) -> Undo:
        return Undo(lasting=f"the package {', '.join(self.packages)} stays installed")


@frozen
class MakeAccount(RunStep):
    """Creates a system user or group of Postfix again, without a password or shell. number: its uid or gid, None for
    any; group: an existing group of a user, "" for one of its own."""

    allow: str = "account"
    kind: str
    name: str
    number: int | None = None
    group: str = ""
    home: str = ""

    def argvs(self) -> tuple[Argv, ...]:
        if self.kind == "group":
            number = () if self.number is None else ("-g", str(self.number))
            return (("groupadd", "--system", *number, "--", self.name),)
        number = () if self.number is None else ("-u", str(self.number))
        group = ("-g", self.group) if self.group else ("-U",)
        place = ("--no-create-home", "-d", self.home, "-s", "/usr/sbin/nologin")
        return (("useradd", "--system", *number, *group, *place, "--", self.name),)

    def files(self) -> tuple[str, ...]:
        return ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow")

    def verify(self) -> tuple[Verify, ...]:
        return (Verify(argv=("getent", "group" if self.kind == "group" else "passwd", self.name)),)


@frozen
class FirewallAccept(OneCommand):
    """The narrowest accept, put before the rule that drops, by the manager that owns the rules. argv: its command; undo: the
    command that takes the accept out again."""

    allow: str = "firewall"
    undo: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if set(self.argv) & _TAKES_AWAY:
            raise Refused(shlex.join(self.argv))

    def reverted(self) -> Undo:
        return Undo(commands=(self.undo,)) if self.undo else Undo(lasting="the firewall's accept rule stays")


@frozen
class ChangeRoute(OneCommand):
    """A route or routing rule that leads mail astray, taken out until the next boot, or a route past it. undo: the command that reverts it."""

    allow: str = "route"
    undo: tuple[str, ...] = ()

    def reverted(self) -> Undo:
        if self.undo:
            return Undo(commands=(self.undo,))
        return Undo(lasting=f"the route stays removed ({' '.join(self.argv)})")


@frozen
class Command(OneCommand):
    """Any other repair command (update-ca-certificates, a reload of settings). takes_up: it makes a program read its
    files, so that undo runs it too, once they are as before. changes: the files that it may change; checks: how to
    verify it; lasting: what undo leaves as it is."""

    takes_up: bool = False
    changes: tuple[str, ...] = ()
    checks: tuple[Verify, ...] = ()
    lasting: str = ""

    def files(self) -> tuple[str, ...]:
        return self.changes

    def verify(self) -> tuple[Verify, ...]:
        return self.checks

    def reverted(self) -> Undo:
        return Undo(after=self.argvs() if self.takes_up else (), lasting=self.lasting)
