"""Errors of JavaMail and Jakarta Mail, from stack traces and log lines, as reasons.

A Java program talks to its server itself: what a server answers to it blames the application's settings, so labels
of a relay become the application's (``relay-credentials-rejected`` becomes ``app-credentials-rejected``). The port in
"Could not connect to SMTP host: H, port: 25" is not trusted: before 1.6 it is the default, whatever port was dialled.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from diagnose.knowledge.phrases import Grip
from diagnose.parse.words import reason as reasons_of
from diagnose.parse.words.reason import Reason

_TRACE = re.compile(
    r"\b(?:javax?|jakarta|com\.sun|sun\.security|sun\.net|org\.(?:eclipse\.angus|springframework|apache\.commons\.mail|"
    r"simplejavamail|thymeleaf))\.[\w.$]*(?:Exception|Error|mail)\w*|\bnested exception is|^\s*at [\w.$/]+\([\w.]*java\S*\)|"
    r"\bDEBUG SMTPS?:|MailConnectException|MessagingException|AuthenticationFailedException|SMTPSendFailedException",
    re.IGNORECASE | re.MULTILINE,
)
_FRAME = re.compile(
    r"^\s*(?:\[[^\]]*\]\s*)*(?:at )?[\w.$/<>]+\([\w.$]+(?::\d+)?\)\s*$|^\s*\.\.\. \d+ (?:common frames|more)"
)
_HOST_PORT = re.compile(
    r"connect to host, port: (?P<host>[^,;]*), ?(?P<port>-?\d+)|SMTP host: (?P<host2>[^,;]*)(?:, port: (?P<port2>-?\d+))?"
)

# What a label means when the application itself is the SMTP client.
AS_APPLICATION: dict[str, str] = {
    "relay-credentials-rejected": "app-credentials-rejected",
    "auth-required": "app-credentials-rejected",
    "sasl-options-exclude-all": "app-credentials-rejected",
    "sasl-no-mechanism": "app-credentials-rejected",
    "starttls-required": "app-tls-mismatch",
    "relay-requires-tls": "app-tls-mismatch",
    "tls-required-not-offered": "app-tls-mismatch",
    "tls-wrong-version": "app-tls-mismatch",
    "tls-protocol-mismatch": "app-tls-too-old",
    "certificate-not-trusted": "app-certificate-untrusted",
    "certificate-unknown-issuer": "app-certificate-untrusted",
    "relay-certificate-invalid": "app-certificate-untrusted",
    "app-connect-failed": "app-smtp-unreachable",
    "greeting-lost": "app-smtp-unreachable",
    "session-lost": "app-smtp-unreachable",
    "dns-not-found": "app-smtp-unreachable",
    "app-host-not-found": "app-smtp-unreachable",
    "dns-try-again": "app-smtp-unreachable",
    **{
        f"connect-{what}": "app-smtp-unreachable"
        for what in (
            "timeout",
            "refused",
            "no-route",
            "network-unreachable",
            "permission-denied",
            "no-address",
            "reset",
        )
    },
}


def is_trace(text: str) -> bool:
    """Whether a text is (part of) what a Java mail program printed."""
    return _TRACE.search(text) is not None


def is_frame(line: str) -> bool:
    """Whether a line is a frame of a stack trace, which says where and not why."""
    return _FRAME.match(line) is not None


def classify(lines: Sequence[str]) -> tuple[Reason, ...]:
    """Read the lines of one error, nested exceptions and all: its reasons, the most telling first."""
    telling = [line for line in lines if not is_frame(line)]
    joined = " ".join(line.strip() for line in telling)
    dialled = _HOST_PORT.search(joined)
    raw = (dialled.group("host") or dialled.group("host2") or "") if dialled else ""
    host = raw.strip() or None
    port = int((dialled.group("port") or dialled.group("port2") or "0")[:6]) if dialled else None
    found = []
    if host and raw != host:
        found.append(
            Reason(
                label="app-config-invalid", text=f"the host name {raw!r} holds a blank", grip=Grip.NAMES, peer_name=host
            )
        )
    for text in (joined, *telling):
        reason = reasons_of.classify(text, peer=host)
        if reason is None or (
            reason.code is None and reason.enhanced is None and reason.grip < Grip.TOPIC and text is not joined
        ):
            continue
        label = AS_APPLICATION.get(reason.label, reason.label)
        if reason.label == "connect-timeout" and "read timed out" in text.lower():
            label = "app-read-timeout"
        found.append(
            replace(
                reason,
                label=label,
                peer_name=reason.peer_name or host,
                peer_port=port if port is not None and port > 0 else None,
            )
        )
    return reasons_of.most_telling(found)
