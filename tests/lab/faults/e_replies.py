"""What relays answer: each case is a relay and its own words at one stage of the dialogue."""

from __future__ import annotations

from typing import Any

from tests.lab.fault import Fault, fault
from tests.lab.internet.world import World, one_server
from tests.lab.steps import Step, mail, relay, settings


def saying(host: str, stage: str, reply: str, **more: Any) -> World:
    """A world in which one host gives one reply at one stage."""
    return one_server(host, replies={stage: reply}, **more)


def case(
    name: str,
    cause: str,
    host: str,
    stage: str,
    reply: str,
    shows: str,
    *,
    setup: tuple[Step, ...] | None = None,
    port: int = 587,
    **more: object,
) -> Fault:
    """A relay with a login whose answer at `stage` is the fault."""
    return fault(
        name,
        cause,
        f"{host} answers {reply[:60]!r} at {stage}",
        *(setup or (relay(host, port),)),
        world=saying(host, stage, reply, **more),
        shows=f"status=(deferred|bounced) .*{shows}",
    )


REJECTED = "relay-credentials-rejected"
APP = "relay-app-password-required"
DISABLED = "relay-auth-disabled"
SENDER = "sender-not-allowed"
RESTRICTED = "relay-account-restricted"
DENIED = "relay-access-denied"
RATE = "rate-limited"

_LOGIN = (
    case(
        "gmail-bad-password",
        REJECTED,
        "smtp.gmail.com",
        "AUTH",
        "535-5.7.8 Username and Password not accepted. For more information, go to\n"
        "535 5.7.8  https://support.google.com/mail/?p=BadCredentials ffacd0b85a97d-38259 - gsmtp",
        "535",
    ),
    case(
        "m365-bad-password",
        REJECTED,
        "smtp.office365.com",
        "AUTH",
        "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. "
        "[FR2P281CA0071.DEUP281.PROD.OUTLOOK.COM 2026-11-22T12:00:00.000Z 08DC]",
        "5.7.139",
    ),
    fault(
        "mandrill-bad-key",
        REJECTED,
        "the API key was revoked; the relay says so",
        relay(password="old-revoked-key"),
        shows="status=deferred .*535",
    ),
    fault(
        "fastmail-bad-password-465",
        REJECTED,
        "wrong password over implicit TLS",
        relay("smtp.fastmail.com", 465, password="wrong"),
        shows="status=deferred .*535",
    ),
    case(
        "gmail-app-password",
        APP,
        "smtp.gmail.com",
        "AUTH",
        "534-5.7.9 Application-specific password required. For more information, go to\n"
        "534 5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor ffacd0b85a97d-38259 - gsmtp",
        "5.7.9",
    ),
    case(
        "m365-basic-auth-off",
        DISABLED,
        "smtp.office365.com",
        "AUTH",
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. "
        "Visit https://aka.ms/smtp_auth_disabled for more information. [AM0PR01CA0098.eurprd01.prod.exchangelabs.com]",
        "5.7.139",
    ),
    case(
        "m365-basic-auth-ended",
        DISABLED,
        "smtp.office365.com",
        "AUTH",
        "550 5.7.30 Basic authentication is not supported for Client Submission.",
        "5.7.30",
    ),
)

_POLICY = (
    case(
        "ses-sender-not-verified",
        SENDER,
        "email-smtp.us-east-1.amazonaws.com",
        "DOT",
        "554 Message rejected: Email address is not verified. The following identities failed the check in region "
        "US-EAST-1: noreply@brightwater-labs.com",
        "not verified",
    ),
    case(
        "zoho-relaying-disallowed",
        SENDER,
        "smtp.zoho.com",
        "MAIL",
        "553 Relaying disallowed as noreply@brightwater-labs.com",
        "Relaying disallowed",
    ),
    case(
        "mailgun-sandbox",
        RESTRICTED,
        "smtp.mailgun.org",
        "DOT",
        "550 5.7.1 Sandbox subdomains are for test purposes only. Please add your own domain or add the address to "
        "authorized recipients in Account Settings.",
        "Sandbox",
    ),
    case(
        "gmail-daily-limit",
        RESTRICTED,
        "smtp.gmail.com",
        "MAIL",
        "550-5.4.5 Daily user sending limit exceeded. For more information on Gmail\n550-5.4.5 sending limits go to\n"
        "550 5.4.5  https://support.google.com/a/answer/166852 ffacd0b85a97d-38259 - gsmtp",
        "Daily user sending",
    ),
    case(
        "ses-daily-quota",
        RESTRICTED,
        "email-smtp.eu-central-1.amazonaws.com",
        "DOT",
        "454 Throttling failure: Daily message quota exceeded.",
        "quota exceeded",
    ),
    case(
        "sendgrid-credits",
        RESTRICTED,
        "smtp.sendgrid.net",
        "AUTH",
        "451 Authentication failed: Maximum credits exceeded",
        "credits exceeded",
    ),
    case(
        "workspace-relay-denied",
        DENIED,
        "smtp-relay.gmail.com",
        "MAIL",
        "550-5.7.1 Invalid credentials for relay [{ip}]. The IP address you've\n"
        "550-5.7.1 registered in your Workspace SMTP Relay service doesn't match the\n"
        "550 5.7.1 domain of the account this email is being sent from. ffacd0b85a97d - gsmtp",
        "Invalid credentials for relay",
        needs_auth=False,
        setup=(settings(relayhost="[smtp-relay.gmail.com]:587", smtp_tls_security_level="encrypt"),),
    ),
    case(
        "company-relay-denied",
        DENIED,
        "relay.rhein-mail.de",
        "RCPT",
        "554 5.7.1 <maria@northwind-trading.com>: Relay access denied",
        "Relay access denied",
        needs_auth=False,
        auth=(),
        needs_tls=False,
        setup=(settings(relayhost="[relay.rhein-mail.de]:25"),),
    ),
    case(
        "brevo-ip-not-authorised",
        DENIED,
        "smtp-relay.brevo.com",
        "AUTH",
        "525 5.7.1 Unauthorized IP address",
        "Unauthorized IP",
    ),
    case(
        "gmail-too-many-logins",
        RATE,
        "smtp.gmail.com",
        "AUTH",
        "454-4.7.0 Too many login attempts, please try again later. For more information,\n"
        "454 4.7.0  go to https://support.google.com/mail/answer/7126229 ffacd0b85a97d-38259 - gsmtp",
        "Too many login",
    ),
    case(
        "ses-rate",
        RATE,
        "email-smtp.us-west-2.amazonaws.com",
        "DOT",
        "454 Throttling failure: Maximum sending rate exceeded.",
        "sending rate",
    ),
    case(
        "postmark-inactive",
        "recipient-suppressed",
        "smtp.postmarkapp.com",
        "RCPT",
        "550 You tried to send to a recipient that has been marked as inactive. Found inactive addresses: "
        "maria@northwind-trading.com.",
        "marked as inactive",
    ),
    case(
        "ses-suppressed",
        "recipient-suppressed",
        "email-smtp.eu-west-1.amazonaws.com",
        "DOT",
        "554 Message rejected: Address is on the suppression list for your account",
        "suppression list",
    ),
    case(
        "ses-message-too-long",
        "message-too-large",
        "email-smtp.us-east-1.amazonaws.com",
        "DOT",
        "552 Message is too long.",
        "too long",
    ),
)

FAULTS = (
    *_LOGIN,
    *_POLICY,
    case(
        "mailersend-from-domain",
        SENDER,
        "smtp.mailersend.net",
        "DOT",
        "450 The given data was invalid. The from.email domain must be verified in your account to send emails. #MS42207",
        "must be verified",
    ),
    case(
        "ses-not-subscribed",
        RESTRICTED,
        "email-smtp.us-east-1.amazonaws.com",
        "AUTH",
        "535 Account not subscribed to SES",
        "not subscribed",
    ),
    case(
        "ses-iam-denied",
        DENIED,
        "email-smtp.eu-west-1.amazonaws.com",
        "DOT",
        "554 Access denied: User `arn:aws:iam::123456789012:user/ses-smtp-user' is not authorized to perform `ses:SendRawEmail' on "
        "resource `arn:aws:ses:eu-west-1:123456789012:identity/brightwater-labs.com'",
        "is not authorized to perform",
    ),
    case("icloud-app-password", APP, "smtp.mail.me.com", "AUTH", "535 5.7.8 Error: authentication failed: ", "535"),
    fault(
        "relay-size-limit",
        "message-too-large",
        "the relay announces SIZE 1 MB, the message has 2",
        relay(),
        world=one_server("smtp.mandrillapp.com", size=1048576),
        then=(mail(body="Attachment line, repeated.\n" * 80000),),
        shows="status=bounced .*size limit",
    ),
    fault(
        "own-size-limit",
        "message-too-large",
        "message_size_limit is 100 kB here",
        settings(message_size_limit="102400"),
        then=(mail(), mail(body="Attachment line, repeated.\n" * 9000)),
        shows="(file too big|too large|File too large|queue file)",
    ),
)
