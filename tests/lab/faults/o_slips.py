"""Slips of those who run a host, each mended by one line: an entry that was forgotten, a rule too wide, an account that is gone."""

from __future__ import annotations

from tests.lab.fault import Fault
from tests.lab.internet.world import Manner, Server, World
from tests.lab.steps import append, mail, pause, relay, run, settings, shell, wait, write

FAILED = "status=(deferred|bounced)"
_SPRING = """\
server:
  port: 8080
spring:
  mail:
    host: smtp.mandrillapp.com
    port: 465
    username: lab-user
    password: Zk7-tiefsee-4Qv9
    properties:
      mail.smtp.auth: true
      mail.smtp.starttls.enable: true
"""
_NEXTCLOUD = """\
<?php
$CONFIG = array (
  'mail_smtpmode' => 'smtp',
  'mail_smtphost' => '127.0.0.1',
  'mail_smtpport' => '2525',
  'mail_domain' => 'brightwater-labs.com',
);
"""
_LARAVEL = """\
MAIL_MAILER=smtp
MAIL_HOST=smtp.sendgrid.net
MAIL_PORT=587
MAIL_USERNAME=lab-user
MAIL_PASSWORD=Zk7-tiefsee-4Qv9
MAIL_ENCRYPTION=tls
MAIL_FROM_ADDRESS=hello@example.com
"""


def _says(host: str, stage: str, reply: str) -> World:
    return World(servers=(Server(host=host, manner=Manner(replies={stage: reply})),))


FAULTS = (
    Fault(
        id="transport-entry-to-a-dead-port",
        accept=("relay-unreachable",),
        about="a forgotten entry of the transport table sends one domain to a local port where nothing listens",
        setup=(
            write(
                "/etc/postfix/transport",
                "# test of 2019\nexample.org  smtp:\nnorthwind-trading.com smtp:[127.0.0.1]:10029\n",
            ),
            run("postmap", "/etc/postfix/transport"),
            settings(transport_maps="hash:/etc/postfix/transport"),
        ),
        shows=FAILED,
    ),
    Fault(
        id="one-header-rule-of-three-rejects-own",
        accept=("delivery-suspended-by-config",),
        about="one rule of a pcre table rejects the application's mail; the others are meant",
        setup=(
            write(
                "/etc/postfix/header_checks",
                "/^X-Spam-Flag: YES/ DISCARD\n/^Subject:.*verify/ REJECT spam is not wanted\n/^Received:.*localhost/ IGNORE\n",
            ),
            settings(header_checks="pcre:/etc/postfix/header_checks"),
        ),
        shows="reject: header Subject",
    ),
    Fault(
        id="sendmail-for-root-alone",
        accept=("queue-permissions",),
        about="a hardening script took from others the right to run sendmail",
        setup=(shell("chmod 700 /usr/sbin/sendmail"),),
        proof=((("stat", "-c", "%a", "/usr/sbin/sendmail"), "700"),),
    ),
    Fault(
        id="sockets-directory-cleared",
        accept=("queue-permissions",),
        about="private and public of the queue were cleared away under the running Postfix",
        then=(
            mail(),
            wait("status=sent"),
            shell("rm -rf /var/spool/postfix/private /var/spool/postfix/public"),
            mail(),
            pause(2),
        ),
        proof=((("sh", "-c", "test -e /var/spool/postfix/private || echo none"), "none"),),
    ),
    Fault(
        id="maildrop-cleared",
        accept=("queue-permissions",),
        about="maildrop was cleared away under the running Postfix: mail by SMTP still flows",
        then=(
            mail(),
            wait("status=sent"),
            shell("rm -rf /var/spool/postfix/maildrop"),
            shell("! echo | timeout 3 sendmail -f noreply@brightwater-labs.com maria@northwind-trading.com"),
        ),
        proof=((("sh", "-c", "test -e /var/spool/postfix/maildrop || echo none"), "none"),),
    ),
    Fault(
        id="old-login-above-the-new",
        accept=("relay-credentials-rejected",),
        about="the new login was put below the old one of the same key, which wins",
        setup=(
            relay(
                line="[smtp.mandrillapp.com]:587 old-user:Wr0ng-alt-77\n[smtp.mandrillapp.com]:587 lab-user:Zk7-tiefsee-4Qv9"
            ),
        ),
        shows=FAILED,
    ),
    Fault(
        id="bind-address-is-a-device",
        accept=("postfix-config-error",),
        about="smtp_bind_address names a network device: smtp(8) dies at each message",
        setup=(settings(smtp_bind_address="eth0"),),
        shows="bad smtp_bind_address",
    ),
    Fault(
        id="nat-587-to-a-dead-proxy",
        accept=("local-firewall-blocks-smtp",),
        about="a NAT rule of this host sends port 587 to a proxy that is gone",
        setup=(
            relay(),
            shell("iptables -t nat -A OUTPUT -p tcp --dport 587 -j DNAT --to-destination 127.0.0.1:10587"),
        ),
        shows=FAILED,
    ),
    Fault(
        id="hosts-file-of-a-former-relay",
        accept=("relay-unreachable",),
        about="/etc/hosts gives the relay an address of long ago",
        setup=(
            relay(smtp_host_lookup="native"),
            shell("echo '198.51.100.9 smtp.mandrillapp.com' >>/etc/hosts"),
        ),
        shows=FAILED,
    ),
    Fault(
        id="spring-yaml-465-with-starttls",
        accept=("app-tls-mismatch",),
        about="application.yml of Spring Boot: port 465 with STARTTLS",
        setup=(write("/opt/portal/application.yml", _SPRING),),
        then=(mail(), wait("status=sent")),
        args=("--app-config", "/opt/portal/application.yml"),
    ),
    Fault(
        id="nextcloud-to-a-port-of-nobody",
        accept=("smtp-listener-missing",),
        about="Nextcloud's config.php names port 2525 of this host, Postfix listens at 25",
        setup=(write("/var/www/nextcloud/config/config.php", _NEXTCLOUD),),
        then=(mail(), wait("status=sent")),
        args=("--app-config", "/var/www/nextcloud/config/config.php"),
    ),
    Fault(
        id="bounced-to-a-rewritten-sender",
        accept=("recipient-rewritten",),
        about="a rule of a test sends every recipient to an account that is gone, the bounce's too",
        setup=(
            write("/etc/postfix/canonical", "@northwind-trading.com qa@brightwater-labs.com\n"),
            run("postmap", "/etc/postfix/canonical"),
            settings(
                recipient_canonical_maps="hash:/etc/postfix/canonical",
                mydestination="$myhostname, localhost, brightwater-labs.com",
            ),
        ),
        shows="orig_to=<maria@northwind-trading.com>.*unknown user",
    ),
    Fault(
        id="staging-rule-takes-a-whole-domain",
        accept=("recipient-rewritten",),
        about="a regexp of a staging host gives all mail of a foreign domain to a local mailbox: the log says sent",
        setup=(
            write("/etc/postfix/virtual.re", "/^(.*)@northwind-trading\\.com$/ staging@brightwater-labs.com\n"),
            settings(
                virtual_alias_maps="regexp:/etc/postfix/virtual.re",
                mydestination="$myhostname, brightwater-labs.com, localhost",
            ),
            write("/etc/aliases", "staging: /dev/null\n"),
            run("newaliases"),
        ),
        shows="status=sent",
    ),
    Fault(
        id="load-test-discards-a-domain",
        accept=("delivery-suspended-by-config",),
        about="a pcre transport table discards one domain, left from a load test: the log says sent",
        setup=(
            write("/etc/postfix/transport.pcre", "/@northwind-trading\\.com$/ discard:load test\n"),
            settings(transport_maps="pcre:/etc/postfix/transport.pcre"),
        ),
        shows="status=sent \\(load test",
    ),
    Fault(
        id="option-without-a-value-in-master-cf",
        accept=("postfix-config-error",),
        about="cleanup's line in master.cf ends in -o: the program dies of it",
        setup=(shell("sed -i '/^cleanup/s/cleanup$/cleanup -o/' /etc/postfix/master.cf"),),
        shows="invalid option: o",
    ),
    Fault(
        id="forgotten-relocated-entry",
        accept=("delivery-suspended-by-config",),
        about="relocated_maps says that the recipient has moved",
        setup=(
            write("/etc/postfix/relocated", "maria@northwind-trading.com new@northwind-trading.com\n"),
            run("postmap", "/etc/postfix/relocated"),
            settings(relocated_maps="hash:/etc/postfix/relocated"),
        ),
        shows=FAILED,
    ),
    Fault(
        id="senders-transport-to-a-dead-host",
        accept=("relay-unreachable",),
        about="sender_dependent_default_transport_maps leads to a host that is off",
        setup=(
            write("/etc/postfix/by_sender", "@brightwater-labs.com smtp:[192.168.1.45]:25\n"),
            run("postmap", "/etc/postfix/by_sender"),
            settings(sender_dependent_default_transport_maps="hash:/etc/postfix/by_sender"),
        ),
        shows=FAILED,
    ),
    Fault(
        id="resolv-conf-closed",
        accept=("resolver-failing",),
        about="resolv.conf has mode 0600: Postfix' account cannot read it",
        setup=(shell("chmod 600 /etc/resolv.conf; postconf -F 'smtp/unix/chroot=n'"),),
        shows=FAILED,
    ),
    Fault(
        id="native-lookup-without-dns",
        accept=("relay-name-not-found",),
        about="smtp_host_lookup = native, and nsswitch.conf asks the hosts file alone",
        setup=(
            relay(smtp_host_lookup="native"),
            shell("sed -i 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf"),
        ),
        shows=FAILED,
    ),
    Fault(
        id="starttls-not-heard",
        accept=("relay-requires-tls",),
        about="smtp_discard_ehlo_keywords = starttls is left from a server of before",
        setup=(relay(smtp_discard_ehlo_keywords="starttls, silent-discard"),),
        shows="TLS is required, but was not offered",
    ),
    Fault(
        id="auth-not-heard",
        accept=("relay-auth-not-attempted",),
        about="a cidr table in main.cf hides AUTH of the network that the relay has moved to",
        setup=(relay(smtp_discard_ehlo_keyword_address_maps="cidr:{ { 10.0.0.0/8 dsn } { 198.2.128.0/18 auth } }"),),
        shows="530 5.7.0",
    ),
    Fault(
        id="host-named-as-its-mail-domain",
        accept=("recipient-domain-local",),
        about="myhostname is the mail domain itself, whose mailboxes are elsewhere; all other mail flows",
        history=True,
        setup=(settings(myhostname="brightwater-labs.com"),),
        then=(mail("sales@brightwater-labs.com"), mail(), wait("status=sent")),
        shows="sales@brightwater-labs.com.*status=bounced",
    ),
    Fault(
        id="spool-below-a-closed-folder",
        accept=("queue-permissions",),
        about="the queue was moved to another disk, whose top folder is root's",
        setup=(
            shell(
                "/usr/lib/postfix/configure-instance.sh -; mkdir -m 750 /data; cp -a /var/spool/postfix /data/postfix"
            ),
            settings(queue_directory="/data/postfix"),
        ),
        proof=((("setpriv", "--reuid=www-data", "--clear-groups", "sendmail", "x@example.org"), "Permission denied"),),
    ),
    Fault(
        id="relay-greeted-as-localhost",
        accept=("helo-name-invalid",),
        about="smtp_helo_name = localhost: Google's relay closes at EHLO, in words that sound like a rate limit",
        world=_says(
            "smtp-relay.gmail.com", "EHLO", "421 4.7.0 Try again later, closing connection. (EHLO) a6-20 - gsmtp"
        ),
        setup=(settings(relayhost="[smtp-relay.gmail.com]:587", smtp_helo_name="localhost"),),
        shows="status=deferred.*closing connection",
    ),
    Fault(
        id="sandbox-wants-the-recipient-verified",
        accept=("relay-account-restricted",),
        about="Amazon SES keeps the account in its sandbox, and names the recipient as not verified",
        world=_says(
            "email-smtp.*",
            "DOT",
            "554 Message rejected: Email address is not verified. The following identities failed the check in region "
            "EU-CENTRAL-1: maria@northwind-trading.com",
        ),
        setup=(relay("email-smtp.eu-central-1.amazonaws.com"),),
        shows="not verified",
    ),
    Fault(
        id="laravel-sender-refused-while-mail-flows",
        accept=("sender-not-allowed",),
        about="MAIL_FROM_ADDRESS is Laravel's example, which the provider refuses; Postfix beside it delivers",
        world=_says("smtp.sendgrid.net", "MAIL", "550 The from address does not match a verified Sender Identity."),
        setup=(write("/srv/shop/.env", _LARAVEL),),
        args=("--app-config", "/srv/shop/.env"),
        shows="status=sent",
    ),
    Fault(
        id="bound-to-loopback",
        accept=("interface-not-ready",),
        about="smtp_bind_address = 127.0.0.1, to keep Postfix to this host",
        setup=(settings(smtp_bind_address="127.0.0.1", inet_protocols="ipv4"),),
        shows="status=deferred.*Invalid argument",
    ),
    Fault(
        id="recipients-rewritten-by-a-greedy-pattern",
        accept=("recipient-rewritten",),
        about="a pattern meant for one domain sends every recipient to another one; nobody names whose mail is missed",
        setup=(
            write("/etc/postfix/rc", "/^(.*)@.*\\.com$/ $1@tienda-sol.es\n"),
            settings(recipient_canonical_maps="regexp:/etc/postfix/rc"),
        ),
        shows="to=<maria@tienda-sol.es>, orig_to=<maria@northwind-trading.com>.*status=sent",
    ),
    Fault(
        id="mailbox-smaller-than-a-message",
        accept=("postfix-config-error",),
        about="message_size_limit was raised above mailbox_size_limit: local(8) dies, and with it the alias of the alarms",
        setup=(
            append("/etc/aliases", "alarms: maria@northwind-trading.com\n"),
            run("postalias", "hash:/etc/aliases"),
            settings(mailbox_size_limit="10000000", message_size_limit="52428800"),
        ),
        then=(mail("alarms@app.brightwater-labs.com"),),
        shows="mailbox_size_limit is smaller",
    ),
    Fault(
        id="value-on-a-line-of-its-own",
        accept=("sasl-map-missing", "config-paste-artifact", "postfix-config-error"),  # an empty table, by that line
        about="the value of smtp_sasl_password_maps stands on the next line, not indented",
        setup=(
            relay(),
            shell("sed -i 's#^smtp_sasl_password_maps *= *#smtp_sasl_password_maps =\\n#' /etc/postfix/main.cf"),
        ),
        proof=((("sh", "-c", "postfix status || echo down"), "down"),),
    ),
    Fault(
        id="entrances-removed",
        accept=("queue-permissions",),
        about="the sockets in public/ were removed under the running Postfix",
        then=(mail(), wait("status=sent"), shell("rm /var/spool/postfix/public/*"), mail(), pause(2)),
        proof=((("sh", "-c", "ls /var/spool/postfix/public | wc -l"), "^0"),),
    ),
    Fault(
        id="policy-table-says-none",
        accept=("relay-requires-tls",),
        about="an entry of smtp_tls_policy_maps switches TLS off for the relay",
        setup=(
            write("/etc/postfix/tls_policy", "[smtp.mandrillapp.com]:587 none\n"),
            run("postmap", "/etc/postfix/tls_policy"),
            relay(smtp_tls_policy_maps="hash:/etc/postfix/tls_policy"),
        ),
        shows=FAILED,
    ),
)
