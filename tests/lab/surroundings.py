"""Steps that put a machine into other surroundings: a container, another log, another resolver, a day's traffic before."""

from __future__ import annotations

import datetime
import re

from .history import merge, sent_lines
from .machine import Machine
from .network import RESOLVER_IPV4
from .steps import Step, shell

NO_TOOLS = shell(
    "rm -f /usr/sbin/nft /usr/sbin/iptables* /usr/sbin/ip6tables* /usr/sbin/xtables* /usr/sbin/ip /usr/bin/ip /usr/bin/ss"
)
NO_SYSTEMD = shell("rm -f /usr/bin/systemctl /usr/bin/journalctl")
_STAMP = re.compile(r"^(\w{3}) +(\d+) (\d\d:\d\d:\d\d)", re.MULTILINE)
_FORWARDER = """\
import socket, threading
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.53", 53))
def one(question, asker):
    on = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    on.settimeout(4)
    on.sendto(question, ({resolver!r}, 53))
    try:
        udp.sendto(on.recv(4096), asker)
    except OSError:
        pass
while 1:
    threading.Thread(target=one, args=udp.recvfrom(4096)).start()
"""


def container() -> Step:
    """No systemd, no tools of the network; Postfix runs in the foreground and its log goes where nobody can read it back.
    For cases with start=False."""

    def step(m: Machine) -> None:
        NO_TOOLS(m)
        NO_SYSTEMD(m)
        m.postconf(maillog_file="/dev/stdout")
        m.write("/.dockerenv", "")
        m.run("rm", "-f", "/var/log/mail.log")
        m.run("/usr/lib/postfix/configure-instance.sh", "-")
        m.started = True
        m.run("sh", "-c", "setsid postfix start-fg </dev/null >/root/stdout.txt 2>&1 & sleep 1.5")
        m.log_file, m.before = "/root/stdout.txt", 0

    return step


def log_to(path: str) -> Step:
    """Another file by maillog_file, in a folder of its own."""

    def step(m: Machine) -> None:
        m.postconf(maillog_file=path)
        m.run("sh", "-c", f"mkdir -p {path.rpartition('/')[0]}; rm -f /var/log/mail.log")
        m.log_file, m.before = path, 0

    return step


def iso_log(path: str = "/var/log/mail.log") -> Step:
    """What is logged so far is moved to `path`, with time stamps as rsyslog writes them today."""

    def one(found: re.Match[str]) -> str:
        year = datetime.datetime.now().year
        when = datetime.datetime.strptime(f"{year} {found[1]} {found[2]} {found[3]}", "%Y %b %d %H:%M:%S")
        return when.astimezone().isoformat(timespec="microseconds")

    def step(m: Machine) -> None:
        text = _STAMP.sub(one, m.read("/var/log/mail.log"))
        m.run("rm", "/var/log/mail.log")
        m.write(path, text, 0o640, "root", "adm")

    return step


def rotated(compressed: bool = False) -> Step:
    """The log was rotated a moment ago: what is known stands in mail.log.1, and mail.log is empty."""
    pack = "gzip /var/log/mail.log.1;" if compressed else ""
    return shell(
        f"mv /var/log/mail.log /var/log/mail.log.1; {pack} postfix logrotate; : > /var/log/mail.log;"
        " chgrp adm /var/log/mail.log"
    )


def stub_resolver() -> Step:
    """A resolver on loopback that asks the ISP's, as systemd-resolved and dnsmasq do."""

    def step(m: Machine) -> None:
        m.write("/opt/stub.py", _FORWARDER.format(resolver=RESOLVER_IPV4))
        m.run("sh", "-c", "setsid python3 /opt/stub.py </dev/null >/dev/null 2>&1 & sleep 0.3")
        m.write("/etc/resolv.conf", "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch brightwater-labs.com\n")

    return step


def busy_day() -> Step:
    """A day of healthy mail to five other domains stands in the log."""

    def step(m: Machine) -> None:
        days = (sent_lines("app", 12, 20 - number, 1.5, to="p{n}@" + to) for number, to in enumerate(DOMAINS))
        merge(m, "/var/log/mail.log", "".join(days))

    return step


DOMAINS = ("alder-bikes.com", "gemeinde-auental.ch", "ofsted-books.org", "kanzlei-roth.de", "tienda-sol.es")
