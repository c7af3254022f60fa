"""Reads errors of programs other than mailers that cannot send mail: PHP, Node, Python, Ruby, Go, .NET, Perl, Java
and others.

Such a program is the SMTP client itself, so a label that elsewhere concerns Postfix's relay here concerns the
application's settings: an untrusted certificate its trust store, a server that disconnects its choice of port. The
error named first (a certificate, a name) is the cause of a later "could not connect".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial

from diagnose.knowledge import programs
from diagnose.knowledge.mailers import mailers
from diagnose.knowledge.phrases import Grip
from diagnose.parse.pasted import prose, sense, subject
from diagnose.parse.pasted.pasted_line import logical
from diagnose.parse.pasted.server import server_in
from diagnose.parse.system import own_network
from diagnose.parse.words import reason as reasons_of
from diagnose.parse.words.reason import Reason
from diagnose.patterns import late

JAVA = "java"
_Numbered = tuple[int, str]
_AS_PROGRAM = {
    "certificate-not-trusted": "app-certificate-untrusted",
    "certificate-unknown-issuer": "app-certificate-untrusted",
    "tls-wrong-version": "app-tls-mismatch",
    "app-connect-failed": "app-smtp-unreachable",
    "session-lost": "app-session-lost",
    "session-timeout": "app-read-timeout",
    "greeting-lost": "app-session-lost",
    "greeting-timeout": "app-read-timeout",
    "app-host-not-found": "relay-name-not-found",
    "connect-no-address": "app-smtp-unreachable",
    "dns-try-again": "resolver-failing",
    "sasl-options-exclude-all": "auth-not-offered",
    "tls-required-not-offered": "app-tls-mismatch",
    "local-user-unknown": "recipient-unknown",
    "system-storage": "server-failing",
}
_UNANSWERED = ("app-read-timeout", "app-session-lost")
_FOLLOWING = {"app-send-failed", "app-smtp-unreachable", "tls-handshake-failed"}
_DISTRUSTED = ("app-certificate-untrusted", "relay-certificate-invalid")
_WHILE_CONNECTING = late(
    r"\bconnect(?:ing|ion attempt)?\b[^,;]{0,60}\b(?:E?CONNRESET|reset)\b|\bTCP_reset\b", re.IGNORECASE
)
# MailKit prints the name of a reply's code (SmtpStatusCode).
_CODES = {
    "ServiceNotAvailable": 421,
    "MailboxBusy": 450,
    "ErrorInProcessing": 451,
    "InsufficientStorage": 452,
    "TemporaryAuthenticationFailure": 454,
    "AuthenticationRequired": 530,
    "AuthenticationInvalidCredentials": 535,
    "MailboxUnavailable": 550,
    "ExceededStorageAllocation": 552,
    "MailboxNameNotAllowed": 553,
    "TransactionFailed": 554,
}
_CODE_NAME = late(rf"(?:.*Exception: )?(?P<name>{'|'.join(_CODES)}): ")
# Codes x.4.x are a mailer's own, about the way to the server (RFC 3463, 3.5).
_REPLY = late(r"(?<![\d.])[45]\d\d[ -](?=[45]\.(?!4\.)\d{1,3}\.\d{1,3} )")
_ENHANCED = late(r"\b[45]\.\d{1,3}\.\d{1,3}\b")
_VERSION = late(
    r"unsupported[ _](?:protocol|version)|protocol[ _]version|wrong ssl version|version too low", re.IGNORECASE
)
# JavaMail's exceptions tell less about the server and more about the settings.
_AS_JAVA = {
    "sasl-options-exclude-all": "app-credentials-rejected",
    "sasl-no-mechanism": "app-credentials-rejected",
    "starttls-required": "app-tls-mismatch",
    "relay-requires-tls": "app-tls-mismatch",
    "tls-protocol-mismatch": "app-tls-too-old",
    "greeting-lost": "app-smtp-unreachable",
    "session-lost": "app-smtp-unreachable",
    "dns-not-found": "app-smtp-unreachable",
}
# A recipients' server, to which only a mailer connects.
_EXCHANGER = late(
    r"^(?:(?:alt\d\.)?aspmx|(?:alt\d\.)?gmail-smtp-in|mx(?:[\da-z]?|[\d-][\w-]*))\.|\.mail\.protection\.outlook\.com$",
    re.I,
)
_HERE = ("connect-permission-denied", "connect-not-permitted")  # forbidden by the host that the program runs on
_ABOUT_MAIL = late(
    r"\b(?:reject|refus|bounce|deni|fail|error|warning|fatal|said|undeliver|deferr|smtp|mail|relay|exception|block|"
    r"unable|cannot|could not|timed out|connect|unreachable|resolve|login|auth|certificate|TLS)",
    re.I,
)
_REFUSED = late(
    r"ECONNREFUSED|(?:[Cc]onnection|actively) refused|connect: refused|send-mail: Cannot open|\(111\)|Errno 111|\b10061\b"
)

# Exception names denote the kind of reply, but their words would be mistaken for the reply's own.
_NAMED = late(
    r"\b(?:[\w.]+\.)?SMTP(?:Recipients?Refused|Sender(?:Refused|Error)|(?:Recipient|Data|Response|Heloerror|Helo)(?:Error|Exception)?)\b"
    r"(?!:? ?\{\})(?:\((?:senderrs|code, resp(?:, from_addr)?|\w+)\))?:?"
)
_FRAME = late(
    r"^\s*File \"[^\"]+\", line \d+|^\s*(?:[\w.-]+\s+\|\s+)?(?:raise \w|return |from /)|^\s+at .*[(:/]\S*:\d+(?::\d+)?\)?,?$|"
    r"^\s*(?:from )?/\S+\.(?:rb|php|js|ts|py):\d+|^#\d+ /|^\s+at [\w\\]+(?:->|::)\S.*\)|"
    r"^\s*(?:\[[^\]]*\]\s*)*(?:at )?[\w.$/<>]+\([\w.$]+(?::\d+)?\)\s*$|^\s*\.\.\. \d+ (?:common frames|more)"
)


# Library methods that name an SMTP command: Ruby's, Python's and Perl's, JavaMail's, Symfony's.
_COMMAND = late(r"\b(?:in |do|_action|\.)?(mail|rcpt)_?(?:to|from)(?:_?list|_?command)?\b(?=[`'(),]|$)", re.IGNORECASE)
# Exceptions of Python and JavaMail; text of nodemailer and Gitea beside a reply.
_TELLS = {
    **dict.fromkeys(("SMTPHeloError", "command: 'EHLO'", "command: 'HELO'"), "ehlo"),
    **dict.fromkeys(("SMTPSenderRefused", "SMTPSenderFailed", "command: 'MAIL FROM'", "issue MAIL command"), "mail"),
    **dict.fromkeys(("SMTPRecipientsRefused", "SMTPAddressFailed", "command: 'RCPT TO'", "issue RCPT command"), "rcpt"),
    **dict.fromkeys(("SMTPDataError", "command: 'DATA'"), "data"),
    **dict.fromkeys((", in login", ", in auth", "command: 'AUTH"), "auth"),
    **dict.fromkeys((", in starttls", "command: 'STARTTLS'"), "starttls"),
    ">> MAIL FROM": "mail",
}
# MailKit lists all possible causes before the actual one; a program that ends breaks off its connections.
_MAYBE = late(
    r"^\s*(?:One possibility is that you are trying|The other possibility is that the SSL cert|\d\. The (?:server is using|local system is missing|certificate presented|CRL)|"
    r"See https://github\.com/jstedfast/MailKit)(?!.*--->)|.{0,400}\b(?i:after|during|on) (?i:shut-?down)\b"
)


def only_possible(line: str) -> bool:
    """Whether a line belongs to a list of possible causes, or tells of a program's own end."""
    return _MAYBE.match(line) is not None


def telling(lines: list[_Numbered]) -> list[_Numbered]:
    """The lines without stack frames and the line of code that Python prints below each; all lines if none would be
    left."""
    kept: list[_Numbered] = []
    code = False
    for number, line in lines:
        frame = _FRAME.match(line) is not None
        if not (frame or (code and line[:4].isspace())):
            kept.append((number, line))
        code = frame and line.lstrip().startswith("File ")
    return kept or lines


def traces_other_work(lines: list[_Numbered]) -> bool:
    """Whether a text without a word of mail has stack frames of the program's own files, none of which is named after
    mail either: they show what was attempted."""
    frames = sum(_FRAME.match(line) is not None and "/" in line for _, line in lines)
    return frames > 1 and not any(_NAMES_MAIL.search(line) for _, line in lines)


def went_through(lines: list[_Numbered]) -> int:
    """The number of the last line that says the mail was sent, -1 if there is none. Failures before it are over."""
    return max((number for number, line in lines if subject.delivered(line)), default=-1)


def unsettled(lines: list[_Numbered], sent: int) -> Iterator[tuple[list[_Numbered], str]]:
    """The statements of a paragraph, each with its text; if it says in line `sent` that mail was sent, only later ones
    about sending."""
    for group in logical(lines):
        text = " ".join(line.strip() for _, line in group)
        if sent < 0 or (group[-1][0] > sent and subject.sends(text)):
            yield group, text


def stage_in(lines: list[_Numbered]) -> str | None:
    """The stage shown by a stack trace or an exception's name; None unless exactly one is."""
    named = {found[1].lower() for _, line in lines for found in _COMMAND.finditer(line)}
    named |= {stage for _, line in lines for words, stage in _TELLS.items() if words in line}
    return named.pop() if len(named) == 1 else None


def read(lines: list[_Numbered], program: str, of_mail: bool = False) -> list[tuple[list[_Numbered], Reason]]:
    """The reasons in a program's text, each with its lines; failures before a line that says the mail was sent are
    left out."""
    told = telling(lines)
    dialled = server_in("\n".join(line for _, line in told))
    of_mail = of_mail or subject.sends(
        "\n".join(each[1] for each in lines if each not in told)
    )  # a mail library's stack trace
    again = partial(classify, program=program, dialled=dialled, stage=stage_in(lines), of_mail=of_mail)
    lines = told
    joined = "\n".join(line.strip() for _, line in lines)
    sent = went_through(lines)
    found: list[tuple[list[_Numbered], Reason]] = []
    for group, text in unsettled(lines, sent):
        parts = [text, *(line for _, line in group if len(group) > 1)]
        if reasons := [each for each in map(again, parts) if each is not None]:
            found.append((group, max(reasons, key=lambda each: each.grip)))
    replied = [each for each in found if each[1].code is not None]
    if replied:  # a reply is more specific than a missing answer
        found = [each for each in found if each in replied or each[1].label not in _UNANSWERED]
    elif any(each[1].label in _UNANSWERED for each in found):
        found = [each for each in found if each[1].label not in reasons_of.REJECTED]
    if any(each[1].label == "oauth-token-unusable" for each in found):  # why the login was refused
        found = [each for each in found if each[1].label not in reasons_of.REJECTED]
    # "could not connect" is a consequence of what else is said.
    roots = [each for each in found if each[1].label not in _FOLLOWING or each[1].grip >= Grip.PHRASE]
    if any(reason.grip >= Grip.SENSE for _, reason in roots):
        found = roots
    best = max((reason.grip for _, reason in found), default=0)
    if best < Grip.PHRASE and len(lines) > 1 and sent < 0:
        whole = again(joined)
        if whole is not None and whole.grip > best and not (replied and whole.label in _UNANSWERED):
            return [carrying(lines, whole, again)]
    kept = [(group, reason) for group, reason in found if reason.grip == best]
    if len(kept) > 1:  # prefer errors to notices
        kept = [each for each in kept if not _NOTED.search(each[0][0][1])] or kept
    if any(reason.label in _DISTRUSTED for _, reason in kept):  # revocation cannot be checked without the issuer
        kept = [each for each in kept if each[1].label != "certificate-revocation-unchecked"]
    return [(group, _on_this_host(reason, joined, dialled)) for group, reason in kept]


def carrying(
    lines: list[_Numbered], reason: Reason, again: Callable[[str], Reason | None]
) -> tuple[list[_Numbered], Reason]:
    """The fewest of a reason's lines that still give it, and the reason in their words. The other lines may be
    anything, such as settings with a password."""

    def said(part: list[_Numbered]) -> Reason | None:
        found = again(" ".join(line.strip() for _, line in part))
        return found if found is not None and replace(found, text=reason.text) == reason else None

    seen = 0  # characters: a joined text is not read further, but a server may be named there
    for each in lines:
        if (found := said([each])) is not None:
            return [each], found
        seen += len(each[1])
        if seen > reasons_of.LONGEST:
            return lines, reason
    for rest in (slice(1, None), slice(None, -1)):
        while len(lines) > 1 and (found := said(lines[rest])) is not None:
            lines, reason = lines[rest], found
    return lines, reason


@lru_cache(500)  # a log says the same again and again
def classify(
    text: str,
    program: str | None = None,
    dialled: tuple[str | None, int | None] = (None, None),
    stage: str | None = None,
    of_mail: bool = False,
) -> Reason | None:
    """The reason in a free text, None if there is none. ``program`` wrote it (None: unknown). ``dialled``: server
    and port, ``stage``: stage of the dialogue, ``of_mail``: that it is about mail, if known from elsewhere."""
    text = text.strip()
    if text.startswith("(") and (text.count("(") == 1 or text.endswith(")")):
        text = text.strip("()")
    if program is not None and ("SMTP" in text or program == "mailkit"):
        # The reply is more specific than the exception's name.
        text = _CODE_NAME.sub(lambda found: f"{_CODES[found['name']]} ", text)
        text = _NAMED.sub("", reasons_of.without_endless_words(text[: reasons_of.LONGEST])).strip() or text
    text = _NOT_MET.sub("", prose.without_conditions(text))
    host, port = server_in(text)
    peer = (host or dialled[0]) if program else None
    port = port or dialled[1]
    flat = _BLANKS.sub(" ", text)
    reason = sense.improved(text, reasons_of.classify(flat, peer=peer, port=port, stage=stage), peer, port, of_mail)
    text = flat
    unsure = reason is not None and reason.grip < Grip.NAMES and reason.label.startswith("connect-")
    if unsure and (reply := _REPLY.search(text)):
        # What a server says is no failure to connect to it, whatever its words are.
        reason = reasons_of.classify(text[reply.start() :], peer=peer, port=port, stage=stage) or reason
    if reason is None or (reason.label == "noise" and not reason.harmless) or (reason.bare and _is_note(text)):
        return None
    has_code = reason.code or reason.enhanced or re.search(r"\b[45]\d\d[ -:]|\b[45]\.\d\.\d", text)
    if program in (None, programs.OTHER):
        about = has_code or reason.grip == Grip.NAMES or _ABOUT_MAIL.search(text) or subject.is_of_mail(text)
        vague = reason.grip <= Grip.TOPIC and prose.is_vague(text)
        if not about or vague:
            return None
    if program is None:
        return reason
    label = _login(reason, program).label
    if program == JAVA:
        label = _AS_JAVA.get(label, label)
        if label == "connect-timeout" and "read timed out" in text.lower():
            label = "app-read-timeout"
    # In a server's reply, a failed lookup or deferred TLS is the server's own problem.
    if not (label in ("dns-try-again", "tls-required-not-offered") and _ENHANCED.search(text)):
        label = _AS_PROGRAM.get(label, label)
    if label == "tls-protocol-mismatch" and _VERSION.search(text):
        label = "app-tls-too-old"
    if label in ("connect-network-unreachable", "connect-no-route") and ":" in (host or ""):
        label = "ipv6-broken"
    if label == "server-failing" and reason.enhanced == "4.3.5":
        # Postfix's words, from the server that the program submits to; most users run it themselves.
        return replace(reason, label="postfix-config-error", grip=Grip.WORD)
    if label == "connect-reset" and not _WHILE_CONNECTING.search(text):
        label = "app-session-lost"  # the server had answered before
    # Before JavaMail 1.6 the port that its text names is the default, whatever port was dialled.
    # A network that blocks port 25 mostly drops its packets.
    direct = reason.peer_port == 25 or _EXCHANGER.search(host or "") is not None
    blockable = direct and not (host and (own_network.is_private(host) or own_network.is_loopback(host)))
    elsewhere = label.startswith("connect-") and label not in _HERE
    if elsewhere and (not blockable or program == JAVA or label == "connect-refused"):
        label = "app-smtp-unreachable"
    return replace(reason, label=label, program=program)


_BLANKS = late(r"[ \t\n]+")
_NAMES_MAIL = late(r"mail|smtp", re.IGNORECASE)
_NOTED = late(r"\b(?:NOTICE|DEBUG|INFO)\b")  # levels of a log
_ALARMING = late(r"\b(?:WARN|ERR|CRIT|FATAL|SEVERE)")
# A count of none, what to do in another case, and what was repaired.
_NOT_MET = late(
    r"\bwithout (?:any )?errors?\b|=== Connection closed with remote host|(?<![\w.:(=#\[-])0 (?-i:[a-z]+)\b|\bno (?:virus|malware|spam|threat|error)\w* (?:found|detected)\b|"
    r"\b(?:if|when(?:ever)?|unless) (?:(?:you(?:.re| are)? )?us(?:e|ing)|(?:some|any)(?:body|one)|users?|people) [^.;:\n]*|"
    r"(?:\bno longer (?:fails?|failing|errors?|breaks?|crash(?:es)?|times? out|rejects?|refuses?)\b|^\W*fix(?:e[sd])? (?!for\b|it\b)).*",
    re.IGNORECASE,
)


def _is_note(text: str) -> bool:
    """Whether a log says that all of a text is a remark."""
    return _NOTED.search(text) is not None and _ALARMING.search(text) is None


def given_to(program: str | None, reason: Reason) -> Reason:
    """The reason of a reply printed below a program's text, with the program."""
    return replace(_login(reason, program), program=program)


def _login(reason: Reason, program: str | None) -> Reason:
    """Relabel rejected credentials as the application's if the program is not a mailer."""
    if reason.label != "relay-credentials-rejected" or program is None or program in mailers():
        return reason
    return replace(reason, label="app-credentials-rejected")


def _on_this_host(reason: Reason, text: str, dialled: tuple[str | None, int | None]) -> Reason:
    """The reason with its server and port. A connection refused by this host means that nothing listens there."""
    host = reason.peer_name or dialled[0]
    port = reason.peer_port or dialled[1]
    label = reason.label
    if label in {"app-smtp-unreachable", "connect-refused"} and host and own_network.is_loopback(host):
        label = "smtp-listener-missing" if _REFUSED.search(text) else "app-smtp-unreachable"
    return replace(reason, label=label, peer_name=host, peer_port=port)


def is_program(text: str, before: str | None = None, of_mail: bool = False) -> str | None:
    """The id of the program (`diagnose.knowledge.programs`) that wrote a text; `before`, the program of earlier
    paragraphs, if only an unknown program is recognised. of_mail: that the text is about mail, if known."""
    found = programs.recognise(text, (of_mail or subject.is_of_mail(text)) and not prose.quotes(text))
    return before if found == programs.OTHER and before else found
