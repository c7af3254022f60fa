"""The route of outgoing mail in Sendmail and OpenSMTPD, from their configuration."""

from __future__ import annotations

import re

from diagnose.parse.mailers.way import Way


def sendmail(text: str) -> Way:
    """The route in sendmail.cf: `DS` is the smart host, in brackets if its MX records are not looked up (cf/README,
    SMART_HOST)."""
    found = re.search(r"(?m)^DS[ \t]*(?:\w+:)?(\S+)", text)
    port = re.search(r"(?m)^M(?:relay|esmtp),[^\n]*(?:\n\s[^\n]*)*?A=TCP \$h (\d+)", text)
    if found is None:
        return Way(kind="direct", relay_by="DS") if text.strip() else Way(kind="", problem="its settings are empty")
    host = found[1].strip("[]")
    number = int(port[1]) if port else 25
    return Way(kind="relay", host=host, port=number, tls="starttls", relay_by="DS", tls_by="DS", login_by="elsewhere")


_RELAY = re.compile(
    r"(?m)^\s*(?:action\s+\S+\s+relay\s+host|accept\s[^\n]*relay\s+via)\s+\"?(?P<scheme>[a-z+-]+)://(?:[^@\s\"]*@)?"
    r"(?P<host>\[?[\w.:-]+?\]?)(?::(?P<port>\d+))?\"?(?=\s|$)"
)
_SCHEMES = {
    "smtp": ("starttls", 25),
    "smtp+tls": ("starttls-required", 587),
    "smtp+notls": ("none", 25),
    "smtps": ("implicit", 465),
    "tls": ("starttls-required", 587),
    "tls+auth": ("starttls-required", 587),
    "secure": ("starttls-required", 587),
    "ssl": ("implicit", 465),
}


def smtpd(text: str) -> Way:
    """The route in smtpd.conf(5): by the host of a relay action. A relay action without a host delivers to the
    recipients' servers."""
    bare = re.sub(r"(?m)#.*$", "", text)
    found = _RELAY.search(bare)
    if found is None:
        direct = re.search(r"(?m)^\s*(?:action\s+\S+\s+relay\b|accept\s[^\n]*\brelay\b)", bare)
        return Way(kind="direct" if direct else "local", relay_by="relay")
    tls, usual = _SCHEMES.get(found["scheme"], ("starttls", 25))
    return Way(
        kind="relay",
        host=found["host"].strip("[]"),
        port=int(found["port"] or usual),
        tls=tls,
        verifies=found["scheme"] in ("smtps", "smtp+tls", "secure"),
        relay_by="relay host",
        tls_by=f"{found['scheme']}://",
        login_by="elsewhere" if re.search(r"\bauth\b", bare) else "",
    )
