"""A run leaves nothing behind on the machine: no line in its mail log, no file."""

from __future__ import annotations

import re

import pytest

from .faults import every
from .machine import Machine
from .test_lab import able as able

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]
# What answers the one dialogue with this host's own port.
_SERVERS = re.compile(r"postfix/(?:smtpd|postscreen|anvil|dnsblog|tlsproxy|submission/smtpd)\[")
# Not where other programs of the outer system write meanwhile, nor what Postfix itself keeps.
_CHANGED = (
    "find /etc /var /usr /opt /root /home /srv /run /dev/shm -xdev ( -path /var/spool/postfix -o -path /var/lib/postfix "
    "-o -path /var/cache -o -path /root/.cache -o -name __pycache__ ) -prune -o -type f -newer /tmp/stamp -print"
)
_LISTEN = """
import os, socket
if os.path.lexists("/dev/log"): os.unlink("/dev/log")
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind("/dev/log"); os.chmod("/dev/log", 0o666)
print("ready", flush=True)
while True:
    with open("/tmp/heard", "ab") as file: file.write(s.recv(9000) + b"\\n")
"""


def test_no_line_and_no_file() -> None:
    with Machine(every()["healthy-relay-587"]) as machine:
        machine.prepare()
        # A table that is not there: postmap complains of it at each look-up.
        machine.postconf(virtual_alias_maps="hash:/etc/postfix/gone", maillog_file="/var/log/mail.log")
        for user in (None, "nobody"):
            machine.write("/tmp/stamp", "")
            before = machine.log()
            done = machine.diagnose("run", "--json", user=user)
            assert done.returncode in (0, 1, 2, 3), done.stderr
            said = machine.log()[len(before) :].splitlines()
            assert [line for line in said if not _SERVERS.search(line)] == []
            left = set(machine.run(*_CHANGED.split()).stdout.split()) - {"/tmp/stamp", "/var/log/mail.log"}
            assert left == set()


def test_no_line_in_the_system_log() -> None:
    """Where Postfix logs by syslog(3); the listener is proved by a program that does log."""
    import sys

    with Machine(every()["healthy-relay-587"]) as machine:
        machine.prepare()
        listener = machine.command((sys.executable, "-S", "-c", _LISTEN))
        machine.children.append(machine._spawn(*listener, pipes=True))
        stdout = machine.children[-1].stdout
        assert stdout
        assert stdout.readline() == b"ready\n"
        machine.postconf(virtual_alias_maps="hash:/etc/postfix/gone", maillog_file=None)
        for user in (None, "nobody"):
            machine.diagnose("run", "--json", user=user)
        assert [line for line in machine.read("/tmp/heard").splitlines() if not _SERVERS.search(line)] == []
        machine.run("postmap", "-q", "x", "hash:/etc/postfix/gone")
        assert "postmap" in machine.read("/tmp/heard")
