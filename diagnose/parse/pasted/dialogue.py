"""Reads lines of SMTP dialogues as printed by tools: the server's replies and the stage of the session.

Formats: raw sessions (telnet, JavaMail's debug output), ``S:``/``C:``, swaks, curl -v, PHPMailer's SMTPDebug, Python's
set_debuglevel, msmtp -d, nodemailer's logger.
"""

from __future__ import annotations

import re

from diagnose.patterns import late
from diagnose.record import frozen

_STAMP = r"(?:\[?[\d:.,T/+ Z-]{6,35}\]?\s+)?(?:\w{2,8}: 0x[0-9a-f]+: |\d{1,6}:? {1,6}(?=SMTP[<>]))?"
_SERVER = late(
    rf"^\s*{_STAMP}(?:\[[\w-]+\]\s+)?(?:S:|SMTP<<|<<<|<--|<-|<~\*?|<\*\*|<=|<|SERVER -> CLIENT:|\[?INBOUND\]?:?|reply: b?['\"]|>> )\s*"
    r"(?P<reply>\d{3}(?:[ -].*)?)$"
)
_RETCODE = late(r"^reply: retcode \((?P<code>\d{3})\); Msg: b?(?P<quote>['\"])(?P<text>.*)(?P=quote)")
_RAW_REPLY = late(r"^(?P<reply>[2-5]\d\d[ -](?=\S).*|[2-5]\d\d)$")
_STAMPED_REPLY = late(r"^(?P<reply>[2-5]\d\d[ -]#?[245]\.\d{1,3}\.\d{1,3}\b.*)$")
_CLIENT = late(
    rf"^\s*{_STAMP}(?:\[[\w-]+\]\s+)?(?:C:|SMTP>>|>>>|-->|->|~>|\*\*>|=>|>|CLIENT -> SERVER:|send: b?['\"])?\s*"
    r"(?:(?P<verb>EHLO|HELO|LHLO)\s+\S+(?=\s*$|\s+[\d(\[]|\s*\\r)|(?P<login>AUTH)\s+(?:PLAIN|LOGIN|CRAM-MD5|DIGEST-MD5|XOAUTH2|OAUTHBEARER|NTLM|GSSAPI)|"
    r"(?P<envelope>MAIL FROM|RCPT TO):|(?P<bare>STARTTLS|DATA|QUIT|RSET|BDAT \d+)(?=\s*(?:\\r|['\"]|$)))",
    re.IGNORECASE,
)
_SPEAKS = late(
    rf"^\s*{_STAMP}(?:\[[\w-]+\]\s+)?(?:C:|SMTP>>|SMTP<<|>>>|-->|->|~>|\*\*>|CLIENT -> SERVER:|send: |S:|<<<|<--|<-|<~|<\*\*|SERVER -> CLIENT:|reply: )"
)
_STAGES = {
    "EHLO": "ehlo", "HELO": "ehlo", "LHLO": "ehlo", "STARTTLS": "starttls", "AUTH": "auth",
    "MAIL FROM": "mail", "RCPT TO": "rcpt", "DATA": "data", "BDAT": "dot",
}  # fmt: skip


@frozen
class Spoken:
    """A line of a dialogue: the server's reply line, or the stage that a client's command begins."""

    reply: str | None = None
    stage: str | None = None


def read(line: str, *, alone: bool = True) -> Spoken | None:
    """Read one line; None if it is not part of a dialogue.

    alone: nothing precedes the line. Text after a time stamp may begin with any number, such as a process id: there
    a reply needs an arrow before it or an enhanced status code in it.
    """
    bare = line[:4000].strip()  # two patterns match blanks, which is slow on thousands of them
    line = bare if bare[:1] == line[:1] else f" {bare}"
    retcode = _RETCODE.match(line)
    if retcode:
        return Spoken(reply=f"{retcode.group('code')} {retcode.group('text')}")
    server = _SERVER.match(line) or (_RAW_REPLY if alone else _STAMPED_REPLY).match(line)
    if server:
        return Spoken(reply=server["reply"].removesuffix("\\r\\n'").removesuffix("'"))
    client = _CLIENT.match(line)
    if client:
        said = client["verb"] or client["login"] or client["envelope"] or client["bare"]
        return Spoken(stage=_STAGES.get(said.upper().partition(" ")[0] if said[:4].upper() == "BDAT" else said.upper()))
    if _SPEAKS.match(line):
        return Spoken()
    return None
