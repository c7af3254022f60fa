"""The services of master.cf as Postfix ships them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diagnose.remedy.evidence import Evidence

# name: type, private, unprivileged, whether it may be chrooted, wakeup, maxproc, program
SERVICES: dict[str, tuple[str, str, str, bool, str, str, str]] = {
    "pickup": ("unix", "n", "-", True, "60", "1", "pickup"),
    "cleanup": ("unix", "n", "-", True, "-", "0", "cleanup"),
    "qmgr": ("unix", "n", "-", False, "300", "1", "qmgr"),
    "tlsmgr": ("unix", "-", "-", True, "1000?", "1", "tlsmgr"),
    "rewrite": ("unix", "-", "-", True, "-", "-", "trivial-rewrite"),
    "bounce": ("unix", "-", "-", True, "-", "0", "bounce"),
    "defer": ("unix", "-", "-", True, "-", "0", "bounce"),
    "trace": ("unix", "-", "-", True, "-", "0", "bounce"),
    "verify": ("unix", "-", "-", True, "-", "1", "verify"),
    "flush": ("unix", "n", "-", True, "1000?", "0", "flush"),
    "proxymap": ("unix", "-", "-", False, "-", "-", "proxymap"),
    "proxywrite": ("unix", "-", "-", False, "-", "1", "proxymap"),
    "smtp": ("unix", "-", "-", True, "-", "-", "smtp"),
    "relay": ("unix", "-", "-", True, "-", "-", "smtp"),
    "smtpd": ("pass", "-", "-", True, "-", "-", "smtpd"),
    "showq": ("unix", "n", "-", True, "-", "-", "showq"),
    "error": ("unix", "-", "-", True, "-", "-", "error"),
    "retry": ("unix", "-", "-", True, "-", "-", "error"),
    "discard": ("unix", "-", "-", True, "-", "-", "discard"),
    "local": ("unix", "-", "n", False, "-", "-", "local"),
    "virtual": ("unix", "-", "n", False, "-", "-", "virtual"),
    "lmtp": ("unix", "-", "-", True, "-", "-", "lmtp"),
    "anvil": ("unix", "-", "-", True, "-", "1", "anvil"),
    "scache": ("unix", "-", "-", True, "-", "1", "scache"),
    "postlog": ("unix-dgram", "n", "-", False, "-", "1", "postlogd"),
}
_INET = {
    "smtp": "smtpd",
    "smtps": "smtpd",
    "submission": "smtpd",
    "submissions": "smtpd",
    "25": "smtpd",
    "587": "smtpd",
    "465": "smtpd",
}


def service_line(e: Evidence, name: str, type: str) -> str:
    """The service's line, chrooted as this host's other services are; "" for one that Postfix does not ship."""
    here = Counter(s.chroot for s in e.mta.master.services if s.name in SERVICES and SERVICES[s.name][3])
    jail = "y" if here[True] > here[False] else "n"
    if type == "inet":
        return f"{name} inet n - {jail} - - {_INET[name]}" if name in _INET else ""
    if name not in SERVICES or not SERVICES[name][0].startswith(type.partition("-")[0]):
        return ""
    kind, private, unprivileged, may, wakeup, most, program = SERVICES[name]
    return f"{name} {kind} {private} {unprivileged} {jail if may else 'n'} {wakeup} {most} {program}"
