"""Faults that a mail admin meets once in years, at each part of the mail's way."""

from __future__ import annotations

from tests.lab.fault import fault
from tests.lab.internet.world import one_server
from tests.lab.neighbours import hanging
from tests.lab.steps import append, mail, pause, relay, settings, shell, smtp_mail, wait, write

DEFERRED = wait("status=deferred")

FAULTS = (
    fault(
        "source-address-unanswered",
        "interface-not-ready",
        "smtp_bind_address is this host's, but nobody routes answers to it",
        shell("ip addr add 10.66.7.8/32 dev lo"),
        settings(smtp_bind_address="10.66.7.8", inet_protocols="ipv4"),
        then=(mail(), DEFERRED),
    ),
    fault(
        "stale-route-gives-a-bridge-s-address",
        "local-firewall-blocks-smtp",
        "a route makes mail leave with the address of a bridge, to which no answer finds back",
        relay(),
        shell(
            "ip link add br9 type veth peer name br8; ip link set br9 up; ip link set br8 up; ip addr add"
            " 10.66.0.2/24 dev br9; ip route add 198.2.128.0/18 via 192.168.1.1 src 10.66.0.2"
        ),
        shows="status=deferred .*timed out",
    ),
    fault(
        "relay-pinned-before-its-renewal",
        "tls-policy-failure",
        "the relay is pinned by the fingerprint of a certificate that it no longer has",
        relay(
            smtp_tls_policy_maps=f"inline:{{{{[smtp.mandrillapp.com]:587 = fingerprint match={'5e:' * 31}5e}}}}",
        ),
        then=(mail(), DEFERRED),
    ),
    fault(
        "submission-port-wrapped",
        "smtp-listener-broken",
        "587 begins with TLS at once, the application waits for a greeting",
        append(
            "/etc/postfix/master.cf",
            "587 inet n - y - - smtpd\n  -o smtpd_tls_wrappermode=yes\n  -o smtpd_tls_chain_files=/etc/postfix/pair.pem\n",
        ),
        shell(
            "cd /etc/postfix; openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 90 -subj /CN=mx; cat k.pem c.pem >pair.pem"
        ),
        then=(smtp_mail(port=587), pause(0.5)),
        shows="SSL_accept error",
    ),
    fault(
        "master-out-of-files",
        "resource-limits",
        "the master may open so few files that a reload ends it",
        then=(
            shell("prlimit --nofile=12:12 --pid $(tr -d ' ' </var/spool/postfix/pid/master.pid); postfix reload"),
            pause(1),
            mail(),
        ),
        shows="Too many open files",
    ),
    fault(
        "queue-part-read-only",
        "queue-permissions",
        "the deferred queue is a file system of its own, which the kernel made read-only",
        world=one_server("mx?.northwind-trading.com", replies={"RCPT": "451 4.7.1 later"}),
        then=(
            shell("mount -t tmpfs -o ro,mode=700,uid=$(id -u postfix) tmpfs /var/spool/postfix/deferred"),
            mail(),
            pause(2),
        ),
    ),
    fault(
        "postfix-in-a-private-network",
        "submission-sandboxed",
        "Postfix's unit has PrivateNetwork: lo is all that it sees",
        shell("/usr/lib/postfix/configure-instance.sh -; unshare -n sh -c 'ip link set lo up; postfix start'"),
        start=False,
        then=(pause(1), mail(), wait("status=deferred", 40)),
    ),
    fault(
        "receiver-hangs-up-on-messages",
        "remote-server-failing",
        "the receiver closes the connection instead of an answer to the message",
        world=one_server("mx?.northwind-trading.com", replies={"DOT": "CLOSE"}),
        then=(mail(), DEFERRED),
    ),
    fault(
        "web-server-may-not-submit",
        "submission-rejected",
        "authorized_submit_users shuts the application's account out by name",
        settings(authorized_submit_users="!www-data, static:all"),
        then=(mail(),),
    ),
    fault(
        "data-directory-of-another-account",
        "queue-permissions",
        "a recursive chown gave the data directory and the master's lock file away",
        then=(shell("chown -R nobody /var/lib/postfix; postfix stop; postfix start"), pause(1), mail()),
    ),
    fault(
        "settings-below-roots-home",
        "postfix-config-error",
        "main.cf is a link into a directory that only root may enter, so the application's sendmail fails",
        then=(
            shell(
                "mkdir -m 700 /root/pf; mv /etc/postfix/main.cf /root/pf/; ln -s /root/pf/main.cf /etc/postfix/main.cf"
            ),
            mail(),
        ),
    ),
    fault(
        "queue-files-of-root",
        "queue-permissions",
        "a restored backup left a waiting message that belongs to root, and the queue manager ends at it",
        settings(relayhost="[127.0.0.9]:9"),
        then=(
            mail(),
            wait("status=deferred"),
            shell(
                "find /var/spool/postfix/deferred -type f -exec chown root {} +; postconf -e relayhost=; postfix reload;"
                " postqueue -f"
            ),
            wait("Permission denied"),
        ),
    ),
    fault(
        "process-limit-of-cleanup",
        "postfix-config-error",
        "master.cf limits cleanup to one process; it ends at once, since it must have no limit",
        shell("postconf -F cleanup/unix/process_limit=1"),
        then=(mail(), wait("requires a process limit")),
    ),
    fault(
        "sendmail-leads-nowhere",
        "queue-permissions",
        "another mailer's package took the sendmail command with it: a link to nothing is left",
        shell("ln -sf /etc/alternatives/mta /usr/sbin/sendmail"),
        then=(pause(1),),
    ),
    fault(
        "recipients-rewritten-by-the-client",
        "recipient-rewritten",
        "smtp_generic_maps, meant for senders, catches every recipient as well",
        relay(),
        write("/etc/postfix/generic", "/.+/  portal@brightwater-labs.com\n"),
        settings(smtp_generic_maps="regexp:/etc/postfix/generic"),
        shows="status=sent",
    ),
    fault(
        "port-of-relays-for-everybody",
        "postfix-config-error",
        "smtp_tcp_port = 587, and mail goes to exchangers, which listen on 25",
        settings(smtp_tcp_port="587"),
        then=(mail(), DEFERRED),
    ),
    fault(
        "transport-table-server-hangs",
        "lookup-table-broken",
        "the tcp: table's server takes connections and never answers",
        hanging("transportd", 10099),
        settings(transport_maps="tcp:127.0.0.1:10099"),
        then=(mail(), pause(2)),
    ),
    fault(
        "later-made-never",
        "delivery-suspended-by-config",
        "smtp_delivery_status_filter makes permanent failures of greylisting",
        write("/etc/postfix/statuses", "/^4(\\.\\d+\\.\\d+.*)/  5$1\n"),
        settings(smtp_delivery_status_filter="pcre:/etc/postfix/statuses"),
        world=one_server("mx?.northwind-trading.com", replies={"RCPT": "450 4.2.0 greylisted"}),
        then=(mail(), wait("status=bounced")),
    ),
    fault(
        "second-exchanger-never-tried",
        "delivery-throttled-by-settings",
        "smtp_mx_address_limit = 1, and the first exchanger resets connections",
        settings(smtp_mx_address_limit="1"),
        world=one_server("mx1.northwind-trading.com", connect="reset"),
        then=(mail(), DEFERRED),
    ),
    fault(
        "chain-file-with-another-key",
        "postfix-config-error",
        "smtp_tls_chain_files holds the key of another certificate: Postfix disables TLS, which the relay demands",
        relay(smtp_tls_chain_files="/etc/postfix/chain.pem"),
        shell(
            "cd /etc/postfix; for n in a b; do openssl req -x509 -newkey rsa:2048 -nodes -keyout $n.k -out $n.c -days 9 -subj /CN=$n; done; cat a.k b.c >chain.pem"
        ),
        then=(mail(), DEFERRED),
    ),
    fault(
        "program-of-the-transport-gone",
        "smtp-transport-missing",
        "somebody moved Postfix's smtp program away; the transport stands in master.cf as it should",
        then=(shell("mv /usr/lib/postfix/sbin/smtp /usr/lib/postfix/sbin/smtp.orig"), mail(), pause(3)),
    ),
)
