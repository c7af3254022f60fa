"""Faults of this host around Postfix: its disk, permissions, neighbours, and what becomes of mail on it."""

from __future__ import annotations

from tests.lab.fault import fault
from tests.lab.internet.world import one_server
from tests.lab.machine import Machine
from tests.lab.steps import Step, append, mail, pause, replace, run, settings, shell, smtp_mail, write

from .f_postfix import LOCAL_MAIL, TEMPLATE

FILTER = ("content-filter-down",)
MILTER = ("milter-down",)
DISK = ("disk-full",)
PERMISSIONS = ("queue-permissions",)
SANDBOX = ("submission-sandboxed",)
LISTENER = ("smtp-listener-missing",)
INTERFACE = ("interface-not-ready",)
REJECTED = ("submission-rejected",)

SMALL_SPOOL = (
    "mkdir /mnt/spool && mount -t tmpfs -o {size},mode=755 spool /mnt/spool && cp -a /var/spool/postfix/. /mnt/spool/"
    " && mount --move /mnt/spool /var/spool/postfix"
)


def in_background(command: str) -> Step:
    """A command that hangs, as the application's process would."""
    return shell(
        f"setpriv --reuid=www-data --regid=www-data --clear-groups {command} </etc/hostname >/dev/null 2>&1 & sleep 0.4"
    )


def listen(port: int, banner: str, name: str) -> Step:
    """Another program on a port of this host, under its own name."""
    script = (
        f"import socket\ns=socket.create_server(('', {port}))\nwhile 1:\n c,_=s.accept();c.sendall({banner!r}.encode())\n"
        " c.recv(99);c.sendall(b'550 relay not permitted\\r\\n');c.close()\n"
    )

    def step(m: Machine) -> None:
        m.write("/opt/other.py", script)
        m.run(
            "bash",
            "-c",
            f"cp -L /usr/bin/python3 /usr/sbin/{name}; exec -a /usr/sbin/{name} setsid /usr/sbin/{name}"
            " /opt/other.py </dev/null >/dev/null 2>&1 & sleep 0.3",
        )

    return step


def lift(where: str, chain: str) -> Step:
    """Take a fault of the network away again."""

    def step(m: Machine) -> None:
        m.network.run(where, "nft", "flush", "chain", "inet", "filter", chain)

    return step


def many_messages(count: int) -> Step:
    """A burst in one SMTP session."""
    script = (
        "import smtplib\ns=smtplib.SMTP('127.0.0.1',25,local_hostname='localhost')\n"
        f"for n in range({count}): s.sendmail('noreply@brightwater-labs.com',['u%d@northwind-trading.com'%n],"
        "'From: noreply@brightwater-labs.com\\nSubject: Newsletter\\n\\nhello')\n"
    )
    return run("/usr/bin/python3", "-c", script)


FAULTS = (
    fault(
        "amavis-down",
        FILTER,
        "content_filter names amavis, which does not run",
        settings(content_filter="smtp-amavis:[127.0.0.1]:10024"),
        append("/etc/postfix/master.cf", "smtp-amavis unix - - y - 2 smtp\n"),
        shows="status=deferred .*10024.*refused",
    ),
    fault(
        "policy-server-down",
        FILTER,
        "a policy server does not answer: 451 to the application",
        settings(
            smtpd_recipient_restrictions="check_policy_service inet:127.0.0.1:10023, permit_mynetworks, reject",
            smtpd_policy_service_max_idle="1s",
            smtpd_policy_service_timeout="1s",
            smtpd_policy_service_retry_delay="1s",
        ),
        then=(smtp_mail(),),
        shows="NOQUEUE: reject: .*451 4.3.5",
    ),
    fault(
        "proxy-filter-down",
        FILTER,
        "smtpd_proxy_filter names a dead proxy",
        settings(smtpd_proxy_filter="127.0.0.1:10025"),
        then=(smtp_mail(),),
        shows="(connect to proxy filter|proxy-reject)",
    ),
    fault(
        "milter-down-for-smtp-alone",
        MILTER,
        "a milter does not listen; the sendmail command's mail, which it is not asked about, goes out",
        settings(smtpd_milters="inet:127.0.0.1:8891", milter_default_action="tempfail"),
        shows="status=sent",
    ),
    fault(
        "milter-down",
        MILTER,
        "OpenDKIM does not run, the application's mail is tempfailed",
        settings(
            smtpd_milters="inet:127.0.0.1:8891",
            non_smtpd_milters="$smtpd_milters",
            milter_default_action="tempfail",
        ),
        then=(smtp_mail(),),
        shows="(connect to Milter|milter-reject)",
    ),
    fault(
        "milter-socket-gone",
        MILTER,
        "rspamd's socket is not there, sendmail's mail stays in maildrop",
        settings(non_smtpd_milters="unix:/rspamd/milter.sock", milter_default_action="tempfail"),
        shows="(connect to Milter|milter-reject)",
    ),
    fault(
        "disk-full",
        DISK,
        "the queue's file system is full",
        shell(SMALL_SPOOL.format(size="size=6m")),
        shell("dd if=/dev/zero of=/var/spool/postfix/core bs=1k 2>/dev/null; true"),
        then=(
            in_background("timeout 30 sendmail -f noreply@brightwater-labs.com maria@northwind-trading.com"),
            smtp_mail(),
            pause(0.5),
        ),
        shows="(No space left|Insufficient system storage)",
    ),
    fault(
        "disk-below-minimum",
        DISK,
        "less than 1.5 x message_size_limit is free: SMTP is refused",
        shell(SMALL_SPOOL.format(size="size=12m")),
        then=(smtp_mail(),),
        shows="Insufficient system storage",
    ),
    fault(
        "inodes-exhausted",
        DISK,
        "no inode is left on the queue's file system",
        shell(SMALL_SPOOL.format(size="size=60m,nr_inodes=1500")),
        then=(
            shell("i=0; while : > /var/spool/postfix/etc/f$i; do i=$((i+1)); done 2>/dev/null; true"),
            in_background("timeout 30 sendmail -f noreply@brightwater-labs.com maria@northwind-trading.com"),
            smtp_mail(),
            pause(0.5),
        ),
        shows="(No space left|queue file)",
    ),
    fault(
        "postdrop-setgid-lost",
        PERMISSIONS,
        "postdrop lost its setgid bit in a restore",
        shell("chmod 755 /usr/sbin/postdrop"),
        then=(in_background("timeout 40 sendmail -f noreply@brightwater-labs.com maria@northwind-trading.com"),),
        proof=("stat -c %a /usr/sbin/postdrop", "755"),
    ),
    fault(
        "maildrop-owner-wrong",
        PERMISSIONS,
        "chown -R root on the spool",
        shell("chown root:root /var/spool/postfix/maildrop /var/spool/postfix/public"),
        then=(in_background("timeout 40 sendmail -f noreply@brightwater-labs.com maria@northwind-trading.com"),),
        proof=("stat -c %U /var/spool/postfix/maildrop", "root"),
    ),
    fault(
        "incoming-owner-wrong",
        PERMISSIONS,
        "the incoming queue belongs to root",
        then=(
            shell("chown root:root /var/spool/postfix/incoming && chmod 700 /var/spool/postfix/incoming"),
            mail(),
            smtp_mail(),
        ),
        shows="(create file incoming|Permission denied)",
    ),
    fault(
        "data-directory-owner-wrong",
        PERMISSIONS,
        "data_directory belongs to root after a restore",
        shell("chown -R root:root /var/lib/postfix"),
        then=(shell("sleep 1"), mail()),
        shows="(Permission denied|not owned by|file/directory permission)",
    ),
    fault(
        "no-new-privileges",
        SANDBOX,
        "the application's unit has NoNewPrivileges=yes",
        write(
            "/etc/systemd/system/portal.service",
            "[Unit]\nDescription=Portal\n[Service]\nUser=www-data\n"
            "ExecStart=/opt/portal/run\nNoNewPrivileges=yes\nPrivateTmp=yes\n[Install]\nWantedBy=multi-user.target\n",
        ),
        then=(
            in_background(
                "--no-new-privs timeout 60 sendmail -f noreply@brightwater-labs.com maria@northwind-trading.com"
            ),
        ),
        proof=("grep -l 'NoNewPrivs:.1' /proc/[0-9]*/status", "status"),
    ),
    fault(
        "protect-system-strict",
        SANDBOX,
        "ProtectSystem=strict: the spool is read-only for the application",
        write(
            "/etc/systemd/system/portal.service",
            "[Unit]\nDescription=Portal\n[Service]\nUser=www-data\n"
            "ExecStart=/opt/portal/run\nProtectSystem=strict\nReadWritePaths=/var/lib/portal\n",
        ),
        then=(
            shell(
                "unshare -m sh -c 'mount --bind -o ro /var/spool/postfix /var/spool/postfix; mount -o remount,bind,ro"
                " /var/spool/postfix; echo hi | timeout 60 setpriv --reuid=www-data --regid=www-data --clear-groups"
                " sendmail -f noreply@brightwater-labs.com maria@northwind-trading.com' >/dev/null 2>&1 & sleep 0.5"
            ),
        ),
    ),
    fault(
        "lmtp-socket-missing",
        "backend-down",
        "Dovecot's LMTP socket is not there",
        settings(
            virtual_mailbox_domains="shop.brightwater-labs.com",
            virtual_transport="lmtp:unix:private/dovecot-lmtp",
            virtual_mailbox_maps="static:ok",
        ),
        then=(mail("kim@shop.brightwater-labs.com"),),
        shows="status=deferred .*dovecot-lmtp",
    ),
    fault(
        "dovecot-auth-missing",
        "backend-down",
        "smtpd asks Dovecot for logins; Dovecot is down",
        settings(smtpd_sasl_auth_enable="yes", smtpd_sasl_type="dovecot", smtpd_sasl_path="private/auth"),
        then=(smtp_mail(),),
        shows="fatal: no SASL authentication mechanisms",
    ),
    fault(
        "queue-congested",
        "queue-congested",
        "a newsletter of 500 clogs the queue before a slow receiver",
        settings(
            smtp_destination_concurrency_limit="2",
            default_destination_concurrency_limit="2",
            smtp_helo_timeout="300s",
            smtp_mail_timeout="300s",
        ),
        world=one_server("mx?.northwind-trading.com", stall=3),
        then=(many_messages(500), mail()),
        proof=("find /var/spool/postfix/active /var/spool/postfix/incoming -type f | wc -l", r"[3-9]\d\d"),
    ),
    fault(
        "app-port-25-nothing-listens",
        LISTENER,
        "the application uses localhost:25; smtpd is commented out",
        replace("/etc/postfix/master.cf", "\nsmtp      inet", "\n#smtp      inet"),
        write(TEMPLATE, LOCAL_MAIL),
        then=(),
    ),
    fault(
        "app-port-587-nothing-listens",
        LISTENER,
        "the application uses localhost:587; no submission service",
        write(
            TEMPLATE,
            "mail.smtp.host=localhost\nmail.smtp.port=587\nmail.transport.protocol=smtp\nmail.smtp.auth=false\n",
        ),
        then=(),
    ),
    fault(
        "app-lan-address-loopback-only",
        LISTENER,
        "the application dials the LAN address, Postfix is loopback-only",
        settings(inet_interfaces="loopback-only"),
        write(TEMPLATE, LOCAL_MAIL.replace("localhost", "192.168.1.10")),
        then=(),
    ),
    fault(
        "inet-interfaces-absent",
        INTERFACE,
        "inet_interfaces names an address of the old network",
        settings(inet_interfaces="127.0.0.1, 10.9.0.5"),
        proof=("postfix start; echo status $?", "status 1"),
    ),
    fault(
        "smtp-bind-address-absent",
        INTERFACE,
        "smtp_bind_address is not this host's, enforced",
        settings(smtp_bind_address="192.0.2.10", smtp_bind_address_enforce="yes", inet_protocols="ipv4"),
        shows="bind .*Cannot assign",
    ),
    fault(
        "inet-protocols-ipv6-only",
        INTERFACE,
        "inet_protocols = ipv6, the receivers have IPv4 only",
        settings(inet_protocols="ipv6", smtp_address_preference="ipv6"),
        shows="status=(deferred|bounced) .*",
    ),
)
