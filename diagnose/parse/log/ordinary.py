"""Everyday lines in a mail log: those of other programs, and Postfix's own that only look alarming.

The tables of replies list what servers say about mail. A local program that logs "DKIM verification successful" or
"service antivirus is OK" uses the same words for something else: its lines are looked up in the short table below
only.
"""

from __future__ import annotations

import re
from functools import cache

from diagnose.knowledge.phrases import Grip
from diagnose.parse.log.logline import Line
from diagnose.parse.words.reason import Reason
from diagnose.patterns import late

SERVERS = frozenset({"smtpd", "postscreen", "tlsproxy", "dnsblog"})
_DAEMONS = frozenset(
    "anvil bounce cleanup defer discard dnsblog error flush lmtp local master nqmgr oqmgr pickup pipe postalias postcat postconf "
    "postdrop postfix postfix-script postlog postlogd postmap postmulti postqueue postscreen postsuper proxymap qmgr qmqpd relay "
    "retry scache sendmail showq smtp smtpd spawn tlsmgr tlsproxy trace trivial-rewrite verify virtual".split()
)
# Services inside Postfix that its own daemons ask; not the administrator's filters or policy servers.
_INSIDE = "anvil|bounce|cleanup|defer|dnsblog|flush|proxymap|proxywrite|qmgr|rewrite|scache|showq|tlsmgr|trace|verify"
# Programs that serve mail or the host and do not send mail.
_LOCAL = late(
    r"(?:open)?(?:dkim|dmarc|arc)\b|dkim|opend|policyd|(?:py)?policy|postgrey|postfwd|postsrsd|sqlgrey|gr[ea]y|milter|amavis|rspamd|rmilter|"
    r"spam|sp[ad]mp?d|dspam|clam|freshclam|mimedefang|MailScanner|dovecot|auth\b|auth-worker|imap|(?:i|solid-)?pop3|perdition|(?:managesieve|lmtp|lda|master|config|dict|anvil)\(|managesieve|sieve|timsieved|lmtpunix|cyrus|authdaemon|courier(?!esmtp)|"
    r"saslauthd|sogod|mailgraph|zm\w|pmg|nslcd|sssd|slapd|named|unbound|dnsmasq|mysqld|mariadbd|redis|sshd|sudo|su\b|"
    r"systemd|dbus|NetworkManager|dhclient|rsyslogd|syslog-ng|logrotate|fail2ban|chronyd|ntpd|snmpd|polkitd|login\b|dockerd|containerd",
    re.ASCII,
)  # fmt: skip

# What those say of mail that they hand on: webmail, Dovecot's submission service.
_SENDS = {"sogod": "SMTP", "dovecot": "relay connection"}


def is_postfix(line: Line) -> bool:
    """Whether one of Postfix's own programs wrote the line."""
    name = line.syslog_name or ""
    return "postfix" in name or (line.service in _DAEMONS and (name != "" or line.service not in ("sendmail", "error")))


def is_local(line: Line) -> bool:
    """Whether the line is from a local program that is neither Postfix nor sends mail. One that logs a queue id was
    called by Postfix."""
    name = line.syslog_name or line.service or ""
    if _SENDS.get(name, "\n") in line.text:
        return False
    asked = line.queue_id is not None and name != ""
    return not is_postfix(line) and (asked or _LOCAL.match(name) is not None)


# Every line that reports a failure contains one of these words.
_TROUBLED = late(
    r"\b[45]\d\d\b|err(?:or)?\b|fail|exception|time[d-]?[ -]?out|refus|reject|denied|deny|unable|cannot|can't|could not|invalid|unknown|"
    r"unreachable|lost|closed|fatal|warn",
    re.IGNORECASE,
)


def is_aside(line: Line) -> bool:
    """Whether an unknown daemon's line reports no failure."""
    return line.host is not None and line.pid is not None and not is_postfix(line) and not _TROUBLED.search(line.text)


@cache
def _says() -> tuple[tuple[tuple[str, ...], re.Pattern[str], str, Grip], ...]:
    """(prefixes of the program's name, pattern of its line, label, grip) for each known failure."""
    return (
        (
            ("dovecot", "lmtp(", "lda("),
            late(r"(?:lmtp|lda|deliver)\b.*?: Error: .*\b[a-z]+\([^)]+\) failed: (?:Permission denied|Read-only file system)"),
            "local-mailbox-unwritable",
            Grip.NAMES,
        ),
        (
            ("dovecot", "auth", "lmtp(", "lda("),
            late(r"(?:auth|lmtp|lda|deliver|master|config|dict|stats|log)\b.*?: (?:Fatal|Panic|Error): "),
            "backend-down",
            Grip.WORD,
        ),
        (
            ("amavis",),
            late(r"\(!!?\) ?(?:TROUBLE|.*\b(?:FAILED|failed|refused|died|No such file))"),
            "content-filter-down",
            Grip.NAMES,
        ),
        (("opend",), late(r"(?:can't|cannot|unable to|failed to) (?:bind|create listen|open socket)|smfi_\w+\(\) failed|mi_stop", re.I),
         "milter-down", Grip.PHRASE),
        (("postgrey",), late(r"fatal|can't connect to TCP|cannot bind", re.I), "content-filter-down", Grip.PHRASE),
        (("spamc",), late(r"to spamd\b.* (?:failed|aborted)"), "content-filter-down", Grip.PHRASE),
        (("policyd",), late(r"(?:can't|cannot|unable to|failed to) (?:bind|connect)|Traceback", re.I), "content-filter-down", Grip.PHRASE),
    )  # fmt: skip


_INNER = late(r"\b(?:postdrop|sendmail): ((?:warning|fatal): .*)")


def postfix_text(line: Line) -> str:
    """The message of a Postfix command in the line of the program that ran it, "" if there is none."""
    inner = _INNER.search(line.text)
    return inner[1] if inner else ""


def said(line: Line) -> Reason | None:
    """The failure that a local program's line reports; usually None."""
    name = line.syslog_name or line.service or ""
    text = line.text if name.startswith("dovecot") else f"{name}: {line.text}"
    for begin, pattern, label, grip in _says():
        if name.startswith(begin) and pattern.search(text):
            return Reason(label=label, text=line.text[:300], grip=grip)
    return None


@cache
def _daily() -> re.Pattern[str]:
    return late(
        # cleanup(8): a rule of header_checks or a milter noted, added or changed something
        r"(?:milter-)?(?:info|prepend|replace|warn|ignore|strip|redirect|filter|bcc|pass|header-\w+): |(?:header|body) \S+: .*; from=<|"
        # smtpd(8), postscreen(8), dnsblog(8): clients and their names, and lists that did not answer
        r"reject_warning: |\S+: address not listed for hostname |hostname \S+ does not resolve to address |bare <(?:LF|CR)> received |"
        r"\S+: RBL lookup error: |dnsblog_query: lookup error |[A-Z][A-Z ]{3,30} (?:\d+ )?(?:after \S+ )?(?:from |for )?\[|"
        # smtp(8): the names that a recipient's domain publishes
        r"(?:malformed|numeric) domain name in resource data |"
        # other conditions that resolve themselves
        r"message has been queued for \d+ days|dict_ldap_get_values\[\d+\]: DN .* not found, skipping|discarding EHLO keywords"
    )  # fmt: skip


def is_daily(line: Line) -> bool:
    """Whether a line of Postfix looks alarming but reports no failure of this host."""
    if line.text.startswith(("valid_hostname: ", "valid_hostaddr: ")):
        return line.service in ("smtp", "lmtp")  # a name in the recipient's DNS; elsewhere it is this host's own
    return _daily().match(line.text) is not None


_ASKED = late(rf"problem talking to service (?:(?:private|public)/)?(?:{_INSIDE})\b")


def postfix_asks_itself(line: Line) -> bool:
    """Whether a Postfix daemon has trouble with another one, rather than with a filter or policy server of the
    administrator."""
    return _ASKED.match(line.text) is not None


# Failures that stop a client and are this host's own fault, whoever the client is.
OWN_FAULTS = frozenset(
    "milter-down content-filter-down disk-full queue-no-space queue-permissions lookup-table-broken table-unavailable "
    "table-permission-denied lookup-table-unsupported postfix-config-error resource-limits blocklist-query-refused "
    "daemon-failed dns-try-again".split()
)
_BY_A_RULE = frozenset(
    "ip-blocklisted reverse-dns-missing rate-limited greylisted sender-not-allowed sender-unauthenticated content-rejected "
    "spam-generic policy-refused relay-account-restricted recipient-suppressed".split()
)
_UNTRIED = ": 450 4.1."  # the reply for an address that could not be verified; one that does not exist gets 550


def by_own_rule(label: str, refusal: str) -> bool:
    """Whether smtpd(8) refused a client by one of this host's own rules, whatever the label means in a remote
    server's reply."""
    return label in _BY_A_RULE or ("unverified address" in refusal and _UNTRIED in refusal)
