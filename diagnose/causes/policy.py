"""The relay's and receivers' policy: what they say of this host, its sender and its mail."""

from __future__ import annotations

from diagnose.model import Cause, Impact, Remedy, Sign, Status

# Receivers' own words in current mail decide; mail that flows on the same way speaks against any outage.
FLOW = Sign("mail.flow", -8, Status.OK)
# One message or mailbox may fail beside mail that flows; the log's check has told small shares apart.
BESIDE = Sign("mail.flow", -2, Status.OK)
POSTFIX = "https://www.postfix.org/postconf.5.html"

CAUSES = (
    Cause(
        id="ip-blocklisted",
        title="Receivers refuse this host's address: it is on a blocklist",
        impact=Impact.PARTIAL,
        explanation=(
            "The receiving servers name a blocklist, or say that the connecting address is banned. Addresses of homes, clouds and "
            "formerly abused machines stand on such lists; some are listed for good because they should not send mail directly."
        ),
        remedy=Remedy(
            text="Look the address up at the list that the reply names and follow its removal procedure after the reason is mended. Where "
            "the list holds dynamic or cloud addresses by policy (Spamhaus PBL and the like), send through a relay.",
            commands=("postqueue -p", "postqueue -f"),
        ),
        rules_out="Other receivers, that use the same list, take the mail.",
        signs=(
            Sign("mail.ip-blocklisted", 22),
            Sign("mail.greeting-refused", 9),
            Sign("mail.spam-generic", 6),
            Sign("mail.policy-refused", 5),
            # Nothing of the message was seen yet: it is the address or the names that the policy is about.
            Sign(
                "mail.policy-refused", 9, where=(("route", "direct"), ("stage", ("greeting", "ehlo", "mail", "rcpt")))
            ),
            FLOW,
        ),
        relay=True,
        explains=("rate-limited",),
        links=("https://check.spamhaus.org/", "https://www.postfix.org/BASIC_CONFIGURATION_README.html#relayhost"),
    ),
    Cause(
        id="sender-unauthenticated",
        title="Receivers refuse the mail because SPF, DKIM or DMARC fail",
        impact=Impact.PARTIAL,
        explanation=(
            "The receiver checked whether this host may send for the sender's domain, and it may not: the SPF record does not "
            "list its address, no valid DKIM signature is there, or DMARC tells receivers to refuse what fails both."
        ),
        remedy=Remedy(
            text="Add this host's public address (or the relay's include) to the SPF record of the sender's domain {domain}, sign with DKIM, or send from "
            "an address of a domain that is yours.",
            commands=("dig +short TXT YOUR.DOMAIN", "dig +short TXT _dmarc.YOUR.DOMAIN"),
        ),
        rules_out="The same sender is accepted by the same receiver through this host.",
        signs=(
            Sign("mail.sender-unauthenticated", 22),
            Sign("mail.spam-generic", 4),
            Sign("mail.policy-refused", 4),
            FLOW,
        ),
        links=(
            "https://support.google.com/a/answer/81126",
            "https://www.rfc-editor.org/rfc/rfc7208",
            "https://www.rfc-editor.org/rfc/rfc7489",
        ),
    ),
    Cause(
        id="rate-limited",
        title="The relay or the receivers throttle this host",
        impact=Impact.PLACEMENT,
        explanation=(
            "The other side takes mail, but not so much or so fast: 421 or 4.7.x with 'too many' or 'rate limit'. Postfix tries again, so the "
            "mail is late rather than lost."
        ),
        remedy=Remedy(
            text="Send more slowly, and find out what sends so much. A new address has to earn its volume; a relay's limit is raised in its "
            "console.",
            commands=(
                "postconf -e 'smtp_destination_concurrency_limit = 2' 'smtp_destination_rate_delay = 1s'",
                "postfix reload",
                "postqueue -f",
            ),
        ),
        rules_out="Refusals that are permanent (5xx), or come on the very first message of the day.",
        signs=(
            Sign("mail.rate-limited", 22),
            Sign("mail.server-busy", 6),
            Sign("mail.server-busy", 10, where=(("code", 421),)),
            Sign("mail.greeting-refused", 4),
            Sign("mail.session-lost", 3),
            FLOW,
        ),
        links=(f"{POSTFIX}#default_destination_rate_delay", "https://support.google.com/a/answer/81126"),
    ),
    Cause(
        id="greylisted",
        title="First contact: the receiver asks to try again (greylisting)",
        impact=Impact.PLACEMENT,
        explanation=(
            "The receiver puts the first message of an unknown sender off for some minutes. Postfix tries again by itself and the mail "
            "arrives late. Nothing is broken."
        ),
        remedy=Remedy(
            text="Wait for the next attempt (minutes to an hour), or ask for one. A relay with a large pool of addresses, or a first attempt that "
            "comes from changing addresses, may have to wait longer.",
            commands=("postqueue -f",),
        ),
        rules_out="The same message was put off for more than a day.",
        signs=(
            Sign("mail.greylisted", 22),
            Sign("mail.server-busy", 3),
            # Put off only once the recipient was named.
            Sign("mail.server-busy", 8, where=(("stage", ("rcpt", "data", "dot")),)),
            Sign("mail.mailbox-unavailable", 3, where=(("code", (450, 451)),)),
            FLOW,
        ),
        links=("https://www.rfc-editor.org/rfc/rfc6647",),
    ),
    Cause(
        id="content-rejected",
        title="The mail is refused for what it says or how it is built",
        impact=Impact.PARTIAL,
        explanation=(
            "The server took sender and recipient and then refused the message itself: a spam score, a link or attachment it does not "
            "like, or a malformed message (bare line feeds, no From or Date, over-long lines)."
        ),
        remedy=Remedy(
            text="Read the reply: it often names the rule. Try the same with a plain message (mail-diagnose send); if that is taken, change the "
            "application's template. Let the application make proper headers (From, Date, Message-ID) and CRLF line ends.",
        ),
        rules_out="A plain test message to the same recipient is refused alike.",
        signs=(
            Sign("mail.content-rejected", 22),
            Sign("mail.spam-generic", 11),
            Sign("mail.policy-refused", 7),
            Sign("mail.server-error", 9),
            Sign("mail.app-send-failed", 2),
            BESIDE,
        ),
        links=("https://www.rfc-editor.org/rfc/rfc5322", "https://www.postfix.org/smtp.8.html"),
    ),
    Cause(
        id="recipient-unknown",
        title="The recipient's mailbox does not exist",
        impact=Impact.PARTIAL,
        explanation=(
            "The receiving server is reached and answers that it has no such mailbox. Everything on this side works; the address is wrong, or was closed."
        ),
        remedy=Remedy(text="Have the user's address ({recipient}) corrected. Look for a typing error before the @."),
        rules_out="The same address takes mail from elsewhere; a refusal that speaks of policy rather than of the mailbox.",
        signs=(
            Sign("mail.recipient-unknown", 22),
            Sign("mail.mailbox-unavailable", 11),
            Sign("mail.local-user-unknown", 7),
            BESIDE,
        ),
        links=("https://www.rfc-editor.org/rfc/rfc3463#section-3.2",),
    ),
    Cause(
        id="recipient-mailbox-full",
        title="The recipient's mailbox is full",
        impact=Impact.PARTIAL,
        explanation="The receiving server is reached and answers that the mailbox is over its quota. Only the recipient can mend that.",
        remedy=Remedy(
            text="Tell the recipient ({recipient}) by other means to make room, then try again.",
            commands=("postqueue -f",),
        ),
        rules_out="The reply speaks of the server's own disk rather than of a mailbox.",
        signs=(Sign("mail.recipient-mailbox-full", 22), Sign("mail.system-storage", 8), BESIDE),
        links=("https://www.rfc-editor.org/rfc/rfc3463#section-3.3",),
    ),
    Cause(
        id="recipient-suppressed",
        title="The relay no longer sends to this recipient",
        impact=Impact.PARTIAL,
        explanation=(
            "An earlier bounce or complaint put the address on the relay's suppression list. The relay takes the message and drops it, or refuses "
            "it; the recipient's own server never sees it."
        ),
        remedy=Remedy(
            text="Take {recipient} off the suppression (bounce) list in the relay's console or by its API, after the reason of the first bounce is gone."
        ),
        rules_out="Other recipients at the same domain do not get mail either.",
        signs=(Sign("mail.recipient-suppressed", 22), BESIDE),
        links=(
            "https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html",
            "https://www.twilio.com/docs/sendgrid/ui/sending-email/bounces",
        ),
    ),
    Cause(
        id="message-too-large",
        title="The message is larger than a size limit",
        impact=Impact.PARTIAL,
        explanation="This host's message_size_limit, or the limit that the receiving server announces (SIZE), is smaller than the message.",
        remedy=Remedy(
            text="Send smaller messages (links instead of attachments). If the limit is this host's own, raise it.",
            commands=(
                "postconf message_size_limit mailbox_size_limit",
                "postconf -e 'message_size_limit = 26214400'",
                "postfix reload",
            ),
        ),
        rules_out="Small messages to the same recipient fail too.",
        signs=(
            Sign("mail.message-too-large", 22),
            # Told only where the log cannot be read.
            Sign("config.size-limit", 5, Status.WARNING),
            BESIDE,
        ),
        links=(f"{POSTFIX}#message_size_limit", "https://www.rfc-editor.org/rfc/rfc1870"),
    ),
    Cause(
        id="blocklist-query-refused",
        title="A 'blocklist entry' that is none: the list refuses the resolver that asked",
        impact=Impact.PARTIAL,
        explanation=(
            "The receiver asks a blocklist through a public or overloaded resolver. The list answers such queries with an error code "
            "(127.255.255.x), and the receiver takes that for a listing. This host's address is not listed."
        ),
        remedy=Remedy(
            text="Where the refusing server is yours: let it use its own recursive resolver and accept only the list's real return codes "
            "(zen.spamhaus.org=127.0.0.[2..11]). Otherwise tell its postmaster.",
            commands=("postconf smtpd_recipient_restrictions smtpd_client_restrictions postscreen_dnsbl_sites",),
        ),
        rules_out="The list's own look-up page shows the address as listed.",
        signs=(Sign("mail.blocklist-query-refused", 22), Sign("mail.ip-blocklisted", 2), FLOW),
        explains=("ip-blocklisted",),
        links=("https://www.spamhaus.org/returnc/pub/",),
    ),
)
