"""Slips of those who run a host, each mended by one line: an entry that was forgotten, a rule too wide, an account that is gone."""

from __future__ import annotations

from tests.lab.fault import fault
from tests.lab.faults.e_replies import saying
from tests.lab.internet.world import World
from tests.lab.steps import append, mail, mapped, pause, relay, run, settings, shell, wait, write

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


FAULTS = (
    fault(
        "transport-entry-to-a-dead-port",
        "relay-unreachable",
        "a forgotten entry of the transport table sends one domain to a local port where nothing listens",
        mapped("transport_maps", "# test of 2019\nexample.org  smtp:\nnorthwind-trading.com smtp:[127.0.0.1]:10029\n"),
        shows=FAILED,
    ),
    fault(
        "one-header-rule-of-three-rejects-own",
        "delivery-suspended-by-config",
        "one rule of a pcre table rejects the application's mail; the others are meant",
        write(
            "/etc/postfix/header_checks",
            "/^X-Spam-Flag: YES/ DISCARD\n/^Subject:.*verify/ REJECT spam is not wanted\n/^Received:.*localhost/ IGNORE\n",
        ),
        settings(header_checks="pcre:/etc/postfix/header_checks"),
        shows="reject: header Subject",
    ),
    fault(
        "sendmail-for-root-alone",
        "queue-permissions",
        "a hardening script took from others the right to run sendmail",
        shell("chmod 700 /usr/sbin/sendmail"),
        proof=("stat -c %a /usr/sbin/sendmail", "700"),
    ),
    fault(
        "sockets-directory-cleared",
        "queue-permissions",
        "private and public of the queue were cleared away under the running Postfix",
        then=(
            mail(),
            wait("status=sent"),
            shell("rm -rf /var/spool/postfix/private /var/spool/postfix/public"),
            mail(),
            pause(2),
        ),
        proof=("test -e /var/spool/postfix/private || echo none", "none"),
    ),
    fault(
        "maildrop-cleared",
        "queue-permissions",
        "maildrop was cleared away under the running Postfix: mail by SMTP still flows",
        then=(
            mail(),
            wait("status=sent"),
            shell("rm -rf /var/spool/postfix/maildrop"),
            shell("! echo | timeout 3 sendmail -f noreply@brightwater-labs.com maria@northwind-trading.com"),
        ),
        proof=("test -e /var/spool/postfix/maildrop || echo none", "none"),
    ),
    fault(
        "old-login-above-the-new",
        "relay-credentials-rejected",
        "the new login was put below the old one of the same key, which wins",
        relay(
            line="[smtp.mandrillapp.com]:587 old-user:Wr0ng-alt-77\n[smtp.mandrillapp.com]:587 lab-user:Zk7-tiefsee-4Qv9"
        ),
        shows=FAILED,
    ),
    fault(
        "bind-address-is-a-device",
        "postfix-config-error",
        "smtp_bind_address names a network device: smtp(8) dies at each message",
        settings(smtp_bind_address="eth0"),
        shows="bad smtp_bind_address",
    ),
    fault(
        "nat-587-to-a-dead-proxy",
        "local-firewall-blocks-smtp",
        "a NAT rule of this host sends port 587 to a proxy that is gone",
        relay(),
        shell("iptables -t nat -A OUTPUT -p tcp --dport 587 -j DNAT --to-destination 127.0.0.1:10587"),
        shows=FAILED,
    ),
    fault(
        "hosts-file-of-a-former-relay",
        "relay-unreachable",
        "/etc/hosts gives the relay an address of long ago",
        relay(smtp_host_lookup="native"),
        shell("echo '198.51.100.9 smtp.mandrillapp.com' >>/etc/hosts"),
        shows=FAILED,
    ),
    fault(
        "spring-yaml-465-with-starttls",
        "app-tls-mismatch",
        "application.yml of Spring Boot: port 465 with STARTTLS",
        write("/opt/portal/application.yml", _SPRING),
        then=(mail(), wait("status=sent")),
        args=("--app-config", "/opt/portal/application.yml"),
    ),
    fault(
        "nextcloud-to-a-port-of-nobody",
        "smtp-listener-missing",
        "Nextcloud's config.php names port 2525 of this host, Postfix listens at 25",
        write("/var/www/nextcloud/config/config.php", _NEXTCLOUD),
        then=(mail(), wait("status=sent")),
        args=("--app-config", "/var/www/nextcloud/config/config.php"),
    ),
    fault(
        "bounced-to-a-rewritten-sender",
        "recipient-rewritten",
        "a rule of a test sends every recipient to an account that is gone, the bounce's too",
        mapped("recipient_canonical_maps", "@northwind-trading.com qa@brightwater-labs.com\n"),
        settings(mydestination="$myhostname, localhost, brightwater-labs.com"),
        shows="orig_to=<maria@northwind-trading.com>.*unknown user",
    ),
    fault(
        "staging-rule-takes-a-whole-domain",
        "recipient-rewritten",
        "a regexp of a staging host gives all mail of a foreign domain to a local mailbox: the log says sent",
        write("/etc/postfix/virtual.re", "/^(.*)@northwind-trading\\.com$/ staging@brightwater-labs.com\n"),
        settings(
            virtual_alias_maps="regexp:/etc/postfix/virtual.re",
            mydestination="$myhostname, brightwater-labs.com, localhost",
        ),
        write("/etc/aliases", "staging: /dev/null\n"),
        run("newaliases"),
        shows="status=sent",
    ),
    fault(
        "load-test-discards-a-domain",
        "delivery-suspended-by-config",
        "a pcre transport table discards one domain, left from a load test: the log says sent",
        write("/etc/postfix/transport.pcre", "/@northwind-trading\\.com$/ discard:load test\n"),
        settings(transport_maps="pcre:/etc/postfix/transport.pcre"),
        shows="status=sent \\(load test",
    ),
    fault(
        "option-without-a-value-in-master-cf",
        "postfix-config-error",
        "cleanup's line in master.cf ends in -o: the program dies of it",
        shell("sed -i '/^cleanup/s/cleanup$/cleanup -o/' /etc/postfix/master.cf"),
        shows="invalid option: o",
    ),
    fault(
        "forgotten-relocated-entry",
        "delivery-suspended-by-config",
        "relocated_maps says that the recipient has moved",
        mapped("relocated_maps", "maria@northwind-trading.com new@northwind-trading.com\n"),
        shows=FAILED,
    ),
    fault(
        "senders-transport-to-a-dead-host",
        "relay-unreachable",
        "sender_dependent_default_transport_maps leads to a host that is off",
        mapped("sender_dependent_default_transport_maps", "@brightwater-labs.com smtp:[192.168.1.45]:25\n"),
        shows=FAILED,
    ),
    fault(
        "native-lookup-without-dns",
        ("relay-name-not-found", "resolver-failing"),  # the same view of names, chrooted or not
        "smtp_host_lookup = native, and nsswitch.conf asks the hosts file alone",
        relay(smtp_host_lookup="native"),
        shell("sed -i 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf"),
        shows=FAILED,
    ),
    fault(
        "starttls-not-heard",
        "relay-requires-tls",
        "smtp_discard_ehlo_keywords = starttls is left from a server of before",
        relay(smtp_discard_ehlo_keywords="starttls, silent-discard"),
        shows="TLS is required, but was not offered",
    ),
    fault(
        "auth-not-heard",
        "relay-auth-not-attempted",
        "a cidr table in main.cf hides AUTH of the network that the relay has moved to",
        relay(smtp_discard_ehlo_keyword_address_maps="cidr:{ { 10.0.0.0/8 dsn } { 198.2.128.0/18 auth } }"),
        shows="530 5.7.0",
    ),
    fault(
        "host-named-as-its-mail-domain",
        "recipient-domain-local",
        "myhostname is the mail domain itself, whose mailboxes are elsewhere; all other mail flows",
        settings(myhostname="brightwater-labs.com"),
        history=True,
        then=(mail("sales@brightwater-labs.com"), mail(), wait("status=sent")),
        shows="sales@brightwater-labs.com.*status=bounced",
    ),
    fault(
        "spool-below-a-closed-folder",
        "queue-permissions",
        "the queue was moved to another disk, whose top folder is root's",
        shell("/usr/lib/postfix/configure-instance.sh -; mkdir -m 750 /data; cp -a /var/spool/postfix /data/postfix"),
        settings(queue_directory="/data/postfix"),
        proof=("setpriv --reuid=www-data --clear-groups sendmail x@example.org", "Permission denied"),
    ),
    fault(
        "relay-greeted-as-localhost",
        "helo-name-invalid",
        "smtp_helo_name = localhost: Google's relay closes at EHLO, in words that sound like a rate limit",
        settings(relayhost="[smtp-relay.gmail.com]:587", smtp_helo_name="localhost"),
        world=saying(
            "smtp-relay.gmail.com", "EHLO", "421 4.7.0 Try again later, closing connection. (EHLO) a6-20 - gsmtp"
        ),
        shows="status=deferred.*closing connection",
    ),
    fault(
        "sandbox-wants-the-recipient-verified",
        "relay-account-restricted",
        "Amazon SES keeps the account in its sandbox, and names the recipient as not verified",
        relay("email-smtp.eu-central-1.amazonaws.com"),
        world=saying(
            "email-smtp.*",
            "DOT",
            "554 Message rejected: Email address is not verified. The following identities failed the check in region "
            "EU-CENTRAL-1: maria@northwind-trading.com",
        ),
        shows="not verified",
    ),
    fault(
        "laravel-sender-refused-while-mail-flows",
        "sender-not-allowed",
        "MAIL_FROM_ADDRESS is Laravel's example, which the provider refuses; Postfix beside it delivers",
        write("/srv/shop/.env", _LARAVEL),
        world=saying("smtp.sendgrid.net", "MAIL", "550 The from address does not match a verified Sender Identity."),
        args=("--app-config", "/srv/shop/.env"),
        shows="status=sent",
    ),
    fault(
        "password-cut-at-its-number-sign",
        ("app-config-invalid", "app-credentials-rejected"),
        "a password in .env holds a # and no quotes, so that Laravel reads what precedes it",
        write(
            "/srv/shop/.env",
            _LARAVEL.replace("Zk7-", "Zk7#").replace("hello@example.com", "noreply@brightwater-labs.com"),
        ),
        world=World(account=("lab-user", "Zk7#tiefsee-4Qv9")),
        args=("--app-config", "/srv/shop/.env"),
        shows="status=sent",
    ),
    fault(
        "bound-to-loopback",
        "interface-not-ready",
        "smtp_bind_address = 127.0.0.1, to keep Postfix to this host",
        settings(smtp_bind_address="127.0.0.1", inet_protocols="ipv4"),
        shows="status=deferred.*Invalid argument",
    ),
    fault(
        "recipients-rewritten-by-a-greedy-pattern",
        "recipient-rewritten",
        "a pattern meant for one domain sends every recipient to another one; nobody names whose mail is missed",
        write("/etc/postfix/rc", "/^(.*)@.*\\.com$/ $1@tienda-sol.es\n"),
        settings(recipient_canonical_maps="regexp:/etc/postfix/rc"),
        shows="to=<maria@tienda-sol.es>, orig_to=<maria@northwind-trading.com>.*status=sent",
    ),
    fault(
        "mailbox-smaller-than-a-message",
        "postfix-config-error",
        "message_size_limit was raised above mailbox_size_limit: local(8) dies, and with it the alias of the alarms",
        append("/etc/aliases", "alarms: maria@northwind-trading.com\n"),
        run("postalias", "hash:/etc/aliases"),
        settings(mailbox_size_limit="10000000", message_size_limit="52428800"),
        then=(mail("alarms@app.brightwater-labs.com"),),
        shows="mailbox_size_limit is smaller",
    ),
    fault(
        "value-on-a-line-of-its-own",
        ("sasl-map-missing", "config-paste-artifact", "postfix-config-error"),  # an empty table, by that line
        "the value of smtp_sasl_password_maps stands on the next line, not indented",
        relay(),
        shell("sed -i 's#^smtp_sasl_password_maps *= *#smtp_sasl_password_maps =\\n#' /etc/postfix/main.cf"),
        proof=("postfix status || echo down", "down"),
    ),
    fault(
        "entrances-removed",
        "queue-permissions",
        "the sockets in public/ were removed under the running Postfix",
        then=(mail(), wait("status=sent"), shell("rm /var/spool/postfix/public/*"), mail(), pause(2)),
        proof=("ls /var/spool/postfix/public | wc -l", "^0"),
    ),
    fault(
        "policy-table-says-none",
        "relay-requires-tls",
        "an entry of smtp_tls_policy_maps switches TLS off for the relay",
        write("/etc/postfix/tls_policy", "[smtp.mandrillapp.com]:587 none\n"),
        run("postmap", "/etc/postfix/tls_policy"),
        relay(smtp_tls_policy_maps="hash:/etc/postfix/tls_policy"),
        shows=FAILED,
    ),
)
