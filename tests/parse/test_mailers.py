"""Other mailers' own words: Exim's options and queue, lists of what waits, files of logins, logs."""

from datetime import datetime, timezone

import pytest

from diagnose.apps import logins
from diagnose.host.secretfile import mask_read
from diagnose.parse.log.current import facts
from diagnose.parse.log.mail_event import Delivery
from diagnose.parse.mailers import exim, queues, settings
from diagnose.parse.mailers.log import Reader, panics, read
from diagnose.parse.mailers.way import Way
from diagnose.parse.text.masking import Secrets

NOW = datetime(2026, 11, 26, 5, 0, tzinfo=timezone.utc)

ROUTERS = """\
hubbed_hosts router:
domains = ${if exists{/etc/exim4/hubbed_hosts}{partial-lsearch;/etc/exim4/hubbed_hosts}fail}
driver = manualroute
route_data = ${lookup{$domain}partial-lsearch{/etc/exim4/hubbed_hosts}}
transport = remote_smtp

smarthost router:
condition =
domains = ! +local_domains
driver = manualroute
no_more
route_data =
route_list = * HOSTS byname
senders =
transport = remote_smtp_smarthost

local_user router:
domains = +local_domains
driver = accept
transport = $local_delivery
"""
TRANSPORTS = """\
remote_smtp_smarthost transport:
driver = smtp
hosts_avoid_tls =
hosts_require_tls =
hosts_try_auth = <; ${if exists{/etc/exim4/passwd.client} {${lookup{$host}nwildlsearch{/etc/exim4/passwd.client}{$host_address}}}{} }
port = smtp
protocol = PROTOCOL
tls_verify_certificates = system
tls_verify_hosts = *
helo_data = $primary_hostname
"""


def way(hosts: str, protocol: str = "smtp") -> Way:
    routers = exim.blocks(ROUTERS.replace("HOSTS", hosts))
    transports = exim.blocks(TRANSPORTS.replace("PROTOCOL", protocol))
    return exim.way(routers, transports, {"primary_hostname": "app.example.net"})


@pytest.mark.parametrize(
    ("hosts", "protocol", "place", "tls"),
    [
        ("smtp.example.com::587", "smtp", ("smtp.example.com", 587), "starttls"),
        ("smtp.example.com", "smtp", ("smtp.example.com", 25), "starttls"),
        ("smtp.example.com", "smtps", ("smtp.example.com", 465), "implicit"),
        ("a.example.com::2525:b.example.com", "smtp", ("a.example.com", 2525), "starttls"),
        ("<; a.example.com::587 ; b.example.com", "smtp", ("a.example.com", 587), "starttls"),
        ("[192.0.2.7]::587", "smtp", ("192.0.2.7", 587), "starttls"),
        # One colon makes two hosts of it.
        ("smtp.example.com:587", "smtp", ("smtp.example.com", 25), "starttls"),
    ],
)
def test_exims_smarthost(hosts: str, protocol: str, place: tuple[str, int], tls: str) -> None:
    found = way(hosts, protocol)
    assert (found.kind, found.host, found.port, found.tls) == ("relay", *place, tls)
    assert (found.verifies, found.login_by, found.helo) == (True, "file", "app.example.net")


def test_all_smarthosts_of_a_list() -> None:
    assert way("a.example.com::2525:b.example.com byname").more == (("b.example.com", 25),)
    assert way("a.example.com byname").more == ()


def test_exim_that_delivers_by_itself_and_one_that_does_not() -> None:
    direct = exim.blocks("dnslookup router:\ndomains = ! +local_domains\ndriver = dnslookup\ntransport = remote_smtp\n")
    transports = exim.blocks("remote_smtp transport:\ndriver = smtp\nport = smtp\n")
    assert exim.way(direct, transports, {}).kind == "direct"
    relayed = exim.blocks(
        "d router:\ndomains = ! +local_domains : +relay_to_domains\ndriver = dnslookup\ntransport = remote_smtp\n"
    )
    assert exim.way(relayed, transports, {}).kind == "local"
    assert exim.way({}, {}, {}).kind == "local"


def test_a_smarthost_that_depends_on_the_message_is_not_known() -> None:
    assert way("${lookup{$sender}lsearch{/etc/smarthosts}}").kind == ""


QUEUE = """\
25m  2.9K 1xWRih-00004F-1w <alice@example.net>
          red.king@example.org
        D done@example.org

 2d   428 1xWRjw-00000004F2j-AbCd <> *** frozen ***
          nobody@example.com

"""


def test_exims_queue() -> None:
    first, second = exim.waiting(QUEUE, 1_000_000.0)
    assert (first.queue_name, first.size, first.recipients) == ("deferred", 2969, ("red.king@example.org",))
    assert first.arrival == 1_000_000.0 - 25 * 60
    assert (second.queue_name, second.sender, second.arrival) == ("hold", "", 1_000_000.0 - 2 * 86400)


@pytest.mark.parametrize(
    ("id", "text", "senders", "recipients"),
    [
        (
            "nullmailer",
            "2026-11-26 04:55:56 259 bytes from <me@here.test>\n  to <a@b.test>\n  to <c@d.test>\n"
            "2026-11-26 04:56:00 100 bytes\n  to <e@f.test>\n",
            ["me@here.test", ""],
            3,
        ),
        ("dma", "ID\t: 1a2b3c\nFrom\t: me@here.test\nTo\t: a@b.test\n\n--\nID\t: 4d5e6f\nFrom\t: x@here.test\nTo\t: c@d.test\n", ["me@here.test", "x@here.test"], 2),
        (
            "sendmail",
            "\t\t/var/spool/mqueue (1 request)\n-----Q-ID----- --Size-- -----Q-Time----- ------------Sender/Recipient-----------\n"
            "3AQ4twab012345      428 Thu Nov 26 04:55 <me@here.test>\n                 (Deferred: Connection timed out with smtp.b.test.)\n"
            "\t\t\t\t\t <a@b.test>\n\t\tTotal requests: 1\n",
            ["me@here.test"],
            1,
        ),
        (
            "opensmtpd",
            "1234567890abcdef|inet4|mta||me@here.test|a@b.test|a@b.test|1795668900|1796014500|1795668960|2|pending|120|Connection timed out\n",
            ["me@here.test"],
            1,
        ),
    ],
)  # fmt: skip
def test_what_other_mailers_list(id: str, text: str, senders: list[str], recipients: int) -> None:
    found = list(queues.LISTINGS[id](text, NOW.timestamp()))
    assert [each.sender for each in found] == senders
    assert sum(len(each.recipients) for each in found) == recipients
    summary = queues.summary(
        found, NOW.timestamp(), lambda id, to: "connect to smtp.b.test[192.0.2.1]:25: Connection timed out"
    )
    assert summary.total == len(found)
    assert {group.label for group in summary.groups} == {"connect-timeout"}


LOGINS = """\
# target.mail.server.example:login:password
### old.example.com:me:pa55-of-before
*.example.org:wild:Wild-card-77
smtp.example.com:me@example.com:S3cret:with:colons^^7
^mail\\d+\\.example\\.net$:rx:Reg-exp-88
ported.example.com::587:me:Port-55
number.example.com:25000:Num-66:66
"""


@pytest.mark.parametrize(
    ("name", "user"),
    [
        ("smtp.example.com", "me@example.com"),
        ("SMTP.EXAMPLE.COM", "me@example.com"),
        ("a.b.example.org", "wild"),
        ("mail7.example.net", "rx"),
        ("ported.example.com", "me"),
        ("number.example.com", "25000"),
        ("smtp.example.de", ""),
    ],
)
def test_the_entry_that_counts(name: str, user: str) -> None:
    found = logins.find(LOGINS, (name,))
    assert (found.user if found else "") == user


def test_no_password_of_a_file_of_logins_is_shown() -> None:
    secrets = Secrets()
    shown = mask_read(LOGINS + "me|mail.example.com:dma-Pass-99\n", "logins", secrets)
    for password in (
        "pa55-of-before",
        "Wild-card-77",
        "S3cret",
        "colons",
        "Reg-exp-88",
        "Port-55",
        "Num-66",
        "dma-Pass-99",
    ):
        assert password not in shown
    assert [each.user for each in logins.entries(shown)] == ["wild", "me@example.com", "rx", "me", "25000", "me"]
    assert "S3cret:with:colons^7" not in secrets.hide("said S3cret:with:colons^7 here")


@pytest.mark.parametrize(
    ("text", "kind", "host", "port", "tls"),
    [
        ('action "out" relay host smtp+tls://label@smtp.example.com auth <secrets>\n', "relay", "smtp.example.com", 587, "starttls-required"),
        ('action "out" relay host "smtps://smtp.example.com:465"\n', "relay", "smtp.example.com", 465, "implicit"),
        ('action "out" relay\n', "direct", "", 25, "none"),
        ('action "local" mbox alias <aliases>\n', "local", "", 25, "none"),
        ("accept for any relay via tls+auth://label@smtp.example.com:587 auth <secrets>\n", "relay", "smtp.example.com", 587, "starttls-required"),
    ],
)  # fmt: skip
def test_smtpd_conf(text: str, kind: str, host: str, port: int, tls: str) -> None:
    found = settings.smtpd(text)
    assert (found.kind, found.host, found.port, found.tls) == (kind, host, port, tls)


def test_only_passwords_of_smtpd_conf_are_masked() -> None:
    text = (
        'table secrets { l = "me:pa55:word", b = u@x.test:sec@ret77 }\naction "out" relay host smtps://l@smtp.x.test:587 auth <secrets>\n'
        'action "old" relay host "smtp+tls://me:pw1234567@smtp.x.test"\nmatch for local action "local"\n'
    )
    shown = mask_read(text, "smtpd", Secrets())
    for password in ("pa55:word", "sec@ret77", "pw1234567"):
        assert password in text
        text = text.replace(password, "********")
    assert shown == text


def test_sendmail_cf() -> None:
    assert (
        settings.sendmail(
            "V10\nDS[smtp.example.com]\nMrelay,\t\tP=[IPC], F=mDFMuXa8k, E=\\r\\n,\n\t\tA=TCP $h 587\n"
        ).port
        == 587
    )
    assert settings.sendmail("V10\nDS\n").kind == "direct"


EXIM_LOG = """\
2026-11-26 04:10:00 1xWRih-00004F-1w <= noreply@example.net U=www-data P=local S=428
2026-11-26 04:10:02 1xWRih-00004F-1w H=smtp.example.com [198.51.100.7] Connection timed out
2026-11-26 04:10:02 1xWRih-00004F-1w == maria@example.org R=smarthost T=remote_smtp_smarthost defer (110): Connection timed out
2026-11-26 04:20:00 1xWRjw-00004F-2j <= noreply@example.net U=www-data P=local S=428
2026-11-26 04:20:01 1xWRjw-00004F-2j => jan@example.org R=smarthost T=remote_smtp_smarthost H=smtp.example.com [198.51.100.7] X=TLS1.3 A=plain C="250 2.0.0 Ok"
2026-11-26 04:20:01 1xWRjw-00004F-2j Completed
""".splitlines()
NULLMAILER_LOG = """\
Nov 26 04:30:00 app nullmailer[1]: Starting delivery: host: smtp.example.com protocol: smtp file: 1795668956.1062
Nov 26 04:30:00 app nullmailer[1]: From: <noreply@example.net> to: <maria@example.org>
Nov 26 04:30:01 app nullmailer[1]: smtp: Failed: 535 5.7.8 Error: authentication failed
Nov 26 04:30:01 app nullmailer[1]: Sending failed: Permanent error in sending the message
Nov 26 04:31:00 app nullmailer[1]: Starting delivery: host: smtp.example.com protocol: smtp file: 1795668957.1
Nov 26 04:31:00 app nullmailer[1]: From: <noreply@example.net> to: <jan@example.org>
Nov 26 04:31:01 app nullmailer[1]: smtp: Succeeded: 250 2.0.0 Ok: queued
Nov 26 04:31:01 app nullmailer[1]: Sent file.
""".splitlines()


def test_exims_log() -> None:
    reader = read(EXIM_LOG, NOW, 587)
    assert reader.log.statuses == {"deferred": 1, "sent": 1}
    assert [host for _, host, _ in reader.log.sent] == ["smtp.example.com"]
    assert reader.last["1xWRih-00004F-1w", "maria@example.org"]
    sample = next(iter(reader.log.deliveries.values())).sample
    assert (sample.sender, sample.domain) == ("noreply@example.net", "example.org")


def test_words_of_any_program_are_the_mailers_own_here() -> None:
    refused = EXIM_LOG[2].replace(
        "defer (110): Connection timed out",
        "H=smtp.example.com [198.51.100.7]: SMTP error from remote mail server after MAIL FROM:<a@example.net>: 530 5.7.0 Must issue a STARTTLS command first",
    )
    assert [label for label, *_ in read([EXIM_LOG[0], refused], NOW).log.deliveries] == ["starttls-required"]


def test_nullmailers_log() -> None:
    reader = read(NULLMAILER_LOG, NOW)
    assert reader.log.statuses == {"deferred": 1, "sent": 1}
    assert [label for label, *_ in reader.log.deliveries] == ["relay-credentials-rejected"]
    assert reader.last["1795668956.1062", "maria@example.org"]


@pytest.mark.parametrize(
    ("lines", "outcome", "label"),
    [
        (
            ["sSMTP[22]: Creating SSL connection to host", "sSMTP[22]: 550 5.7.60 Client does not have permissions to send as this sender"],
            ("bounced", "", None, "smarthost.example"),
            "sender-not-allowed",
        ),
        (["sSMTP[22]: Sent mail for a@example.net (221 2.0.0 Bye) uid=33 username=www-data outbytes=350"], ("sent", "", "a@example.net", "smarthost.example"), ""),
        (
            [
                "dma[115]: new mail from user=www-data uid=33 envelope_from=<a@example.net>",
                "dma[115]: mail to=<b@example.org> queued as 115.55ba955dc6b0",
                "dma[115.55ba955dc6b0]: <b@example.org> trying delivery",
                "dma[115.55ba955dc6b0]: using smarthost (smtp.example.com:587)",
                "dma[115.55ba955dc6b0]: trying remote delivery to smtp.example.com [192.0.2.7] pref 0",
                "dma[115.55ba955dc6b0]: connect to smtp.example.com [192.0.2.7] failed: Connection timed out",
            ],
            ("deferred", "115.55ba955dc6b0", "a@example.net", "smtp.example.com"),
            "connect-timeout",
        ),
        (
            [
                "smtpd[28]: ef6bc688c1971710 smtp envelope evpid=e2bff6b9b574e95d from=<a@example.net> to=<b@example.org>",
                'smtpd[28]: ef6bc68c61b73b8e mta delivery evpid=e2bff6b9b574e95d from=<a@example.net> to=<b@example.org> rcpt=<-> source="192.0.2.1" relay="192.0.2.7 (smtp.example.com)" delay=1s result="Ok" stat="250 2.0.0 Ok"',
            ],
            ("sent", "e2bff6b9b574e95d", "a@example.net", "smtp.example.com"),
            "",
        ),
        (
            [
                "sm-mta[43]: 6ARNVfaV000043: from=<a@example.net>, size=122, class=0, nrcpts=1, msgid=<1@app.example>, relay=localhost [127.0.0.1]",
                "sm-mta[45]: 6ARNVfaV000043: to=<b@example.org>, delay=00:00:01, mailer=relay, pri=30122, relay=smtp.example.com [192.0.2.7], dsn=4.0.0, stat=Deferred: Connection timed out with smtp.example.com",
            ],
            ("deferred", "6ARNVfaV000043", "a@example.net", "smtp.example.com"),
            "connect-timeout",
        ),
        (
            ["2026-11-26 04:30:00 1xXHim-00004I-0Y ** b@example.org R=smarthost T=smtp H=smtp.example.com [192.0.2.7]: 550 5.1.2 Recipient address rejected: Domain not found"],
            ("bounced", "1xXHim-00004I-0Y", None, "smtp.example.com"),
            "dns-not-found",
        ),
    ],
)  # fmt: skip
def test_logs_of_small_mailers(lines: list[str], outcome: tuple[str, str, str | None, str], label: str) -> None:
    reader = Reader(NOW, 587, "smarthost.example")
    (event,) = [each for line in lines for each in reader.feed(f"Nov 26 04:30:00 app {line}")]
    assert isinstance(event, Delivery)
    assert (event.status, event.queue_id or "", event.sender, event.relay_host) == outcome
    assert (event.reasons[0].label if event.reasons else "") == label


def test_sendmails_bounce_is_nobodys_mail_and_its_reply_is_the_servers() -> None:
    lines = [
        "sm-mta[50]: 6AS0hSe4000048: from=<a@example.net>, size=512, class=0, nrcpts=1, msgid=<1@app.example>, relay=localhost [127.0.0.1]",
        "sm-mta[50]: 6AS0hSe4000048: to=<b@example.org>, mailer=relay, relay=smtp.example.com. [192.0.2.7], dsn=5.7.0, reply=530 5.7.0 Authentication required, stat=Service unavailable",
        "sm-mta[50]: 6AS0hSe4000048: 6AS0hSe4000050: DSN: Service unavailable",
        "sm-mta[50]: 6AS0hSe4000050: to=MAILER-DAEMON, mailer=local, dsn=5.1.1, reply=550 5.1.1 User unknown, stat=User unknown",
    ]
    log = read([f"Nov 26 04:30:00 app {line}" for line in lines], NOW).log
    found = {fact.label: fact.minor for fact in facts(log, lambda sender, recipient: "smtp.example.com")}
    assert found == {"auth-required": False, "recipient-unknown": True}


def test_exims_note_on_a_failed_login_says_more_than_the_outcome() -> None:
    note = EXIM_LOG[1].replace(
        "H=smtp.example.com [198.51.100.7] Connection timed out",
        "relay_login authenticator failed H=smtp.example.com [198.51.100.7] 535 5.7.8 Error: authentication failed",
    )
    outcome = EXIM_LOG[2].replace(
        "defer (110): Connection timed out", "defer (-42): authentication required but authentication attempt(s) failed"
    )
    assert [label for label, *_ in read([EXIM_LOG[0], note, outcome], NOW).log.deliveries] == [
        "relay-credentials-rejected"
    ]


def test_panics_are_told_once() -> None:
    line = "2026-11-26 04:5{}:00 1xWRi{}-00004F-1w failed to open /etc/exim4/passwd.client for linear search: Permission denied"
    found = panics("\n".join(line.format(n, n) for n in range(5)), NOW)
    assert [each.at for each in found] == [datetime(2026, 11, 26, 4, 54, tzinfo=timezone.utc)]
    assert panics("", NOW) == []
