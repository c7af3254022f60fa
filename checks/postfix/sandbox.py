"""Does a service's sandbox keep its mail out: postdrop without set-gid, or a read-only queue?

A sandboxed sendmail does not give up: its postdrop stays, tries again every few seconds, and can be looked at.
"""

from __future__ import annotations

import re

from diagnose.check import (
    Context,
    Data,
    Disk,
    Exec,
    Glob,
    Observation,
    Observations,
    Process,
    Processes,
    Read,
    SignSpec,
    Stat,
    check,
    fail,
    ok,
    unknown,
    warn,
)
from diagnose.facts import master, mta

_APPLICATIONS = re.compile(
    r"^(?:php|php-fpm|apache2|httpd|nginx|java|node|ruby|puma|unicorn|python|gunicorn|uwsgi|celery|sidekiq|catalina|dotnet|cron|crond)"
)
_MOST = 12
# By their bits in CapBnd, capabilities(7); the last for chrooted services alone.
_RIGHTS = {6: "CAP_SETGID", 7: "CAP_SETUID", 18: "CAP_SYS_CHROOT"}
_OWN = "mail-diagnose.service"  # which hands in no mail
# What makes the setgid bit void; the second implies the first.
_NO_NEW = re.compile(r"^(?:NoNewPrivileges|RestrictSUIDSGID)\s*=\s*(?:yes|true|1|on)\s*$", re.M | re.I)


@check(
    id="sandbox",
    title="Sandboxed services",
    signs=("host.sandbox", SignSpec("host.sandboxed-service", {"kind": ("unit",)})),
    tags=("host",),
    needs=("postfix", "linux"),
)
def sandbox(ctx: Context) -> Observations:
    running = [p for p in ctx.ask(Processes()).processes if p.here and p.state != "zombie"]
    stuck = [p for p in running if p.name == "postdrop"]
    for process in stuck[:4]:
        yield _stuck(ctx, process)
    programs = [p for p in running if _APPLICATIONS.match(p.name)][:_MOST]
    held = [p for p in programs if _status(ctx, p.pid, "NoNewPrivs") == "1" and _unit(ctx, p.pid) != _OWN]
    for process in held[:4]:
        unit = _unit(ctx, process.pid)
        text = f"{process.name} (pid {process.pid}{', ' + unit if unit else ''}) runs with NoNewPrivileges: postdrop cannot become setgid there"
        yield warn("host.sandboxed-service", process.name, text, process=process.name, pid=process.pid, unit=unit)
    top = master(ctx)
    if top is not None and (lacks := _lacks(ctx, top.pid)):
        kind, what = lacks
        unit = _unit(ctx, top.pid)
        text = f"Postfix's master (pid {top.pid}{', ' + unit if unit else ''}) {what}"
        yield fail("host.sandbox", "master", text, kind=kind, process="master", pid=top.pid, unit=unit)
    yield from _units(ctx, {unit for process in held if (unit := _unit(ctx, process.pid))})
    if not stuck:
        yield ok("host.sandbox", "postdrop", "no postdrop process is stuck")


def _units(ctx: Context, seen: set[str]) -> Observations:
    """Observes units in /etc/systemd/system, other than links to packages' ones, whose settings keep the sendmail
    command from working."""
    for path in ctx.ask(Glob("/etc/systemd/system/*.service")).paths[:30]:
        if ctx.ask(Stat(path)).real != path:
            continue  # a link to what a package brought
        name = path.rpartition("/")[2]
        text = ctx.ask(Read(path)).text
        strict = re.search(r"^ProtectSystem\s*=\s*strict", text, re.M | re.I)
        writable = re.search(r"^ReadWritePaths\s*=.*(?:/var/spool|\s/var(?:\s|$)|=/var(?:\s|$))", text, re.M)
        option = (
            "NoNewPrivileges" if _NO_NEW.search(text) else "ProtectSystem=strict" if strict and not writable else ""
        )
        if option and name not in seen and name != _OWN and "postfix" not in name:
            said = f"{path} sets {option}: the sendmail command fails for this service"
            yield warn("host.sandboxed-service", name, said, unit=name, kind="unit", path=path)


def _stuck(ctx: Context, process: Process) -> Observation:
    flag = _status(ctx, process.pid, "NoNewPrivs")
    unit = _unit(ctx, process.pid)
    data: Data = {"process": "postdrop", "pid": process.pid, "unit": unit, "user": process.user}
    if not flag:
        return unknown(
            "host.sandbox", "postdrop", f"pid {process.pid} waits; its status cannot be read by this user", **data
        )
    if flag == "1":
        text = f"a postdrop (pid {process.pid}, user {process.user}) runs under NoNewPrivileges, so it lacks the queue's group"
        return fail("host.sandbox", "postdrop", text, kind="no-new-privileges", **data)
    queue = mta(ctx).queue_directory
    above = [
        part
        for line in ctx.ask(Read(f"/proc/{process.pid}/mounts")).text.splitlines()
        if len(part := line.split()) > 3 and (queue + "/").startswith(part[1].rstrip("/") + "/")
    ]
    # The innermost mount, and of several there the last, is what the process sees.
    mount = max(enumerate(above), key=lambda pair: (len(pair[1][1]), pair[0]), default=(0, []))[1]
    if mount and "ro" in mount[3].split(","):
        if ctx.ask(Disk(queue)).read_only:
            text = f"pid {process.pid} waits for a queue that is read-only for everybody, not for its service alone"
            return warn("host.sandbox", "postdrop", text, kind="none", **data)
        text = f"a postdrop (pid {process.pid}) sees {mount[1]} read-only"
        return fail("host.sandbox", "postdrop", text, kind="read-only", **data)
    return warn("host.sandbox", "postdrop", f"pid {process.pid} runs, without a sandbox", kind="none", **data)


def _lacks(ctx: Context, pid: int) -> tuple[str, str] | None:
    """(kind, what it lacks) of the master that its unit keeps from the network or from changing users, else None."""
    if _devices(ctx, str(pid)) == {"lo"} and len(_devices(ctx, "self")) > 1:
        return "network", "sees no network device but lo, which this host has"
    bound = int(_status(ctx, pid, "CapBnd") or "ffffff", 16)
    jailed = any(service.chroot for service in mta(ctx).master.services)
    if lost := [name for bit, name in _RIGHTS.items() if not bound >> bit & 1 and (jailed or bit < 18)]:
        return "capabilities", f"and its daemons lack {' and '.join(lost)}: they end before they do anything"
    if _status(ctx, pid, "Seccomp") == "2":
        show = ("systemctl", "show", "--property=RestrictAddressFamilies", "--value", _unit(ctx, pid))
        families = ctx.ask(Exec(show, timeout=1.5)).out.split()
        if families and "~" not in families[0] and "AF_INET" not in families:
            return "families", f"may open sockets of {' '.join(families)} alone"
    return None


def _devices(ctx: Context, pid: str) -> set[str]:
    """The network devices that a process sees; none where that may not be read."""
    return set(re.findall(r"^\s*([^\s:|]+):", ctx.ask(Read(f"/proc/{pid}/net/dev")).text, re.M))


def _status(ctx: Context, pid: int, field: str) -> str:
    match = re.search(rf"^{field}:\s*(\S+)", ctx.ask(Read(f"/proc/{pid}/status")).text, re.M)
    return match[1] if match else ""


def _unit(ctx: Context, pid: int) -> str:
    match = re.search(r"/([\w@.:-]+\.service)", ctx.ask(Read(f"/proc/{pid}/cgroup")).text)
    if match:
        return match[1]
    reply = ctx.ask(Exec(("systemctl", "status", "--no-pager", "-n", "0", str(pid)), timeout=1.5))
    found = re.match(r"\S+ ([\w@.:-]+\.service)", reply.out)
    return found[1] if found else ""
