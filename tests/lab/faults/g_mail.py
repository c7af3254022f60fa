"""What becomes of mail on this host: never submitted, refused, rewritten, waiting, returned; and who else handles it."""

from __future__ import annotations

from tests.lab.confine import confined
from tests.lab.fault import fault
from tests.lab.faults.g_host import REJECTED, lift, listen, many_messages
from tests.lab.history import sent_lines, storm_lines
from tests.lab.internet.world import one_server
from tests.lab.steps import append, mail, nft, older, pause, relay, run, settings, shell, smtp_mail, wait, write

FAULTS = (
    fault(
        "nothing-submitted",
        "nothing-submitted",
        "Postfix is well; the application never hands anything over",
        args=("--to", "maria@northwind-trading.com"),
        then=(),
        shows="daemon started",
    ),
    fault(
        "nothing-submitted-cron-only",
        "nothing-submitted",
        "only cron's mail is in the log",
        args=("--to", "maria@northwind-trading.com"),
        then=(mail("ops@fjord-shipping.no", user="root", sender="root@brightwater-labs.com"),),
        shows="status=sent",
    ),
    fault(
        "app-not-in-mynetworks",
        REJECTED,
        "the application's address is not in mynetworks",
        then=(smtp_mail(host="192.168.1.10"),),
        shows="NOQUEUE: reject: .*Relay access denied",
    ),
    fault(
        "app-sender-restricted",
        REJECTED,
        "reject_unknown_sender_domain against the application's sender",
        settings(smtpd_sender_restrictions="reject_unknown_sender_domain"),
        then=(smtp_mail(sender="noreply@portal.localdomain"),),
        shows="NOQUEUE: reject: .*Domain not found",
    ),
    fault(
        "app-helo-restricted",
        REJECTED,
        "the application greets as localhost, helo restrictions refuse it",
        settings(smtpd_helo_required="yes", smtpd_helo_restrictions="reject_non_fqdn_helo_hostname"),
        then=(smtp_mail(helo="portal"),),
        shows="NOQUEUE: reject: .*need fully-qualified",
    ),
    fault(
        "submit-users-restricted",
        REJECTED,
        "authorized_submit_users excludes the application's user",
        settings(authorized_submit_users="root"),
        proof=(
            "setpriv --reuid=www-data --clear-groups sendmail -f noreply@brightwater-labs.com maria@northwind-trading.com",
            "not allowed",
        ),
    ),
    fault(
        "submit-users-after-a-bounce",
        REJECTED,
        "the same on a host that has sent for days; the last that its log has is a bounce of one bad recipient",
        history=True,
        world=one_server("mx?.tienda-sol.es", recipients={"@tienda-sol.es": "550 5.1.1 User unknown"}),
        then=(
            mail("nobody@tienda-sol.es"),
            wait("status=bounced"),
            settings(authorized_submit_users="root"),
            mail(),
            pause(1),
        ),
        shows="550 5.1.1 User unknown",
    ),
    fault(
        "sendmail-is-msmtp",
        "wrong-mta",
        "sendmail is msmtp's, without a configuration",
        then=(
            shell(
                "rm /usr/sbin/sendmail; printf '#!/bin/sh\\necho \"msmtp: account default not found\" >&2\\nexit 78\\n'"
                " > /usr/bin/msmtp; chmod 755 /usr/bin/msmtp; ln -s ../bin/msmtp /usr/sbin/sendmail"
            ),
        ),
        args=("--to", "maria@northwind-trading.com"),
    ),
    fault(
        "exim-holds-port-25",
        "wrong-mta",
        "exim listens on port 25, Postfix cannot start",
        listen(25, "220 app.brightwater-labs.com ESMTP Exim 4.96\r\n", "exim4"),
        shows="(Address already in use|fatal: bind)",
    ),
    fault(
        "block-lifted-retry-waits",
        "retry-pending",
        "the ISP lifted its block; mail waits for its retry",
        nft("isp", "forward tcp dport 25 drop"),
        then=(mail(times=2), wait("status=deferred"), lift("isp", "forward")),
        shows="status=deferred .*timed out",
    ),
    fault(
        "relay-back-retry-waits",
        "retry-pending",
        "the relay was down and is back",
        nft("internet", "special ip daddr 198.2.128.0/18 tcp dport 587 reject with tcp reset"),
        relay(),
        then=(mail(times=2), wait("status=deferred"), lift("internet", "special")),
        shows="status=deferred .*refused",
    ),
    fault(
        "sending-spam-account-stolen",
        "sending-spam",
        "a stolen password: one account sends to many strangers, half of whom do not exist; then the ISP shuts port 25",
        nft("isp", "forward tcp dport 25 drop"),
        append("/var/log/mail.log", storm_lines("app")),
        then=(mail(times=2), wait("status=deferred")),
        shows="status=deferred .*timed out",
    ),
    # What made it wait is the better answer where it can still be seen, so both are right.
    fault(
        "message-expired",
        ("message-expired", "remote-server-unreachable"),
        "returned after the queue's lifetime",
        settings(
            maximal_queue_lifetime="1s",
            bounce_queue_lifetime="1s",
            minimal_backoff_time="1s",
            maximal_backoff_time="1s",
            queue_run_delay="1s",
        ),
        world=one_server("mx?.tarpit-bank.com", connect="close"),
        then=(mail("info@tarpit-bank.com"),),
        shows="status=expired",
    ),
    fault(
        "virtual-catch-all",
        "recipient-rewritten",
        "a development rule sends every recipient to one mailbox",
        write("/etc/postfix/virtual", "/@/ developers@fjord-shipping.no\n"),
        settings(virtual_alias_maps="regexp:/etc/postfix/virtual"),
        args=("--to", "maria@northwind-trading.com"),
        shows="orig_to=<maria@northwind-trading.com>.*status=sent",
    ),
    fault(
        "alias-to-dev-null",
        "recipient-rewritten",
        "the recipient is an alias of /dev/null here",
        append("/etc/aliases", "blackhole: /dev/null\n"),
        run("newaliases"),
        settings(virtual_alias_maps="inline:{{maria@northwind-trading.com=blackhole@localhost}}"),
        args=("--to", "maria@northwind-trading.com"),
        shows="status=sent .*(/dev/null|delivered to file)",
    ),
    fault(
        "file-limit",
        "resource-limits",
        "master runs with nine open files allowed",
        then=(
            wait("daemon started"),
            shell("prlimit --pid $(cat /var/spool/postfix/pid/master.pid) --nofile=9:9"),
            mail(),
            pause(1),
        ),
        shows="(Too many open files|exit status 1|fatal: .*open)",
    ),
    fault(
        "memory-limit",
        "resource-limits",
        "master runs with 26 MB of address space allowed",
        then=(
            wait("daemon started"),
            shell("prlimit --pid $(cat /var/spool/postfix/pid/master.pid) --as=26000000:26000000"),
            mail(),
            pause(1),
        ),
        shows="(memory|exit status|throttling)",
    ),
    fault(
        "no-mail-log",
        "mail-log-missing",
        "no syslog daemon, no maillog_file: nothing is kept",
        settings(maillog_file=None),
        shell("rm -f /var/log/mail.log /dev/log"),
        then=(mail(), pause(1)),
        proof=("mailq", "empty"),
    ),
    fault(
        "log-stopped-last-week",
        "mail-log-missing",
        "rsyslog was removed; the log ends last week, and there is no journal",
        settings(maillog_file=None),
        write("/var/log/mail.log", sent_lines("app", 6, 400, 180), 0o640),
        older("/var/log/mail.log", 180 * 3600),
        then=(mail(), pause(1)),
        proof=("mailq", "empty"),
    ),
    fault(
        "selinux-denies-port",
        "access-control-denied",
        "SELinux keeps smtp(8) from connecting to 2525",
        relay("smtp.sendgrid.net", 2525),
        start=False,
        then=(confined("selinux", 2525, (25, 53, 80, 443, 465, 587)), mail()),
        shows="status=deferred .*Permission denied",
    ),
    fault(
        "apparmor-denies-connect",
        "access-control-denied",
        "an AppArmor profile keeps smtp(8) from connecting",
        start=False,
        then=(confined("apparmor", 25, (53, 443)), mail()),
        shows="status=deferred .*Permission denied",
    ),
    fault(
        "queue-of-old-newsletter",
        "queue-congested",
        "seven hundred messages wait for a relay that answers slowly",
        settings(default_process_limit="3", smtp_helo_timeout="300s", smtp_mail_timeout="300s"),
        relay("smtp.sendgrid.net"),
        world=one_server("smtp.sendgrid.net", stall=4),
        then=(many_messages(700), mail()),
        proof=("find /var/spool/postfix/active /var/spool/postfix/incoming -type f | wc -l", r"[3-9]\d\d"),
    ),
)
