"""Two faults on one machine, one behind the other or hiding its evidence."""

from __future__ import annotations

from tests.lab.fault import double
from tests.lab.internet.world import Manner, Server, World, one_server
from tests.lab.steps import mail, nft, relay, run, settings, shell, smtp_mail, wait

BLOCK_25 = nft("isp", "forward tcp dport 25 drop")


FAULTS = (
    double(
        "stopped-and-25-blocked",
        "postfix-not-running",
        "egress-port-25-blocked",
        "Postfix is stopped, and 25 is blocked",
        BLOCK_25,
        shows="stopping the Postfix",
        then=(mail(), wait("status=deferred"), run("postfix", "stop"), mail()),
    ),
    double(
        "key-mismatch-and-ca-missing",
        "sasl-key-mismatch",
        "tls-ca-bundle-missing",
        "wrong key, and the CA file is missing",
        relay(key="smtp.mandrillapp.com:587", tls="may", smtp_tls_CAfile="/etc/pki/tls/certs/ca-bundle.crt"),
        shows="status=",
    ),
    double(
        "587-blocked-and-map-stale",
        "egress-submission-blocked",
        "sasl-map-stale",
        "587 is blocked, and the password's table is stale",
        nft("isp", "forward tcp dport { 25, 465, 587 } drop"),
        relay(password="old-key"),
        shell(
            "touch -d '3 hours ago' /etc/postfix/sasl_passwd.db;"
            " sed -i s/old-key/Zk7-tiefsee-4Qv9/ /etc/postfix/sasl_passwd; touch -d '1 hour ago' /etc/postfix/sasl_passwd"
        ),
        shows="timed out",
    ),
    double(
        "ipv6-hides-block",
        "egress-port-25-blocked",
        "ipv6-broken",
        "25 is blocked; IPv6 has no route and is quoted last",
        nft("isp", "forward tcp dport 25 drop"),
        shell("ip -6 route del default"),
        settings(smtp_address_preference="ipv4"),
        shows="status=deferred",
        then=(mail("maria.example@gmail.com"),),
    ),
    double(
        "local-firewall-and-isp",
        "local-firewall-blocks-smtp",
        "egress-port-25-blocked",
        "this host and the ISP both block 25: only one is seen",
        BLOCK_25,
        run(
            "iptables-nft",
            "-A",
            "OUTPUT",
            "-p",
            "tcp",
            "--dport",
            "25",
            "-m",
            "owner",
            "--uid-owner",
            "postfix",
            "-j",
            "DROP",
        ),
        settings(inet_protocols="ipv4"),
        shows="timed out",
    ),
    double(
        "plugins-and-expired",
        "sasl-mechanism-missing",
        "relay-certificate-invalid",
        "no SASL plug-in, and an expired certificate",
        relay(tls="secure"),
        shell("rm -rf /usr/lib/*/sasl2"),
        shows="status=deferred",
        world=one_server("smtp.mandrillapp.com", tls="expired"),
    ),
    double(
        "milter-down-and-25-blocked",
        "milter-down",
        "egress-port-25-blocked",
        "the milter is down; older mail waits for port 25",
        BLOCK_25,
        shows="Milter",
        then=(
            mail(),
            wait("status=deferred"),
            settings(smtpd_milters="inet:127.0.0.1:8891", milter_default_action="tempfail"),
            run("postfix", "reload"),
            smtp_mail(),
        ),
    ),
    double(
        "disk-full-and-relay-rejects",
        "disk-full",
        "relay-credentials-rejected",
        "the spool is short, and the relay rejects the login",
        relay(password="wrong-key"),
        shell(
            "mkdir /mnt/spool && mount -t tmpfs -o size=40m,mode=755 spool /mnt/spool &&"
            " cp -a /var/spool/postfix/. /mnt/spool/ && mount --move /mnt/spool /var/spool/postfix"
        ),
        shows="535",
        then=(
            mail(),
            wait("535"),
            shell("dd if=/dev/zero of=/var/spool/postfix/core bs=1k 2>/dev/null; true"),
            smtp_mail(),
        ),
    ),
    double(
        "resolver-dead-and-stopped",
        "postfix-not-running",
        "resolver-failing",
        "Postfix is stopped, and the resolver is dead",
        shell("echo options timeout:1 attempts:1 >> /etc/resolv.conf"),
        shows="stopping the Postfix",
        world=World(resolver="silent"),
        then=(mail(), wait("status=deferred"), run("postfix", "stop")),
    ),
    double(
        "typo-recipient-and-credentials",
        "relay-credentials-rejected",
        "mail-on-hold",
        "the login fails; older mail is on hold",
        relay(password="wrong-key"),
        shows="535",
        then=(mail(), wait("535"), run("postsuper", "-h", "ALL"), mail(), wait("535(?s:.*)535")),
    ),
    double(
        "hold-and-block",
        "egress-port-25-blocked",
        "mail-on-hold",
        "25 is blocked; part of the queue was put on hold",
        BLOCK_25,
        shows="timed out",
        then=(
            mail(),
            wait("status=deferred"),
            run("postsuper", "-h", "ALL"),
            mail(),
            wait("timed out(?s:.*)status=deferred(?s:.*)status=deferred"),
        ),
    ),
    double(
        "filter-down-and-block",
        "content-filter-down",
        "egress-port-25-blocked",
        "amavis is down; mail from before waits for port 25",
        BLOCK_25,
        shell("echo 'smtp-amavis unix - - y - 2 smtp' >> /etc/postfix/master.cf"),
        shows="10024",
        then=(
            mail(),
            wait("timed out"),
            settings(content_filter="smtp-amavis:[127.0.0.1]:10024"),
            run("postfix", "reload"),
            mail(),
        ),
    ),
    double(
        "config-error-and-block",
        "postfix-config-error",
        "egress-port-25-blocked",
        "a bad boolean; before it, time-outs on 25",
        BLOCK_25,
        shows="fatal: bad boolean",
        then=(mail(), wait("status=deferred"), settings(smtp_sasl_auth_enable="ja"), run("postfix", "reload"), mail()),
    ),
    double(
        "blocklisted-and-greylisted",
        "ip-blocklisted",
        "greylisted",
        "one receiver lists the address, another greylists",
        settings(inet_protocols="ipv4"),
        shows="Greylisted",
        world=World(
            listed=("zen.spamhaus.org",),
            servers=(
                Server(
                    host="mx?.northwind-trading.com",
                    manner=Manner(
                        replies={
                            "RCPT": "554 5.7.1 Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org"
                        }
                    ),
                ),
                Server(host="mx?.fjord-shipping.no", manner=Manner(grey=300)),
            ),
        ),
        then=(mail(), mail("olav@fjord-shipping.no"), wait("blocked using")),
    ),
    double(
        "spf-and-no-ptr",
        "reverse-dns-missing",
        "sender-unauthenticated",
        "no PTR, and no SPF record: two receivers complain of one each",
        settings(inet_protocols="ipv4"),
        shows="unauthenticated",
        world=World(
            records={("17.88.214.85.in-addr.arpa", "*"): "NXDOMAIN", ("brightwater-labs.com", "TXT"): "NODATA"},
            servers=(
                Server(
                    host="mx?.northwind-trading.com",
                    manner=Manner(
                        replies={"RCPT": "450 4.7.25 Client host rejected: cannot find your hostname, [{ip}]"}
                    ),
                ),
                Server(
                    host="*.google.com",
                    ports=(25,),
                    manner=Manner(
                        replies={
                            "DOT": "550-5.7.26 Your email has been blocked because the sender is unauthenticated.\n550 5.7.26 d94 - gsmtp"
                        }
                    ),
                ),
            ),
        ),
        then=(mail(), mail("maria.example@gmail.com"), wait("cannot find your hostname")),
    ),
    double(
        "exposed-and-rejected",
        "relay-credentials-rejected",
        "sasl-passwd-exposed",
        "the login is refused, and everyone can read it",
        relay(password="wrong-key", mode=0o644),
        shows="535",
    ),
)
