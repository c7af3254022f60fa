"""Is this host's clock right, as far as certificates and signatures depend on it?

No time server is asked: what the time service says of itself, and files that cannot come from the future, tell.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from diagnose.check import Context, Exec, Glob, Now, Stat, check, fail, ok, unknown, warn
from diagnose.facts import mta
from diagnose.model import Observation

# Before this day no version of this program existed.
_NOT_BEFORE = 1_763_000_000.0
_DAY = 86_400.0
_LARGE, _SMALL = 3600.0, 60.0


@check(id="clock", title="The clock", signs=("host.clock",), tags=("host",))
def clock(ctx: Context) -> Iterator[Observation]:
    now = ctx.ask(Now()).epoch
    if not now:
        yield unknown("host.clock", "clock", "the time is not known")
        return
    if now < _NOT_BEFORE:
        yield fail(
            "host.clock", "clock", f"says {_day(now)}: that is past long ago", kind="past", skew=int(now - _NOT_BEFORE)
        )
        return
    newest, path = _newest(ctx, now)
    if newest > now + _DAY:
        days = (newest - now) / _DAY
        text = f"says {_day(now)}, and {path} was written {days:.0f} days later, on {_day(newest)}"
        yield fail("host.clock", "clock", text, kind="past", skew=int(now - newest), path=path)
        return
    offset = _offset(ctx)
    if offset is None:
        yield ok("host.clock", "clock", f"says {_day(now)}; no time service tells how far it is off", sure=False)
    elif abs(offset) >= _LARGE:
        yield fail(
            "host.clock",
            "clock",
            f"is {abs(offset):.0f} s off, as its time service says",
            kind="offset",
            skew=int(offset),
        )
    elif abs(offset) >= _SMALL:
        yield warn(
            "host.clock",
            "clock",
            f"is {abs(offset):.0f} s off, as its time service says",
            kind="offset",
            skew=int(offset),
        )
    else:
        yield ok("host.clock", "clock", "its time service says that it is right", sure=True)


def _newest(ctx: Context, now: float) -> tuple[float, str]:
    """The youngest file among those that only a clock could have dated: package lists, logs, the queue's own."""
    postfix = mta(ctx)
    paths = ["/var/lib/dpkg/status", "/var/lib/rpm", "/lib/apk/db/installed", "/etc/resolv.conf", "/var/log/wtmp"]
    paths += [*ctx.ask(Glob("/var/log/*log")).paths[:6], *ctx.ask(Glob("/usr/lib/postfix/sbin/qmgr")).paths]
    if postfix.installed:
        paths += [f"{postfix.queue_directory}/{name}" for name in ("", "incoming", "active", "deferred", "maildrop")]
        paths.append(f"{postfix.config_directory}/main.cf")
    ages = [(reply.mtime, path) for path in paths if (reply := ctx.ask(Stat(path))).exists and reply.mtime]
    late = sorted(pair for pair in ages if pair[0] > now + _DAY)
    # One file alone may carry a date set by hand; two do not.
    return late[0] if len(late) > 1 else (0.0, "")


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
