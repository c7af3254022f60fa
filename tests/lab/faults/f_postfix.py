"""Faults of Postfix itself: its processes and its configuration."""

from __future__ import annotations

from tests.lab.fault import fault
from tests.lab.internet.world import World, one_server
from tests.lab.steps import (
    append,
    mail,
    mapped,
    nft,
    pause,
    relay,
    replace,
    run,
    settings,
    shell,
    smtp_mail,
    wait,
    write,
)

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
    fault(
        "postfix-not-installed",
        "postfix-not-installed",
        "no mail server was ever installed",
        NOT_INSTALLED,
        start=False,
        then=(),
    ),
    fault(
        "postfix-not-installed-app-localhost",
        "postfix-not-installed",
        "the application sends to localhost:25, Postfix was purged",
        NOT_INSTALLED,
        write(TEMPLATE, LOCAL_MAIL),
        start=False,
        then=(),
    ),
    fault(
        "postfix-never-started",
        "postfix-not-running",
        "mail waits in maildrop",
        start=False,
        proof=("ls /var/spool/postfix/maildrop", r"\w"),
    ),
    fault(
        "postfix-stopped",
        "postfix-not-running",
        "stopped after it had worked",
        history=True,
        then=(mail(), wait("status=sent"), run("postfix", "stop"), mail(), mail()),
        shows="stopping the Postfix mail system",
    ),
    fault(
        "postfix-master-killed",
        "postfix-not-running",
        "master was killed (OOM), its pid file remains",
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
    fault(
        "bad-boolean",
        CONFIG,
        "smtp_sasl_auth_enable = ja: smtp(8) never starts, mail stays active",
        relay(),
        settings(smtp_sasl_auth_enable="ja"),
        shows="fatal: bad boolean",
    ),
    fault(
        "bad-number",
        CONFIG,
        "message_size_limit = 25M",
        settings(message_size_limit="25M"),
        then=(mail(),),
        proof=("postfix start; echo status $?", "status 1"),
    ),
    fault(
        "master-cf-broken",
        CONFIG,
        "a line of master.cf lacks its columns",
        append("/etc/postfix/master.cf", "submission inet n - y -\n"),
        then=(mail(),),
        shows="fatal: cannot execute .*postconf",
    ),
    fault(
        "bad-tls-level",
        CONFIG,
        "smtp_tls_security_level = on",
        relay(tls="on"),
        shows="fatal: Invalid TLS level",
    ),
    fault(
        "mynetworks-broken",
        CONFIG,
        "mynetworks has a bad mask: smtpd dies at each connection",
        settings(mynetworks="192.168.1.10/24 127.0.0.0/8"),
        then=(smtp_mail(),),
        shows="(non-null host address bits|bad net/mask)",
    ),
    fault(
        "edited-not-reloaded",
        "config-not-reloaded",
        "the relay's name was corrected, no reload since",
        relay("smtp.mandrilapp.com"),
        write("/etc/postfix/sasl_passwd", "[smtp.mandrillapp.com]:587 lab-user:Zk7-tiefsee-4Qv9\n", 0o600),
        run("postmap", "/etc/postfix/sasl_passwd"),
        world=World(records={("smtp.mandrilapp.com", "*"): "NXDOMAIN"}),
        then=(
            mail(),
            wait("status=deferred"),
            pause(1.2),
            replace("/etc/postfix/main.cf", "mandrilapp", "mandrillapp"),
            mail("second@northwind-trading.com"),
        ),
        shows="second@northwind-trading.com.*status=deferred",
    ),
    fault(
        "master-cf-not-reloaded",
        "config-not-reloaded",
        "the smtp service was put back, no reload since",
        replace("/etc/postfix/master.cf", "\nsmtp      unix", "\n#smtp      unix"),
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
    fault(
        "relayhost-empty-map-present",
        NOT_ROUTED,
        "password map and login are set, relayhost is empty; 25 is blocked",
        BLOCK_25,
        relay(),
        settings(relayhost=""),
        shows="status=deferred .*timed out",
    ),
    fault(
        "relayhost-misspelt",
        NOT_ROUTED,
        "relay_host instead of relayhost; 25 is blocked",
        BLOCK_25,
        relay(),
        settings(relayhost=None),
        append("/etc/postfix/main.cf", "relay_host = [smtp.mandrillapp.com]:587\n"),
        shows="status=deferred .*timed out",
    ),
    fault(
        "relayhost-overridden-below",
        NOT_ROUTED,
        "the pasted relayhost is overridden by Debian's empty one below it",
        BLOCK_25,
        relay(),
        append("/etc/postfix/main.cf", "\n# managed by config tool\nrelayhost =\n"),
        shows="status=deferred .*timed out",
    ),
    fault(
        "transport-map-catch-all",
        NOT_ROUTED,
        "transport_maps sends everything directly; 25 is blocked",
        BLOCK_25,
        relay(),
        mapped("transport_maps", "*    smtp:\n"),
        shows="status=deferred .*timed out",
    ),
    fault(
        "sender-dependent-override",
        NOT_ROUTED,
        "sender_dependent_relayhost_maps overrides the relay",
        BLOCK_25,
        relay(),
        mapped("sender_dependent_relayhost_maps", "@brightwater-labs.com DUNNO\n"),
        settings(relayhost="", smtp_sender_dependent_authentication="yes"),
        shows="status=deferred .*timed out",
    ),
    fault(
        "paste-backslash-use-tls",
        PASTE,
        "the documented block with its backslash: smtp_use_tls = yes\\",
        relay(),
        append("/etc/postfix/main.cf", "smtp_use_tls = yes\\\n"),
        shows="fatal: bad boolean configuration",
    ),
    fault(
        "paste-backslash-cafile",
        PASTE,
        "a backslash after the CA file's path",
        relay(smtp_tls_CAfile="/etc/ssl/certs/ca-certificates.crt\\"),
        shows="status=deferred .*TLS is required",
    ),
    fault(
        "paste-smart-quotes",
        PASTE,
        "relayhost in typographic quotes",
        relay(),
        settings(relayhost="“[smtp.mandrillapp.com]:587”"),
        shows="status=(deferred|bounced)|fatal",
    ),
    fault(
        "paste-no-break-space",
        PASTE,
        "a no-break space after the relay's name",
        relay(),
        settings(relayhost="[smtp.mandrillapp.com]:587\u00a0"),
        shows="status=(deferred|bounced)|fatal",
    ),
    fault(
        "smtp-service-commented",
        "smtp-transport-missing",
        "the smtp client is commented out in master.cf",
        replace("/etc/postfix/master.cf", "\nsmtp      unix", "\n#smtp      unix"),
        shows="(mail transport unavailable|private/smtp)",
    ),
    fault(
        "transport-unknown",
        "smtp-transport-missing",
        "default_transport names a service that master.cf lacks",
        settings(default_transport="smarthost"),
        shows="(mail transport unavailable|private/smarthost)",
    ),
    fault(
        "defer-transports",
        SUSPENDED,
        "defer_transports = smtp",
        settings(defer_transports="smtp"),
        shows="status=deferred .*deferred transport",
    ),
    fault(
        "default-transport-error",
        SUSPENDED,
        "Debian's 'local only': default_transport = error",
        settings(default_transport="error: outside mail is not deliverable"),
        shows="status=bounced .*not deliverable",
    ),
    fault(
        "default-transport-discard",
        SUSPENDED,
        "a staging copy discards everything",
        settings(default_transport="discard:staging"),
        shows="status=sent .*staging",
    ),
    fault(
        "header-checks-discard",
        SUSPENDED,
        "header_checks discards mail by its subject",
        write("/etc/postfix/header_checks", "/^Subject: .*[Vv]erify/ DISCARD test system\n"),
        settings(header_checks="pcre:/etc/postfix/header_checks"),
        shows="discard: header",
    ),
    fault(
        "held-by-administrator",
        "mail-on-hold",
        "postsuper -h ALL during a move, never released",
        nft("isp", "forward tcp dport 25 counter"),
        settings(defer_transports="smtp"),
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
    fault(
        "held-by-header-checks",
        "mail-on-hold",
        "a header check puts mail on hold",
        write("/etc/postfix/header_checks", "/^Subject: .*[Vv]erify/ HOLD review\n"),
        settings(header_checks="pcre:/etc/postfix/header_checks"),
        then=(mail(times=2),),
        shows="hold: header",
    ),
    fault(
        "recipient-in-mydestination",
        "recipient-domain-local",
        "the recipient's domain is in mydestination",
        settings(mydestination="$myhostname, localhost, northwind-trading.com"),
        shows="status=bounced .*unknown user",
    ),
    fault(
        "recipient-in-virtual-domains",
        "recipient-domain-local",
        "the domain is a virtual alias domain here",
        settings(
            virtual_alias_domains="northwind-trading.com",
            virtual_alias_maps="inline:{{sales@northwind-trading.com=root@localhost}}",
        ),
        shows="status=bounced .*User unknown in virtual alias",
    ),
    fault(
        "relay-is-this-host",
        "mail-loops-back",
        "relayhost is this very host",
        settings(relayhost="[app.brightwater-labs.com]"),
        shows="loops back to myself",
    ),
    fault(
        "relay-is-localhost",
        "mail-loops-back",
        "relayhost is localhost, where this Postfix listens",
        settings(relayhost="[127.0.0.1]:25"),
        shows="loops back to myself",
    ),
    fault(
        "mx-is-this-host",
        "mail-loops-back",
        "the recipient's MX is this host, which does not know the domain",
        world=World(
            records={
                ("moved-here.com", "MX"): ("10 app.brightwater-labs.com",),
                ("app.brightwater-labs.com", "A"): ("192.168.1.10",),
            }
        ),
        then=(mail("info@moved-here.com"),),
        shows="status=(bounced|deferred) .*loops back to myself",
    ),
    fault(
        "non-ascii-recipient",
        "smtputf8-unsupported",
        "an internationalised address, the receiver lacks SMTPUTF8",
        world=one_server("mx?.northwind-trading.com", features=("SIZE 10240000", "8BITMIME")),
        then=(mail("jürgen@northwind-trading.com"),),
        shows="SMTPUTF8 is required",
    ),
    fault(
        "non-ascii-sender-relay",
        "smtputf8-unsupported",
        "an internationalised sender, the relay lacks SMTPUTF8",
        relay("smtp.rhein-mail.de"),
        world=one_server("smtp.rhein-mail.de", features=("SIZE 10240000", "8BITMIME")),
        then=(mail(sender="büro@brightwater-labs.com"),),
        shows="SMTPUTF8 is required",
    ),
)

FAULTS = (*_PROCESSES, *_ROUTES)
