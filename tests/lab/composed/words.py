"""Faults that a server tells in words: about this host, about the sender, about the recipient."""

from __future__ import annotations

from dataclasses import replace

from .site import Broken, Records, Site, Trouble, direct, relayed, signs_in

# (cause, stage, reply), as servers of every kind word it; {to} and {from} are the envelope's.
ABOUT_US = (
    ("ip-blocklisted", "RCPT", "554 5.7.1 Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/{ip}"),
    ("ip-blocklisted", "RCPT", "550 5.7.1 Service unavailable; client [{ip}] blocked using bl.spamcop.net; Blocked - see https://www.spamcop.net/bl.shtml?{ip}"),
    ("ip-blocklisted", "BANNER", "554 {name} ESMTP - connections from {ip} are refused: listed at b.barracudacentral.org"),
    ("ip-blocklisted", "MAIL", "550 JunkMail rejected - host17.example-isp.net [{ip}] is in an RBL: see https://check.spamhaus.org/query/ip/{ip}"),
    ("reverse-dns-missing", "RCPT", "450 4.7.25 Client host rejected: cannot find your hostname, [{ip}]"),
    ("reverse-dns-missing", "RCPT", "550 5.7.25 Client host rejected: cannot find your reverse hostname, [{ip}]"),
    ("reverse-dns-missing", "RCPT", "554 5.7.1 Fix reverse DNS for {ip}"),
    ("rate-limited", "RCPT", "451 4.7.1 Too many messages from your host, please slow down"),
    ("rate-limited", "BANNER", "421 4.7.0 {name} Error: too many connections from {ip}"),
    ("rate-limited", "MAIL", "450 4.7.1 Error: too much mail from {ip}"),
    ("sender-unauthenticated", "RCPT", "550 5.7.23 <{to}>: Recipient address rejected: Message rejected due to: SPF fail - not authorized"),
    ("sender-unauthenticated", "DOT", "550 5.7.1 Email rejected per DMARC policy for brightwater-labs.com"),
    ("greylisted", "RCPT", "450 4.2.0 <{to}>: Recipient address rejected: Greylisted, see http://postgrey.example/help/kanzlei.html"),
    ("greylisted", "RCPT", "451 4.7.1 Greylisting in action, please come back later"),
    ("content-rejected", "DOT", "554 5.7.1 Message rejected as spam by Content Filtering."),
    ("content-rejected", "DOT", "550 This message was classified as SPAM and may not be delivered"),
)  # fmt: skip
ABOUT_THE_RECIPIENT = (
    ("recipient-unknown", "RCPT", "550 5.1.1 <{to}>: Recipient address rejected: User unknown in local recipient table"),
    ("recipient-unknown", "RCPT", "550 No such user here"),
    ("recipient-unknown", "RCPT", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {to} not found by SMTP address lookup"),
    ("recipient-unknown", "RCPT", "550 5.1.1 <{to}> User doesn't exist"),
    ("recipient-mailbox-full", "RCPT", "452 4.2.2 <{to}>: Mailbox full"),
    ("recipient-mailbox-full", "RCPT", "552 5.2.2 <{to}>: Recipient address rejected: Mailbox is over quota"),
    ("recipient-mailbox-full", "DOT", "452 4.2.2 <{to}> Quota exceeded (mailbox for user is full)"),
)  # fmt: skip
BY_A_RELAY = (
    ("sender-not-allowed", "MAIL", "553 5.7.1 <{from}>: Sender address rejected: not owned by user lab-user"),
    ("sender-not-allowed", "RCPT", "553 5.7.1 <{from}>: Sender address rejected: not owned by user lab-user"),
    ("sender-not-allowed", "DOT", "550 5.7.60 SMTP; Client does not have permissions to send as this sender"),
    ("sender-not-allowed", "DOT", "550 The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved."),
    ("sender-not-allowed", "DOT", "554 Message rejected: Email address is not verified. The following identities failed the check in region EU-WEST-1: {from}"),
    ("relay-account-restricted", "MAIL", "550 5.7.1 Your account has been suspended. Please contact support."),
    ("relay-account-restricted", "DOT", "550 5.4.5 Daily user sending limit exceeded."),
    ("relay-account-restricted", "DOT", "454 Throttling failure: Daily message quota exceeded."),
    ("rate-limited", "RCPT", "451 4.7.1 Too many messages in the last hour, try again later"),
    ("rate-limited", "DOT", "454 Throttling failure: Maximum sending rate exceeded."),
    ("message-too-large", "DOT", "552 5.3.4 Message too big for system"),
)  # fmt: skip
DENIALS = (
    "554 5.7.1 <{to}>: Relay access denied",
    "550 5.7.1 Unable to relay for {to}",
    "550 relay not permitted",
    "550-Verification failed for <{from}>\n550 Relaying denied: your address {ip} is not known here",
)
NO_POINTER: Records = {("17.88.214.85.in-addr.arpa", "*"): "NXDOMAIN"}
NO_SPF: Records = {("brightwater-labs.com", "TXT"): ("v=spf1 include:_spf.google.com -all",)}


def _said(site: Site, cause: str, stage: str, reply: str, records: Records | None = None) -> Broken:
    reply = reply.replace("{to}", site.to).replace("{from}", "noreply@brightwater-labs.com")
    return Broken(accept=(cause,), servers=site.answering(stage, reply), records=records or {})


def _receiver(site: Site) -> Broken:
    cause, stage, reply = site.pick(*site.pick(ABOUT_US, ABOUT_US, ABOUT_THE_RECIPIENT))
    records = {"reverse-dns-missing": NO_POINTER, "sender-unauthenticated": NO_SPF}.get(cause)
    found = _said(site, cause, stage, reply, records)
    # One address that is refused among many that are served is news to who misses mail there, and to nobody else.
    return replace(found, args=("--to", site.to)) if cause.startswith("recipient-") else found


def _relay(site: Site) -> Broken:
    if not signs_in(site):
        return _said(site, "relay-access-denied", "RCPT", site.pick(*DENIALS))
    return _said(site, *site.pick(*BY_A_RELAY))


TROUBLES = (
    Trouble("receiver-words", (), _receiver, direct, fresh=False, kept=False),
    Trouble("relay-words", (), _relay, relayed, fresh=False, kept=False),
)
