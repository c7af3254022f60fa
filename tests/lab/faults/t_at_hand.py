"""Slips whose remedy lies on the host: the value meant is there, under another name or in a text that nothing has read yet."""

from __future__ import annotations

from tests.lab.fault import fault
from tests.lab.machine import SECRET
from tests.lab.neighbours import DkimKey, content_filter, opendkim
from tests.lab.steps import append, mail, older, pause, relay, run, settings, shell, systemd, wait, write

from .o_mailers import case, exim

_FAILED = "status=(deferred|bounced)"
_LARAVEL = """\
MAIL_MAILER=smtp
MAIL_HOST=127.0.0.1
MAIL_PORT=1025
MAIL_USERNAME=null
MAIL_PASSWORD=null
MAIL_FROM_ADDRESS=noreply@brightwater-labs.com
"""

_REINJECTED = """\
smtp-amavis unix - - y - 2 smtp
  -o smtp_tls_security_level=none
127.0.0.1:10025 inet n - y - - smtpd
  -o content_filter=
"""
_PAIRS = (
    "cd /etc/postfix; for n in a b; do openssl req -x509 -newkey rsa:2048 -nodes -days 300 -subj /CN=app.brightwater-labs.com"
    " -keyout $n.key -out $n.crt 2>/dev/null; done; rm a.key b.crt"
)
_IN_THE_CHROOT = (
    "pkill opendkim; install -d -o opendkim -g postfix -m 750 /var/spool/postfix/opendkim; usermod -aG opendkim postfix;"
    " sed -i 's|^Socket.*|Socket local:/var/spool/postfix/opendkim/opendkim.sock\\nUMask 002|' /etc/opendkim.conf;"
    " sleep 0.5; setsid opendkim -f </dev/null >/dev/null 2>&1 & sleep 1"
)

FAULTS = (
    fault(
        "master-cf-torn-under-a-running-postfix",
        "postfix-config-error",
        "an option line lost its indentation: mail flows until the next start or reload",
        then=(
            mail(),
            wait("status=sent"),
            pause(2),
            append("/etc/postfix/master.cf", "submission inet n - y - - smtpd\n-o syslog_name=postfix/submission\n"),
        ),
        proof=("postfix check", "bad field count"),
    ),
    fault(
        "password-map-named-by-its-file",
        "sasl-map-missing",
        "hash:/etc/postfix/sasl_passwd.db, as the file is called; Postfix adds .db itself",
        relay(smtp_sasl_password_maps="hash:/etc/postfix/sasl_passwd.db"),
        shows=_FAILED,
    ),
    fault(
        "login-stored-by-sender",
        "sasl-key-mismatch",
        "sasl_passwd is keyed by the sender, and smtp_sender_dependent_authentication is not set",
        relay(key="noreply@brightwater-labs.com"),
        shows=_FAILED,
    ),
    fault(
        "transport-corrected-not-compiled",
        "relay-unreachable",
        "the entry to a dead host is gone from the text of the transport table, and postmap was forgotten",
        write("/etc/postfix/transport", "northwind-trading.com smtp:[192.168.1.44]:25\n"),
        run("postmap", "/etc/postfix/transport"),
        older("/etc/postfix/transport.db", 3600),
        write("/etc/postfix/transport", "# northwind-trading.com has moved\n"),
        settings(transport_maps="hash:/etc/postfix/transport"),
        shows=_FAILED,
    ),
    fault(
        "laravel-sends-to-mailpit",
        "smtp-listener-missing",
        "the .env of a developer's machine: the port of a mail catcher that is not here",
        write("/var/www/shop/.env", _LARAVEL),
        then=(mail(), wait("status=sent")),
        args=("--app-config", "/var/www/shop/.env"),
    ),
    fault(
        "smtp-runs-the-server",
        "smtp-transport-missing",
        "the client's line in master.cf has the server's program: each side waits for the other",
        shell(r"sed -i 's/^\(smtp *unix.* \)smtp$/\1smtpd/' /etc/postfix/master.cf"),
        proof=("grep '^smtp .*unix' /etc/postfix/master.cf", "smtpd$"),
    ),
    fault(
        "client-key-of-another-certificate",
        "postfix-config-error",
        "smtp_tls_key_file is not the key of smtp_tls_cert_file; the relay asks for a password anyway",
        shell(_PAIRS),
        relay(smtp_tls_cert_file="/etc/postfix/a.crt", smtp_tls_key_file="/etc/postfix/b.key"),
        shows="our TLS engine is unavailable",
    ),
    fault(
        "milter-s-socket-has-another-name",
        "milter-down",
        "OpenDKIM listens at a socket in the chroot, and main.cf names another one beside it",
        opendkim(DkimKey()),
        shell(_IN_THE_CHROOT),
        settings(smtpd_milters="local:opendkim/dkim.sock", milter_default_action="tempfail"),
        shows="connect to Milter service .*No such file",
    ),
    fault(
        "milter-s-socket-for-its-group",
        "milter-down",
        "OpenDKIM's socket is open to its group, in which Postfix is not",
        opendkim(DkimKey()),
        shell(_IN_THE_CHROOT),
        shell("gpasswd -d postfix opendkim; chgrp opendkim /var/spool/postfix/opendkim"),
        settings(smtpd_milters="local:opendkim/opendkim.sock", milter_default_action="tempfail"),
        shows="connect to Milter service .*Permission denied",
    ),
    fault(
        "content-filter-s-port-transposed",
        "content-filter-down",
        "content_filter names 10042, and amavisd listens on 10024; waiting mail names its filter, too",
        content_filter(),
        append("/etc/postfix/master.cf", _REINJECTED),
        settings(content_filter="smtp-amavis:[127.0.0.1]:10042"),
        shows="10042.*refused",
    ),
    fault(
        "myorigin-s-file-gone",
        "postfix-config-error",
        "/etc/mailname is gone: every daemon dies, postlogd too, so that the master waits for its own log",
        then=(shell("rm /etc/mailname; postfix reload"), pause(1), mail(), pause(3)),
        proof=("ls /etc/mailname", "No such file"),
    ),
    fault(
        "link-of-a-removed-mailer",
        "queue-permissions",
        "msmtp-mta is gone, and its link stayed; Postfix's program lies beside as sendmail.postfix",
        then=(shell("cd /usr/sbin; mv sendmail sendmail.postfix; ln -s ../bin/none sendmail"), mail()),
        proof=("ls -l /usr/sbin/sendmail", "none"),
    ),
    fault(
        "submit-user-misspelt",
        "submission-rejected",
        "authorized_submit_users has www_data",
        settings(authorized_submit_users="root, www_data"),
        proof=("postconf -h authorized_submit_users", "www_data"),
    ),
    fault(
        "relayhost-swallowed-by-a-table",
        ("lookup-table-unsupported", "relay-not-configured"),
        "a template indented relayhost, which became part of the list of tables above",
        relay(relayhost=None),
        append("/etc/postfix/main.cf", "recipient_canonical_maps =\n  relayhost = [smtp.mandrillapp.com]:587\n"),
        shows="expecting .type:name.",
    ),
    case(
        "exim-login-name-misspelt",
        "passwd.client spells the smarthost otherwise",
        "sasl-key-mismatch",
        setup=exim(entry=f"smtp.mandrilapp.com:lab-user:{SECRET}\n"),
        shows="530 5.7.0 Authentication required",
    ),
    case(
        "exim-smtps-on-587",
        "the smarthost's port was changed to 587, and the macro for 465 stayed; Exim then holds all mail back to it",
        "tls-wrapper-mismatch",
        setup=exim(macros="REMOTE_SMTP_SMARTHOST_PROTOCOL = smtps\n"),
        shows=" == .*defer",
    ),
    fault(
        "process-limit-with-a-letter",
        "postfix-config-error",
        "the client's process limit in master.cf is l0: the master does not start",
        shell(r"sed -i 's/^\(smtp *unix.*-  *\)-\(  *smtp\)$/\1l0\2/' /etc/postfix/master.cf"),
        proof=("postconf -M", "invalid process_limit"),
    ),
    fault(
        "transport-in-the-old-master-cf",
        "smtp-transport-missing",
        "master.cf was replaced; the transport that default_transport names is in the copy that was kept",
        relay(smtp_sasl_auth_enable="no", default_transport="bulk"),
        shell(
            "cd /etc/postfix; cp master.cf master.cf~; printf 'bulk unix - - y - 2 smtp\n  -o smtp_sasl_auth_enable=yes\n' >>master.cf~"
        ),
        shows="mail transport unavailable",
    ),
    fault(
        "proxy-read-maps-of-a-panel",
        "lookup-table-broken",
        "proxy_read_maps has a panel's tables alone, and transport_maps goes through proxymap",
        write("/etc/postfix/transport", "northwind-trading.net smtp:\n"),
        run("postmap", "/etc/postfix/transport"),
        settings(
            transport_maps="proxy:hash:/etc/postfix/transport",
            proxy_read_maps="$virtual_mailbox_maps $virtual_alias_maps",
        ),
        shows="request for unapproved table",
    ),
    fault(
        "relayhost-of-an-empty-variable",
        "relay-name-not-found",
        "relayhost = [$relay_name]:587 with no relay_name; sasl_passwd has one relay",
        relay(next_hop="[$relay_name]:587", key="[smtp.mandrillapp.com]:587"),
        shows="valid hostname or network address required",
    ),
    fault(
        "password-after-a-blank",
        "sasl-passwd-malformed",
        "user: password, as in YAML",
        relay(line=f"[smtp.mandrillapp.com]:587 lab-user: {SECRET}"),
        shows=_FAILED,
    ),
    fault(
        "sendmail-diverted-to-a-catcher",
        "wrong-mta",
        "a developers' image diverts sendmail to Mailpit's; Postfix's lies beside",
        then=(
            write("/usr/local/bin/mailpit", "#!/bin/sh\nexit 1\n", 0o755),
            shell("cd /usr/sbin; mv sendmail sendmail.distrib; ln -s /usr/local/bin/mailpit sendmail"),
            mail(),
        ),
    ),
    fault(
        "unit-with-a-strict-file-system",
        "postfix-not-running",
        "a drop-in's ProtectSystem=strict leaves the queue read-only: Postfix does not start",
        systemd,
        write("/etc/systemd/system/postfix@.service.d/50-strict.conf", "[Service]\nProtectSystem=strict\n"),
        shell("systemctl daemon-reload; systemctl stop postfix@-; systemctl restart postfix postfix@-; sleep 1"),
        start=False,
        then=(mail(),),
        proof=("postfix status || echo down", "down"),
    ),
    fault(
        "hosted-domain-that-moved-away",
        "recipient-domain-local",
        "a table of hosted domains still has the recipient's",
        write("/etc/postfix/hosted", "brightwater-shop.com x\nnorthwind-trading.com x\n"),
        write("/etc/postfix/boxes", "info@brightwater-shop.com info/\n"),
        shell("cd /etc/postfix; postmap hosted boxes"),
        settings(
            virtual_mailbox_domains="hash:/etc/postfix/hosted",
            virtual_mailbox_maps="hash:/etc/postfix/boxes",
            virtual_mailbox_base="/var/vmail",
        ),
        shows=_FAILED,
    ),
    fault(
        "ldap-table-of-the-old-office",
        "lookup-table-unsupported",
        "virtual_alias_maps names an ldap table; neither its file nor its package is here",
        settings(virtual_alias_maps="ldap:/etc/postfix/ldap-aliases.cf"),
        shows="unsupported dictionary",
    ),
    fault(
        "main-cf-emptied",
        "postfix-config-error",
        "an editor died on a full disk: main.cf sets nothing, its copy stands beside",
        shell("cd /etc/postfix; cp -p main.cf main.cf.save; : >main.cf"),
        then=(mail(),),
        proof=("wc -c /etc/postfix/main.cf", "^0 "),
    ),
)
