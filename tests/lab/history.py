"""What a machine's mail log holds from before: lines as Postfix writes them, of mail that went out."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .machine import Machine

_LINES = """\
{time} {host} postfix/pickup[{pid}]: {qid}: uid=33 from=<noreply@brightwater-labs.com>
{time} {host} postfix/cleanup[{pid2}]: {qid}: message-id=<20261120.{qid}@app.brightwater-labs.com>
{time} {host} postfix/qmgr[712]: {qid}: from=<noreply@brightwater-labs.com>, size=512, nrcpt=1 (queue active)
{time} {host} postfix/smtp[{pid3}]: {qid}: to=<{to}>, relay={relay}, delay=0.9, delays=0.02/0.01/0.6/0.27, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {qid}9)
{time} {host} postfix/qmgr[712]: {qid}: removed
"""


def stamp(hours_ago: float) -> str:
    """A time of the past in the form that Postfix logs."""
    when = datetime.datetime.now() - datetime.timedelta(hours=hours_ago)
    return f"{when:%b} {when.day:2d} {when:%H:%M:%S}"


def dated(text: str) -> str:
    """Lines in which {T<hours>} stands for a time so many hours ago."""
    return re.sub(r"\{T([\d.]+)\}", lambda found: stamp(float(found[1])), text)


def merge(m: Machine, path: str, text: str) -> None:
    """Puts lines into a machine's log by their times; what the machine logs from now on is new."""
    kept = m.path(path).read_text() if m.path(path).exists() else ""
    m.write(path, "".join(sorted((kept + text).splitlines(True), key=_when)), 0o640, "root", "adm")
    m.before = len(m.read(path))


def _when(line: str) -> datetime.datetime:
    now = datetime.datetime.now()
    when = datetime.datetime.strptime(f"{now.year} {line[:15]}", "%Y %b %d %H:%M:%S")
    return when if when <= now + datetime.timedelta(days=1) else when.replace(year=now.year - 1)


def sent_lines(
    host: str,
    count: int = 12,
    oldest: float = 70,
    newest: float = 2,
    relay: str = "mx1.northwind-trading.com[159.69.12.41]:25",
    to: str = "user{n}@northwind-trading.com",
) -> str:
    """`count` delivered messages, spread evenly between two ages in hours."""
    text = ""
    for n in range(count):
        age = oldest - (oldest - newest) * n / max(count - 1, 1)
        qid = f"{0xA1B2C3D000 + n * 7919:010X}"
        text += _LINES.format(
            time=stamp(age),
            host=host,
            qid=qid,
            pid=2100 + n,
            pid2=2400 + n,
            pid3=2700 + n,
            relay=relay,
            to=to.format(n=n),
        )
    return text


_STORM = """\
{time} {host} postfix/submission/smtpd[611]: {qid}: client=unknown[203.0.113.77], sasl_method=LOGIN, sasl_username=info@brightwater-labs.com
{time} {host} postfix/qmgr[712]: {qid}: from=<info@brightwater-labs.com>, size=2048, nrcpt=1 (queue active)
{time} {host} postfix/smtp[713]: {qid}: to=<{to}>, relay=mx.{domain}[159.69.12.41]:25, delay=0.9, delays=0.02/0.01/0.6/0.27, {said}
"""
_TAKEN = "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued)"
_UNKNOWN = "dsn=5.1.1, status=bounced (host mx.{domain}[159.69.12.41] said: 550 5.1.1 <{to}>: User unknown (in reply to RCPT TO command))"


def storm_lines(host: str) -> str:
    """Mail of one account to as many domains, half of it to mailboxes that do not exist, two hours to one hour ago."""
    text = ""
    for n in range(120):
        domain = f"stranger{n}.example"
        to = f"u{n}@{domain}"
        said = (_UNKNOWN if n % 2 else _TAKEN).format(domain=domain, to=to)
        qid = f"{0xB1B2C3D000 + n * 7919:010X}"
        text += _STORM.format(time=stamp(2 - n / 120), host=host, qid=qid, to=to, domain=domain, said=said)
    return text
