"""Is there room for mail: space, inodes and a writable file system for the queue and the log?"""

from __future__ import annotations

from diagnose.check import Context, Data, Disk, Observations, SignSpec, check, fail, ok, unknown, warn
from diagnose.facts import Mta, mailer, mailers, master, mta

_QUEUES = tuple("maildrop incoming active deferred defer bounce hold flush trace private public pid".split())
_FEW_INODES = 20
_MEGA = 1_000_000
_LEAST = 65_536  # bytes; with less, the file system counts as full


@check(
    id="disk",
    title="Disk space",
    signs=(
        SignSpec("disk.space", {"kind": ("full", "low")}, clears="disk space"),
        "disk.log",
        "disk.inodes",
        "disk.read-only",
    ),
    tags=("postfix", "host"),
    needs=("mta",),
)
def disk(ctx: Context) -> Observations:
    postfix = mta(ctx)
    if (here := mailer(ctx)) is not None:
        yield from _place(ctx, postfix, mailers.spool(ctx, here), True, f"{here.title}'s next message")
        yield from _log(ctx, postfix)
        return
    places = {postfix.queue_directory: True, postfix.value("data_directory"): False}
    for path, queue in places.items():
        if path:
            yield from _place(ctx, postfix, path, queue)
    yield from _own_parts(ctx, postfix)
    yield from _log(ctx, postfix)


def _own_parts(ctx: Context, postfix: Mta) -> Observations:
    """Queues that are a file system of their own: it may be full or read-only while the rest is not."""
    whole = ctx.ask(Disk(postfix.queue_directory))
    for name in _QUEUES if not whole.problem else ():
        path = f"{postfix.queue_directory}/{name}"
        part = ctx.ask(Disk(path))
        same = (part.total, part.inodes_total, part.read_only) == (whole.total, whole.inodes_total, whole.read_only)
        if not part.problem and not same:
            yield from _place(ctx, postfix, path, True, "mail there")


def _log(ctx: Context, postfix: Mta) -> Observations:
    """Observes the room for the mail log: without it postlogd(8) ends, and failures are not logged."""
    file = postfix.value("maillog_file")
    path = file.rpartition("/")[0] if file.startswith("/var/") else "/var/log"
    room = ctx.ask(Disk(path))
    if room.problem:
        return
    data: Data = {"path": path, "free": room.free}
    if room.total and room.free < _LEAST:
        yield fail(
            "disk.log", path, f"{_size(room.free)} free of {_size(room.total)}: the mail log cannot grow", **data
        )
    elif room.inodes_total and not room.inodes_free and not file:
        yield warn("disk.log", path, "has no free inode: log rotation cannot create a new file", **data)
    else:
        yield ok("disk.log", path, f"{_size(room.free)} free", **data)


def _place(ctx: Context, postfix: Mta, path: str, queue: bool, what: str = "") -> Observations:
    """Observes whether a path's file system is writable and has room. what: what needs the room, if not Postfix;
    then 1 MB is enough."""
    if not path:
        return
    room = ctx.ask(Disk(path))
    if room.problem:
        if queue or room.problem != "not found":
            yield unknown("disk.space", path, f"could not check the free space: {room.problem}")
        return
    if room.read_only:
        stops = queue or master(ctx) is None  # a master that runs has its lock already
        yield (fail if stops else warn)("disk.read-only", path, "is on a file system mounted read-only", path=path)
    say = fail if queue else warn
    need, why = _needed(postfix) if queue and not what else (_MEGA, what or "anything")
    data: Data = {"path": path, "free": room.free, "need": need}
    if room.total and room.free < need:
        # Below about 64 kB even the sendmail command's mail finds no room; above it only SMTP submission is refused.
        kind = "full" if room.free < 65_536 else "low"
        text = f"{_size(room.free)} free of {_size(room.total)}; {why} needs {_size(need)}"
        yield say("disk.space", path, text, kind=kind, **data)
    elif queue:
        yield ok("disk.space", path, f"{_size(room.free)} free", **data)
    if room.inodes_total and room.inodes_free < _FEW_INODES:
        text = f"{room.inodes_free} inodes free of {room.inodes_total}: no file can be created"
        yield say("disk.inodes", path, text, path=path, free=room.inodes_free)


def _needed(postfix: Mta) -> tuple[int, str]:
    """(bytes, the setting that says so): smtpd(8) refuses mail below 1.5 times message_size_limit, or queue_minfree
    if that is more."""
    limit, least = _number(postfix, "message_size_limit"), _number(postfix, "queue_minfree")
    if limit * 3 // 2 >= least:
        return limit * 3 // 2, "mail by SMTP (1.5 × message_size_limit)"
    return least, "queue_minfree"


def _number(postfix: Mta, name: str) -> int:
    text = postfix.value(name)
    return int(text) if text.isdecimal() else 0


def _size(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
