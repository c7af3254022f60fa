"""Faults on this host: filters that are programs, read-only disks, unreadable files, tables, waiting mail."""

from __future__ import annotations

from tests.lab.fault import fault
from tests.lab.faults.e_replies import saying
from tests.lab.faults.g_host import in_background, lift, many_messages
from tests.lab.internet.world import World, one_server
from tests.lab.machine import SECRET
from tests.lab.steps import append, mail, nft, pause, relay, run, settings, shell, smtp_mail, wait, write

_REDIRECT = """table inet proxy {
 chain output { type nat hook output priority -100;
  tcp dport 25 meta skuid != root redirect to :1025
 }
}
"""

FAULTS = (
    fault(
        "nft-redirects-25-to-dead-proxy",
        "local-firewall-blocks-smtp",
        "a local rule redirects outgoing 25 to a mail proxy that is gone",
        nft("host", _REDIRECT),
        shows="status=deferred .*refused",
    ),
    fault(
        "soft-bounce-left-on",
        "recipient-unknown",
        "soft_bounce was left on: a dead mailbox is retried for days",
        settings(soft_bounce="yes"),
        also=("delivery-suspended-by-config",),
        kind="double",
        world=saying(
            "mx?.northwind-trading.com",
            "RCPT",
            "550 5.1.1 <maria@northwind-trading.com>: Recipient address rejected: User unknown",
        ),
        shows="status=SOFTBOUNCE",
    ),
    fault(
        "spool-read-only",
        (
            "queue-permissions",
            "disk-full",
        ),  # the kernel made it read-only after errors: permissions or disk, one fault
        "the spool's file system went read-only",
        then=(
            shell("mount --bind /var/spool/postfix /var/spool/postfix; mount -o remount,bind,ro /var/spool/postfix"),
            in_background("timeout 60 sendmail -f noreply@brightwater-labs.com maria@northwind-trading.com"),
            smtp_mail(),
            pause(0.5),
        ),
        proof=("touch /var/spool/postfix/maildrop/x 2>&1", "Read-only"),
    ),
    fault(
        "pipe-filter-program-gone",
        "content-filter-down",
        "a disclaimer script that an upgrade removed is the content filter",
        append(
            "/etc/postfix/master.cf",
            "dfilt unix - n n - - pipe\n  flags=Rq user=nobody argv=/etc/postfix/disclaimer -f ${sender} -- ${recipient}\n",
        ),
        settings(content_filter="dfilt:"),
        shows="status=(deferred|bounced) .*(No such file|disclaimer|unable to find|temporary failure)",
    ),
    fault(
        "sasl-client-type-dovecot",
        "sasl-mechanism-missing",
        "smtp_sasl_type = dovecot, which no client supports",
        relay(smtp_sasl_type="dovecot"),
        shows="(fatal|unsupported|SASL)",
    ),
    fault(
        "sasl-proxymap-denied",
        "sasl-map-missing",
        "proxy:hash: is read as postfix, the file is root's alone",
        relay(smtp_sasl_password_maps="proxy:hash:/etc/postfix/sasl_passwd"),
        shows="(Permission denied|local data error)",
    ),
    fault(
        "main-cf-unreadable",
        "postfix-config-error",
        "main.cf is 0600: the application's sendmail cannot read it",
        then=(shell("chmod 600 /etc/postfix/main.cf"), mail()),
        proof=(
            "setpriv --reuid=www-data --regid=www-data --clear-groups sendmail -f a@b.com c@d.com",
            "Permission denied",
        ),
    ),
    fault(
        "generic-map-makes-root",
        "sender-not-allowed",
        "smtp_generic_maps rewrites the sender to an address that the relay has not verified",
        relay("email-smtp.us-east-1.amazonaws.com"),
        settings(smtp_generic_maps="inline:{{@brightwater-labs.com=root@app.lan}}"),
        world=saying(
            "email-smtp.us-east-1.amazonaws.com",
            "DOT",
            "554 Message rejected: Email address is not verified. The following identities failed the check in region US-EAST-1: root@app.lan",
        ),
        shows="status=bounced .*not verified",
    ),
    fault(
        "transport-map-malformed-type",
        "lookup-table-unsupported",
        "virtual_alias_maps of a type that this build lacks",
        settings(virtual_alias_maps="mongodb:/etc/postfix/virtual.cf"),
        shows="(unsupported dictionary type|mongodb)",
    ),
    fault(
        "alias-maps-ldap-down",
        ("lookup-table-broken", "lookup-table-unsupported"),  # ldap: is both unsupported here and down
        "local recipients are looked up in an LDAP server that is gone",
        write("/etc/postfix/ldap-aliases.cf", "server_host = ldap://192.168.1.30\nsearch_base = dc=brightwater\n"),
        settings(virtual_alias_maps="ldap:/etc/postfix/ldap-aliases.cf"),
        shows="ldap",
    ),
    fault(
        "tcp-table-down",
        "lookup-table-broken",
        "recipient_canonical_maps asks a socketmap daemon that does not run",
        settings(recipient_canonical_maps="socketmap:inet:127.0.0.1:8461:postsrsd"),
        shows="(8461|socketmap|canonical)",
    ),
    fault(
        "deferred-mountain",
        "egress-port-25-blocked",
        "four hundred messages have piled up behind a blocked port",
        nft("isp", "forward tcp dport 25 reject with tcp reset"),
        settings(smtp_tls_security_level="none"),
        then=(many_messages(400), wait("status=deferred"), pause(2)),
        shows="status=deferred .*refused",
    ),
    fault(
        "resolver-back-retry-waits",
        "retry-pending",
        "the gateway dropped DNS for a while; it answers again and mail waits",
        nft("isp", "forward udp dport 53 drop"),
        append("/etc/resolv.conf", "options timeout:1 attempts:1\n"),
        then=(mail(times=2), wait("status=deferred"), lift("isp", "forward")),
        shows="status=deferred .*try again",
    ),
    fault(
        "password-fixed-retry-waits",
        "retry-pending",
        "the password was corrected and compiled; the message from before still waits",
        relay(password="old-key"),
        then=(
            mail(),
            wait("status=deferred .*535"),
            write("/etc/postfix/sasl_passwd", f"[smtp.mandrillapp.com]:587 lab-user:{SECRET}\n", 0o600),
            run("postmap", "/etc/postfix/sasl_passwd"),
            run("postfix", "reload"),
            pause(1),
        ),
        shows="status=deferred .*535",
    ),
    fault(
        "held-one-of-many",
        "mail-on-hold",
        "mail flows; one message was put on hold by hand",
        nft("internet", "special ip daddr 159.69.200.1 drop"),
        world=World(
            records={
                ("old-partner.net", "MX"): ("10 mx1.old-partner.net",),
                ("mx1.old-partner.net", "A"): ("159.69.200.1",),
            }
        ),
        then=(
            mail("info@old-partner.net"),
            wait("status=deferred"),
            run("postsuper", "-h", "ALL"),
            lift("internet", "special"),
            *(mail(f"user{n}@northwind-trading.com") for n in range(6)),
            wait("to=<user5.*status=sent"),
        ),
        args=("--to", "info@old-partner.net"),
        shows="Placed on hold",
    ),
    fault(
        "receiver-limits-size",
        "message-too-large",
        "the receiver takes five megabytes, the message has more",
        world=one_server("mx?.northwind-trading.com", size=5242880),
        then=(mail(body="Attachment line, repeated.\n" * 250000),),
        shows="status=bounced .*size limit",
    ),
    fault(
        "app-size-limit-smtp",
        ("message-too-large", "submission-rejected"),  # it is this host's Postfix that refuses, for the size
        "the application's message is refused by this host's own limit",
        settings(message_size_limit="51200"),
        then=(smtp_mail(body="Attachment line, repeated.\n" * 4000),),
        shows="(too big|size|Message file too big)",
    ),
)
