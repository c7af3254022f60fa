"""Whether a text shows an attempt to send mail, or something else that failed with the same words."""

import pytest

from diagnose.parse.pasted import subject
from tests.parse.events import first


@pytest.mark.parametrize(
    ("elsewhere", "of_mail", "cause"),
    [
        # A port, a URL, a program's name, a package, another protocol's status.
        (
            "Error: connect ECONNREFUSED 10.0.3.4:6379",
            "Error: connect ECONNREFUSED 10.0.3.4:587",
            "app-smtp-unreachable",
        ),
        (
            "Cannot reach http://influx.test:8086 (mail metrics): dial tcp 10.9.0.4:8086: i/o timeout",
            "Cannot mail the metrics of http://influx.test:8086: dial tcp 10.9.0.4:25: connection refused",
            "app-smtp-unreachable",
        ),
        (
            "kinit: cannot contact any KDC: authentication failed",
            "mailbot: cannot log in to the mail server: authentication failed",
            "app-credentials-rejected",
        ),
        (
            "aioredis.ConnectionError: Name or service not known",
            "aiosmtplib.SMTPConnectError: Name or service not known",
            "relay-name-not-found",
        ),
        (
            "SQLSTATE[HY000] [2002] Connection refused in /srv/mail/db.php:8",
            "PHPMailer: Connection refused in /srv/mail/send.php:8",
            "app-smtp-unreachable",
        ),
        # The frames below a bare error.
        (
            "Error: Connection refused\n#0 /srv/app/lib/Store.php(23): Store->open()\n#1 /srv/app/lib/Job.php(8): Store->get()",
            "Error: Connection refused\n#0 /srv/app/lib/Smtp.php(23): Smtp->open()\n#1 /srv/app/lib/Job.php(8): Smtp->send()",
            "app-smtp-unreachable",
        ),
        # A code of IMAP's, and of SMTP's.
        (
            "reader.ini: credential/login error ([AUTHENTICATIONFAILED] Invalid credentials)",
            "writer.ini: mail not sent, credential/login error (535 5.7.8 Invalid credentials)",
            "app-credentials-rejected",
        ),
        # What a hint advises to others, and what happened.
        (
            "Set SMTP_VERIFY=false when using self-signed certificates.",
            "Set SMTP_VERIFY=false when using self-signed certificates.\nError sending mail: getaddrinfo EAI_AGAIN smtp.example.org",
            "resolver-failing",
        ),
    ],
)
def test_the_same_error_of_something_else(elsewhere: str, of_mail: str, cause: str) -> None:
    assert first(elsewhere) is None
    assert first(of_mail) == cause


def test_a_line_of_something_else_is_left_out_beside_one_of_mail() -> None:
    """A message that was sent is no attempt that failed, and a program's lines belong together."""
    sent = "worker: mail sent to a@b.test: 250 2.0.0 Ok: queued as 4Y1"
    assert first(f"{sent}\nworker: connect ECONNREFUSED 10.0.3.4:6379") is None
    assert (
        first("ERR could not send mail to a@b.test\nERR connect ECONNREFUSED 10.0.3.4:6025") == "app-smtp-unreachable"
    )


@pytest.mark.parametrize(
    "text",
    [
        "ok 1 - bounces on 550 5.1.1 User unknown\nok 2 - gives up after Connection timed out",
        "--- PASS: TestLogin (0.02s)\n    got expected error: 535 5.7.8 authentication failed",
        "Normally a relay that answers with an error keeps its client waiting, and mail with a spam score above the limit "
        "is refused by the content filter of the receiving site until the administrator of that site releases it.",
        '- no longer fails with "454 4.7.0 TLS not available" when a certificate has expired\n- fixes 535 5.7.8 after a reload',
        "if (!$mail->send()) {\n    if ($code === '5.4.5') {\n        echo 'Quota exceeded';\n    }\n    throw new Failure('Could not authenticate.');\n}",
        "What errors mean:\n550 5.1.1 Recipient address rejected: User unknown\nSolution: check its spelling.\n553 Sender address rejected: not owned by user\nSolution: use your own.",
        "smtpd_client_restrictions = permit_mynetworks,\n    reject_rbl_client zen.spamhaus.org\n# reject hosts without reverse DNS",
    ],
)
def test_tests_settings_code_and_general_prose_are_no_failures(text: str) -> None:
    assert first(text) is None


def test_a_failure_that_exim_noted_is_over_when_the_message_was_sent() -> None:
    """Whatever the status line between says."""
    reply = "SMTP error from remote mail server after RCPT TO:<b@c.test>: 450 4.2.0 <b@c.test>: Greylisted"
    begins = "2026-11-17 08:11:41 1wXyZa-000000007Ab-1CdE"
    log = f"{begins} H=mx.c.test [198.51.100.70]: {reply}\n{begins} == b@c.test R=dnslookup T=remote_smtp defer (-44) H=mx.c.test [198.51.100.70]: {reply}\n"
    assert first(log) == "greylisted"
    assert (
        first(
            f"{log}2026-11-17 08:26:42 1wXyZa-000000007Ab-1CdE => b@c.test R=dnslookup T=remote_smtp H=mx.c.test [198.51.100.70]"
        )
        is None
    )


def test_a_condition_that_somebody_met_is_no_supposition() -> None:
    assert first("If SMTP authentication failed, check the password") is None
    assert first("When I try to send mail it says: SMTP authentication failed") == "app-credentials-rejected"


def test_names_show_nothing() -> None:
    """A host, a path or a user may be called after mail whatever was attempted."""
    assert not subject.sends('server: mail.example.org, host: "mail.example.org", /srv/mail/a.php, user "mailapp"')
    assert subject.sends("could not deliver the mail")
