"""The way in: what an application meets at this host's own ports, and odd settings there that are right."""

from __future__ import annotations

from tests.lab.fault import Fault
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
    Fault(
        id="submission-certificate-gone",
        accept=(
            "smtp-listener-broken",
            "postfix-config-error",
        ),
        about="the certificate of the submission service was deleted with a renewal",
        setup=(
            append("/etc/postfix/master.cf", _SUBMISSION),
            CERTIFICATE,
            TLS,
            shell("rm /etc/ssl/certs/mail.pem"),
        ),
        then=(through(587), mail(), SENT),
        shows="cannot get RSA certificate|cannot load|No such file",
    ),
    Fault(
        id="smtpd-key-of-another-certificate",
        accept=(
            "smtp-listener-broken",
            "postfix-config-error",
        ),
        about="key and certificate of port 25 no longer belong together",
        setup=(
            CERTIFICATE,
            TLS,
            shell("openssl ecparam -genkey -name prime256v1 -noout -out /etc/ssl/private/mail.key"),
            settings(smtpd_tls_security_level="encrypt"),
        ),
        then=(through(25), mail(), SENT),
        shows="key values mismatch|cannot get|TLS",
    ),
    Fault(
        id="smtpd-awaits-a-proxy",
        accept=("smtp-listener-broken",),
        about="smtpd waits for a proxy's header on 25, and programs connect without one",
        setup=(settings(smtpd_upstream_proxy_protocol="haproxy", smtpd_upstream_proxy_timeout="5s"),),
        then=(through(25), mail(), SENT),
        shows="haproxy|PROXY|proxy",
    ),
    Fault(
        id="one-smtpd-and-it-is-taken",
        accept=("smtp-listener-broken",),
        about="master.cf allows one smtpd, and a client that says nothing holds it",
        setup=(shell("sed -i -E 's/^(smtp +inet +n +- +y +- +)-( +smtpd)/\\11\\2/' /etc/postfix/master.cf"),),
        then=(mail(), SENT, shell(HOLD.format(n=3)), pause(1)),
        proof=((("postconf", "-M", "smtp/inet"), " 1 +smtpd"),),
    ),
    Fault(
        id="postscreen-without-smtpd-behind-it",
        accept=("smtp-listener-broken",),
        about="postscreen was switched on at port 25, and the service that it hands clients on to was not",
        setup=(shell("sed -i -E 's/^(smtp +inet.*)-( +)smtpd/\\11\\2postscreen/' /etc/postfix/master.cf"),),
        then=(through(25), mail(), SENT),
        shows="cannot connect to service private/smtpd",
    ),
    Fault(
        id="smtpd-without-relay-restriction",
        accept=("postfix-config-error",),
        about="the relay restrictions were emptied: smtpd ends at the first RCPT",
        setup=(settings(smtpd_relay_restrictions="", smtpd_recipient_restrictions="permit_mynetworks"),),
        then=(through(25), mail(), SENT),
        shows="fatal: in parameter smtpd_relay_restrictions",
    ),
    Fault(
        id="smtpd-without-a-login-backend",
        accept=("postfix-config-error", "backend-down"),
        about="smtpd_sasl_type is Cyrus', whose server plug-ins are not installed, so that smtpd ends",
        setup=(
            settings(smtpd_sasl_auth_enable="yes", smtpd_sasl_type="dovecot", smtpd_sasl_path="private/auth-client"),
        ),
        then=(through(25), mail(), SENT),
        shows="SASL: Connect to .* failed",
    ),
    Fault(
        id="smtpd-lets-nobody-relay",
        accept=("submission-rejected",),
        about="mynetworks no longer holds loopback, and nobody tried since the change",
        then=(smtp_mail(), SENT, settings(mynetworks="10.20.0.0/24"), shell("postfix reload"), pause(1)),
    ),
    Fault(
        id="dead-blocklist-lists-this-host",
        accept=("submission-rejected",),
        about="smtpd asks a blocklist that was given up and answers for every address, this host's own included",
        world=World(records={("*.bl.oldlist.org", "A"): ("127.0.0.2",)}),
        history=True,
        setup=(settings(smtpd_client_restrictions="reject_rbl_client bl.oldlist.org, permit_mynetworks"),),
        then=(smtp_mail(), pause(0.5)),
        shows="blocked using bl.oldlist.org",
    ),
    Fault(
        id="relay-is-own-submissions-port",
        accept=("mail-loops-back",),
        about="relayhost names this host's own port for programs with TLS",
        setup=(
            CERTIFICATE,
            TLS,
            append("/etc/postfix/master.cf", "smtps inet n - y - - smtpd -o smtpd_tls_wrappermode=yes\n"),
            settings(relayhost="[app.brightwater-labs.com]:465"),
        ),
        shows="status=deferred",
    ),
    Fault(
        id="own-greylisting-before-mynetworks",
        accept=("submission-rejected",),
        about="smtpd asks the greylisting service before it lets this host's own programs pass",
        setup=(
            write(
                "/usr/local/lib/greylist.py", _POLICY.format("DEFER_IF_PERMIT Greylisted, come back in five minutes")
            ),
            shell("(setsid /usr/bin/python3 /usr/local/lib/greylist.py >/dev/null 2>&1 &); sleep 1"),
            settings(
                smtpd_recipient_restrictions="check_policy_service inet:127.0.0.1:10023, permit_mynetworks, reject"
            ),
        ),
        then=(smtp_mail(), pause(1)),
        shows="Greylisted",
    ),
    Fault(
        id="rate-limit-without-exceptions",
        accept=("submission-rejected",),
        about="the limit on messages of one client counts this host's own application",
        history=True,
        setup=(settings(smtpd_client_message_rate_limit="2", smtpd_client_event_limit_exceptions=""),),
        then=(*(smtp_mail(),) * 4, pause(0.5)),
        shows="request rate limit exceeded",
    ),
    Fault(
        id="tls-demanded-on-25",
        accept=("submission-rejected",),
        about="port 25 demands TLS since a hardening, and the application speaks none",
        history=True,
        setup=(CERTIFICATE, TLS, settings(smtpd_tls_security_level="encrypt")),
        then=(smtp_mail(), pause(0.5)),
        shows="mail=0/1",
    ),
    Fault(
        id="lan-guest-is-refused",
        accept=(),
        kind="healthy",
        about="a guest's machine on the LAN, with a sender of its own, may not relay, rightly; this host's mail flows",
        history=True,
        then=(smtp_mail_from_gateway("x@spamtrap.org", "guest@phone.lan", "phone"), mail(), SENT),
    ),
    Fault(
        id="submission-with-certificate",
        accept=(),
        kind="healthy",
        about="submission with TLS on 587, a self-made certificate, mail flows",
        setup=(append("/etc/postfix/master.cf", _SUBMISSION), CERTIFICATE, TLS),
        then=(mail(), SENT, pause(0.5)),
    ),
    Fault(
        id="loopback-only-strict-smtpd",
        accept=(),
        kind="healthy",
        about="strict restrictions for strangers, loopback passes",
        setup=(
            settings(
                smtpd_helo_required="yes",
                smtpd_helo_restrictions="permit_mynetworks, reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname",
                smtpd_delay_reject="yes",
                disable_vrfy_command="yes",
            ),
        ),
        then=(mail(), smtp_mail(), wait("(?s)status=sent.*status=sent")),
    ),
    Fault(
        id="smtpd-lets-others-relay-only",
        accept=(),
        kind="healthy",
        about="port 25 is for incoming mail alone; programs here use sendmail, as the settings mean it",
        setup=(settings(mynetworks="", smtpd_relay_restrictions="reject_unauth_destination", mynetworks_style="host"),),
        then=(mail(), SENT),
    ),
)
