"""Lines that use the words of failures and tell of none: what programs beside Postfix log all day, and who is turned away."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from diagnose.knowledge.phrases import Grip
from diagnose.mail.explain import explain
from diagnose.model import Confidence
from diagnose.parse.log import current, maillog
from diagnose.parse.log.logline import parse
from tests.parse.events import read_anything, stream

NOW = datetime(2026, 11, 25, 12, tzinfo=timezone.utc)
SENT = (
    "Nov 25 09:59:00 mx postfix/smtp[77]: 7F3A91C2D4: to=<u@example.net>, relay=mx.example.net[203.0.113.9]:25, delay=0.5, "
    "delays=0.1/0/0.2/0.2, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 12345ABCDE)"
)


def accused(*lines: str) -> list[str]:
    """Causes that are more than possible."""
    return [d.cause.id for d in explain(lines, "log", NOW).diagnoses if d.confidence > Confidence.POSSIBLE]


def line(text: str) -> str:
    return f"Nov 25 10:00:00 mx {text}"


@pytest.mark.parametrize(
    "text",
    [
        "opendkim[195]: 407032C4FF6A: DKIM-Signature field added (s=mail, d=example.org)",
        "opendkim[195]: 95154657CA: DKIM verification successful",
        "opendkim[195]: 95154657CA: not authenticated",
        "opendkim[195]: 535CA3012026: mx.example.net [192.0.2.15] not internal",
        "opendkim[195]: 95154657CA: bad signature data",
        "opendmarc[16]: 95154657CA: SPF(mailfrom): a@example.net fail",
        "opendmarc[16]: 95154657CA: example.net fail; rejected by policy",
        "policyd-spf[17]: prepend Received-SPF: Softfail (mailfrom) identity=mailfrom; client-ip=192.0.2.15; helo=mx",
        "policyd-spf[17]: 550 5.7.23 Message rejected due to: SPF fail - not authorized",
        "postgrey[12]: action=greylist, reason=new, client_name=mx.example.net, client_address=192.0.2.15",
        "amavis[463]: (00463-01) Blocked SPAM {DiscardedInbound}, [192.0.2.15] <a@example.net> -> <u@example.org>, Hits: 21.1",
        "amavis[463]: (00463-02) Passed BAD-HEADER-7 {RelayedInbound}, [192.0.2.15], quarantine: badh",
        'rspamd[30]: <ab12>; task; rspamd_task_write_log: (default: T (reject): [17.00/15.00] [RBL_SPAMHAUS(4.00){blocked}])',
        "spamd[11]: spamd: identified spam (9.3/5.0) for nagios:1209 in 0.8 seconds, 5 bytes.",
        "clamav-milter[5]: Message 95154657CA from <a@example.net> to <u@example.org> infected by Eicar-Signature",
        "zmconfigd[91758]: Watchdog: service antivirus status is OK.",
        "dovecot: imap-login: Disconnected: Connection closed: SSL_accept() failed: error:0A000102: unsupported protocol (no auth attempts)",
        "dovecot: auth: passwd-file(alice,192.0.2.15): unknown user",
        "dovecot: auth: policy(alice,192.0.2.15): Authentication failure due to policy server refusal",
        "dovecot: lmtp(u@example.org)<3803><YfJK>: msgid=<h@example.net>: saved mail to INBOX",
        "dovecot: imap(u)<1><x>: Error: Mailbox INBOX: quota exceeded (mailbox for user is full)",
        "auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=u rhost=192.0.2.15",
        "sshd[99]: Failed password for invalid user admin from 192.0.2.15 port 22 ssh2: authentication failure",
        "sogod [26818]: <LDAPSource> REASON:operation bind failed: Invalid credentials (0x31)",
        "saslauthd[7]: do_auth         : auth failure: [user=u] [service=smtp] [realm=example.org] [mech=pam] [reason=PAM auth error]",
        "postfix/cleanup[1]: 413E164734: info: header Content-Disposition: attachment; filename=virus.exe from localhost[127.0.0.1]; from=<a@example.org> to=<u@example.org>",
        "postfix/cleanup[1]: 48rT2v1hQrz1J0N: prepend: header X-Spam-Status: Yes, score=45 from mx.example.net[192.0.2.15]; from=<a@example.net> to=<u@example.org>: X-Spam: Yes",
        "postfix/cleanup[1]: 413E164734: replace: header MIME-Version: 1.0 (spam) from local; from=<a@example.org>: MIME-Version: 1.0",
        "postfix/cleanup[1]: 413E164734: milter-header-redirect: header X-Spam-Status: Yes, score=39 from a[192.0.2.15]; from=<a@example.net>",
        "postfix/cleanup[1]: 413E164734: warning: header Subject: your account was blocked as spam from a[192.0.2.15]; from=<a@example.net> to=<u@example.org>",
        "postfix/cleanup[1]: warning: dict_ldap_get_values[1]: DN uid=u,dc=example,dc=org not found, skipping",
        "postfix/qmgr[1]: warning: 550FA2B3C1: message has been queued for 2 days",
        "postfix/smtpd[2]: warning: 192.0.2.15: address not listed for hostname mx.example.net",
        "postfix/smtpd[2]: warning: 15.2.0.192.rbl.example: RBL lookup error: Host or domain name not found. Name service error for name=15.2.0.192.rbl.example type=A: Host not found, try again",
        "postfix/dnsblog[2]: warning: dnsblog_query: lookup error for DNS query 15.2.0.192.list.example: Host or domain name not found. Name service error for name=15.2.0.192.list.example type=A: Host not found, try again",
        "postfix/smtpd[2]: warning: Connection rate limit exceeded: 31 from mx.example.net[192.0.2.15] for service smtpd",
        "postfix/smtpd[2]: warning: unknown[192.0.2.15]:55729: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=admin",
        "postfix/smtpd[2]: bare <LF> received after CONNECT from mx.example.net[192.0.2.15]",
        "postfix/smtpd[2]: NOQUEUE: reject_warning: RCPT from a[192.0.2.15]: 553 5.7.1 <a@example.net>: Sender address rejected: not owned by user u; from=<a@example.net>",
        "postfix/smtpd[99]: NOQUEUE: discard: MAIL from x.example.net[45.33.32.119]: <a@example.net>: Sender address SPAM; from=<a@example.net>",
        "postfix/postscreen[2]: DENYLISTED [192.0.2.15]:5678",
        "postfix/postscreen[2]: BLACKLISTED [192.0.2.15]:5678",
        "postfix/smtp[2]: warning: valid_hostname: invalid character 92(decimal): 1\\032mx.example.net",
        "postfix/smtp[2]: warning: numeric domain name in resource data of MX record for example.net: 192.0.2.15",
        "postfix/postfix-script[2]: warning: group or other writable: /usr/lib/postfix/sbin/./master",
        "solid-pop3d[2]: authentication failed: no such user: bob - 192.0.2.15",
        "postfix/smtp[2]: 413E164734: enabling PIX workarounds: disable_esmtp delay_dotcrlf for mx.example.net[192.0.2.15]:25",
    ],
)  # fmt: skip
def test_daily_lines_accuse_nobody(text: str) -> None:
    """Alone and beside a mail that was sent."""
    assert accused(line(text)) == []
    assert accused(SENT, line(text)) == []
    found = current.facts(maillog.read([SENT, line(text)], NOW), lambda sender, recipient: "")
    assert [fact.label for fact in found if fact.current and fact.reason.grip >= Grip.PHRASE] == []


@pytest.mark.parametrize(
    "text",
    [
        "signer7[3831]: DKIM signing - signed; message-id=<1@example.org>, signer=<@example.org>, from=<a@example.org>",
        'ours/bounces[62]: 7F3A91C2D4: Bounce: code="5.3.0", message="554 rejected due to spam URL in content"',
        "postfix/trivial-rewrite[5]: warning: do not list domain example.org in BOTH mydestination and virtual_mailbox_domains",
    ],
)
def test_programs_that_nobody_knows_beside_postfix(text: str) -> None:
    """A milter of one's own, who reports of a queue id, and what Postfix merely remarks while all mail flows."""
    assert accused(SENT, line(text), SENT) == []


STRANGERS = [
    "postfix/smtpd[99]: NOQUEUE: reject: RCPT from unknown[45.33.32.117]: 554 5.7.1 Service unavailable; Client host [45.33.32.117] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/45.33.32.117; from=<a@example.net> to=<u@example.org>",
    "postfix/smtpd[99]: NOQUEUE: reject: RCPT from unknown[192.0.2.118]: 450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.118]; from=<a@example.net> to=<u@example.org>",
    "postfix/smtpd[99]: NOQUEUE: reject: RCPT from unknown[2a01:db9::9]: 454 4.7.1 <v@example.net>: Relay access denied; from=<a@example.net> to=<v@example.net>",
    "postfix/smtpd[99]: NOQUEUE: milter-reject: RCPT from mx.example.net[45.33.32.119]: 451 4.7.1 Greylisting in action, please come back later; from=<a@example.net>",
    "postfix/smtpd[99]: 00ADB3C0899: reject: RCPT from x.example.net[45.33.32.119]: 550 5.1.1 <b@example.org>: Recipient address rejected: User unknown in virtual mailbox table; from=<a@example.net> to=<b@example.org>",
    "postfix/cleanup[99]: 00ADB3C089: milter-reject: END-OF-MESSAGE from x.example.net[45.33.32.119]: 5.7.1 Blocked as spam; from=<a@example.net> to=<b@example.org>",
    "postfix/postscreen[99]: NOQUEUE: reject: CONNECT from [45.33.32.119]:1337: too many connections",
]  # fmt: skip


@pytest.mark.parametrize("text", STRANGERS)
def test_a_stranger_who_was_turned_away(text: str) -> None:
    """No failure of this host in run and beside others in explain; possible at most where nothing else is told."""
    assert accused(line(text)) == []
    assert accused(SENT, line(text)) == []
    assert current.facts(maillog.read([SENT, line(text)], NOW), lambda sender, recipient: "") == ()
    (event,) = read_anything(line(text), NOW)
    assert isinstance(event, maillog.Trouble)
    assert event.stranger


@pytest.mark.parametrize(
    "text",
    [
        'exim[8]: SMTP protocol synchronization error (next input sent too soon: pipelining was not advertised): rejected "RSET" H=x.example.net [45.33.32.119]:5830 next input="QUIT"',
        "exim[8]: 1VxHWD-000NuW-83 SA: Action: silently tossed message: score=35.8 required=5.0 From <> (host=NULL [45.33.32.119]) for u@example.org",
        'courieresmtpd[67]: error,relay=::ffff:45.33.32.119,port=4363,msg="535 Authentication failed.",cmd: AUTH LOGIN bob@example.org',
        "qmail: 1157520813.485077 rblsmtpd: 45.33.32.119 pid 195 zen.spamhaus.org: 451 https://www.spamhaus.org/query/ip/45.33.32.119",
        "rblsmtpd: dnsbl.example.net blocked 45.33.32.119 zen.spamhaus.org -",
        "qmail: 1157519909.633171 qmail-smtpd: 421 badiprbl: ip 45.33.32.119 rbl: example.com",
    ],
)  # fmt: skip
def test_a_client_that_another_mailer_turned_away(text: str) -> None:
    """No failure of this host either."""
    assert accused(line(text)) == []
    assert accused(SENT, line(text)) == []


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("postfix/smtpd[9]: NOQUEUE: reject: RCPT from app[10.0.0.5]: 554 5.7.1 <u@example.net>: Relay access denied; from=<a@example.org> to=<u@example.net>", "submission-rejected"),
        ("postfix/smtpd[9]: NOQUEUE: reject: RCPT from app[10.0.0.5]: 450 4.7.1 <u@example.net>: Recipient address rejected: sending quota of this account is used up; from=<a@example.org>", "submission-rejected"),
        ("postfix/smtpd[9]: NOQUEUE: reject: MAIL from x[45.33.32.119]: 452 4.3.1 Insufficient system storage; from=<a@example.net>", "disk-full"),
        ("postfix/smtpd[9]: NOQUEUE: milter-reject: CONNECT from x[45.33.32.119]: 451 4.7.1 Service unavailable - try again later; proto=SMTP", "milter-down"),
        ("postfix/smtpd[9]: NOQUEUE: reject: RCPT from x[45.33.32.119]: 451 4.3.0 <u@example.org>: Temporary lookup failure; from=<a@example.net>", "lookup-table-broken"),
        ("postfix/smtpd[9]: NOQUEUE: reject: RCPT from x[45.33.32.119]: 553 5.7.1 <a@example.org>: Sender address rejected: not owned by user bob; from=<a@example.org>", "submission-rejected"),
        ("postfix/smtpd[9]: fatal: file /etc/postfix/main.cf: parameter default_privs: unknown user name value: nobody", "postfix-config-error"),
        ("postfix/smtp[9]: 421FA2B3C1: Cannot start TLS: handshake failure", "tls-protocol-mismatch"),
        ("postfix/dnsblog[9]: addr 192.0.2.7 listed by domain zen.spamhaus.org as 127.255.255.254", "blocklist-query-refused"),
        ("dovecot: auth: Error: userdb: database down", "backend-down"),
        ("dovecot: lmtp: Error: postdrop: warning: unable to look up public/pickup: Permission denied", "queue-permissions"),
        ("amavis[463]: (!!)TROUBLE in pre_loop_hook: db_init: BDB no dbS: File exists.", "content-filter-down"),
    ],
)  # fmt: skip
def test_what_is_this_hosts_own_trouble(text: str, cause: str) -> None:
    """Whoever noticed it: a client from outside, a program beside Postfix, an id that begins like a reply code."""
    assert explain([line(text)], "log", NOW).diagnoses[0].cause.id == cause


def test_one_daemon_that_waits_for_another_is_no_filter() -> None:
    """scache is a service of Postfix; a policy server is not."""
    inside = read_anything(
        line("postfix/smtp[1]: warning: problem talking to service private/scache: Connection timed out"), NOW
    )
    policy = read_anything(
        line("postfix/smtpd[1]: warning: problem talking to server private/policyd-spf: Connection timed out"), NOW
    )
    assert [event.reason.label for event in (*inside, *policy) if isinstance(event, maillog.Trouble) and event.reason] == [
        "daemon-failed",
        "content-filter-down",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        "host mx2.example.net[192.0.2.9] said: 451 4.3.2 Internal error reading data (in reply to MAIL FROM command)",
        "host mx2.example.net[192.0.2.9] said: 451 4.7.1 IP 198.51.100.7 temporarily blocked by RBL zen.spamhaus.org (in reply to RCPT TO command)",
    ],
)
def test_what_the_first_exchanger_said_is_kept(said: str) -> None:
    """The status line quotes the last one alone; run and explain read the same lines."""
    lines = [
        line(f"postfix/smtp[9]: 7F3A91C2D5: {said}"),
        line("postfix/smtp[9]: 7F3A91C2D5: to=<u@example.net>, relay=mx1.example.net[192.0.2.8]:25, delay=1, dsn=4.3.2, status=deferred (host mx1.example.net[192.0.2.8] said: 451 4.3.2 try again later (in reply to RCPT TO command))"),
    ]  # fmt: skip
    delivery = next(each for each in stream(lines, NOW) if isinstance(each, maillog.Delivery))
    assert delivery.context == (f"7F3A91C2D5: {said}",)


@pytest.mark.parametrize(
    "text",
    [
        "postfix/smtp[9]: SSL_connect error to relay.example.net[192.0.2.9]:587: lost connection",
        'postfix/smtp[9]: SMTPS wrappermode (TCP port 465) requires setting "smtp_tls_wrappermode = yes"',
        "postfix/postsuper[9]: 7F3A91C2D5: placed on hold",
        "postfix/smtp[9]: host mx.example.net[192.0.2.4] greeted me with my own hostname mail.example.org",
        "postfix/smtp[9]: 7F3A91C2D5: host mx2.example.net[192.0.2.9] said: 451 4.3.2 Internal error",
        "amavis[463]: (!)connect to /run/clamav/clamd.ctl failed, attempt #1",
    ],
)
def test_run_reads_what_explain_reads(text: str) -> None:
    """The quick filter before the reader lets through whatever the reader understands."""
    (event,) = read_anything(line(text), NOW)
    assert isinstance(event, maillog.Trouble)
    assert list(stream([line(text)], NOW)) == [event]


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("Jan 29 13:54:06 auth-worker(22401): Info: sql(u@example.org,192.0.2.5): unknown user", "auth-worker(22401)"),
        ("Jan 29 13:54:06 Info: imap-login: Login: user=<u>, Authentication Failure", "imap-login"),
    ],
)
def test_dovecots_own_file(text: str, service: str) -> None:
    """No host, and no program but the process."""
    parsed = parse(text, NOW)
    assert parsed is not None
    assert parsed.service == service
