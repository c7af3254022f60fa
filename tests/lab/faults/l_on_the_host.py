"""Faults on this host and of its applications, healthy machines in other surroundings, and two faults at once."""

from __future__ import annotations

from tests.lab.fault import Fault, double, fault
from tests.lab.internet.world import Manner, Server, World
from tests.lab.machine import SECRET, Machine
from tests.lab.steps import Step, append, mail, nft, pause, relay, settings, shell, smtp_mail, wait, write
from tests.lab.surroundings import (
    NO_SYSTEMD,
    NO_TOOLS,
    busy_day,
    container,
    iso_log,
    log_to,
    rotated,
    stub_resolver,
)

from .l_on_the_way import CORP, DROP_25, corp, says
from .z_healthy import well

APP = "/srv/shop/conf/mail.properties"
BY_OPTION = ("--app-config", APP)
SILENT_PARTNER = Server(host="mx?.dead-partner.biz", manner=Manner(connect="silence"))
IN_RELAYHOST = "sed -i 's/^relayhost = .*/relayhost = {}/' /etc/postfix/main.cf"
_SERVICES = """
out1 unix - - y - 10 smtp -o syslog_name=postfix/out1 -o smtp_helo_name=app.brightwater-labs.com
bulk unix - - y - 2 smtp
  -o syslog_name=postfix/bulk
  -o smtp_destination_rate_delay=1s
submission inet n - y - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
  -o { smtpd_helo_restrictions = permit_mynetworks, reject }
127.0.0.1:10025 inet n - n - - smtpd
  -o content_filter=
maildrop unix - n n - - pipe flags=DRhu user=nobody argv=/usr/bin/maildrop -d ${recipient}
"""
_SECOND = (
    "cp -a /etc/postfix /etc/postfix-out; cp -a /var/spool/postfix /var/spool/postfix-out; mkdir -p /var/lib/postfix-out;"
    " chown postfix /var/lib/postfix-out; postconf -c /etc/postfix-out -e queue_directory=/var/spool/postfix-out"
    " data_directory=/var/lib/postfix-out multi_instance_name=postfix-out multi_instance_enable=yes"
    " master_service_disable=inet maillog_file=/var/log/postfix-out.log; postconf -e multi_instance_enable=yes"
    " multi_instance_directories=/etc/postfix-out 'multi_instance_wrapper=$command_directory/postmulti -p --'"
)


def vpn_is_up(m: Machine) -> None:
    """The company's network behind the ISP, in which a smart host stands at 10.99.0.10."""
    m.network.run("isp", "ip", "route", "del", "unreachable", "10.0.0.0/8")
    m.network.nft("internet", "special ip daddr 10.99.0.10 accept")


def properties(**changed: str) -> Step:
    """The application's own settings for the unknown relay; a key's dots are written as two underscores."""
    keys = {
        "mail.smtp.host": CORP,
        "mail.smtp.port": "587",
        "mail.smtp.auth": "true",
        "mail.smtp.auth.username": "lab-user",
        "mail.smtp.auth.password": SECRET,
        "mail.smtp.starttls.enable": "true",
    } | {name.replace("__", "."): value for name, value in changed.items()}
    return write(APP, "# shop\n" + "".join(f"{key}={value}\n" for key, value in keys.items() if value))


def application(name: str, cause: str, about: str, *setup: Step, world: World | None = None) -> Fault:
    return fault(name, cause, about, *setup, world=world or corp(), then=(), args=BY_OPTION, history=True)


def internal_smart_host(m: Machine) -> None:
    vpn_is_up(m)
    m.postconf(relayhost="[10.99.0.10]")


_HOST = (
    fault("never-started-and-idle", "postfix-not-running", "never started since boot, nothing waits", start=False, then=()),
    fault(
        "master-killed-no-tools",
        "postfix-not-running",
        "master was killed in a container without tools",
        NO_TOOLS,
        NO_SYSTEMD,
        then=(mail(), wait("status=sent"), shell("kill -9 $(cat /var/spool/postfix/pid/master.pid)"), mail()),
    ),
    fault(
        "setting-refers-to-itself",
        "postfix-config-error",
        "smtp_helo_name = $smtp_helo_name",
        settings(smtp_helo_name="$smtp_helo_name"),
        shows="(fatal|unreasonable)",
    ),
    fault(
        "master-cf-program-gone",
        "smtp-transport-missing",
        "master.cf has smtp run a program that does not exist",
        shell("sed -i -E 's/^(smtp +unix .*) smtp$/\\1 smtpc/' /etc/postfix/master.cf"),
        shows="fatal: master_spawn",
    ),
    fault(
        "paste-prompt-relayhost",
        "config-paste-artifact",
        "a shell's prompt stands before relayhost; 25 is dropped",
        DROP_25,
        relay(CORP),
        shell("sed -i 's/^relayhost/$ relayhost/' /etc/postfix/main.cf"),
        world=corp(),
    ),
    fault(
        "paste-zero-width-relayhost",
        "config-paste-artifact",
        "an invisible character in relayhost",
        relay(CORP),
        shell(IN_RELAYHOST.format("[mail.example-corp.net\\xe2\\x80\\x8b]:587")),
        world=corp(),
        shows="status=",
    ),
    fault(
        "paste-html-relayhost",
        "config-paste-artifact",
        "HTML entities in relayhost",
        relay(CORP),
        shell(IN_RELAYHOST.format("\\&#91;mail.example-corp.net\\&#93;:587")),
        world=corp(),
        shows="fatal: valid hostname",
    ),
    fault(
        "mydestination-in-a-file",
        "recipient-domain-local",
        "mydestination reads a file that names the recipient's domain",
        write("/etc/postfix/local-host-names", "# ours\nnorthwind-trading.com\n"),
        settings(mydestination="localhost, /etc/postfix/local-host-names"),
        shows="status=bounced",
    ),
    fault(
        "sender-transport-missing",
        "smtp-transport-missing",
        "sender_dependent_default_transport_maps names a transport that master.cf lacks",
        settings(sender_dependent_default_transport_maps="inline:{{@brightwater-labs.com=out-2:}}"),
        shows="out-2",
    ),
    fault(
        "default-transport-retry",
        "delivery-suspended-by-config",
        "default_transport = retry",
        settings(default_transport="retry:4.3.2 maintenance until Monday"),
        shows="status=deferred",
    ),
    fault(
        "queue-minfree-too-large",
        "disk-full",
        "queue_minfree asks for more than the disk has",
        settings(queue_minfree="900000000000"),
        then=(smtp_mail(),),
        shows="(not enough|insufficient|free space)",
    ),
    application("app-port-with-letter", "app-config-invalid", "the port has a letter O", properties(mail__smtp__port="5O7")),
    application("app-variable-unfilled", "app-config-invalid", "${SMTP_HOST} stands still", properties(mail__smtp__host="${SMTP_HOST}")),
    application(
        "app-server-mute",
        "app-smtp-unreachable",
        "the application's server takes the connection and says nothing",
        properties(),
        world=corp(Server(host=CORP, manner=Manner(connect="silence"))),
    ),
    application(
        "app-refused-in-german",
        "app-credentials-rejected",
        "the server refuses in words of its own",
        properties(),
        world=corp(says(CORP, "AUTH", "535 5.7.0 Anmeldung abgelehnt")),
    ),
)  # fmt: skip

_HEALTHY = (
    well("healthy-stub-resolver", "a stub on 127.0.0.53, in the chroot too", stub_resolver()),
    well("healthy-container-relay", "a container with a relay", relay(CORP), container(), start=False, world=corp()),
    well("healthy-container-direct", "a container that sends direct", container(), start=False),
    well("healthy-no-tools", "no nft, iptables, ip, ss", NO_TOOLS),
    well("healthy-log-elsewhere", "a log of another name", log_to("/var/log/postfix/out.log"), history=False),
    well("healthy-iso-maillog", "RFC 3339 times, in maillog", then=(mail(), wait("=sent"), iso_log("/var/log/maillog")), shows=""),
    well("healthy-rotated-compressed", "rotated and packed just now", then=(mail(), wait("=sent"), rotated(True)), shows=""),
    well("healthy-many-services", "a master.cf full of services", append("/etc/postfix/master.cf", _SERVICES)),
    well("healthy-internal-smart-host", "a smart host by address; 25 is dropped elsewhere", internal_smart_host, nft("isp", "forward ip daddr != 10.99.0.10 tcp dport 25 drop")),
    well(
        "healthy-closed-network",
        "no resolver, nothing but the smart host may be reached",
        internal_smart_host,
        write("/etc/resolv.conf", "# closed network\n"),
        nft("gateway", "forward ip saddr 192.168.1.10 ip daddr != 10.99.0.10 drop"),
        history=False,
    ),
    well("healthy-unknown-relay-465", "25 and 587 are dropped", relay(CORP, 465), nft("isp", "forward tcp dport { 25, 587 } drop"), world=corp()),
    well("healthy-no-ipv6-in-kernel", "inet_protocols = all", shell("sysctl -qw net.ipv6.conf.all.disable_ipv6=1; sed -i '/::1/d' /etc/hosts")),
    well(
        "healthy-silent-partner",
        "mail to one partner waits, all else flows",
        busy_day(),
        then=(
            mail("x@dead-partner.biz", times=3),
            wait("partner.biz.*status=deferred", 30),
            mail("a@alder-bikes.com"),
            mail("b@kanzlei-roth.de"),
            wait("roth.de.*=sent"),
        ),
        world=World(servers=(SILENT_PARTNER,)),
    ),
    well(
        "healthy-bounce-to-silent-sender",
        "a bounce cannot be returned; it is the last that was tried",
        then=(mail("ghost@no-such-domain.biz", sender="info@dead-partner.biz"), mail(), wait("to=<info@dead.*deferred", 30)),
        world=World(records={("no-such-domain.biz", "*"): "NXDOMAIN"}, servers=(SILENT_PARTNER,)),
        shows="",
    ),
    well("healthy-rate-delay", "a rate delay keeps mail in the queue", settings(default_destination_rate_delay="2s"), then=(mail(times=4), pause(2))),
    well("healthy-fallback-relay", "smtp_fallback_relay stands ready", settings(smtp_fallback_relay=f"[{CORP}]:587"), world=corp()),
    well("healthy-dane-without-dnssec", "level dane, a resolver that does not validate", settings(smtp_tls_security_level="dane", smtp_dns_support_level="dnssec")),
)  # fmt: skip

_DOUBLES = (
    double(
        "never-started-and-key",
        "postfix-not-running",
        "sasl-key-mismatch",
        "never started; the key would not fit",
        relay(CORP, key=f"{CORP}:587"),
        start=False,
        world=corp(),
    ),
    double(
        "wrapper-and-key",
        "tls-wrapper-mismatch",
        "sasl-key-mismatch",
        "465 without wrappermode, and the key says 587",
        relay(CORP, 465, key=f"[{CORP}]:587"),
        settings(smtp_tls_wrappermode="no"),
        shows="status=deferred",
        world=corp(),
    ),
    double(
        "helo-and-ptr",
        "helo-name-invalid",
        "reverse-dns-missing",
        "two receivers complain of one each",
        settings(myhostname="localhost.localdomain", mydestination="localhost"),
        shows="auental.ch.*status=bounced",
        then=(mail("a@kanzlei-roth.de"), mail("b@gemeinde-auental.ch")),
        world=World(
            servers=(
                says("mx?.kanzlei-roth.de", "RCPT", "504 5.5.2 HELO argument is no full host name"),
                says("mx?.gemeinde-auental.ch", "RCPT", "550 5.7.25 {ip} lacks a PTR record"),
            ),
            records={("17.88.214.85.in-addr.arpa", "PTR"): "NXDOMAIN"},
        ),
    ),
    double(
        "documented-ca-and-password",
        "tls-ca-bundle-missing",
        "relay-credentials-rejected",
        "the documented CA path, and the password is wrong as well",
        relay(CORP, tls="may", password="no", smtp_tls_CAfile="/etc/pki/tls/certs/ca-bundle.crt"),
        shows="status=bounced",
        world=corp(),
    ),
)

FAULTS: tuple[Fault, ...] = (*_HOST, *_HEALTHY, *_DOUBLES)
