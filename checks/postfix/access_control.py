"""Does SELinux or AppArmor deny access to Postfix or to a program that submits mail?"""

from __future__ import annotations

import re

from diagnose.check import Context, Exec, Now, Observations, Read, check, counted, fail, ok, unknown, warn
from diagnose.knowledge.distributions import AUDIT_LOG, KERNEL_LOGS

_OURS = re.compile(
    r"(?:comm|profile|exe)=\"?(?:[^\"\s]*/)?(?:smtp|smtpd|cleanup|qmgr|pickup|local|master|postdrop|sendmail|postfix[\w-]*|lmtp|proxymap|bounce|showq|trivial-rewrite)\b"
)
DENIALS = ("avc:", 'apparmor="DENIED"')
_HOW = {
    "SELinux": " (audit2why names the boolean or the rule: ausearch -m avc -ts recent | audit2why)",
    "AppArmor": " (aa-logprof proposes the line for the profile in /etc/apparmor.d)",
}
_MAIL_PORT = re.compile(r"dest=(?:25|465|587|2525)\b")


@check(
    id="access-control",
    title="SELinux and AppArmor",
    signs=("host.access-control",),
    tags=("host",),
    needs=("linux",),
)
def access_control(ctx: Context) -> Observations:
    enforcing = _enforcing(ctx)
    armor = ctx.ask(Read("/sys/module/apparmor/parameters/enabled")).text.strip() == "Y"
    denied = _denied(ctx)
    if not enforcing and not armor and not denied:
        yield ok("host.access-control", "SELinux and AppArmor", "neither is enforced here")
        return
    if denied is None:
        text = "could not check for denials: this user can read neither the audit log nor the kernel's messages"
        yield unknown("host.access-control", "SELinux and AppArmor", text)
    elif denied:
        system = "SELinux" if "avc:" in denied[-1] else "AppArmor"
        what = re.search(r"denied\s+\{ ([^}]+) \}", denied[-1]) or re.search(r'operation="([^"]+)"', denied[-1])
        who = re.search(r'comm="([^"]+)"', denied[-1])
        text = f"{system} denied {who[1] if who else 'a mail program'} {what[1].strip() if what else 'something'} ({counted(len(denied), 'time')} recently)"
        permissive = "permissive=1" in denied[-1]
        say = warn if permissive else fail
        profile = re.search(r'profile="([^"]+)"', denied[-1])
        yield say(
            "host.access-control",
            system,
            text,
            system=system.lower(),
            process=who[1] if who else "",
            profile=profile[1] if profile else "",
            by=system,
            how=_HOW[system],
        )
    else:
        yield ok(
            "host.access-control", "SELinux and AppArmor", "enforced; nothing was denied to mail programs recently"
        )


def _enforcing(ctx: Context) -> bool:
    reply = ctx.ask(Read("/sys/fs/selinux/enforce"))
    if reply.problem is None:
        return reply.text.strip() == "1"
    return ctx.ask(Exec(("getenforce",))).out.strip() == "Enforcing"


def _denied(ctx: Context) -> list[str] | None:
    """The denials of the window that concern mail, oldest first; None if none of the sources can be read."""
    now = ctx.ask(Now()).epoch
    found: list[str] = []
    readable = False
    audit = ctx.ask(Read(AUDIT_LOG, tail=True, limit=1_000_000, having=DENIALS))
    if audit.problem is None:
        readable = True
        for line in audit.text.splitlines():
            stamp = re.search(r"msg=audit\((\d+)", line)
            if stamp and float(stamp[1]) > now - ctx.settings.since and _denial(line):
                found.append(line)
    for path in KERNEL_LOGS:
        # AppArmor's lines without auditd; their stamp is the kernel's own "audit(epoch:serial)".
        for line in ctx.ask(Read(path, tail=True, limit=500_000, having=DENIALS)).text.splitlines():
            stamp = re.search(r"audit\((\d+)", line)
            if stamp and float(stamp[1]) > now - ctx.settings.since and _denial(line):
                found.append(line)
    kernel = ctx.ask(Exec(("dmesg",), having=DENIALS))
    if kernel.code == 0:
        readable = True
        up = float(ctx.ask(Read("/proc/uptime")).text.split(" ")[0] or 0)
        for line in kernel.out.splitlines():
            stamp = re.match(r"\[\s*([\d.]+)\]", line)
            if stamp and float(stamp[1]) > up - ctx.settings.since and _denial(line):
                found.append(line)
    return found if readable else None


def _denial(line: str) -> bool:
    denied = ("avc:" in line and "denied" in line) or 'apparmor="DENIED"' in line
    return denied and bool(_OURS.search(line) or _MAIL_PORT.search(line))
