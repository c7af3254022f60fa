"""What receivers' exchangers answer when mail comes straight from this host."""

from __future__ import annotations

from collections.abc import Mapping

from tests.lab.fault import Fault, fault
from tests.lab.internet.world import Manner, Server, World, one_server
from tests.lab.neighbours import DkimKey, opendkim
from tests.lab.steps import Step, mail, settings

GMAIL = ("*.google.com", "maria.example@gmail.com")
MICROSOFT = ("*.protection.outlook.com", "maria@hotmail.com")
YAHOO = ("mta*.yahoodns.net", "maria@yahoo.com")
APPLE = ("mx0?.mail.icloud.com", "maria@icloud.com")
PLAIN = ("mx?.northwind-trading.com", "maria@northwind-trading.com")

LISTED = "ip-blocklisted"
UNAUTHENTICATED = "sender-unauthenticated"


def case(
    name: str,
    cause: str,
    whom: tuple[str, str],
    stage: str,
    reply: str,
    shows: str,
    records: Mapping[tuple[str, str], tuple[str, ...] | str] | None = None,
    listed: tuple[str, ...] = (),
    *setup: Step,
) -> Fault:
    """A receiver that answers so at one stage (BANNER: instead of its greeting)."""
    manner = Manner(banner=reply) if stage == "BANNER" else Manner(replies={stage: reply})
    world = World(servers=(Server(host=whom[0], ports=(25,), manner=manner),), records=records or {}, listed=listed)
    return fault(
        name,
        cause,
        f"{whom[1].split('@')[1]} answers {reply[:60]!r} at {stage}",
        settings(inet_protocols="ipv4"),
        *setup,
        world=world,
        then=(mail(whom[1]),),
        shows=f"status=(deferred|bounced) .*{shows}",
    )


NO_SPF = {("brightwater-labs.com", "TXT"): "NODATA"}
OTHER_SPF = {("brightwater-labs.com", "TXT"): ("v=spf1 include:_spf.google.com -all",)}
MANY_INCLUDES = f"v=spf1 {' '.join(f'include:spf.mailer{n}.net' for n in range(11))} ip4:85.214.88.17 -all"
SIGNS, PUBLISHED = DkimKey(), DkimKey()
KEY_PLACE = ("mail._domainkey.brightwater-labs.com", "TXT")
UNSIGNED_BY_GMAIL = (
    "550-5.7.26 Your email has been blocked because the sender is unauthenticated.\n550-5.7.26 Gmail requires all "
    "senders to authenticate with either SPF or DKIM.\n550-5.7.26  Authentication results:\n550-5.7.26  DKIM = did not pass\n"
    "550-5.7.26  SPF [brightwater-labs.com] with ip: [{ip}] = did not pass\n550 5.7.26 ffacd0b85a97d - gsmtp"
)

FAULTS = (
    case(
        "spamhaus-rejects",
        LISTED,
        PLAIN,
        "RCPT",
        "554 5.7.1 Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org; "
        "https://www.spamhaus.org/query/ip/85.214.88.17",
        "blocked using",
        listed=("zen.spamhaus.org",),
    ),
    case(
        "microsoft-s3140",
        LISTED,
        MICROSOFT,
        "MAIL",
        "550 5.7.1 Unfortunately, messages from [{ip}] weren't sent. Please contact your Internet service provider "
        "since part of their network is on our block list (S3140). You can also refer your provider to "
        "http://mail.live.com/mail/troubleshooting.aspx#errors. [AM6EUR05FT043.eop-eur05.prod.protection.outlook.com]",
        "S3140",
    ),
    case(
        "t-online-banner",
        LISTED,
        ("mx0?.t-online.de", "maria@t-online.de"),
        "BANNER",
        "554 IP=85.214.88.17 - A problem occurred. (Ask your postmaster for help or to contact tosa@rx.t-online.de to clarify.) (BL)",
        "tosa@rx",
    ),
    case(
        "gmail-not-authorized-ip",
        LISTED,
        GMAIL,
        "DOT",
        "550-5.7.1 [{ip}] The IP you're using to send mail is not authorized to\n550-5.7.1 send email directly to our "
        "servers. Please use the SMTP relay at your\n550 5.7.1 service provider instead. ffacd0b85a97d - gsmtp",
        "not authorized",
    ),
    case(
        "gmail-unauthenticated",
        UNAUTHENTICATED,
        GMAIL,
        "DOT",
        UNSIGNED_BY_GMAIL,
        "5.7.26",
        NO_SPF,
    ),
    case(
        "dkim-key-of-last-year",
        "dkim-key-mismatch",
        GMAIL,
        "DOT",
        UNSIGNED_BY_GMAIL,
        "5.7.26",
        {KEY_PLACE: (PUBLISHED.record,), **NO_SPF},
        (),
        opendkim(SIGNS),
    ),
    case(
        "dkim-key-never-published",
        "dkim-key-mismatch",
        GMAIL,
        "DOT",
        UNSIGNED_BY_GMAIL,
        "5.7.26",
        {KEY_PLACE: "NXDOMAIN", **NO_SPF},
        (),
        opendkim(SIGNS),
    ),
    case(
        "spf-hard-fail",
        UNAUTHENTICATED,
        PLAIN,
        "RCPT",
        "550 5.7.23 <maria@northwind-trading.com>: Recipient address rejected: Message rejected due to: SPF fail - not "
        "authorized. Please see http://www.open-spf.org/Why",
        "SPF fail",
        OTHER_SPF,
    ),
    case(
        "spf-two-records",
        "spf-record-invalid",
        PLAIN,
        "RCPT",
        "550 5.7.23 <maria@northwind-trading.com>: Recipient address rejected: Message rejected due to: SPF fail - not "
        "authorized. Please see http://www.open-spf.org/Why",
        "SPF fail",
        {("brightwater-labs.com", "TXT"): ("v=spf1 mx -all", "v=spf1 ip4:85.214.88.17 -all")},
    ),
    case(
        "spf-too-many-look-ups",
        "spf-record-invalid",
        GMAIL,
        "DOT",
        "550-5.7.27 Your email has been blocked because the sender is unauthenticated.\n550-5.7.27 Gmail requires all senders to "
        "authenticate with SPF.\n550 5.7.27 SPF [brightwater-labs.com] with ip: [{ip}] = did not pass ffacd0b85a97d - gsmtp",
        "5.7.27",
        {("brightwater-labs.com", "TXT"): (MANY_INCLUDES,)},
    ),
    case(
        "apple-dmarc",
        UNAUTHENTICATED,
        APPLE,
        "DOT",
        "554 5.7.1 Your message was rejected due to brightwater-labs.com's DMARC policy. "
        "See https://support.apple.com/en-us/HT204137 for info",
        "DMARC",
        {("_dmarc.brightwater-labs.com", "TXT"): ("v=DMARC1; p=reject",), **OTHER_SPF},
    ),
    case(
        "yahoo-tss04",
        "rate-limited",
        YAHOO,
        "MAIL",
        "421 4.7.0 [TSS04] Messages from {ip} temporarily deferred due to unexpected volume or user complaints - "
        "4.16.55.1; see https://postmaster.yahooinc.com/error-codes",
        "TSS04",
    ),
    case(
        "gmail-unusual-rate",
        "rate-limited",
        GMAIL,
        "DOT",
        "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating\n421-4.7.28 from your IP Netblock "
        "[{ip}      19]. To protect our users from\n421-4.7.28 spam, mail sent from your IP Netblock has been temporarily "
        "rate\n421 4.7.28 limited. ffacd0b85a97d - gsmtp",
        "unusual rate",
    ),
    case(
        "orange-connections",
        "rate-limited",
        ("smtp-in.orange.fr", "maria@orange.fr"),
        "BANNER",
        "421 mwinf5c79 ME Trop de connexions, veuillez verifier votre configuration. Too many connections, slow down. "
        "OFR005_104 [104]",
        "OFR005_104",
    ),
    case("spam-score", "content-rejected", PLAIN, "DOT", "554 5.7.1 Spam message rejected (score 9.3)", "Spam message"),
    case(
        "gmail-no-message-id",
        "content-rejected",
        GMAIL,
        "DOT",
        "550-5.7.1 [{ip}] Messages missing a valid Message-ID: header are not\n550 5.7.1 accepted. ffacd0b85a97d - gsmtp",
        "Message-ID",
    ),
    case(
        "mailbox-unknown",
        "recipient-unknown",
        PLAIN,
        "RCPT",
        "550 5.1.1 <maria@northwind-trading.com>: Recipient address rejected: User unknown in virtual mailbox table",
        "User unknown",
    ),
    case(
        "gmail-mailbox-full",
        "recipient-mailbox-full",
        GMAIL,
        "RCPT",
        "452-4.2.2 The recipient's inbox is out of storage space. Please direct the\n452-4.2.2 recipient to\n"
        "452 4.2.2  https://support.google.com/mail/?p=OverQuotaTemp ffacd0b85a97d - gsmtp",
        "out of storage",
    ),
    case(
        "mailbox-full",
        "recipient-mailbox-full",
        PLAIN,
        "DOT",
        "552 5.2.2 <maria@northwind-trading.com> Quota exceeded (mailbox for user is full)",
        "Quota exceeded",
    ),
    case(
        "blocklist-refuses-resolver",
        "blocklist-query-refused",
        PLAIN,
        "RCPT",
        "554 5.7.1 Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org; Error: open resolver; "
        "https://check.spamhaus.org/returnc/pub/172.253.1.131/",
        "open resolver",
    ),
    fault(
        "greylisted",
        "greylisted",
        "a first contact is put off for five minutes",
        world=one_server("mx?.northwind-trading.com", grey=300),
        shows="status=deferred .*Greylisted",
    ),
    fault(
        "delivered-to-spam",
        "delivered-to-remote",
        "Gmail took it with 250; nobody sees it",
        args=("--to", "maria.example@gmail.com"),
        then=(mail("maria.example@gmail.com"),),
        shows="status=sent \\(250",
    ),
    fault(
        "delivered-quarantine",
        "delivered-to-remote",
        "Microsoft took it with 250, queued for delivery",
        world=one_server(
            "*.protection.outlook.com",
            replies={
                "DOT": "250 2.6.0 <20261122@app> [InternalId=1234, Hostname=AM6PR0.eurprd.prod.outlook.com] Queued mail for delivery"
            },
        ),
        args=("--to", "maria@hotmail.com"),
        then=(mail("maria@hotmail.com"),),
        shows="status=sent \\(250",
    ),
    case(
        "use-your-isp-server",
        LISTED,
        PLAIN,
        "RCPT",
        "550 5.7.1 Mail from dynamic addresses is not accepted; please use the smtp server of your ISP",
        "smtp server of your ISP",
    ),
    case(
        "microsoft-recipient-denied",
        "recipient-unknown",
        ("*.protection.outlook.com", "maria@outlook.com"),
        "RCPT",
        "550 5.4.1 Recipient address rejected: Access denied. For more information see https://aka.ms/EXOSmtpErrors "
        "[AM4PEPF00027A69.eurprd04.prod.outlook.com]",
        "5.4.1",
    ),
)
