"""SMTP dialogues as tools print them: who speaks, and where in the session it is.

Known: raw sessions (telnet, JavaMail's debug output), ``S:``/``C:``, swaks, curl -v, PHPMailer's SMTPDebug, Python's
set_debuglevel, msmtp -d, nodemailer's logger.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_STAMP = r"(?:\[?[\d:.,T/+ Z-]{6,35}\]?\s+)?"
_SERVER = re.compile(
    rf"^\s*{_STAMP}(?:\[[\w-]+\]\s+)?(?:S:|<<<|<--|<-|<~\*?|<\*\*|<=|<|SERVER -> CLIENT:|\[?INBOUND\]?:?|reply: b?['\"]|>> )\s*"
    r"(?P<reply>\d{3}(?:[ -].*)?)$"
)
_RETCODE = re.compile(r"^reply: retcode \((?P<code>\d{3})\); Msg: b?(?P<quote>['\"])(?P<text>.*)(?P=quote)")
_RAW_REPLY = re.compile(r"^(?P<reply>[2-5]\d\d[ -](?=\S).*|[2-5]\d\d)$")
_CLIENT = re.compile(
    rf"^\s*{_STAMP}(?:\[[\w-]+\]\s+)?(?:C:|>>>|-->|->|~>|\*\*>|=>|>|CLIENT -> SERVER:|send: b?['\"])?\s*"
    r"(?:(?P<verb>EHLO|HELO|LHLO)\s+\S+|(?P<login>AUTH)\s+(?:PLAIN|LOGIN|CRAM-MD5|DIGEST-MD5|XOAUTH2|OAUTHBEARER|NTLM|GSSAPI)|"
    r"(?P<envelope>MAIL FROM|RCPT TO):|(?P<bare>STARTTLS|DATA|QUIT|RSET|BDAT \d+)(?=\s*(?:\\r|['\"]|$)))",
    re.IGNORECASE,
)
_SPEAKS = re.compile(
    rf"^\s*{_STAMP}(?:\[[\w-]+\]\s+)?(?:C:|>>>|-->|->|~>|\*\*>|CLIENT -> SERVER:|send: |S:|<<<|<--|<-|<~|<\*\*|SERVER -> CLIENT:|reply: )"
)
_STAGES = {
    "EHLO": "ehlo", "HELO": "ehlo", "LHLO": "ehlo", "STARTTLS": "starttls", "AUTH": "auth",
    "MAIL FROM": "mail", "RCPT TO": "rcpt", "DATA": "data", "BDAT": "dot",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A line of a dialogue: the server's reply line, or the stage that a client's command begins."""

    reply: str | None = None
    stage: str | None = None


def read(line: str) -> Spoken | None:
    """Read one line; None when it is no part of a dialogue."""
    line = line[:4000]
    retcode = _RETCODE.match(line)
    if retcode:
        return Spoken(reply=f"{retcode.group('code')} {retcode.group('text')}")
    server = _SERVER.match(line) or _RAW_REPLY.match(line)
    if server:
        return Spoken(reply=server.group("reply").removesuffix("\\r\\n'").removesuffix("'"))
    client = _CLIENT.match(line)
    if client:
        said = client.group("verb") or client.group("login") or client.group("envelope") or client.group("bare")
        return Spoken(stage=_STAGES.get(said.upper().partition(" ")[0] if said[:4].upper() == "BDAT" else said.upper()))
    if _SPEAKS.match(line):
        return Spoken()
    return None
