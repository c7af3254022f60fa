"""Is Postfix installed, and do its master, queue manager and pickup service run?

The master holds a lock on its pid file as long as it lives; names of processes mislead (other programs have a "master"
too, and containers' processes are seen from outside).
"""

from __future__ import annotations

from diagnose.check import (
    ANY,
    FLAG,
    Context,
    Exec,
    Glob,
    Lock,
    LockReply,
    Now,
    Observations,
    Process,
    Processes,
    SignSpec,
    Stat,
    check,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts import Mta, greeting, mailer, mta
from diagnose.facts.contained import contained, master_elsewhere
from diagnose.knowledge.distributions import MASTERS

_HALTED = ("stopped", "tracing-stop")
_DEAD = ("zombie", "dead", *_HALTED)


@check(
    id="processes",
    title="Postfix processes",
    signs=(
        SignSpec("postfix.installed", {"left": FLAG}, decisive=True),
        SignSpec("postfix.master", {"kind": (*_DEAD, "down", "unseen")}, clears="Postfix"),
        SignSpec("postfix.daemons", {"service": ANY}),
        "postfix.instances",
    ),
    informational=("postfix.instances",),
    tags=("postfix",),
)
def processes(ctx: Context) -> Observations:
    postfix = mta(ctx)
    if (here := mailer(ctx)) is not None:
        skip(f"the mailer here is {here.title}")
    if not postfix.installed and "not installed" in postfix.problem:
        yield from _absent(ctx)
        return
    if not postfix.settings:
        yield unknown("postfix.installed", "Postfix", postfix.problem or "postconf printed nothing")
        return
    yield ok("postfix.installed", "Postfix", f"version {postfix.version}", version=postfix.version)
    running = ctx.ask(Processes()).processes
    path = f"{postfix.queue_directory}/pid/master.pid"
    lock = ctx.ask(Lock(path))
    master = _master(running, lock, postfix)
    yield from _judge_master(ctx, path, lock, master, running)
    if master is not None and master.state not in _DEAD:
        yield from _daemons(running, master, postfix)
    yield from _instances(postfix, running, master)


def _absent(ctx: Context) -> Observations:
    left = ctx.ask(Stat("/etc/postfix")).exists or ctx.ask(Stat("/var/spool/postfix")).exists
    rest = [path for place in MASTERS for path in ctx.ask(Glob(place)).paths]
    if not rest and (elsewhere := master_elsewhere(ctx)):
        text = f"runs in a container or chroot (process {elsewhere.pid}): sudo mail-diagnose run --inside {elsewhere.pid} looks into it"
        yield unknown("postfix.installed", "Postfix", text)
        return
    if not (left or rest) and contained(ctx):
        text = "none in this container, as is usual: its programs send to a mail server elsewhere"
        yield unknown("postfix.installed", "Postfix", text)
        return
    if rest:
        text = f"{rest[0]} is there, but postconf is not: the installation is broken"
    else:
        text = "there is no postconf on this host" + (", though its directories are still there" if left else "")
    yield fail("postfix.installed", "Postfix", text, left=bool(left or rest))


def _master(running: tuple[Process, ...], lock: LockReply, postfix: Mta) -> Process | None:
    """Postfix's master: the process that holds the lock, else the one whose pid the file names and whose command is
    the master's, else the only such process in this name space. None if it cannot be told."""
    by_pid = {process.pid: process for process in running}
    if lock.held and lock.holder in by_pid:
        return by_pid[lock.holder]
    named = int(lock.text.split()[0]) if lock.text[:1].isdecimal() else 0
    if named in by_pid and _is_master(by_pid[named], postfix):
        return by_pid[named]
    own = [p for p in running if p.here and _is_master(p, postfix) and p.state not in _DEAD]
    # A further instance's master is not the first one's.
    return own[0] if len(own) == 1 and lock.problem and not postfix.value("multi_instance_name") else None


def _is_master(process: Process, postfix: Mta) -> bool:
    program = process.command[0] if process.command else ""
    place = postfix.value("daemon_directory")
    # A zombie has no command line left, only its name.
    return process.name == "master" and (not program or program.startswith((place, "/usr/lib", "master")))


def _judge_master(
    ctx: Context, path: str, lock: LockReply, master: Process | None, running: tuple[Process, ...]
) -> Observations:
    if master is not None and master.state in _DEAD:
        text = f"the master (pid {master.pid}) is a {master.state} process: nothing is served"
        stopped = str(master.pid) if master.state in _HALTED else ""
        yield fail("postfix.master", "Postfix's master process", text, lock=path, kind=master.state, halted=stopped)
    elif halted := _halted(running, master):
        pids, one = " ".join(str(p.pid) for p in halted), halted[0]
        text = f"{one.name} (pid {pids}) is a {one.state} process: its mail does not move until kill -CONT {pids}"
        yield fail("postfix.master", "Postfix's master process", text, lock=path, kind=one.state, halted=pids)
    elif lock.held or master is not None:
        pid = master.pid if master else lock.holder
        yield ok("postfix.master", "Postfix's master process", f"runs (pid {pid})", pid=pid)
    elif lock.problem in (None, "not found"):
        why = "nobody holds the lock on its pid file" if lock.problem is None else "its pid file does not exist"
        unit = ctx.ask(Exec(("systemctl", "is-active", "postfix"))).out.strip()
        odd = "; systemd calls the unit active all the same" if unit == "active" else ""
        yield fail("postfix.master", "Postfix's master process", f"is not running: {why}{odd}", lock=path, kind="down")
    elif _sees_others(ctx, running) and not any(p.here and p.name == "master" for p in running):
        kind = "down" if ctx.ask(Now()).root else "unseen"
        text = f"is not running: no such process on this host ({path}: {lock.problem})"
        yield fail("postfix.master", "Postfix's master process", text, lock=path, kind=kind)
    elif not running and (answers := _port_answers(ctx, mta(ctx))) is not None:
        if answers:
            yield ok("postfix.master", "Postfix's master process", "runs: Postfix greets on port 25")
        else:
            text = "is not running: port 25, which master.cf offers, refuses connections"
            yield fail("postfix.master", "Postfix's master process", text, lock=path, kind="down")
    else:
        text = f"Could not check whether the master runs: lock of {path}: {lock.problem}"
        yield unknown("postfix.master", "Postfix's master process", text)


def _halted(running: tuple[Process, ...], master: Process | None) -> list[Process]:
    """The daemons of one kind that all were stopped, by a signal or a debugger, so that what needs them waits."""
    by_name: dict[str, list[Process]] = {}
    for process in running:
        if master is not None and process.parent == master.pid:
            by_name.setdefault(process.name, []).append(process)
    return next((each for each in by_name.values() if all(one.state in _HALTED for one in each)), [])


def _port_answers(ctx: Context, postfix: Mta) -> bool | None:
    """Where no process shows (no /proc): whether Postfix answers on its port 25; None if that says nothing."""
    near = {"all", "loopback-only", "localhost", "127.0.0.1"} & set(postfix.words("inet_interfaces"))
    offered = any(s.type == "inet" and s.name in ("smtp", "25", "*:25", "*:smtp") for s in postfix.master.services)
    if not near or not offered or postfix.value("master_service_disable"):
        return None
    reply = greeting(ctx)
    if reply.connected:
        return True if "postfix" in reply.banner.lower() else None
    return False if reply.error == "ECONNREFUSED" else None


def _sees_others(ctx: Context, running: tuple[Process, ...]) -> bool:
    """Whether other users' processes show at all (/proc may hide them)."""
    own = ctx.ask(Now()).user
    return any(process.user and process.user != own for process in running)


def _daemons(running: tuple[Process, ...], master: Process, postfix: Mta) -> Observations:
    """Observes whether qmgr and pickup run as the master's children: they start with it and stay, and nothing moves
    without them."""
    children = [process for process in running if process.parent == master.pid]
    if not children:
        yield unknown("postfix.daemons", "qmgr and pickup", "the master's children cannot be seen by this user")
        return
    for name in ("qmgr", "pickup"):
        service = next((s for s in postfix.master.services if s.name == name), None)
        if service is None:
            continue  # the check of services says so
        alive = [p for p in children if p.name.startswith(service.command[:15]) and p.state not in _DEAD]
        if alive:
            yield ok("postfix.daemons", name, f"runs (pid {alive[0].pid})", service=name)
        else:
            yield warn("postfix.daemons", name, "is not among the master's children just now", service=name)


def _instances(postfix: Mta, running: tuple[Process, ...], master: Process | None) -> Observations:
    others = [
        process.pid
        for process in running
        if process.here and process is not master and _is_master(process, postfix) and process.state not in _DEAD
    ]
    more = postfix.words("multi_instance_directories")
    if others or more:
        text = f"configured: {', '.join(more) or 'none'}; other masters running: {len(others)}"
        yield warn("postfix.instances", "other instances", text, count=len(others))
