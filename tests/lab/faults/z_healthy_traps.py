"""Healthy machines that hold what a careless rule looks for: rules, logs and settings that mean nothing here."""

from __future__ import annotations

from tests.lab.fault import Fault, healthy
from tests.lab.faults.h_application import template
from tests.lab.faults.z_healthy import SENT, log_before, well
from tests.lab.internet.world import World, one_server
from tests.lab.machine import SECRET
from tests.lab.steps import append, mail, mapped, nft, older, relay, run, settings, shell, wait, write

_SPAMMERS = "".join(
    f"{{T{age}}} app postfix/smtpd[{900 + n}]: connect from unknown[45.129.14.{n}]\n"
    f"{{T{age}}} app postfix/smtpd[{900 + n}]: warning: unknown[45.129.14.{n}]: SASL LOGIN authentication failed: UGFzc3dvcmQ6\n"
    f"{{T{age}}} app postfix/smtpd[{900 + n}]: NOQUEUE: reject: RCPT from unknown[45.129.14.{n}]: 454 4.7.1 <spam{n}@gmail.com>: "
    f"Relay access denied; from=<x@spam.biz> to=<spam{n}@gmail.com> proto=ESMTP helo=<win-{n}>\n"
    f"{{T{age}}} app postfix/smtpd[{900 + n}]: lost connection after RCPT from unknown[45.129.14.{n}]\n"
    for n, age in enumerate((9, 7, 5, 3, 2, 1, 0.5), 10)
)

_THROTTLED_ONCE = (
    "{T6} app postfix/smtp[815]: 7F1A2B3C4E: to=<kim@yahoo.com>, relay=mta5.am0.yahoodns.net[67.195.12.9]:25, delay=0.7, "
    "delays=0.1/0/0.5/0.1, dsn=4.7.0, status=deferred (host mta5.am0.yahoodns.net[67.195.12.9] said: 421 4.7.0 [TSS04] Messages from "
    "85.214.88.17 temporarily deferred due to unexpected volume or user complaints (in reply to MAIL FROM command))\n"
    "{T5} app postfix/smtp[816]: 7F1A2B3C4E: to=<kim@yahoo.com>, relay=mta5.am0.yahoodns.net[67.195.12.9]:25, delay=3600, "
    "delays=3599/0/0.6/0.4, dsn=2.0.0, status=sent (250 ok dirdel)\n"
)

_INBOUND_CLOSED = """table inet filter {
 chain input { type filter hook input priority 0; policy drop;
  iif lo accept
  ct state established,related accept
  meta l4proto { icmp, ipv6-icmp } accept
  tcp dport { 22, 80, 443 } accept
  tcp dport { 25, 465, 587 } drop
 }
 chain forward { type filter hook forward priority 0; policy accept;
  tcp dport 25 drop
 }
}
"""

NO_PTR = {("17.88.214.85.in-addr.arpa", "*"): "NXDOMAIN"}


FAULTS: tuple[Fault, ...] = (
    well("healthy-spammers-knock", "strangers are refused all day on the public port 25", log_before(_SPAMMERS)),
    well("healthy-throttled-once", "one 421 this morning, delivered an hour later", log_before(_THROTTLED_ONCE)),
    well("healthy-inbound-25-closed", "port 25 is closed inwards and for containers", nft("host", _INBOUND_CLOSED)),
    well(
        "healthy-mail-and-dns-only",
        "the gateway lets out 25 and 53 alone",
        nft("gateway", 'forward iifname "lan" meta l4proto { tcp, udp } th dport != { 25, 53 } drop'),
    ),
    well(
        "healthy-587-only",
        "the gateway lets out 587 and 53 alone",
        nft("gateway", 'forward iifname "lan" meta l4proto { tcp, udp } th dport != { 587, 53 } drop'),
        relay("smtp.sendgrid.net"),
    ),
    well(
        "healthy-no-ping",
        "ICMP is dropped at the gateway",
        nft("gateway", "forward meta l4proto { icmp, ipv6-icmp } drop"),
    ),
    well(
        "healthy-public-resolvers-blocked",
        "only the ISP's resolver may be asked",
        nft("isp", "forward ip daddr { 1.1.1.1, 1.0.0.1, 8.8.8.8, 8.8.4.4, 9.9.9.9 } drop"),
        nft("isp", "forward ip6 daddr { 2606:4700:4700::/48, 2001:4860:4860::/48, 2620:fe::/48 } drop"),
    ),
    healthy(
        "healthy-bounces-to-noreply-discarded",
        "what comes back to the address that the application sends as is thrown away by a map",
        mapped("transport_maps", "noreply@brightwater-labs.com discard:\n"),
        then=(
            mail(),
            wait(SENT),
            mail("noreply@brightwater-labs.com", sender="kim@brightwater-labs.com"),
            wait("/discard"),
        ),
    ),
    well(
        "healthy-expired-but-unverified",
        "the relay's certificate has expired; level encrypt does not verify",
        relay("smtp.rhein-mail.de"),
        world=one_server("smtp.rhein-mail.de", tls="expired"),
    ),
    well(
        "healthy-self-signed-unverified",
        "the relay signs its own certificate; nobody verifies it",
        relay("smtp.rhein-mail.de", tls="may"),
        world=one_server("smtp.rhein-mail.de", tls="selfsigned"),
    ),
    well(
        "healthy-relay-from-listed-home",
        "a home address without PTR, on blocklists, sending by a relay",
        relay("smtp.gmail.com"),
        world=World(records=NO_PTR, listed=("zen.spamhaus.org", "bl.spamcop.net"), network=(7922, "COMCAST-7922, US")),
    ),
    well(
        "healthy-spf-names-relay-only",
        "SPF lists the relay alone, and mail goes by it",
        relay("smtp.sendgrid.net"),
        world=World(records={("brightwater-labs.com", "TXT"): ("v=spf1 include:sendgrid.net -all",)}),
    ),
    well(
        "healthy-source-touched",
        "sasl_passwd is newer than its table, and says the same",
        relay(),
        older("/etc/postfix/sasl_passwd.db", 7200),
        older("/etc/postfix/sasl_passwd", 3600),
    ),
    well(
        "healthy-several-relays-in-map",
        "comments, tabs and two other relays in the password file",
        relay(
            line="# relays\n\n[smtp.gmail.com]:587\tother@gmail.com:abcd efgh\n[smtp.mandrillapp.com]:587\t\tlab-user:"
            + SECRET
            + "\n[smtp.old-provider.net]:465 a:b"
        ),
    ),
    well(
        "healthy-relay-by-mx",
        "relayhost without brackets, on purpose: its exchangers are the relays",
        settings(relayhost="hosted-relay.net"),
        world=World(records={("hosted-relay.net", "MX"): ("10 mxa.hosted-relay.net", "10 mxb.hosted-relay.net")}),
    ),
    well(
        "healthy-odd-comments",
        "quotes, prompts and backslashes in comments and patterns of main.cf",
        append(
            "/etc/postfix/main.cf",
            "\n# “pasted” from the wiki: $ postconf -e 'relayhost = [old.example]'\\\n# smtp_use_tls = yes\\\n"
            "header_checks = regexp:/etc/postfix/header_checks\n",
        ),
        write("/etc/postfix/header_checks", "/^X-Internal: .*\\.lan$/ IGNORE\n"),
    ),
    well(
        "healthy-local-mail",
        "cron's mail stays in a local mailbox",
        shell("sed -i '/^root/d' /etc/aliases; newaliases"),
        then=(mail("root@localhost", sender="root@localhost", user="root"), wait("relay=local.*status=sent"), mail()),
    ),
    well(
        "healthy-aliased-root",
        "root's mail goes out by an alias",
        then=(mail("root@localhost", sender="root@localhost", user="root"),),
    ),
    well(
        "healthy-other-mta-installed",
        "exim's and msmtp's leftovers, neither running",
        write("/etc/exim4/update-exim4.conf.conf", "dc_eximconfig_configtype='local'\n"),
        write("/etc/msmtprc", "defaults\naccount default\nhost mail.old-provider.net\n"),
        write("/usr/bin/msmtp", "#!/bin/sh\nexit 78\n", 0o755),
    ),
    well(
        "healthy-app-and-relay",
        "the application signs in at the relay itself, and its settings are right",
        *template(
            "mail.smtp.host=smtp.sendgrid.net\nmail.smtp.port=587\nmail.smtp.auth=true\nmail.smtp.auth.username=lab-user\n"
            f"mail.smtp.auth.password={SECRET}\nmail.smtp.starttls.enable=true\nmail.smtp.starttls.required=true\n"
        ),
    ),
    well(
        "healthy-just-restarted",
        "Postfix was restarted a moment ago",
        then=(
            mail(),
            wait(SENT),
            run("postfix", "stop"),
            run("postfix", "start"),
            mail("second@northwind-trading.com"),
        ),
        shows="to=<second.*status=sent",
    ),
    well(
        "healthy-spam-bounce-among-many",
        "one forwarded spam was rejected, the rest delivered",
        world=one_server(
            "mx?.fjord-shipping.no", replies={"DOT": "554 5.7.1 Message rejected as spam by Content Filtering."}
        ),
        then=(
            mail("olav@fjord-shipping.no"),
            wait("Content Filtering"),
            *(mail(f"user{n}@northwind-trading.com") for n in range(15)),
            wait("to=<user14.*status=sent"),
        ),
    ),
    well(
        "healthy-direct-without-tls",
        "no TLS at all to exchangers, which is allowed",
        settings(smtp_tls_security_level="none"),
    ),
    well(
        "healthy-tls-loglevel-word",
        "smtp_tls_loglevel takes words, too",
        settings(smtp_tls_loglevel="debug", smtpd_tls_loglevel="summary, peercert"),
    ),
    well(
        "healthy-submit-users-named",
        "authorized_submit_users names the application's account, and only that",
        settings(authorized_submit_users="root, games"),
        then=(mail(user="games"),),
        history=False,
    ),
    well(
        "healthy-dual-relays-fallback",
        "the first exchanger refuses, the second takes the mail",
        nft("internet", "special ip daddr 159.69.210.1 tcp dport 25 reject with tcp reset"),
        world=World(
            records={
                ("two-sites.org", "MX"): ("10 mxa.two-sites.org", "20 mxb.two-sites.org"),
                ("mxa.two-sites.org", "A"): ("159.69.210.1",),
                ("mxb.two-sites.org", "A"): ("51.38.210.1",),
            }
        ),
        then=(mail("info@two-sites.org"),),
    ),
    well(
        "healthy-copies-discarded",
        "always_bcc to a domain whose transport discards",
        settings(always_bcc="copy@archive.invalid", transport_maps="inline:{archive.invalid=discard:archive}"),
        shows="relay=mx.*status=sent",
    ),
    well(
        "healthy-hosts-file-pins-the-relay",
        "an entry for tests leads the relay's name to loopback, and Postfix asks DNS",
        relay(),
        append("/etc/hosts", "127.0.0.1 smtp.mandrillapp.com\n"),
    ),
)
