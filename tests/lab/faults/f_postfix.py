"""Faults of Postfix itself: its processes and its configuration."""

from __future__ import annotations

from tests.lab.fault import Fault
from tests.lab.internet.world import Manner, Server, World
from tests.lab.steps import append, mail, nft, pause, relay, replace, run, settings, shell, smtp_mail, wait, write

CONFIG = ("postfix-config-error",)
PASTE = ("config-paste-artifact",)
NOT_ROUTED = ("relay-not-configured",)
SUSPENDED = ("delivery-suspended-by-config",)

BLOCK_25 = nft("isp", "forward tcp dport 25 drop")
NOT_INSTALLED = shell(
    "rm -rf /usr/sbin/post* /usr/sbin/sendmail /usr/lib/sendmail /usr/bin/mailq /usr/bin/newaliases /usr/lib/postfix /etc/postfix"
    " /usr/share/postfix /var/spool/postfix /etc/init.d/postfix /var/lib/dpkg/info/postfix* /lib/systemd/system/postfix*;"
    " python3 - <<'P'\nimport re\np='/var/lib/dpkg/status'\nt=open(p).read()\n"
    "open(p,'w').write('\\n\\n'.join(s for s in t.split('\\n\\n') if not re.match(r'Package: postfix', s)))\nP\n"
    "userdel postfix; rm -f /var/log/mail.log"
)
LOCAL_MAIL = "mail.host=localhost\nmail.port=25\nmail.transport.protocol=smtp\nmail.smtp.auth=false\n"
TEMPLATE = "/etc/puppet/modules/all_in_one/templates/email-connection.properties.erb"

_PROCESSES = (
    Fault(
        id="postfix-not-installed",
        accept=("postfix-not-installed",),
        about="no mail server was ever installed",
        start=False,
        setup=(NOT_INSTALLED,),
        then=(),
    ),
    Fault(
        id="postfix-not-installed-app-localhost",
        accept=("postfix-not-installed",),
        start=False,
        about="the application sends to localhost:25, Postfix was purged",
        setup=(NOT_INSTALLED, write(TEMPLATE, LOCAL_MAIL)),
        then=(),
    ),
    Fault(
        id="postfix-never-started",
        accept=("postfix-not-running",),
        about="mail waits in maildrop",
        start=False,
        proof=((("sh", "-c", "ls /var/spool/postfix/maildrop"), r"\w"),),
    ),
    Fault(
        id="postfix-stopped",
        accept=("postfix-not-running",),
        about="stopped after it had worked",
        history=True,
        then=(mail(), wait("status=sent"), run("postfix", "stop"), mail(), mail()),
        shows="stopping the Postfix mail system",
    ),
    Fault(
        id="postfix-master-killed",
        accept=("postfix-not-running",),
        about="master was killed (OOM), its pid file remains",
        then=(
            mail(),
            wait("status=sent"),
            shell(
                "kill -9 $(cat /var/spool/postfix/pid/master.pid); sleep 0.3;"
                " pkill -9 -x 'pickup|qmgr|tlsmgr|trivial-rewrite|cleanup|smtp|postlogd'; true"
            ),
            mail(),
        ),
    ),
    Fault(
        id="bad-boolean",
        accept=CONFIG,
        about="smtp_sasl_auth_enable = ja: smtp(8) never starts, mail stays active",
        setup=(relay(), settings(smtp_sasl_auth_enable="ja")),
        shows="fatal: bad boolean",
    ),
    Fault(
        id="bad-number",
        accept=CONFIG,
        about="message_size_limit = 25M",
        setup=(settings(message_size_limit="25M"),),
        then=(mail(),),
        proof=((("sh", "-c", "postfix start; echo status $?"), "status 1"),),
    ),
    Fault(
        id="master-cf-broken",
        accept=CONFIG,
        about="a line of master.cf lacks its columns",
        setup=(append("/etc/postfix/master.cf", "submission inet n - y -\n"),),
        then=(mail(),),
        shows="fatal: cannot execute .*postconf",
    ),
    Fault(
        id="bad-tls-level",
        accept=CONFIG,
        about="smtp_tls_security_level = on",
        setup=(relay(tls="on"),),
        shows="fatal: Invalid TLS level",
    ),
    Fault(
        id="mynetworks-broken",
        accept=CONFIG,
        about="mynetworks has a bad mask: smtpd dies at each connection",
        setup=(settings(mynetworks="192.168.1.10/24 127.0.0.0/8"),),
        then=(smtp_mail(),),
        shows="(non-null host address bits|bad net/mask)",
    ),
    Fault(
        id="edited-not-reloaded",
        accept=("config-not-reloaded",),
        about="the relay's name was corrected, no reload since",
        world=World(records={("smtp.mandrilapp.com", "*"): "NXDOMAIN"}),
        setup=(
            relay("smtp.mandrilapp.com"),
            write("/etc/postfix/sasl_passwd", "[smtp.mandrillapp.com]:587 lab-user:Zk7-tiefsee-4Qv9\n", 0o600),
            run("postmap", "/etc/postfix/sasl_passwd"),
        ),
        then=(
            mail(),
            wait("status=deferred"),
            pause(1.2),
            replace("/etc/postfix/main.cf", "mandrilapp", "mandrillapp"),
            mail("second@northwind-trading.com"),
        ),
        shows="second@northwind-trading.com.*status=deferred",
    ),
    Fault(
        id="master-cf-not-reloaded",
        accept=("config-not-reloaded",),
        about="the smtp service was put back, no reload since",
        setup=(replace("/etc/postfix/master.cf", "\nsmtp      unix", "\n#smtp      unix"),),
        then=(
            mail(),
            wait("status=deferred|transport"),
            pause(1.2),
            replace("/etc/postfix/master.cf", "\n#smtp      unix", "\nsmtp      unix"),
            mail("second@northwind-trading.com"),
        ),
        shows="second@northwind-trading.com.*status=deferred",
    ),
)

_ROUTES = (
    Fault(
        id="relayhost-empty-map-present",
        accept=NOT_ROUTED,
        about="password map and login are set, relayhost is empty; 25 is blocked",
        setup=(BLOCK_25, relay(), settings(relayhost="")),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="relayhost-misspelt",
        accept=NOT_ROUTED,
        about="relay_host instead of relayhost; 25 is blocked",
        setup=(
            BLOCK_25,
            relay(),
            settings(relayhost=None),
            append("/etc/postfix/main.cf", "relay_host = [smtp.mandrillapp.com]:587\n"),
        ),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="relayhost-overridden-below",
        accept=NOT_ROUTED,
        about="the pasted relayhost is overridden by Debian's empty one below it",
        setup=(BLOCK_25, relay(), append("/etc/postfix/main.cf", "\n# managed by config tool\nrelayhost =\n")),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="transport-map-catch-all",
        accept=NOT_ROUTED,
        about="transport_maps sends everything directly; 25 is blocked",
        setup=(
            BLOCK_25,
            relay(),
            write("/etc/postfix/transport", "*    smtp:\n"),
            run("postmap", "/etc/postfix/transport"),
            settings(transport_maps="hash:/etc/postfix/transport"),
        ),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="sender-dependent-override",
        accept=NOT_ROUTED,
        about="sender_dependent_relayhost_maps overrides the relay",
        setup=(
            BLOCK_25,
            relay(),
            write("/etc/postfix/sender_relay", "@brightwater-labs.com DUNNO\n"),
            run("postmap", "/etc/postfix/sender_relay"),
            settings(
                sender_dependent_relayhost_maps="hash:/etc/postfix/sender_relay",
                relayhost="",
                smtp_sender_dependent_authentication="yes",
            ),
        ),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="paste-backslash-use-tls",
        accept=PASTE,
        about="the documented block with its backslash: smtp_use_tls = yes\\",
        setup=(relay(), append("/etc/postfix/main.cf", "smtp_use_tls = yes\\\n")),
        shows="fatal: bad boolean configuration",
    ),
    Fault(
        id="paste-backslash-cafile",
        accept=PASTE,
        about="a backslash after the CA file's path",
        setup=(relay(smtp_tls_CAfile="/etc/ssl/certs/ca-certificates.crt\\"),),
        shows="status=deferred .*TLS is required",
    ),
    Fault(
        id="paste-smart-quotes",
        accept=PASTE,
        about="relayhost in typographic quotes",
        setup=(relay(), settings(relayhost="“[smtp.mandrillapp.com]:587”")),
        shows="status=(deferred|bounced)|fatal",
    ),
    Fault(
        id="paste-no-break-space",
        accept=PASTE,
        about="a no-break space after the relay's name",
        setup=(relay(), settings(relayhost="[smtp.mandrillapp.com]:587\u00a0")),
        shows="status=(deferred|bounced)|fatal",
    ),
    Fault(
        id="smtp-service-commented",
        accept=("smtp-transport-missing",),
        about="the smtp client is commented out in master.cf",
        setup=(replace("/etc/postfix/master.cf", "\nsmtp      unix", "\n#smtp      unix"),),
        shows="(mail transport unavailable|private/smtp)",
    ),
    Fault(
        id="transport-unknown",
        accept=("smtp-transport-missing",),
        about="default_transport names a service that master.cf lacks",
        setup=(settings(default_transport="smarthost"),),
        shows="(mail transport unavailable|private/smarthost)",
    ),
    Fault(
        id="defer-transports",
        accept=SUSPENDED,
        about="defer_transports = smtp",
        setup=(settings(defer_transports="smtp"),),
        shows="status=deferred .*deferred transport",
    ),
    Fault(
        id="default-transport-error",
        accept=SUSPENDED,
        about="Debian's 'local only': default_transport = error",
        setup=(settings(default_transport="error: outside mail is not deliverable"),),
        shows="status=bounced .*not deliverable",
    ),
    Fault(
        id="default-transport-discard",
        accept=SUSPENDED,
        about="a staging copy discards everything",
        setup=(settings(default_transport="discard:staging"),),
        shows="status=sent .*staging",
    ),
    Fault(
        id="header-checks-discard",
        accept=SUSPENDED,
        about="header_checks discards mail by its subject",
        setup=(
            write("/etc/postfix/header_checks", "/^Subject: .*[Vv]erify/ DISCARD test system\n"),
            settings(header_checks="pcre:/etc/postfix/header_checks"),
        ),
        shows="discard: header",
    ),
    Fault(
        id="held-by-administrator",
        accept=("mail-on-hold",),
        about="postsuper -h ALL during a move, never released",
        setup=(nft("isp", "forward tcp dport 25 counter"), settings(defer_transports="smtp")),
        then=(
            mail(times=3),
            wait("status=deferred"),
            run("postsuper", "-h", "ALL"),
            settings(defer_transports=None),
            run("postfix", "reload"),
            pause(0.5),
        ),
        shows="Placed on hold",
    ),
    Fault(
        id="held-by-header-checks",
        accept=("mail-on-hold",),
        about="a header check puts mail on hold",
        setup=(
            write("/etc/postfix/header_checks", "/^Subject: .*[Vv]erify/ HOLD review\n"),
            settings(header_checks="pcre:/etc/postfix/header_checks"),
        ),
        then=(mail(times=2),),
        shows="hold: header",
    ),
    Fault(
        id="recipient-in-mydestination",
        accept=("recipient-domain-local",),
        about="the recipient's domain is in mydestination",
        setup=(settings(mydestination="$myhostname, localhost, northwind-trading.com"),),
        shows="status=bounced .*unknown user",
    ),
    Fault(
        id="recipient-in-virtual-domains",
        accept=("recipient-domain-local",),
        about="the domain is a virtual alias domain here",
        setup=(
            settings(
                virtual_alias_domains="northwind-trading.com",
                virtual_alias_maps="inline:{{sales@northwind-trading.com=root@localhost}}",
            ),
        ),
        shows="status=bounced .*User unknown in virtual alias",
    ),
    Fault(
        id="relay-is-this-host",
        accept=("mail-loops-back",),
        about="relayhost is this very host",
        setup=(settings(relayhost="[app.brightwater-labs.com]"),),
        shows="loops back to myself",
    ),
    Fault(
        id="relay-is-localhost",
        accept=("mail-loops-back",),
        about="relayhost is localhost, where this Postfix listens",
        setup=(settings(relayhost="[127.0.0.1]:25"),),
        shows="loops back to myself",
    ),
    Fault(
        id="mx-is-this-host",
        accept=("mail-loops-back",),
        about="the recipient's MX is this host, which does not know the domain",
        world=World(
            records={
                ("moved-here.com", "MX"): ("10 app.brightwater-labs.com",),
                ("app.brightwater-labs.com", "A"): ("192.168.1.10",),
            }
        ),
        then=(mail("info@moved-here.com"),),
        shows="status=(bounced|deferred) .*loops back to myself",
    ),
    Fault(
        id="non-ascii-recipient",
        accept=("smtputf8-unsupported",),
        about="an internationalised address, the receiver lacks SMTPUTF8",
        world=World(
            servers=(Server(host="mx?.northwind-trading.com", manner=Manner(features=("SIZE 10240000", "8BITMIME"))),)
        ),
        then=(mail("jürgen@northwind-trading.com"),),
        shows="SMTPUTF8 is required",
    ),
    Fault(
        id="non-ascii-sender-relay",
        accept=("smtputf8-unsupported",),
        about="an internationalised sender, the relay lacks SMTPUTF8",
        world=World(
            servers=(Server(host="smtp.rhein-mail.de", manner=Manner(features=("SIZE 10240000", "8BITMIME"))),)
        ),
        setup=(relay("smtp.rhein-mail.de"),),
        then=(mail(sender="büro@brightwater-labs.com"),),
        shows="SMTPUTF8 is required",
    ),
)

FAULTS = (*_PROCESSES, *_ROUTES)
