"""Do the queue directories and Postfix's commands have the right owners and modes?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from diagnose.check import (
    Context,
    Exec,
    Glob,
    Observation,
    Observations,
    Read,
    Stat,
    Status,
    check,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts import Mta, accounts, master, mta, postfix_log
from diagnose.facts.accounts import closed_above
from diagnose.parse.postfix import table

# Directories below the queue directory, as Postfix's own installer (postfix-files) makes them: owner's rights needed.
_NEEDED = ("incoming", "active", "private")  # which the master makes when it starts, and nobody takes away
_QUEUES = tuple("incoming active deferred bounce defer flush hold corrupt trace private saved".split())
_ASIDE = ("corrupt", "saved")  # which no mail passes through
# Services whose sockets the master makes when it starts.
_STANDARD = tuple("pickup cleanup qmgr rewrite bounce defer smtp".split())
_MORE = ("maildrop", "public", "pid")
# What postfix(1) runs when it starts, besides the services: in daemon_directory and in command_directory.
_STARTING = ("master", "postfix-script", "post-install")
_STARTED_BY = ("postfix", "postconf", "postlog", "postsuper", "postmulti")
_USERS_TABLES = ("authorized_submit_users", "local_login_sender_maps")
_FEW = 10  # messages that are named
_UNOPENED = re.compile(r"/qmgr\[\d+\]: .*\b(?:active|deferred|incoming|hold)[ /]\S+: Permission denied")


@check(
    id="permissions",
    title="Ownership and permissions",
    signs=("host.queue-permissions", "host.setgid"),
    tags=("postfix",),
    needs=("postfix",),
)
def permissions(ctx: Context) -> Observations:
    postfix = mta(ctx)
    if gone := next(
        (name for parameter, _, name in accounts.missing(ctx, postfix) if parameter != "default_privs"), ""
    ):
        skip(f"there is no account {gone} to own the files")
    owner, group = postfix.value("mail_owner") or "postfix", postfix.value("setgid_group") or "postdrop"
    found = [
        *_read_by_users(ctx, postfix),
        *_queue(ctx, postfix, owner, group),
        *_messages(ctx, postfix.queue_directory, owner),
        *_data(ctx, postfix, owner),
        *_programs(ctx, postfix),
        *_commands(ctx, postfix, group),
        *_sendmail(ctx, postfix),
    ]
    yield from found
    # Said only where the commands are fine as well: it speaks against the cause as a whole.
    if all(observation.status is Status.OK for observation in found):
        yield ok("host.queue-permissions", postfix.queue_directory, "owners and modes are as Postfix needs them")


def _read_by_users(ctx: Context, postfix: Mta) -> Observations:
    """Observes files that a user's sendmail command reads with that user's rights, and ordinary users cannot read."""
    tables = [t for name in _USERS_TABLES for t in map(table.parse, postfix.words(name))]
    indexes = [
        t.name + suffix for t in tables for suffix in table.INDEXED.get(t.type, ("",) if t.type in table.PLAIN else ())
    ]
    for path in ("/etc/passwd", "/etc/group", postfix.value("myorigin"), *indexes):
        reply = ctx.ask(Stat(path)) if path.startswith("/") else None
        # A group of its own may well be the applications'.
        if reply and reply.exists and not reply.mode & (0o004 if reply.group == "root" else 0o044):
            yield _bad(path, f"has mode {reply.mode:04o}: other users' sendmail cannot read it", reply.owner, "0644")


def _queue(ctx: Context, postfix: Mta, owner: str, group: str) -> Observations:
    root, data = postfix.queue_directory, postfix.value("data_directory")
    top = ctx.ask(Stat(root))
    shut = list(closed_above(ctx, root, top.real, f"{_place(postfix)}/postdrop", data))
    for above in shut:
        text = f"has mode {ctx.ask(Stat(above)).mode:04o}: accounts other than root, Postfix's among them, cannot reach what is below it"
        yield fail("host.queue-permissions", above, text, kind="above", path=above)
    if not top.exists:
        if top.problem and not shut:
            yield unknown("host.queue-permissions", root, top.problem)
        elif not top.problem:
            yield _bad(root, "does not exist", "root", "0755")
        return
    if not top.mode & 0o001:
        yield _bad(root, f"has mode {top.mode:04o}: Postfix's unprivileged daemons cannot enter it", "root", "0755")
    runs = master(ctx) is not None
    wrong = set(_no_directories(ctx, root))
    for name in sorted(wrong):
        text = f"is not a directory: Postfix keeps its {name} there and does not start"
        yield fail("host.queue-permissions", f"{root}/{name}", text, kind="other", path=f"{root}/{name}")
    for name in _QUEUES:
        path = f"{root}/{name}"
        reply = ctx.ask(Stat(path))
        if name in wrong:
            continue
        if runs and name in _NEEDED and not reply.exists and not reply.problem:
            yield _bad(
                path, "is missing while Postfix runs: its programs can no longer reach each other", owner, "0700"
            )
        wrong_owner = f"belongs to {reply.owner}, not to {owner}" if reply.owner != owner else ""
        if reply.exists and (wrong_owner or reply.mode & 0o700 != 0o700):
            text = wrong_owner or f"has mode {reply.mode:04o}: its owner may not write there"
            yield _bad(path, text, owner, "0700", warn if name in _ASIDE else fail)
    for name, needed, mode in (("maildrop", 0o730, "1730"), ("public", 0o710, "2710")):
        path = f"{root}/{name}"
        reply = ctx.ask(Stat(path))
        if name in wrong or reply.problem or not (reply.exists or runs):
            continue
        if not reply.exists:
            yield _bad(path, "is missing while Postfix runs: users' mail cannot be queued", f"{owner}:{group}", mode)
        elif reply.owner != owner or reply.group != group:
            have = f"{reply.owner}:{reply.group}"
            yield _bad(path, f"belongs to {have}, not to {owner}:{group}", f"{owner}:{group}", mode)
        elif reply.mode & needed != needed:
            yield _bad(path, f"has mode {reply.mode:04o} instead of {mode}", f"{owner}:{group}", mode)
    yield from _sockets(ctx, postfix, owner, runs)
    reply = ctx.ask(Stat(f"{root}/pid"))
    if reply.exists and "pid" not in wrong and reply.owner != "root":
        yield _bad(f"{root}/pid", f"belongs to {reply.owner}, not to root", "root", "0755", warn)


def _sockets(ctx: Context, postfix: Mta, owner: str, runs: bool) -> Observations:
    """Sockets that are gone, and what keeps the master from making one when it starts."""
    root = postfix.queue_directory
    for service in postfix.master.services if runs and not postfix.words("master_service_disable") else ():
        folder = f"{root}/{'private' if service.private else 'public'}"
        if service.name in _STANDARD and service.type in ("unix", "fifo") and ctx.ask(Stat(folder)).exists:
            path = f"{folder}/{service.name}"
            reply = ctx.ask(Stat(path))
            if not reply.exists and not reply.problem:
                yield _bad(path, "is gone, while Postfix runs: what is handed in goes no further", owner, "0622")
    for path in () if runs else ctx.ask(Glob(f"{root}/p*/*")).paths:
        if ctx.ask(Stat(path)).kind == "dir" and path.startswith(
            (f"{root}/private/", f"{root}/public/", f"{root}/pid/")
        ):
            text = "is a directory: the master cannot make its socket or lock file there, and does not start"
            yield fail("host.queue-permissions", path, text, kind="other", path=path)


def _no_directories(ctx: Context, root: str) -> Iterator[str]:
    """Names below the queue directory that exist and are no directory, such as a file or a dangling link."""
    listed = ctx.ask(Glob(f"{root}/*")).paths
    for name in (*_QUEUES, *_MORE):
        reply = ctx.ask(Stat(path := f"{root}/{name}"))
        if reply.kind not in ("dir", "") or (not reply.exists and not reply.problem and path in listed):
            yield name


def _messages(ctx: Context, root: str, owner: str) -> Observations:
    """Observes messages owned by another account, as after a restored backup. It looks only if the queue manager
    failed to open one, because a long queue takes long to search."""
    if any(map(_UNOPENED.search, postfix_log(ctx).lines)):
        places = (f"{root}/{name}" for name in ("incoming", "active", "deferred", "hold", "defer", "bounce"))
        found = ctx.ask(Exec(("find", *places, "-type", "f", "!", "-user", owner))).out.splitlines()
        for path in found[:_FEW]:
            more = f", as {len(found) - _FEW} more" if len(found) > _FEW else ""
            yield _bad(path, f"does not belong to {owner}{more}: the queue manager cannot open it", owner, "0700")


def _data(ctx: Context, postfix: Mta, owner: str) -> Observations:
    """The data directory with its master.lock, which the master opens as mail_owner (postfix-files, data_directory)."""
    path = postfix.value("data_directory")
    for each, mode in ((path, "0700"), (f"{path}/master.lock", "0600")) if path else ():
        reply = ctx.ask(Stat(each))
        if reply.exists and reply.owner != owner:
            text = f"belongs to {reply.owner}, not to {owner}: the master cannot lock its file and does not start"
            yield _bad(each, text, owner, mode)


def _bad(path: str, text: str, owner: str, mode: str, say: Callable[..., Observation] = fail) -> Observation:
    return say("host.queue-permissions", path, text, path=path, owner=owner, mode=mode)


def _place(postfix: Mta) -> str:
    """The directory of Postfix's commands."""
    return postfix.value("command_directory") or "/usr/sbin"


def _commands(ctx: Context, postfix: Mta, group: str) -> Observations:
    astray = "command_directory" in postfix.explicit and not ctx.ask(Stat(f"{_place(postfix)}/postconf")).exists
    for name in () if astray else ("postdrop", "postqueue"):  # another check names such a setting
        path = f"{_place(postfix)}/{name}"
        reply = ctx.ask(Stat(path))
        if not reply.exists:
            text = reply.problem or "does not exist"
            yield (unknown if reply.problem else fail)("host.setgid", path, text, path=path, command=name, group=group)
            continue
        data = {"path": path, "command": name, "group": group, "mode": f"{reply.mode:04o}"}
        if not reply.mode & 0o2000 or reply.group != group:
            text = f"has mode {reply.mode:04o} and group {reply.group}; it must be setgid {group}: users' mail cannot be queued"
            yield fail("host.setgid", path, text, **data)
        elif not reply.mode & 0o001:
            yield fail("host.setgid", path, f"has mode {reply.mode:04o}: users may not run it", **data)
        elif mount := _mounted(ctx, path, "nosuid"):
            text = f"lies on {mount}, which is mounted nosuid: its setgid bit has no effect"
            yield fail("host.setgid", path, text, kind="nosuid", mount=mount, **data)
        else:
            yield ok("host.setgid", path, f"is setgid {group}", **data)


def _sendmail(ctx: Context, postfix: Mta) -> Observations:
    """The command by which programs hand mail in, which everybody must be able to run."""
    named, usual = postfix.value("sendmail_path"), "/usr/sbin/sendmail"
    # Programs call the usual one, whatever name a main.cf of another distribution has.
    path = named if named and ctx.ask(Stat(named)).exists else usual
    reply = ctx.ask(Stat(path))
    if not reply.problem and reply.kind != "file":
        text = f"is a {reply.kind}" if reply.exists else "does not exist, or is a link that leads nowhere"
        text += ": programs that call it cannot hand in mail"
        yield fail("host.setgid", path, text, path=path, command="sendmail")
    elif reply.exists and not reply.mode & 0o001:
        text = f"has mode {reply.mode:04o}: only {reply.owner} may run it, so that other users' programs cannot hand in mail"
        yield fail("host.setgid", path, text, path=path, command="sendmail", mode="0755")


def _programs(ctx: Context, postfix: Mta) -> Observations:
    """The directories of Postfix's programs and libraries, which the sendmail command reads with its caller's rights."""
    for path in sorted({postfix.value("daemon_directory"), postfix.value("shlib_directory")}):
        reply = ctx.ask(Stat(path)) if path.startswith("/") else None
        if reply and reply.exists and reply.kind == "dir" and not reply.mode & 0o001:
            text = f"has mode {reply.mode:04o}: users' sendmail cannot load what lies below it"
            yield _bad(path, text, "root", "0755")
    place = postfix.value("daemon_directory")
    if mount := _mounted(ctx, f"{place}/master", "noexec"):
        text = f"lies on {mount}, which is mounted noexec: the master cannot run Postfix's programs"
        yield fail("host.queue-permissions", place, text, kind="noexec", mount=mount, path=place)
    used = {service.command for service in postfix.master.services if re.fullmatch(r"[\w-]+", service.command)}
    names = (*sorted(used), *(name for name in _STARTING if name not in used))
    paths = [f"{place}/{name}" for name in names] if place.startswith("/") else []
    for path in (*paths, *(f"{_place(postfix)}/{name}" for name in _STARTED_BY)):
        reply = ctx.ask(Stat(path))
        if reply.exists and reply.kind == "file" and not reply.mode & 0o100:
            text = f"has mode {reply.mode:04o}: Postfix cannot run it"
            yield _bad(path, text, "root", "0755")


def _mounted(ctx: Context, path: str, option: str) -> str:
    """The mount point of the path's file system if that is mounted with the option, else ""."""
    reply = ctx.ask(Exec(("findmnt", "-n", "-o", "OPTIONS,TARGET", "-T", path)))
    options, _, mount = reply.out.strip().partition(" ")
    if reply.code != 0 or option not in options.split(","):
        return ""
    # systemd mounts everything so for a service with NoNewPrivileges, such as `watch` is, and for nobody else.
    return "" if re.search(r"^NoNewPrivs:\s*1", ctx.ask(Read("/proc/self/status")).text, re.M) else mount.strip()
