"""Machines that are well, some of them odd; nothing certain or likely may be said about them."""

from __future__ import annotations

from typing import Any

from tests.lab.fault import Fault, healthy
from tests.lab.history import dated
from tests.lab.internet.world import World, one_server
from tests.lab.machine import SECRET, Machine
from tests.lab.neighbours import DkimKey, content_filter, login_service, opendkim
from tests.lab.steps import (
    Step,
    append,
    journal,
    mail,
    mapped,
    nft,
    older,
    pause,
    relay,
    run,
    settings,
    shell,
    smtp_mail,
    wait,
    write,
)

from .h_application import template

BLOCK_25 = nft("isp", "forward tcp dport 25 drop")
SENT = "status=sent"


def well(name: str, about: str, *setup: Step, shows: str = SENT, history: bool = True, **more: Any) -> Fault:
    return healthy(name, about, *setup, shows=shows, history=history, **more)


def log_before(text: str) -> Step:
    """Lines that are in the log from before, {T<hours>} being a time so many hours ago."""

    def step(m: Machine) -> None:
        path = m.path("/var/log/mail.log")
        path.write_text(path.read_text() + dated(text))
        m.before = len(path.read_text())

    return step


BOUNCE_OF_LAST_WEEK = (
    "{T170} app postfix/smtp[811]: 9F1A2B3C4D: to=<old@closed-bookshop.com>, relay=none, delay=0.2, delays=0.1/0/0.1/0, dsn=5.4.4, "
    "status=bounced (Host or domain name not found. Name service error for name=closed-bookshop.com type=AAAA: Host not found)\n"
    "{T170} app postfix/qmgr[712]: 9F1A2B3C4D: removed\n"
)

_ROUTES = (
    well("healthy-direct", "direct to exchangers"),
    well("healthy-relay-587", "relay with login on 587", relay()),
    well("healthy-relay-while-25-blocked", "a working relay; the ISP blocks 25", BLOCK_25, relay("smtp.sendgrid.net")),
    well("healthy-relay-465", "implicit TLS with wrappermode", relay("smtp.fastmail.com", 465)),
    well(
        "healthy-relay-2525",
        "2525, because 587 is blocked",
        nft("isp", "forward tcp dport { 25, 465, 587 } drop"),
        relay("smtp.sendgrid.net", 2525),
    ),
    well("healthy-texthash", "texthash: needs no table", relay(kind="texthash")),
    well("healthy-lmdb", "lmdb table", relay(kind="lmdb")),
    well(
        "healthy-inline-map",
        "the login inline in main.cf",
        relay(),
        shell("rm /etc/postfix/sasl_passwd*"),
        settings(smtp_sasl_password_maps=f"inline:{{{{[smtp.mandrillapp.com]:587=lab-user:{SECRET}}}}}"),
    ),
    well(
        "healthy-static-map",
        "the login in a static: map",
        relay(),
        shell("rm /etc/postfix/sasl_passwd*"),
        settings(smtp_sasl_password_maps=f"static:lab-user:{SECRET}"),
    ),
    well(
        "healthy-group-readable",
        "sasl_passwd 0640 root:postfix",
        relay(),
        shell("chgrp postfix /etc/postfix/sasl_passwd*; chmod 640 /etc/postfix/sasl_passwd*"),
    ),
    well("healthy-source-removed", "only the compiled table is kept", relay(), shell("rm /etc/postfix/sasl_passwd")),
    well(
        "healthy-host-key",
        "the key is the bare host name, which Postfix looks up too",
        relay(next_hop="smtp.rhein-mail.de", host="smtp.rhein-mail.de", key="smtp.rhein-mail.de"),
        world=World(roles={"smtp.rhein-mail.de": "submission"}, records={("smtp.rhein-mail.de", "MX"): "NODATA"}),
    ),
    well(
        "healthy-sender-dependent",
        "a relay by sender, keyed by @domain",
        relay(),
        write("/etc/postfix/sender_relay", "@brightwater-labs.com [smtp.sendgrid.net]:587\n"),
        run("postmap", "/etc/postfix/sender_relay"),
        write("/etc/postfix/sasl_passwd", f"@brightwater-labs.com lab-user:{SECRET}\n", 0o600),
        run("postmap", "/etc/postfix/sasl_passwd"),
        settings(
            relayhost="",
            sender_dependent_relayhost_maps="hash:/etc/postfix/sender_relay",
            smtp_sender_dependent_authentication="yes",
        ),
    ),
    well(
        "healthy-transport-exception",
        "one domain goes another way",
        relay(),
        mapped("transport_maps", "fjord-shipping.no smtp:\n"),
    ),
    well(
        "healthy-company-relay",
        "a relay on 25 without login and without TLS",
        settings(relayhost="[relay.rhein-mail.de]"),
        world=one_server("relay.rhein-mail.de", starttls=False, auth=(), needs_auth=False, needs_tls=False),
    ),
    well(
        "healthy-crlf-in-map",
        "sasl_passwd with CRLF: Postfix trims it and delivers",
        relay(line=f"[smtp.mandrillapp.com]:587 lab-user:{SECRET}\r"),
    ),
)

_SHAPES = (
    well(
        "healthy-null-client",
        "null client: no local delivery, loopback only",
        relay(),
        settings(mydestination="", inet_interfaces="loopback-only", local_transport="error:local delivery is disabled"),
    ),
    well(
        "healthy-ipv4-only",
        "inet_protocols = ipv4 on a host with broken IPv6",
        settings(inet_protocols="ipv4"),
        nft("isp", "forward ip6 version 6 drop"),
        then=(mail("maria.example@gmail.com"),),
    ),
    well(
        "healthy-ipv6-without-route",
        "no IPv6 route, IPv4 delivers",
        shell("ip -6 route del default"),
        then=(mail("maria.example@gmail.com"),),
    ),
    well(
        "healthy-ipv6-only",
        "a host with IPv6 alone",
        shell("ip addr del 192.168.1.10/24 dev eth0; printf 'nameserver 2001:4860:4860::8888\\n' > /etc/resolv.conf"),
        then=(mail("maria.example@gmail.com"),),
    ),
    well(
        "healthy-second-instance-down",
        "a second instance that is down on purpose",
        shell(
            "cp -a /etc/postfix /etc/postfix-out; postconf -c /etc/postfix-out -e queue_directory=/var/spool/postfix-out"
            " data_directory=/var/lib/postfix-out multi_instance_name=postfix-out multi_instance_enable=no master_service_disable=inet;"
            " postconf -e multi_instance_enable=yes multi_instance_directories=/etc/postfix-out"
            " 'multi_instance_wrapper=$command_directory/postmulti -p --'; mkdir -p /var/spool/postfix-out /var/lib/postfix-out;"
            " chown postfix /var/lib/postfix-out"
        ),
    ),
    well("healthy-bounce-last-week", "a bounce from last week", log_before(BOUNCE_OF_LAST_WEEK)),
    well(
        "healthy-greylisted-then-sent",
        "greylisted at first, delivered a little later",
        world=one_server("mx?.northwind-trading.com", grey=1),
        then=(mail(), wait("status=deferred"), pause(1.5), run("postqueue", "-f"), wait(SENT)),
    ),
    well(
        "healthy-one-unknown-among-many",
        "one recipient unknown among many delivered",
        world=one_server(
            "mx?.northwind-trading.com",
            recipients={
                "gone@northwind-trading.com": "550 5.1.1 <gone@northwind-trading.com>: Recipient address rejected: User unknown"
            },
        ),
        then=(
            mail("gone@northwind-trading.com"),
            wait("status=bounced"),
            *(mail(f"user{n}@northwind-trading.com") for n in range(20)),
            wait("to=<user19.*status=sent"),
        ),
    ),
    well(
        "healthy-dead-domain-only",
        "time-outs to one dead domain, the rest is delivered",
        nft("internet", "special ip daddr { 159.69.200.1 } drop"),
        world=World(
            records={
                ("old-partner.net", "MX"): ("10 mx1.old-partner.net",),
                ("mx1.old-partner.net", "A"): ("159.69.200.1",),
            }
        ),
        then=(
            mail("info@old-partner.net"),
            wait("status=deferred"),
            *(mail(f"user{n}@northwind-trading.com") for n in range(12)),
            wait("to=<user11.*status=sent"),
        ),
    ),
    well("healthy-slow-resolver", "the resolver takes a second and a half, but answers", world=World(resolver="slow")),
    well(
        "healthy-log-just-rotated",
        "the log was rotated a minute ago",
        then=(
            mail(),
            wait(SENT),
            shell(
                "mv /var/log/mail.log /var/log/mail.log.1; : > /var/log/mail.log; chmod 640 /var/log/mail.log; postfix logrotate || postfix reload"
            ),
            pause(0.6),
            lambda m: setattr(m, "before", 0),
            mail(),
        ),
        history=True,
    ),
    well("healthy-idle", "nothing was sent today, and nothing waits", then=(), shows="daemon started"),
    well(
        "healthy-milter-accept",
        "a milter is down and set to be skipped",
        settings(smtpd_milters="inet:127.0.0.1:8891", milter_default_action="accept"),
        then=(smtp_mail(),),
    ),
    well(
        "healthy-held-by-default-deny",
        "a strict output firewall that lets mail pass",
        nft(
            "host",
            "table inet fw {\n chain out { type filter hook output priority 0; policy drop;\n  oif lo accept\n"
            "  ct state established,related accept\n  meta l4proto { icmp, ipv6-icmp } accept\n"
            "  udp dport { 53, 123 } accept\n  tcp dport { 25, 53, 80, 443, 465, 587 } accept\n }\n}\n",
        ),
    ),
    well(
        "healthy-firewall-blocks-others",
        "25 is dropped for all but postfix, which is what a good server does",
        nft(
            "host",
            "table inet fw {\n chain out { type filter hook output priority 0; policy accept;\n"
            '  tcp dport 25 meta skuid != { 0, "postfix" } reject\n }\n}\n',
        ),
    ),
    well(
        "healthy-app-localhost",
        "the application uses localhost:25, Postfix delivers",
        *template("mail.host=localhost\nmail.port=25\nmail.transport.protocol=smtp\nmail.smtp.auth=false\n"),
        then=(smtp_mail(),),
    ),
    well(
        "healthy-soft-failure-older",
        "yesterday's time-outs, since then delivered",
        log_before(
            "{T20} app postfix/smtp[811]: connect to mx1.northwind-trading.com[159.69.12.41]:25: Connection timed out\n"
            "{T20} app postfix/smtp[811]: 7F1A2B3C4D: to=<maria@northwind-trading.com>, relay=none, delay=30, delays=0.1/0/30/0, dsn=4.4.1, "
            "status=deferred (connect to mx1.northwind-trading.com[159.69.12.41]:25: Connection timed out)\n"
            "{T19} app postfix/smtp[815]: 7F1A2B3C4D: to=<maria@northwind-trading.com>, relay=mx1.northwind-trading.com[159.69.12.41]:25, "
            "delay=3600, delays=3599/0/0.6/0.4, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 1234)\n"
        ),
    ),
    well(
        "healthy-unused-sasl-passwd",
        "a leftover sasl_passwd.dpkg-old beside a direct setup",
        append("/etc/postfix/sasl_passwd.bak", "[smtp.old-provider.net]:587 someone:elsewhere\n"),
        older("/etc/postfix/sasl_passwd.bak", 9e6),
        shell("chmod 600 /etc/postfix/sasl_passwd.bak"),
    ),
)

_KEY = DkimKey()
FROM = ("--from", "noreply@brightwater-labs.com")

_NEIGHBOURS = (
    well("healthy-sender-asked-for", "the user names the sender, whose SPF record passes; nothing signs", args=FROM),
    well(
        "healthy-opendkim",
        "OpenDKIM signs with the key that is published; the policy is to reject, and SPF does not name this host",
        opendkim(_KEY),
        world=World(
            records={
                ("mail._domainkey.brightwater-labs.com", "TXT"): (_KEY.record,),
                ("_dmarc.brightwater-labs.com", "TXT"): ("v=DMARC1; p=reject",),
                ("brightwater-labs.com", "TXT"): ("v=spf1 mx ~all",),
            }
        ),
    ),
    well(
        "healthy-amavis-chain",
        "content filter on 10024, re-injection on 10025",
        settings(content_filter="smtp-amavis:[127.0.0.1]:10024"),
        append(
            "/etc/postfix/master.cf",
            "smtp-amavis unix - - y - 2 smtp\n  -o smtp_data_done_timeout=1200\n127.0.0.1:10025 inet n - y - - smtpd\n"
            "  -o content_filter=\n  -o mynetworks=127.0.0.0/8\n  -o smtpd_recipient_restrictions=permit_mynetworks,reject\n",
        ),
        content_filter(),
        shows="relay=mx.*status=sent",
    ),
    well(
        "healthy-dovecot-login",
        "smtpd lets Dovecot check logins",
        settings(smtpd_sasl_auth_enable="yes", smtpd_sasl_type="dovecot", smtpd_sasl_path="private/auth"),
        login_service(),
        then=(smtp_mail(),),
    ),
    well("healthy-journal-only", "the log is in the journal alone", journal(), history=False),
)

FAULTS = (*_ROUTES, *_SHAPES, *_NEIGHBOURS)
