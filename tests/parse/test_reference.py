"""A text that explains failures in general accuses nothing; the same words about an own failure do."""

import pytest

from tests.parse.events import first


@pytest.mark.parametrize(
    ("general", "own", "cause"),
    [
        pytest.param(
            '"422": "The mailbox of the recipient is full"\n"454": "Login failed for now"\n"550": "No such user"\n',
            '"422": "The mailbox of the recipient is full"\n',
            "recipient-mailbox-full",
            id="table-of-codes",
        ),
        pytest.param(
            "# Bounces\n\nMail may come back when the mailbox of a recipient is full. You can then delete some of it. "
            "Most providers send a warning long before that, and usually there is a page on which you see how much is used.\n",
            "# Bounces\n\nMy mail comes back, the mailbox of a recipient is full. You can then delete some of it. "
            "Most providers send a warning long before that, and usually there is a page on which you see how much is used.\n",
            "recipient-mailbox-full",
            id="manual",
        ),
        pytest.param(
            "// how a login may end\n$TEXT['ok'] = 'Mail sent.';\n$TEXT['denied'] = 'SMTP error: authentication failed.';\n"
            "$TEXT['empty'] = 'The message is empty.';\n$TEXT['signing'] = 'Signing failed.';\n",
            "$mail->isSMTP();\n$mail->send();\nSMTP error: authentication failed.\n",
            "app-credentials-rejected",
            id="source-code",
        ),
        pytest.param(
            "SMTP error: authentication failed\n\nedit: solved, it was the old password. Mail is sent again\n",
            "SMTP error: authentication failed\n\nedit: it is not solved by the old password. No mail is sent\n",
            "app-credentials-rejected",
            id="solved",
        ),
        pytest.param(
            "SMTP error: authentication failed\n\nThanks, the problem is fixed. Mails go out\n",
            "SMTP error: authentication failed\n\nCall us again until the problem is fixed. Mails stay\n",
            "app-credentials-rejected",
            id="said-to-be-fixed",
        ),
        pytest.param(
            "It could not fetch e-mail\nError: Connection failed to mail.example.org,110: Connection timed out\n",
            "It could not send e-mail\nError: Connection failed to mail.example.org,587: Connection timed out\n",
            "app-smtp-unreachable",
            id="fetching",
        ),
        pytest.param(
            "The library may say that it could not connect to a server: connection timed out. You should then check "
            "whether its name is right, whether your network lets the port pass, and if the server is up at all.\n",
            "The library said: Could not connect to smtp.example.org:587: connection timed out. You should now check "
            "whether its name is right, whether your network lets the port pass, and if the server is up at all.\n",
            "relay-unreachable",
            id="advice-of-a-program",
        ),
        pytest.param(
            "login refused: expected SMTP error: authentication failed\n12 tests, 1 failure\n",
            "login refused: got SMTP error: authentication failed\n12 mails, 1 failure\n",
            "app-credentials-rejected",
            id="test-run",
        ),
        pytest.param(
            'switch why {\ncase tooLarge:\n\treturn reply(&Reply{\n\t\tCode: 552,\n\t\tText: "Message size exceeds fixed limit",\n\t})\n}\n',
            '{\n  "code": 552,\n  "error": "552 5.3.4 Message size exceeds fixed limit",\n  "sent": []\n}\n',
            "message-too-large",
            id="statements-around-a-structure",
        ),
        pytest.param(
            "/* If the server says that the\n   mailbox is full, we wait. */\nwait(hour);\nretry(host, count + 1);\n",
            "If the server says that the\n   mailbox is full, we wait:\nwait(hour);\nretry(host, count + 1);\n",
            "recipient-mailbox-full",
            id="comment",
        ),
        pytest.param(
            "postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.example[192.0.2.1]: 450 4.7.1 <a>: Helo command rejected: Host not found\n"
            "postfix/smtpd[1]: NOQUEUE: reject: RCPT from b.example[192.0.2.2]: 450 4.1.8 <b@b.example>: Sender address rejected: Domain not found\n"
            "postfix/smtpd[1]: NOQUEUE: reject: RCPT from c.example[192.0.2.3]: 550 5.1.1 <c@c.example>: Recipient address rejected: User unknown\n",
            "postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.example[192.0.2.1]: 450 4.7.1 <a>: Helo command rejected: Host not found\n",
            "helo-name-invalid",
            id="clients-rejected-for-many-reasons",
        ),
        pytest.param(
            "How does a retry work? If a server answers 450 4.2.0 Greylisted, how long\nis it kept: for a day?\n",
            "How does a retry work? A server answers 450 4.2.0 Greylisted, how long\nis it kept: for a day?\n",
            "greylisted",
            id="question-about-a-case",
        ),
        pytest.param(
            'commit 5a1c0f9be2\n\n    map "550 5.1.1 User unknown" to PermanentFailure\n',
            'commit 5a1c0f9be2 maps\n\n    "550 5.1.1 User unknown" to PermanentFailure\n',
            "recipient-unknown",
            id="change-of-source-code",
        ),
        pytest.param(
            "HTTP/1.1 421 Misdirected Request\n\n421 Misdirected Request\n",
            "smtp 421 Misdirected Request\n\n421 Misdirected Request\n",
            "rate-limited",
            id="another-protocols-code",
        ),
        pytest.param(
            "mail filter: 3 messages scanned, 0 infected\n",
            "mail filter: 3 messages scanned, 2 infected\n",
            "content-rejected",
            id="count-of-none",
        ),
        pytest.param(
            "We moved our big and old web server...\n\nHandshake failed: received a fatal alert\n",
            "We got this for all mails of the night.\n\nHandshake failed: received a fatal alert\n",
            "tls-protocol-mismatch",
            id="introduced-by-a-person",
        ),
        pytest.param(
            "We opened the port, and mails arrived again after the last connection timed out at 14:02.\n",
            "We opened the port, but mails did not arrive: the last connection timed out at 14:02.\n",
            "app-smtp-unreachable",
            id="arrived-again",
        ),
        pytest.param(
            "ERROR:  permission denied for table mail_outbox\nSTATEMENT:  DELETE FROM mail_outbox\n",
            "ERROR:  permission denied for mail\nDELETE from outbox\n",
            "content-rejected",
            id="database-log",
        ),
        pytest.param(
            "INFO DKIM verification failed, a message from outside\n",
            "ERROR DKIM verification failed, a message from outside\n",
            "sender-unauthenticated",
            id="remark-of-a-log",
        ),
        pytest.param(
            "goroutine 1 [running]:\npanic: open /data/mail.csv: no such file or directory\n",
            "goroutine 1 [running]:\npanic: dial tcp [::1]:25: connect: connection refused\n",
            "smtp-listener-missing",
            id="another-programs-panic",
        ),
        pytest.param(
            'send_mail(to); /* puts("SMTP error: authentication failed") */\n',
            'send_mail(to); puts("SMTP error: authentication failed")\n',
            "app-credentials-rejected",
            id="comment-within-a-line",
        ),
        pytest.param(
            "SMTP OK - certificate of the mail server will have expired in 61 days\n",
            "SMTP CRITICAL - certificate of the mail server has expired 2 days ago\n",
            "relay-certificate-invalid",
            id="monitoring",
        ),
        pytest.param(
            "s23A4CxQ002291: to=<a@example.org>, mailer=esmtp, stat=Deferred: 451 4.7.1 Greylisted\n"
            "s23A4CxQ002291: to=<a@example.org>, mailer=esmtp, stat=Sent (ok)\n",
            "s23A4CxQ002291: to=<a@example.org>, mailer=esmtp, stat=Deferred: 451 4.7.1 Greylisted\n"
            "s23A9dxQ002301: to=<a@example.org>, mailer=esmtp, stat=Sent (ok)\n",
            "greylisted",
            id="later-attempt",
        ),
        pytest.param(
            "mail:\n  SMTP_AUTH_MODE: plain\n  QUEUE_FAILED_DRIVER: file\nsmtp_auth_failures_total 312\n",
            "mail:\n  SMTP_AUTH_MODE: plain\n  SMTP auth failed, 312 times\n",
            "app-credentials-rejected",
            id="names-with-a-value",
        ),
        pytest.param(
            "mail services\n\tantispam      Stopped\n\tantivirus     Running\n",
            "mail services\n\tantispam stopped virus, message rejected\n\tantivirus     Running\n",
            "content-rejected",
            id="table-of-states",
        ),
        pytest.param(
            "18 messages sent, 0 failed\nprevious backup: Error: Cannot connect to host [192.0.2.1].\n",
            "0 messages sent, 18 failed\nError: Cannot connect to host [192.0.2.1].\n",
            "app-smtp-unreachable",
            id="something-else-beside-sent-messages",
        ),
        pytest.param(
            "Status of mailhub\n RBL  OK  11:30  CHECK_RBL OK - 192.0.2.7 BLACKLISTED on 0 servers\n Mail queue  OK  11:31  empty\n",
            "Status of mailhub\n RBL  CRITICAL  11:30  CHECK_RBL - 192.0.2.7 BLACKLISTED on 2 servers\n Mail queue  OK  11:31  empty\n",
            "ip-blocklisted",
            id="monitoring",
        ),
        pytest.param(
            '## 4.38.17 (2024-11-05)\n\n* **smtp:** error "550 relay not permitted" at the check of a server\n',
            'We run 4.38.17 since 2024-11-05\n\n* **smtp:** error "550 relay not permitted" at the check of a server\n',
            "relay-access-denied",
            id="changes-of-a-version",
        ),
        pytest.param(
            "[mailer] job #88 -> smtp.relay.test:587\n[mailer] attempt 1 failed: Error: Connection timeout (code ETIMEDOUT)\n"
            "[mailer] attempt 2: accepted [ 'a@example.org' ] response '250 ok'\n",
            "[mailer] job #88 -> smtp.relay.test:587\n[mailer] attempt 1 failed: Error: Connection timeout (code ETIMEDOUT)\n",
            "app-smtp-unreachable",
            id="a-later-attempt",
        ),
    ],
)
def test_failures_explained_in_general_accuse_nothing(general: str, own: str, cause: str) -> None:
    assert (first(general), first(own)) == (None, cause)
