"""Start Postfix confined as a security module would confine it, and leave the traces that the module leaves.

This kernel may run without SELinux and AppArmor, so the denial itself is made by Landlock (Linux >= 6.7): connect() to a
TCP port that is not allowed ends in EACCES, as it does under the others. The audit lines are written by hand."""

from __future__ import annotations

import time

from .machine import LabError, Machine
from .steps import Step

_START = """\
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
CREATE, ADD, RESTRICT, CONNECT, NET_PORT = 444, 445, 446, 2, 2
attributes = struct.pack("=QQ", 0, CONNECT)
ruleset = libc.syscall(CREATE, attributes, len(attributes), 0)
if ruleset < 0:
    raise SystemExit("no landlock")
for port in ALLOWED:
    if libc.syscall(ADD, ruleset, NET_PORT, struct.pack("=QQ", CONNECT, port), 0):
        raise SystemExit("no landlock for ports")
if libc.syscall(RESTRICT, ruleset, 0):
    raise SystemExit("landlock refused")
os.execvp("postfix", ["postfix", "start"])
"""

_AUDIT = {
    "selinux": 'type=AVC msg=audit({when:.3f}:{number}): avc:  denied  {{ name_connect }} for  pid={pid} comm="smtp" dest={port}'
    " scontext=system_u:system_r:postfix_smtp_t:s0 tcontext=system_u:object_r:unreserved_port_t:s0 tclass=tcp_socket permissive=0\n",
    "apparmor": 'type=AVC msg=audit({when:.3f}:{number}): apparmor="DENIED" operation="connect" profile="/usr/lib/postfix/sbin/smtp"'
    ' pid={pid} comm="smtp" family="inet" sock_type="stream" protocol=6 requested_mask="connect" denied_mask="connect"\n',
}

_LOOKS = {
    "selinux": "mkdir -p /tmp/fs/selinux && mount -t tmpfs lsm /sys/fs && mkdir /sys/fs/selinux /sys/fs/cgroup && echo 1 > /sys/fs/selinux/enforce",
    "apparmor": "mount -t tmpfs lsm /sys/module && mkdir -p /sys/module/apparmor/parameters && echo Y > /sys/module/apparmor/parameters/enabled",
}


def confined(system: str, denied: int, allowed: tuple[int, ...]) -> Step:
    """Start Postfix so that it may connect to the allowed ports alone; `system` is what the traces name."""

    def step(m: Machine) -> None:
        m.run("sh", "-c", _LOOKS[system])
        m.run("/usr/lib/postfix/configure-instance.sh", "-")
        done = m.run("/usr/bin/python3", "-c", _START.replace("ALLOWED", repr(allowed)))
        if "landlock" in done.stderr:
            raise LabError(f"this case needs Landlock with network rules: {done.stderr.strip()}")
        m.started = True
        now = time.time()
        lines = [
            _AUDIT[system].format(when=now - age, number=900 + age, pid=800 + age, port=denied) for age in (2, 1, 0)
        ]
        m.write("/var/log/audit/audit.log", "".join(reversed(lines)), 0o600)

    return step
