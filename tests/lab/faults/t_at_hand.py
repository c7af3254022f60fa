"""Slips whose remedy lies on the host: the value meant is there, under another name or in a text that nothing has read yet."""

from __future__ import annotations

from tests.lab.fault import Fault
from tests.lab.machine import SECRET
from tests.lab.steps import append, mail, older, pause, relay, run, settings, wait, write

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

FAULTS = (
    Fault(
        id="master-cf-torn-under-a-running-postfix",
        accept=("postfix-config-error",),
        about="an option line lost its indentation: mail flows until the next start or reload",
        then=(
            mail(),
            wait("status=sent"),
            pause(2),
            append("/etc/postfix/master.cf", "submission inet n - y - - smtpd\n-o syslog_name=postfix/submission\n"),
        ),
        proof=((("postfix", "check"), "bad field count"),),
    ),
    Fault(
        id="password-map-named-by-its-file",
        accept=("sasl-map-missing",),
        about="hash:/etc/postfix/sasl_passwd.db, as the file is called; Postfix adds .db itself",
        setup=(relay(smtp_sasl_password_maps="hash:/etc/postfix/sasl_passwd.db"),),
        shows=_FAILED,
    ),
    Fault(
        id="login-stored-by-sender",
        accept=("sasl-key-mismatch",),
        about="sasl_passwd is keyed by the sender, and smtp_sender_dependent_authentication is not set",
        setup=(relay(key="noreply@brightwater-labs.com"),),
        shows=_FAILED,
    ),
    Fault(
        id="transport-corrected-not-compiled",
        accept=("relay-unreachable",),
        about="the entry to a dead host is gone from the text of the transport table, and postmap was forgotten",
        setup=(
            write("/etc/postfix/transport", "northwind-trading.com smtp:[192.168.1.44]:25\n"),
            run("postmap", "/etc/postfix/transport"),
            older("/etc/postfix/transport.db", 3600),
            write("/etc/postfix/transport", "# northwind-trading.com has moved\n"),
            settings(transport_maps="hash:/etc/postfix/transport"),
        ),
        shows=_FAILED,
    ),
    Fault(
        id="laravel-sends-to-mailpit",
        accept=("smtp-listener-missing",),
        about="the .env of a developer's machine: the port of a mail catcher that is not here",
        setup=(write("/var/www/shop/.env", _LARAVEL),),
        then=(mail(), wait("status=sent")),
        args=("--app-config", "/var/www/shop/.env"),
    ),
    case(
        "exim-login-name-misspelt",
        "passwd.client spells the smarthost otherwise",
        "sasl-key-mismatch",
        setup=exim(entry=f"smtp.mandrilapp.com:lab-user:{SECRET}\n"),
        shows="530 5.7.0 Authentication required",
    ),
)
