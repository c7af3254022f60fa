"""Postfix and this host: disk, rights, addresses, limits and who else is there."""

from __future__ import annotations

from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSES = (
    Cause(
        id="disk-full",
        title="There is no room for mail",
        impact=Impact.OUTAGE,
        explanation=(
            "The file system of the queue ({path}) is short of space or inodes. Postfix refuses mail by SMTP (452 4.3.1) "
            "already when less than 1.5 times message_size_limit, or queue_minfree, is left; without inodes the sendmail "
            "command hangs."
        ),
        remedy=Remedy(
            text="Make room below {path}; look for logs, caches and container layers first.",
            commands=(
                "df -h {path}; df -i {path}",
                "du -xsh /var/log /var/cache /var/tmp /var/lib/docker 2>/dev/null",
                "journalctl --vacuum-size=200M",
                "postqueue -f",
            ),
        ),
        rules_out="df and df -i show room below the queue directory, and more than queue_minfree.",
        signs=(
            Sign("disk.space", 22),
            # Not the queue's own file system: Postfix may fail to write its log or its tables.
            Sign("disk.space", 10, Status.WARNING, where=(("kind", "full"),)),
            Sign("disk.inodes", 22),
            Sign("mail.disk-full", 20),
            Sign("mail.queue-no-space", 5),
            Sign("disk.space", -12, Status.OK),
        ),
        explains=(
            "nothing-submitted",
            "queue-permissions",
            "submission-rejected",
            "submission-sandboxed",
            "postfix-not-running",
            "smtp-listener-missing",
            "chroot-resolver-stale",
            "postfix-config-error",
        ),
        links=("https://www.postfix.org/postconf.5.html#queue_minfree",),
    ),
    Cause(
        id="queue-permissions",
        title="Owner, mode or setgid bit of the queue or of Postfix' commands is wrong",
        impact=Impact.OUTAGE,
        explanation=(
            "{path} does not have the owner or mode that Postfix needs, so mail cannot be put into the queue or taken out of "
            "it. It happens after chown -R or chmod -R, a restored backup, a changed user id, or with a read-only file system. "
            "The sendmail command then hangs, trying again every ten seconds."
        ),
        remedy=Remedy(
            text="Let Postfix set its own owners and modes, which it knows from postfix-files.",
            commands=("postfix set-permissions", "ls -ld {path}", "postfix stop; postfix start", "postqueue -f"),
        ),
        rules_out="Owners and modes as postfix-files lists them; no nosuid on the file system of postdrop.",
        signs=(
            Sign("queue.maildrop", 4),
            Sign("host.queue-permissions", 22),
            Sign("host.setgid", 24),
            Sign("disk.read-only", 22),
            Sign("mail.queue-permissions", 18),
            Sign("mail.postdrop-permission-denied", 8),
            # Everything is as it should be: then what denies is another thing (a sandbox, SELinux).
            Sign("host.queue-permissions", -3, Status.OK),
            Sign("host.sandbox", -12),
        ),
        explains=("nothing-submitted", "postfix-not-running", "submission-sandboxed", "queue-congested"),
        links=("https://www.postfix.org/set-permissions.1.html", "https://www.postfix.org/postdrop.1.html"),
    ),
    Cause(
        id="submission-sandboxed",
        title="The program that sends is sandboxed, so its mail cannot be queued",
        impact=Impact.OUTAGE,
        explanation=(
            "The sendmail command works by postdrop's setgid bit. A service that runs with NoNewPrivileges, a read-only file "
            "system or in such a container loses it: postdrop says 'Permission denied' and tries again for ever, while "
            "the same command works in a root shell."
        ),
        remedy=Remedy(
            text="Allow the service {unit} to gain the group, or let the application send by SMTP to localhost port 25 instead.",
            commands=(
                "systemctl cat {unit} | grep -E 'NoNewPrivileges|Protect|ReadOnly|PrivateUsers|RestrictSUIDSGID'",
                "systemctl edit {unit}   # [Service] NoNewPrivileges=no, ReadWritePaths=/var/spool/postfix",
                "systemctl restart {unit}",
            ),
        ),
        rules_out="postdrop lacks its setgid bit for everybody, or the same user may send from a shell and the service too.",
        signs=(
            Sign("host.sandbox", 20),
            Sign("mail.postdrop-permission-denied", 10),
            # The bit is there, so what takes its effect away lies with the caller.
            Sign("host.setgid", 4, Status.OK),
            Sign("host.sandboxed-service", 2, Status.WARNING),
            Sign("host.sandboxed-service", 6, Status.WARNING, where=(("kind", "unit"),)),
            # Nothing at all was handed over, though it should have been.
            Sign("log.recipient", 3, where=(("kind", "none"),)),
            Sign("mail.flow", -20, Status.OK),
            Sign("host.setgid", -15),
            Sign("host.queue-permissions", -15),
        ),
        # Many sound services are sandboxed and never send.
        prior=-4,
        explains=("nothing-submitted", "queue-permissions"),
        links=(
            "https://www.postfix.org/postdrop.1.html",
            "https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html",
        ),
    ),
    Cause(
        id="smtp-listener-missing",
        title="The application hands mail to a port where nothing listens",
        impact=Impact.OUTAGE,
        explanation=(
            "The application is told to use {host} port {port} on this host, and nothing listens there: Postfix' smtpd is "
            "switched off in master.cf, or listens on other addresses (inet_interfaces). Inside a container, localhost is the "
            "container itself."
        ),
        remedy=Remedy(
            text="Switch the smtp service on and let it listen where the application connects, or correct the application.",
            commands=(
                "ss -ltn 'sport = :25'",
                "postconf inet_interfaces && postconf -M smtp/inet",
                "postconf -M 'smtp/inet=smtp inet n - y - - smtpd'",
                "postfix stop; postfix start",
            ),
        ),
        rules_out="A connection to that address and port is accepted.",
        signs=(
            # The very address and port that the application is told to use; port 25 may well be open beside it.
            Sign("app.smtp-listener-missing", 32),
            Sign("app.smtp-listener-missing", -20, Status.OK),
            # Nobody told it to: without a host named it falls back on this one.
            Sign("app.settings", -14, Status.WARNING, where=(("problem", "host-missing"),)),
            # The port that master.cf promises is not there.
            Sign("listener.expected", 12),
            # A null client has no listener on purpose.
            Sign("listener.smtp", 2, Status.WARNING),
            Sign("listener.smtp", -12, Status.OK, where=(("kind", "open"),)),
        ),
        explains=("nothing-submitted", "app-smtp-unreachable"),
        links=("https://www.postfix.org/postconf.5.html#inet_interfaces",),
    ),
    Cause(
        id="interface-not-ready",
        title="Postfix is told to use an address that this host does not have",
        impact=Impact.OUTAGE,
        explanation=(
            "{parameter} names {value}, which is no address of this host, or was not yet one when Postfix started. With "
            "inet_interfaces Postfix does not start at all; with smtp_bind_address no connection can leave."
        ),
        remedy=Remedy(
            text="Name an address that the host has, or none. If the address comes late at boot, let Postfix start after the "
            "network is up.",
            commands=(
                "ip -br addr",
                "postconf inet_interfaces inet_protocols smtp_bind_address smtp_bind_address6",
                "postconf -X {parameter}",
                "postfix stop; postfix start",
                "postqueue -f",
            ),
        ),
        rules_out="All addresses named are shown by `ip addr`.",
        signs=(
            Sign("host.interface", 22),
            Sign("host.address-family", 18),
            Sign("mail.interface-not-ready", 18),
            # Servers without IPv6 addresses are out of reach for an IPv6-only Postfix.
            Sign("host.address-family", 7, Status.WARNING),
            Sign("mail.dns-no-data", 4),
            Sign("mail.connect-no-address", 4),
            Sign("mail.flow", -25, Status.OK),
        ),
        explains=(
            "postfix-not-running",
            "smtp-listener-missing",
            "nothing-submitted",
            "ipv6-broken",
            "recipient-domain-accepts-no-mail",
        ),
        links=(
            "https://www.postfix.org/postconf.5.html#inet_interfaces",
            "https://www.postfix.org/postconf.5.html#smtp_bind_address",
        ),
    ),
    Cause(
        id="wrong-mta",
        title="Another mailer than Postfix takes the mail of this host",
        impact=Impact.OUTAGE,
        explanation=(
            "The sendmail command or port 25 belongs to {mailer}. Programs hand their mail to it, while the configuration that "
            "everybody looks at is Postfix': nothing ever appears in Postfix' queue or log."
        ),
        remedy=Remedy(
            text="Remove {mailer}, or let the sendmail command be Postfix' again, and restart Postfix.",
            commands=("ls -l /usr/sbin/sendmail; ss -ltnp 'sport = :25'", "postconf sendmail_path"),
            debian=("apt-get install --reinstall postfix   # removes the other mail-transport-agent",),
            rhel=("alternatives --set mta /usr/sbin/sendmail.postfix", "systemctl restart postfix"),
            alpine=("ln -sf /usr/lib/sendmail /usr/sbin/sendmail", "apk fix postfix"),
        ),
        rules_out="/usr/sbin/sendmail is Postfix' own, and port 25 belongs to its master.",
        signs=(
            Sign("postfix.sendmail-command", 21),
            Sign("postfix.port-25-owner", 18),
            # Postfix' own listener cannot be; that its sendmail command is still Postfix' takes nothing from it.
            Sign("postfix.port-25-owner", 27, where=(("wanted", True),)),
            Sign("mail.wrong-mta", 18),
            # Postfix is not there at all: the other mailer may be quite right.
            Sign("postfix.sendmail-command", 5, Status.WARNING),
            Sign("postfix.sendmail-command", -6, Status.OK),
        ),
        explains=("nothing-submitted", "postfix-not-running", "smtp-listener-missing"),
        links=("https://www.postfix.org/sendmail.1.html",),
    ),
    Cause(
        id="access-control-denied",
        title="SELinux or AppArmor forbids it",
        impact=Impact.OUTAGE,
        explanation=(
            "The kernel's access control denied {process} what it needs, whatever owners and modes say. On Red Hat systems web "
            "applications may neither call sendmail nor connect to mail servers unless a boolean is set."
        ),
        remedy=Remedy(
            text="Allow just what was denied; do not switch SELinux off.",
            commands=("ausearch -m avc -ts recent -c {process}", "dmesg | grep -iE 'avc:|apparmor=\"DENIED\"' | tail"),
            debian=("aa-status", "aa-complain {profile}   # then correct the profile"),
            rhel=(
                "setsebool -P httpd_can_sendmail on httpd_can_network_connect on",
                "restorecon -Rv /etc/postfix /var/spool/postfix",
                "semanage port -a -t smtp_port_t -p tcp 2525   # for an unusual port",
            ),
        ),
        rules_out="SELinux permissive or disabled, and no denial of a mail program in the audit log.",
        signs=(
            Sign("host.access-control", 20),
            Sign("mail.access-control-denied", 20),
            Sign("mail.connect-permission-denied", 5),
            Sign("mail.table-permission-denied", 3),
            Sign("host.access-control", -15, Status.OK),
            Sign("mail.flow", -20, Status.OK),
        ),
        explains=("queue-permissions", "submission-sandboxed", "sasl-map-missing", "lookup-table-broken"),
        links=("https://www.postfix.org/DEBUG_README.html",),
    ),
    Cause(
        id="resource-limits",
        title="Limits on memory, processes or files make Postfix fail",
        impact=Impact.OUTAGE,
        explanation=(
            "A limit ({limit}) leaves Postfix' daemons too few files, processes or too little memory: they cannot start, or the "
            "kernel kills them."
        ),
        remedy=Remedy(
            text="Raise the limit that is hit, or give the host more memory, and restart Postfix.",
            commands=(
                "cat /proc/$(pgrep -o -x master)/limits",
                "systemctl show postfix postfix@- -p LimitNOFILE -p LimitNPROC -p TasksMax -p MemoryMax",
                "dmesg | grep -i 'out of memory' | tail",
                "systemctl edit postfix   # [Service] LimitNOFILE=4096",
            ),
        ),
        rules_out="No 'fork:', 'Too many open files' or 'killed by signal 9' in the log, and no OOM kill.",
        signs=(
            Sign("host.limits", 23),
            Sign("mail.resource-limits", 20),
            Sign("host.limits", 3, Status.WARNING),
            Sign("mail.daemon-failed", 3),
            Sign("mail.flow", -25, Status.OK),
        ),
        # Without files left a daemon cannot even read the list of users.
        explains=("postfix-not-running", "queue-congested", "postfix-config-error"),
        links=(
            "https://www.postfix.org/postconf.5.html#default_process_limit",
            "https://www.postfix.org/TUNING_README.html",
        ),
    ),
    Cause(
        id="clock-wrong",
        title="This host's clock is wrong",
        impact=Impact.PARTIAL,
        explanation=(
            "The clock is off by so much that certificates seem expired or not yet valid, and signatures and logins that carry a "
            "time are refused."
        ),
        remedy=Remedy(
            text="Set the clock and let a time service keep it; then flush the queue.",
            commands=("date -u", "timedatectl set-ntp true || chronyc makestep", "postqueue -f"),
            alpine=("rc-service chronyd start && chronyc makestep",),
        ),
        rules_out="The time service says that the clock is right.",
        signs=(
            Sign("host.clock", 22),
            # The file system's clock and the kernel's differ by a second on any busy machine.
            Sign("mail.clock-wrong", 14, where=(("weak", (False, None)),)),
            Sign("mail.clock-wrong", 3),
            # The certificate is out of its dates by this clock.
            Sign("mail.relay-certificate-invalid", 3),
            Sign("mail.certificate-not-trusted", 3),
            Sign("host.clock", -25, Status.OK, where=(("sure", True),)),
            # Mail flows in spite of it: then it is a remark.
            Sign("mail.flow", -8, Status.OK),
        ),
        explains=("relay-certificate-invalid", "app-certificate-untrusted", "relay-credentials-rejected"),
        links=("https://www.postfix.org/TLS_README.html",),
    ),
    Cause(
        id="mail-log-missing",
        title="No mail log is kept",
        impact=Impact.LATENT,
        explanation=(
            "Postfix writes to the system log, and on this host nothing keeps it: no log file, no journal. Nobody can tell what "
            "became of a message."
        ),
        remedy=Remedy(
            text="Let Postfix write its own log file (3.4 and later), or install a syslog service.",
            commands=("postconf -e maillog_file=/var/log/postfix.log", "postfix stop; postfix start"),
            debian=("apt-get install rsyslog",),
            rhel=("dnf install rsyslog && systemctl enable --now rsyslog",),
            alpine=("rc-update add syslog boot && rc-service syslog start",),
        ),
        rules_out="A file or the journal holds lines of postfix.",
        signs=(Sign("host.mail-log", 20), Sign("host.mail-log", 5, Status.WARNING)),
        links=("https://www.postfix.org/MAILLOG_README.html",),
    ),
)
