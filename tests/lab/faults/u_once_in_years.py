"""Faults that a mail admin meets once in years, at each part of the mail's way."""

from __future__ import annotations

from tests.lab.fault import Fault
from tests.lab.internet.world import Manner, Server, World
from tests.lab.neighbours import hanging
from tests.lab.steps import append, mail, pause, relay, settings, shell, smtp_mail, wait, write

DEFERRED = wait("status=deferred")

FAULTS = (
    Fault(
        id="source-address-unanswered",
        accept=("interface-not-ready",),
        about="smtp_bind_address is this host's, but nobody routes answers to it",
        setup=(
            shell("ip addr add 10.66.7.8/32 dev lo"),
            settings(smtp_bind_address="10.66.7.8", inet_protocols="ipv4"),
        ),
        then=(mail(), DEFERRED),
    ),
    Fault(
        id="stale-route-gives-a-bridge-s-address",
        accept=("local-firewall-blocks-smtp",),
        about="a route makes mail leave with the address of a bridge, to which no answer finds back",
        setup=(
            relay(),
            shell(
                "ip link add br9 type veth peer name br8; ip link set br9 up; ip link set br8 up; ip addr add"
                " 10.66.0.2/24 dev br9; ip route add 198.2.128.0/18 via 192.168.1.1 src 10.66.0.2"
            ),
        ),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="relay-pinned-before-its-renewal",
        accept=("tls-policy-failure",),
        about="the relay is pinned by the fingerprint of a certificate that it no longer has",
        setup=(
            relay(
                smtp_tls_policy_maps=f"inline:{{{{[smtp.mandrillapp.com]:587 = fingerprint match={'5e:' * 31}5e}}}}",
            ),
        ),
        then=(mail(), DEFERRED),
    ),
    Fault(
        id="submission-port-wrapped",
        accept=("smtp-listener-broken",),
        about="587 begins with TLS at once, the application waits for a greeting",
        setup=(
            append(
                "/etc/postfix/master.cf",
                "587 inet n - y - - smtpd\n  -o smtpd_tls_wrappermode=yes\n  -o smtpd_tls_chain_files=/etc/postfix/pair.pem\n",
            ),
            shell(
                "cd /etc/postfix; openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 90 -subj /CN=mx; cat k.pem c.pem >pair.pem"
            ),
        ),
        then=(smtp_mail(port=587), pause(0.5)),
        shows="SSL_accept error",
    ),
    Fault(
        id="master-out-of-files",
        accept=("resource-limits",),
        about="the master may open so few files that a reload ends it",
        then=(
            shell("prlimit --nofile=12:12 --pid $(tr -d ' ' </var/spool/postfix/pid/master.pid); postfix reload"),
            pause(1),
            mail(),
        ),
        shows="Too many open files",
    ),
    Fault(
        id="queue-part-read-only",
        accept=("queue-permissions",),
        about="the deferred queue is a file system of its own, which the kernel made read-only",
        world=World(
            servers=(Server(host="mx?.northwind-trading.com", manner=Manner(replies={"RCPT": "451 4.7.1 later"})),)
        ),
        then=(
            shell("mount -t tmpfs -o ro,mode=700,uid=$(id -u postfix) tmpfs /var/spool/postfix/deferred"),
            mail(),
            pause(2),
        ),
    ),
    Fault(
        id="postfix-in-a-private-network",
        accept=("submission-sandboxed",),
        about="Postfix's unit has PrivateNetwork: lo is all that it sees",
        start=False,
        setup=(shell("/usr/lib/postfix/configure-instance.sh -; unshare -n sh -c 'ip link set lo up; postfix start'"),),
        then=(pause(1), mail(), wait("status=deferred", 40)),
    ),
    Fault(
        id="receiver-hangs-up-on-messages",
        accept=("remote-server-failing",),
        about="the receiver closes the connection instead of an answer to the message",
        world=World(servers=(Server(host="mx?.northwind-trading.com", manner=Manner(replies={"DOT": "CLOSE"})),)),
        then=(mail(), DEFERRED),
    ),
    Fault(
        id="web-server-may-not-submit",
        accept=("submission-rejected",),
        about="authorized_submit_users shuts the application's account out by name",
        setup=(settings(authorized_submit_users="!www-data, static:all"),),
        then=(mail(),),
    ),
    Fault(
        id="data-directory-of-another-account",
        accept=("queue-permissions",),
        about="a recursive chown gave the data directory and the master's lock file away",
        then=(shell("chown -R nobody /var/lib/postfix; postfix stop; postfix start"), pause(1), mail()),
    ),
    Fault(
        id="settings-below-roots-home",
        accept=("postfix-config-error",),
        about="main.cf is a link into a directory that only root may enter, so the application's sendmail fails",
        then=(
            shell(
                "mkdir -m 700 /root/pf; mv /etc/postfix/main.cf /root/pf/; ln -s /root/pf/main.cf /etc/postfix/main.cf"
            ),
            mail(),
        ),
    ),
    Fault(
        id="queue-files-of-root",
        accept=("queue-permissions",),
        about="a restored backup left a waiting message that belongs to root, and the queue manager ends at it",
        setup=(settings(relayhost="[127.0.0.9]:9"),),
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
    Fault(
        id="process-limit-of-cleanup",
        accept=("postfix-config-error",),
        about="master.cf limits cleanup to one process; it ends at once, since it must have no limit",
        setup=(shell("postconf -F cleanup/unix/process_limit=1"),),
        then=(mail(), wait("requires a process limit")),
    ),
    Fault(
        id="sendmail-leads-nowhere",
        accept=("queue-permissions",),
        about="another mailer's package took the sendmail command with it: a link to nothing is left",
        setup=(shell("ln -sf /etc/alternatives/mta /usr/sbin/sendmail"),),
        then=(pause(1),),
    ),
    Fault(
        id="recipients-rewritten-by-the-client",
        accept=("recipient-rewritten",),
        about="smtp_generic_maps, meant for senders, catches every recipient as well",
        setup=(
            relay(),
            write("/etc/postfix/generic", "/.+/  portal@brightwater-labs.com\n"),
            settings(smtp_generic_maps="regexp:/etc/postfix/generic"),
        ),
        shows="status=sent",
    ),
    Fault(
        id="port-of-relays-for-everybody",
        accept=("postfix-config-error",),
        about="smtp_tcp_port = 587, and mail goes to exchangers, which listen on 25",
        setup=(settings(smtp_tcp_port="587"),),
        then=(mail(), DEFERRED),
    ),
    Fault(
        id="transport-table-server-hangs",
        accept=("lookup-table-broken",),
        about="the tcp: table's server takes connections and never answers",
        setup=(hanging("transportd", 10099), settings(transport_maps="tcp:127.0.0.1:10099")),
        then=(mail(), pause(2)),
    ),
    Fault(
        id="later-made-never",
        accept=("delivery-suspended-by-config",),
        about="smtp_delivery_status_filter makes permanent failures of greylisting",
        world=World(
            servers=(Server(host="mx?.northwind-trading.com", manner=Manner(replies={"RCPT": "450 4.2.0 greylisted"})),)
        ),
        setup=(
            write("/etc/postfix/statuses", "/^4(\\.\\d+\\.\\d+.*)/  5$1\n"),
            settings(smtp_delivery_status_filter="pcre:/etc/postfix/statuses"),
        ),
        then=(mail(), wait("status=bounced")),
    ),
    Fault(
        id="second-exchanger-never-tried",
        accept=("delivery-throttled-by-settings",),
        about="smtp_mx_address_limit = 1, and the first exchanger resets connections",
        world=World(servers=(Server(host="mx1.northwind-trading.com", manner=Manner(connect="reset")),)),
        setup=(settings(smtp_mx_address_limit="1"),),
        then=(mail(), DEFERRED),
    ),
    Fault(
        id="chain-file-with-another-key",
        accept=("postfix-config-error",),
        about="smtp_tls_chain_files holds the key of another certificate: Postfix disables TLS, which the relay demands",
        setup=(
            relay(smtp_tls_chain_files="/etc/postfix/chain.pem"),
            shell(
                "cd /etc/postfix; for n in a b; do openssl req -x509 -newkey rsa:2048 -nodes -keyout $n.k -out $n.c -days 9 -subj /CN=$n; done; cat a.k b.c >chain.pem"
            ),
        ),
        then=(mail(), DEFERRED),
    ),
    Fault(
        id="program-of-the-transport-gone",
        accept=("smtp-transport-missing",),
        about="somebody moved Postfix's smtp program away; the transport stands in master.cf as it should",
        then=(shell("mv /usr/lib/postfix/sbin/smtp /usr/lib/postfix/sbin/smtp.orig"), mail(), pause(3)),
    ),
)
