"""The way in: what an application meets at this host's own ports, and odd settings there that are right."""

from __future__ import annotations

from tests.lab.fault import fault, healthy
from tests.lab.internet.world import World
from tests.lab.steps import Step, append, mail, pause, settings, shell, smtp_mail, smtp_mail_from_gateway, wait, write

SENT = wait("status=sent")
_SUBMISSION = (
    "submission inet n       -       y       -       -       smtpd\n"
    "  -o syslog_name=postfix/submission\n"
    "  -o smtpd_tls_security_level=encrypt\n"
    "  -o smtpd_relay_restrictions=permit_mynetworks,permit_sasl_authenticated,reject\n"
)
CERTIFICATE = shell(
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=app.brightwater-labs.com"
    " -keyout /etc/ssl/private/mail.key -out /etc/ssl/certs/mail.pem 2>/dev/null; chmod 600 /etc/ssl/private/mail.key"
)
TLS = settings(
    smtpd_tls_cert_file="/etc/ssl/certs/mail.pem",
    smtpd_tls_key_file="/etc/ssl/private/mail.key",
    smtpd_tls_security_level="may",
)
_POLICY = """import socketserver
class Asked(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            if line == b"\\n":
                self.wfile.write(b"action={}\\n\\n")
socketserver.ThreadingTCPServer(("127.0.0.1", 10023), Asked).serve_forever()
"""
HOLD = (
    '(setsid /usr/bin/python3 -c \'import socket,time; s=[socket.create_connection(("127.0.0.1",25)) for _ in range({n})];'
    " time.sleep(300)' >/dev/null 2>&1 &) ; sleep 1"
)


def through(port: int) -> Step:
    return smtp_mail(port=port)


FAULTS = (
    fault(
        "submission-certificate-gone",
        (
            "smtp-listener-broken",
            "postfix-config-error",
        ),
        "the certificate of the submission service was deleted with a renewal",
        append("/etc/postfix/master.cf", _SUBMISSION),
        CERTIFICATE,
        TLS,
        shell("rm /etc/ssl/certs/mail.pem"),
        then=(through(587), mail(), SENT),
        shows="cannot get RSA certificate|cannot load|No such file",
    ),
    fault(
        "smtpd-key-of-another-certificate",
        (
            "smtp-listener-broken",
            "postfix-config-error",
        ),
        "key and certificate of port 25 no longer belong together",
        CERTIFICATE,
        TLS,
        shell("openssl ecparam -genkey -name prime256v1 -noout -out /etc/ssl/private/mail.key"),
        settings(smtpd_tls_security_level="encrypt"),
        then=(through(25), mail(), SENT),
        shows="key values mismatch|cannot get|TLS",
    ),
    fault(
        "smtpd-awaits-a-proxy",
        "smtp-listener-broken",
        "smtpd waits for a proxy's header on 25, and programs connect without one",
        settings(smtpd_upstream_proxy_protocol="haproxy", smtpd_upstream_proxy_timeout="5s"),
        then=(through(25), mail(), SENT),
        shows="haproxy|PROXY|proxy",
    ),
    fault(
        "one-smtpd-and-it-is-taken",
        "smtp-listener-broken",
        "master.cf allows one smtpd, and a client that says nothing holds it",
        shell("sed -i -E 's/^(smtp +inet +n +- +y +- +)-( +smtpd)/\\11\\2/' /etc/postfix/master.cf"),
        then=(mail(), SENT, shell(HOLD.format(n=3)), pause(1)),
        proof=("postconf -M smtp/inet", " 1 +smtpd"),
    ),
    fault(
        "postscreen-without-smtpd-behind-it",
        "smtp-listener-broken",
        "postscreen was switched on at port 25, and the service that it hands clients on to was not",
        shell("sed -i -E 's/^(smtp +inet.*)-( +)smtpd/\\11\\2postscreen/' /etc/postfix/master.cf"),
        then=(through(25), mail(), SENT),
        shows="cannot connect to service private/smtpd",
    ),
    fault(
        "smtpd-without-relay-restriction",
        "postfix-config-error",
        "the relay restrictions were emptied: smtpd ends at the first RCPT",
        settings(smtpd_relay_restrictions="", smtpd_recipient_restrictions="permit_mynetworks"),
        then=(through(25), mail(), SENT),
        shows="fatal: in parameter smtpd_relay_restrictions",
    ),
    fault(
        "smtpd-without-a-login-backend",
        ("postfix-config-error", "backend-down"),
        "smtpd_sasl_type is Cyrus', whose server plug-ins are not installed, so that smtpd ends",
        settings(smtpd_sasl_auth_enable="yes", smtpd_sasl_type="dovecot", smtpd_sasl_path="private/auth-client"),
        then=(through(25), mail(), SENT),
        shows="SASL: Connect to .* failed",
    ),
    fault(
        "smtpd-lets-nobody-relay",
        "submission-rejected",
        "mynetworks no longer holds loopback, and nobody tried since the change",
        then=(smtp_mail(), SENT, settings(mynetworks="10.20.0.0/24"), shell("postfix reload"), pause(1)),
    ),
    fault(
        "dead-blocklist-lists-this-host",
        "submission-rejected",
        "smtpd asks a blocklist that was given up and answers for every address, this host's own included",
        settings(smtpd_client_restrictions="reject_rbl_client bl.oldlist.org, permit_mynetworks"),
        world=World(records={("*.bl.oldlist.org", "A"): ("127.0.0.2",)}),
        history=True,
        then=(smtp_mail(), pause(0.5)),
        shows="blocked using bl.oldlist.org",
    ),
    fault(
        "relay-is-own-submissions-port",
        "mail-loops-back",
        "relayhost names this host's own port for programs with TLS",
        CERTIFICATE,
        TLS,
        append("/etc/postfix/master.cf", "smtps inet n - y - - smtpd -o smtpd_tls_wrappermode=yes\n"),
        settings(relayhost="[app.brightwater-labs.com]:465"),
        shows="status=deferred",
    ),
    fault(
        "own-greylisting-before-mynetworks",
        "submission-rejected",
        "smtpd asks the greylisting service before it lets this host's own programs pass",
        write("/usr/local/lib/greylist.py", _POLICY.format("DEFER_IF_PERMIT Greylisted, come back in five minutes")),
        shell("(setsid /usr/bin/python3 /usr/local/lib/greylist.py >/dev/null 2>&1 &); sleep 1"),
        settings(smtpd_recipient_restrictions="check_policy_service inet:127.0.0.1:10023, permit_mynetworks, reject"),
        then=(smtp_mail(), pause(1)),
        shows="Greylisted",
    ),
    fault(
        "rate-limit-without-exceptions",
        "submission-rejected",
        "the limit on messages of one client counts this host's own application",
        settings(smtpd_client_message_rate_limit="2", smtpd_client_event_limit_exceptions=""),
        history=True,
        then=(*(smtp_mail(),) * 4, pause(0.5)),
        shows="request rate limit exceeded",
    ),
    fault(
        "tls-demanded-on-25",
        "submission-rejected",
        "port 25 demands TLS since a hardening, and the application speaks none",
        CERTIFICATE,
        TLS,
        settings(smtpd_tls_security_level="encrypt"),
        history=True,
        then=(smtp_mail(), pause(0.5)),
        shows="mail=0/1",
    ),
    healthy(
        "lan-guest-is-refused",
        "a guest's machine on the LAN, with a sender of its own, may not relay, rightly; this host's mail flows",
        history=True,
        then=(smtp_mail_from_gateway("x@spamtrap.org", "guest@phone.lan", "phone"), mail(), SENT),
    ),
    healthy(
        "submission-with-certificate",
        "submission with TLS on 587, a self-made certificate, mail flows",
        append("/etc/postfix/master.cf", _SUBMISSION),
        CERTIFICATE,
        TLS,
        then=(mail(), SENT, pause(0.5)),
    ),
    healthy(
        "loopback-only-strict-smtpd",
        "strict restrictions for strangers, loopback passes",
        settings(
            smtpd_helo_required="yes",
            smtpd_helo_restrictions="permit_mynetworks, reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname",
            smtpd_delay_reject="yes",
            disable_vrfy_command="yes",
        ),
        then=(mail(), smtp_mail(), wait("(?s)status=sent.*status=sent")),
    ),
    healthy(
        "smtpd-lets-others-relay-only",
        "port 25 is for incoming mail alone; programs here use sendmail, as the settings mean it",
        settings(mynetworks="", smtpd_relay_restrictions="reject_unauth_destination", mynetworks_style="host"),
        then=(mail(), SENT),
    ),
)
