"""Full partitions, ports used up, and receivers with troubles of their own."""

from __future__ import annotations

from tests.lab.fault import Fault, fault, healthy
from tests.lab.internet.world import one_server
from tests.lab.steps import mail, pause, settings, shell, wait, write

SENT = wait("status=sent")
THEIRS = ("remote-server-failing",)


def at_receiver(name: str, about: str, **replies: str) -> Fault:
    world = one_server("mx?.northwind-trading.com", replies=replies)
    return fault(name, THEIRS, about, world=world, shows="status=(deferred|bounced)")


FAULTS = (
    at_receiver(
        "receiver-disk-full", "the receiver has no room in its own queue", MAIL="452 4.3.1 Insufficient system storage"
    ),
    at_receiver(
        "receiver-milter-broken",
        "the receiver's milter is down",
        RCPT="451 4.7.1 Service unavailable - try again later",
    ),
    at_receiver(
        "receiver-policy-broken", "the receiver's policy service is down", RCPT="451 4.3.5 Server configuration problem"
    ),
    at_receiver(
        "receiver-tables-broken",
        "the receiver's tables fail",
        RCPT="451 4.3.0 <maria@northwind-trading.com>: Temporary lookup failure",
    ),
    at_receiver(
        "receiver-queue-file-error",
        "the receiver cannot write its queue",
        DOT="451 4.3.0 Error: queue file write error",
    ),
    fault(
        "log-partition-full",
        "disk-full",
        "the file system of the log is full: Postfix sends, and nothing is written down",
        shell(
            "mkdir -p /var/log; mount -t tmpfs -o size=1m tmpfs /var/log; touch /var/log/mail.log; dd if=/dev/zero of=/var/log/huge bs=4k 2>/dev/null; true"
        ),
        then=(mail(), pause(2)),
        proof=("df /var/log", "100%"),
    ),
    fault(
        "local-ports-used-up",
        "resource-limits",
        "a program holds every local port that the kernel may give to connections",
        settings(inet_protocols="ipv4"),
        shell(
            "sysctl -qw net.ipv4.ip_local_port_range='61000 61003'; a=$(getent ahostsv4 mx1.northwind-trading.com | awk 'NR==1{print $1}');"
            " (setsid /usr/bin/python3 -c 'import socket,time,sys\ns=[]\n"
            'for p in range(61000,61004):\n x=socket.socket(); x.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,0); x.bind(("",p)); s.append(x)\n'
            "[x.listen() for x in s]; time.sleep(300)' >/dev/null 2>&1 &); sleep 1"
        ),
        shows="status=deferred",
    ),
    fault(
        "php-sendmail-path-elsewhere",
        ("wrong-mta", "app-config-invalid"),
        "php.ini hands mail to a program that is not there",
        write("/etc/php/8.2/fpm/php.ini", "[mail function]\nsendmail_path = /usr/local/bin/ssmtp -t\n"),
        then=(mail(), SENT),
    ),
    fault(
        "rule-by-uid-to-a-dead-table",
        "local-firewall-blocks-smtp",
        "a VPN's rule sends Postfix's user through a table that drops",
        shell(
            "ip rule add uidrange $(id -u postfix)-$(id -u postfix) lookup 77; ip route add blackhole default table 77; ip -6 rule add uidrange $(id -u postfix)-$(id -u postfix) lookup 77; ip -6 route add blackhole default table 77"
        ),
        shows="status=deferred",
    ),
    healthy(
        "healthy-php-with-sendmail",
        "php.ini names Postfix's sendmail, with options",
        write(
            "/etc/php/8.2/cli/php.ini",
            '; sendmail_path = /opt/x\nsendmail_path = "/usr/sbin/sendmail -t -i -f noreply@brightwater-labs.com"\n',
        ),
        then=(mail(), SENT),
    ),
    healthy(
        "healthy-receiver-was-ill",
        "a receiver put one message off for its own trouble, and took it since",
        world=one_server("mx?.northwind-trading.com", grey=1.0),
        then=(mail(), wait("status=deferred"), pause(1.5), shell("postqueue -f"), SENT),
    ),
)
