"""What programs other than a mailer say when they cannot send: Python, PHP, Ruby, Node, Go, .NET and their frameworks.

A program is its server's client itself, so what a label means for Postfix' relay it means for the application's
settings: an untrusted certificate is the application's trust store, a server that hangs up is its choice of port.
"""

from __future__ import annotations

import re
from dataclasses import replace

from diagnose.parse.words import reason as reasons_of
from diagnose.parse.words.reason import Reason

_PROGRAM = re.compile(
    r"\b(?:smtplib|socket\.gaierror|ssl\.SSL|PHPMailer|SMTP (?:ERROR|Error)|SMTP connect|swift|Swift|[sS]ymfony|stream_socket_client|"
    r"Net::|Errno::|OpenSSL::|ECONN|ETIMEDOUT|ENOTFOUND|EAUTH|ESOCKET|EENVELOPE|EDNS|ENETUNREACH|EHOSTUNREACH|nodemailer|MailKit|"
    r"System\.Net|dial tcp|x509:|tls: |gomail|net/smtp|logger=|lvl=|level=error|SMTPException|SMTPServerDisconnected|SMTPSender|"
    r"SMTPRecipients|SMTPData|SMTPConnect|SMTPNotSupported|smtp-connection|TransportException|ActionMailer|[sS]idekiq|aiosmtplib|"
    r"msmtp|sSMTP|ssmtp|curl|swaks|Traceback|SSL_connect|TimeoutError|ConnectionRefusedError|gaierror|getaddrinfo|fgets|fwrite|"
    r"fsockopen|SMTPAuthenticationError|Expected response code|Connection could not be established|TLSSocket|lettre|SmtpClient|"
    r"Mailer Error|MailerError|SmtpException|SocketException|SmtpCommandException)"
)
_LOOPBACK = re.compile(r"\b(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3})\b|(?<![\w:])::1\b")
_LONGEST = 100_000  # characters in which a port is looked for
_HOST_PORT = re.compile(
    r"(?:\b(?:ssl|tls|tcp|smtps?)://)?(?P<host>[\w.-]+\.[\w-]{2,}|localhost|\[?[0-9a-fA-F.:]{3,}\]?):(?P<port>25|465|587|2525|2465|2587)\b"
)
_PORT = re.compile(r"\bport[\s=:'\"]+(?P<port>\d{2,5})\b", re.IGNORECASE)
_AS_PROGRAM = {
    "certificate-not-trusted": "app-certificate-untrusted",
    "certificate-unknown-issuer": "app-certificate-untrusted",
    "tls-wrong-version": "app-tls-mismatch",
    "app-connect-failed": "app-smtp-unreachable",
    "session-lost": "app-read-timeout",
    "session-timeout": "app-read-timeout",
    "greeting-lost": "app-read-timeout",
    "greeting-timeout": "app-read-timeout",
}
_WEAK = 6  # entries below this weight need a reply's code, or words like these, to count in free text
_ABOUT_MAIL = re.compile(
    r"\b(?:reject|refus|bounce|deni|fail|error|warning|fatal|said|undeliver|deferr|smtp|mail|relay|exception|block|"
    r"unable|cannot|could not|timed out|connect|unreachable|resolve|login|auth|certificate|TLS)",
    re.I,
)


# Names of exceptions say what kind of reply came, and hold words that would be taken for the reply's own.
_NAMED = re.compile(
    r"\b(?:[\w.]+\.)?SMTP(?:Recipients?Refused|Sender(?:Refused|Error)|(?:Recipient|Data|Response|Heloerror|Helo)(?:Error|Exception)?)"
    r"(?:\((?:senderrs|code, resp(?:, from_addr)?|\w+)\))?:?"
)
_FRAME = re.compile(
    r"^\s*File \"[^\"]+\", line \d+|^\s*(?:[\w.-]+\s+\|\s+)?(?:raise \w|return |from /)|^\s+at .*[(:/]\S*:\d+(?::\d+)?\)?,?$|"
    r"^\s*(?:from )?/\S+\.(?:rb|php|js|ts|py):\d+|^#\d+ /"
)


def telling(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Lines without the frames of a stack trace, and without the line of code that Python prints below each."""
    kept: list[tuple[int, str]] = []
    code = False
    for number, line in lines:
        frame = _FRAME.match(line) is not None
        if not (frame or (code and line[:4].isspace())):
            kept.append((number, line))
        code = frame and line.lstrip().startswith("File ")
    return kept or lines


def is_program(text: str) -> bool:
    """Whether a text is an application's or a library's, rather than a mailer's."""
    return _PROGRAM.search(text) is not None


def port_in(text: str) -> int | None:
    """The SMTP port that a text speaks of."""
    text = reasons_of.without_endless_words(text[:_LONGEST])
    where = _HOST_PORT.search(text) or _PORT.search(text)
    return int(where.group("port")) if where else None


def classify(text: str, *, program: bool, port: int | None = None) -> Reason | None:
    """Say what a free text means; ``program``: an application said it, ``port``: that it dialled, if known elsewhere."""
    text = text.strip().strip("()") if text.strip().startswith("(") and text.strip().count("(") == 1 else text.strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    if program and "SMTP" in text:
        text = _NAMED.sub("", reasons_of.without_endless_words(text[: reasons_of.LONGEST])).strip() or text
    reason = reasons_of.classify(text, port=port_in(text) or port)
    if reason is None or (reason.label == "noise" and not reason.harmless):
        return None
    has_code = (
        reason.code is not None
        or reason.enhanced is not None
        or bool(re.search(r"\b[45]\d\d[ -:]|\b[45]\.\d\.\d", text))
    )
    if not has_code and reason.weight < _WEAK and not program and not _ABOUT_MAIL.search(text):
        return None
    if not program:
        return reason
    label = _AS_PROGRAM.get(reason.label, reason.label)
    if label.startswith("connect-") and (reason.peer_port != 25 or _LOOPBACK.search(text)):
        label = "app-smtp-unreachable"  # on this very host, no network is in the way
    return replace(reason, label=label)
