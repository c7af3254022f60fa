"""More words of relays and receivers, chosen because their codes mislead."""

from __future__ import annotations

from tests.lab.faults.e_receivers import APPLE, LISTED, MICROSOFT, PLAIN, UNAUTHENTICATED, case as receiver
from tests.lab.faults.e_replies import APP, DENIED, REJECTED, RESTRICTED, SENDER, case as relayed

FAULTS = (
    relayed(
        "yahoo-from-not-verified",
        SENDER,
        "smtp.mail.yahoo.com",
        "MAIL",
        "553 From address not verified - see http://help.yahoo.com/l/us/yahoo/mail/original/manage/sendfrom-07.html",
        "not verified",
    ),
    relayed(
        "icloud-from-foreign",
        SENDER,
        "smtp.mail.me.com",
        "MAIL",
        "550 5.7.0 From address is not one of your addresses",
        "not one of your addresses",
    ),
    relayed(
        "fastmail-header-from",
        SENDER,
        "smtp.fastmail.com",
        "RCPT",
        "551 5.7.1 Not authorised to send from this header address",
        "Not authorised",
        port=465,
    ),
    relayed(
        "mailersend-from-domain",
        SENDER,
        "smtp.mailersend.net",
        "DOT",
        "450 The given data was invalid. The from.email domain must be verified in your account to send emails. #MS42207",
        "must be verified",
    ),
    relayed(
        "mailgun-domain-unverified",
        SENDER,
        "smtp.mailgun.org",
        "DOT",
        "550 Domain brightwater-labs.com is not allowed to send: The domain is unverified and requires DNS configuration. "
        "Log in to your control panel to view required DNS records.",
        "unverified",
    ),
    relayed(
        "ses-not-subscribed",
        RESTRICTED,
        "email-smtp.us-east-1.amazonaws.com",
        "AUTH",
        "535 Account not subscribed to SES",
        "not subscribed",
    ),
    relayed(
        "m365-tenant-blocked",
        RESTRICTED,
        "smtp.office365.com",
        "DOT",
        "550 5.7.705 Access denied, tenant has exceeded threshold. Please contact support. AS(7750)",
        "5.7.705",
    ),
    relayed(
        "postmark-no-credits",
        RESTRICTED,
        "smtp.postmarkapp.com",
        "DOT",
        "550 Not allowed to send: You ran out of credits.",
        "ran out of credits",
    ),
    relayed(
        "ses-iam-denied",
        DENIED,
        "email-smtp.eu-west-1.amazonaws.com",
        "DOT",
        "554 Access denied: User `arn:aws:iam::123456789012:user/ses-smtp-user' is not authorized to perform `ses:SendRawEmail' on "
        "resource `arn:aws:ses:eu-west-1:123456789012:identity/brightwater-labs.com'",
        "is not authorized to perform",
    ),
    relayed("brevo-bad-key", REJECTED, "smtp-relay.brevo.com", "AUTH", "535 5.7.8 Authentication failed", "535"),
    relayed(
        "sparkpost-bad-key",
        REJECTED,
        "smtp.sparkpostmail.com",
        "AUTH",
        "535 5.7.8 Sorry. No authentication type succeeded",
        "535",
    ),
    relayed("icloud-app-password", APP, "smtp.mail.me.com", "AUTH", "535 5.7.8 Error: authentication failed: ", "535"),
    receiver(
        "gmx-banner",
        LISTED,
        ("mx*.emig.gmx.net", "maria@gmx.net"),
        "BANNER",
        "554-gmx.net (mxgmx016) Nemesis ESMTP Service not available\n554-No SMTP service\n554-IP address is black listed.\n"
        "554 For explanation visit https://postmaster.gmx.net/en/error-messages?ip=85.214.88.17&c=bip",
        "black listed",
    ),
    receiver(
        "microsoft-banned-ip",
        LISTED,
        MICROSOFT,
        "MAIL",
        "550 5.7.606 Access denied, banned sending IP [{ip}]. To request removal from this list please visit "
        "https://sender.office.com/ and follow the directions.",
        "5.7.606",
    ),
    receiver(
        "apple-local-policy",
        LISTED,
        APPLE,
        "DOT",
        "550 5.7.1 [CS01] Message rejected due to local policy. Please visit https://support.apple.com/en-us/HT204137",
        "CS01",
    ),
    receiver(
        "use-your-isp-server",
        LISTED,
        PLAIN,
        "RCPT",
        "550 5.7.1 Mail from dynamic addresses is not accepted; please use the smtp server of your ISP",
        "smtp server of your ISP",
    ),
    receiver(
        "microsoft-dmarc",
        UNAUTHENTICATED,
        MICROSOFT,
        "DOT",
        "550 5.7.509 Access denied, sending domain brightwater-labs.com does not pass DMARC verification and has a DMARC policy of reject.",
        "5.7.509",
        {
            ("_dmarc.brightwater-labs.com", "TXT"): ("v=DMARC1; p=reject",),
            ("brightwater-labs.com", "TXT"): ("v=spf1 include:_spf.google.com -all",),
        },
    ),
    receiver(
        "microsoft-recipient-denied",
        "recipient-unknown",
        ("*.protection.outlook.com", "maria@outlook.com"),
        "RCPT",
        "550 5.4.1 Recipient address rejected: Access denied. For more information see https://aka.ms/EXOSmtpErrors "
        "[AM4PEPF00027A69.eurprd04.prod.outlook.com]",
        "5.4.1",
    ),
    receiver(
        "bare-line-feeds",
        "content-rejected",
        PLAIN,
        "DOT",
        "550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; message contains bare linefeeds, which cannot be sent via DATA",
        "BareLinefeeds",
    ),
    receiver(
        "blocklist-refuses-public-resolver",
        "blocklist-query-refused",
        PLAIN,
        "RCPT",
        "550 5.7.1 Service unavailable; client [{ip}] blocked using multi.uribl.com; 127.0.0.1 -> Query Refused. "
        "See http://uribl.com/refused.shtml for more information",
        "Query Refused",
    ),
    receiver(
        "microsoft-temporarily-limited",
        "rate-limited",
        MICROSOFT,
        "MAIL",
        "451 4.7.650 The mail server [{ip}] has been temporarily rate limited due to IP reputation. For e-mail delivery information, "
        "see https://postmaster.live.com (S775)",
        "4.7.650",
    ),
)
