"""Do limits on files, memory, processes or local ports make Postfix's daemons fail?"""

from __future__ import annotations

import re

from diagnose.check import Context, Observations, Read, check, fail, ok, skip, unknown, warn
from diagnose.facts import master
from diagnose.facts.dials import near_end
from diagnose.facts.network import mail_port
from diagnose.facts.packets import own_tried

_ROW = re.compile(r"^(Max [a-z ]+?)\s{2,}(\S+)\s+(\S+)", re.M)
# Below these a daemon of Postfix cannot open its tables and sockets, or be mapped at all.
_LEAST = {
    "Max open files": 64,
    "Max address space": 64_000_000,
    "Max data size": 16_000_000,
    "Max file size": 1_000_000,
}
_CGROUP = "/sys/fs/cgroup"


@check(
    id="limits",
    title="Process limits",
    signs=("host.limits",),
    tags=("postfix", "host"),
    needs=("postfix", "linux"),
    timeout=9.5,  # as the dial that it waits for
)
def limits(ctx: Context) -> Observations:
    used_up = list(_ports(ctx))
    yield from used_up
    top = master(ctx)
    if top is None and used_up:
        return
    if top is None:
        skip("the master's process is not known, so its limits cannot be read")
    pid = top.pid
    reply = ctx.ask(Read(f"/proc/{pid}/limits"))
    if reply.problem:
        yield unknown(
            "host.limits", "process limits", f"{reply.problem}, so limits on files and memory were not checked"
        )
        return
    low = [
        (name, soft)
        for name, soft, _ in _ROW.findall(reply.text)
        if soft.isdecimal() and int(soft) < _LEAST.get(name, 0)
    ]
    for name, soft in low:
        yield fail("host.limits", name, f"the master runs with a limit of {soft}", limit=name, value=soft)
    group = re.search(r"^0::(/\S*)$", ctx.ask(Read(f"/proc/{pid}/cgroup")).text, re.M)
    found = list(_cgroup(ctx, f"{_CGROUP}{group[1].rstrip('/')}")) if group else []
    yield from found
    if not low and not found and not used_up:
        yield ok("host.limits", "process limits", "the master's limits leave room")


def _ports(ctx: Context) -> Observations:
    """A failure if each IPv4 connect to the mail's server ends with EADDRNOTAVAIL though no source address is set:
    no local port is left."""
    way = mail_port(ctx)
    own = own_tried(ctx, way) if way.known else ()
    lost = [t.reply.attempts[-1] for t in own if t.reply.attempts and t.family == 4]
    if not lost or any(one.error != "EADDRNOTAVAIL" for one in lost) or near_end(ctx)["bind"]:
        return
    span = "-".join(ctx.ask(Read("/proc/sys/net/ipv4/ip_local_port_range")).text.split())
    text = f"no local port is free for a connection to {lost[0].address} (net.ipv4.ip_local_port_range = {span})"
    yield fail("host.limits", "local ports", text, limit="net.ipv4.ip_local_port_range", value=span)


def _cgroup(ctx: Context, place: str) -> Observations:
    most, now = (ctx.ask(Read(f"{place}/pids.{word}")).text.strip() for word in ("max", "current"))
    if most.isdecimal() and now.isdecimal() and int(now) >= int(most) - 1:
        yield fail("host.limits", "TasksMax", f"{now} of {most} processes are in use", limit="TasksMax", value=most)
    killed = re.search(r"^oom_kill (\d+)$", ctx.ask(Read(f"{place}/memory.events")).text, re.M)
    if killed and int(killed[1]):
        text = f"{killed[1]} processes of Postfix's unit were killed for lack of memory since it started"
        yield warn("host.limits", "memory", text, limit="memory", value=killed[1])
