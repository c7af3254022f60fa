"""Is this host's clock right enough for certificates and signatures?

No time server is asked. The evidence is what the time service says about itself, files that cannot come from the
future, and, if something complains about certificates, whether those of unrelated operators are all outside their
dates.
"""

from __future__ import annotations

import re
import time

from diagnose.check import (
    FLAG,
    Context,
    Dial,
    DialReply,
    Exec,
    Glob,
    MailQueue,
    Now,
    Observations,
    Query,
    SignSpec,
    Stat,
    ask_all,
    check,
    fail,
    ok,
    unknown,
    warn,
)
from diagnose.facts import mta, postfix_log
from diagnose.knowledge.distributions import PACKAGE_DATABASES
from diagnose.knowledge.labels import probes_for

# Before this day no version of this program existed.
_NOT_BEFORE = 1_763_000_000.0
_DAY = 86_400.0
_LARGE, _SMALL = 3600.0, 60.0


# Foreign servers are contacted only after such a complaint.
_COMPLAINT = re.compile(r"certificate|not verified|not trusted|not yet valid|CertPath|CertificateExpired", re.I)


@check(id="clock", title="The clock", signs=(SignSpec("host.clock", {"sure": FLAG}),), tags=("host",))
def clock(ctx: Context) -> Observations:
    now = ctx.ask(Now()).epoch
    if not now:
        yield unknown("host.clock", "clock", "the time is not known")
        return
    if now < _NOT_BEFORE:
        yield fail(
            "host.clock",
            "clock",
            f"the clock says {_day(now)}, which is years ago",
            kind="past",
            skew=int(now - _NOT_BEFORE),
        )
        return
    newest, path = _newest(ctx, now)
    if newest > now + _DAY:
        days = (newest - now) / _DAY
        text = f"the clock says {_day(now)}, but {path} was written {days:.0f} days later, on {_day(newest)}"
        yield fail("host.clock", "clock", text, kind="past", skew=int(now - newest), path=path)
        return
    if _complained(ctx) and (seen := list(_witnesses(ctx, now))):
        yield from seen
        return
    offset = _offset(ctx)
    if offset is None:
        yield ok("host.clock", "clock", f"the clock says {_day(now)}; no time service reports its offset", sure=False)
    elif abs(offset) >= _LARGE:
        yield fail(
            "host.clock",
            "clock",
            f"is {abs(offset):.0f} s off, according to its time service",
            kind="offset",
            skew=int(offset),
        )
    elif abs(offset) >= _SMALL:
        yield warn(
            "host.clock",
            "clock",
            f"is {abs(offset):.0f} s off, according to its time service",
            kind="offset",
            skew=int(offset),
        )
    else:
        yield ok("host.clock", "clock", "its time service says that it is right", sure=True)


def _newest(ctx: Context, now: float) -> tuple[float, str]:
    """(mtime, path) of the least late of at least two files dated over a day ahead of the clock: package lists,
    logs, the queue's own; else (0.0, "")."""
    postfix = mta(ctx)
    paths = [*PACKAGE_DATABASES, "/etc/resolv.conf", "/var/log/wtmp", *ctx.ask(Glob("/var/log/*log")).paths[:6]]
    if postfix.installed:
        paths += [f"{postfix.queue_directory}/{name}" for name in ("", "incoming", "active", "deferred", "maildrop")]
        paths.append(f"{postfix.config_directory}/main.cf")
        paths.append(f"{postfix.value('daemon_directory')}/qmgr")
    ages = [(reply.mtime, path) for path in paths if (reply := ctx.ask(Stat(path))).exists and reply.mtime]
    late = sorted(pair for pair in ages if pair[0] > now + _DAY)
    # One file alone may carry a date set by hand; two do not.
    return late[0] if len(late) > 1 else (0.0, "")


def _complained(ctx: Context) -> bool:
    lines = postfix_log(ctx).lines[-2000:]
    waiting = str(ctx.ask(MailQueue()).summary or "")
    return any(_COMPLAINT.search(line) for line in lines) or bool(_COMPLAINT.search(waiting))


def _witnesses(ctx: Context, now: float) -> Observations:
    """Checks the clock against certificates of unrelated operators: ok if one is within its dates, failed if two are
    outside theirs on the same side."""
    if not ctx.settings.network:
        return
    chosen = {p.operator: p for p in reversed(probes_for(443, ipv6=False)) if p.tls == "implicit"}
    hosts = [probe.host for probe in list(chosen.values())[:3]]
    queries: list[Query[DialReply]] = [
        Dial(host=host, port=443, tls="implicit", say="connect", connect_timeout=2.0, timeout=3.0) for host in hosts
    ]
    late: list[float] = []
    for host, reply in zip(hosts, ask_all(ctx, queries), strict=True):
        dates = reply.tls
        if dates is None or not dates.not_after:
            continue
        if dates.not_before <= now <= dates.not_after:
            yield ok("host.clock", "clock", f"the certificate of {host} is within its dates at {_day(now)}", sure=True)
            return
        late.append(now - dates.not_after if now > dates.not_after else now - dates.not_before)
    if len(late) > 1 and (min(late) > 0 or max(late) < 0):
        skew = int(min(late, key=abs))
        word = "ahead" if skew > 0 else "behind"
        text = (
            f"the clock says {_day(now)}, which is {word}: the certificates of {len(late)} unrelated operators would "
            f"all be {'expired' if skew > 0 else 'not yet valid'}"
        )
        yield fail("host.clock", "clock", text, kind="certificates", skew=skew)


def _offset(ctx: Context) -> float | None:
    chrony = ctx.ask(Exec(("chronyc", "-n", "tracking"), timeout=2.0))
    match = re.search(r"System time\s*:\s*([\d.]+) seconds (slow|fast)", chrony.out)
    if chrony.code == 0 and match and "Not synchronised" not in chrony.out:
        return float(match[1]) * (-1 if match[2] == "slow" else 1)
    state = ctx.ask(Exec(("timedatectl", "show", "-p", "NTPSynchronized", "--value"), timeout=2.0))
    if state.code == 0 and state.out.strip() == "yes":
        return 0.0
    return None


def _day(epoch: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(epoch)) + " UTC"
