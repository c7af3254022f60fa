"""Mail logs of any size, like a busy relay's: smtpd, cleanup, qmgr, smtp, bounce, with both styles of time stamp."""

from __future__ import annotations

import random
import time
from pathlib import Path

_DOMAINS = ("gmail.com", "outlook.com", "yahoo.com", "example.org", "example.net", "corp.example", "mail.example")
_DEFERRED = (
    "connect to mx.{d}[192.0.2.7]:25: Connection timed out",
    "host mx.{d}[192.0.2.{n}] said: 451 4.7.1 Greylisted, try again in {n} seconds (in reply to RCPT TO command)",
    "host mx.{d}[192.0.2.{n}] said: 421-4.7.0 Try again later, {n}.{n} (in reply to end of DATA command)",
    "Host or domain name not found. Name service error for name={d} type=MX: Host not found, try again",
)
_BOUNCED = (
    "host mx.{d}[192.0.2.{n}] said: 550 5.1.1 <u{n}@{d}>: Recipient address rejected: User unknown (in reply to RCPT TO command)",
    "host mx.{d}[192.0.2.{n}] said: 554 5.7.1 Service unavailable; blocked using zen.example (in reply to RCPT TO command)",
)


def write(path: Path, size: int, style: str, days: float, seed: int = 1) -> None:
    """Writes about `size` octets that span `days` up to now. style: "traditional" or "iso"."""
    chance = random.Random(seed)
    # A block of messages is written again and again under later stamps and other queue IDs: a gigabyte within a minute.
    block = [_message(chance) for _ in range(400)]
    octets = sum(len(line) + 40 for message in block for line in message)
    rounds = max(1, round(size / octets))
    end = time.time()
    step = days * 86_400 / (rounds * len(block))
    when = end - days * 86_400
    with open(path, "w", encoding="ascii") as out:
        for number in range(rounds):
            mark = f"{number % 0xFFFFF:05X}"
            lines: list[str] = []
            for message in block:
                when += step
                stamp = _stamp(min(when, end), style)
                lines += [f"{stamp} host {line.replace('QQQQQ', mark)}\n" for line in message]
            out.writelines(lines)


def _stamp(when: float, style: str) -> str:
    moment = time.localtime(when)
    if style == "iso":
        zone = time.strftime("%z", moment)
        return time.strftime("%Y-%m-%dT%H:%M:%S", moment) + f".{int(when % 1 * 1e6):06d}{zone[:3]}:{zone[3:]}"
    return time.strftime("%b ", moment) + f"{moment.tm_mday:2d} " + time.strftime("%H:%M:%S", moment)


def _message(chance: random.Random) -> list[str]:
    queue_id = f"QQQQQ{chance.randrange(16**6):06X}"
    domain = chance.choices(_DOMAINS, (8, 5, 4, 3, 2, 1, 1))[0]
    number = chance.randrange(250)
    pid = chance.randrange(1000, 30_000)
    kind = chance.choices(("sent", "deferred", "bounced"), (80, 17, 3))[0]
    text = (
        "250 2.0.0 Ok: queued as 4F00BA"
        if kind == "sent"
        else chance.choice(_DEFERRED if kind == "deferred" else _BOUNCED)
    )
    dsn = {"sent": "2.0.0", "deferred": "4.4.1", "bounced": "5.1.1"}[kind]
    relay = f"mx.{domain}[192.0.2.{number}]:25"
    return [
        f"postfix/smtpd[{pid}]: connect from app.example[198.51.100.{number}]",
        f"postfix/smtpd[{pid}]: {queue_id}: client=app.example[198.51.100.{number}]",
        f"postfix/cleanup[{pid + 1}]: {queue_id}: message-id=<{chance.randrange(10**9)}.{queue_id}@app.example>",
        f"postfix/qmgr[900]: {queue_id}: from=<noreply@app.example>, size={chance.randrange(500, 90_000)}, nrcpt=1 (queue active)",
        f"postfix/smtpd[{pid}]: disconnect from app.example[198.51.100.{number}] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5",
        f"postfix/smtp[{pid + 2}]: {queue_id}: to=<user{number}@{domain}>, relay={relay}, delay=1.2, delays=0.1/0/0.6/0.5, "
        f"dsn={dsn}, status={kind} ({text.format(d=domain, n=number)})",
        *([] if kind == "deferred" else [f"postfix/qmgr[900]: {queue_id}: removed"]),
    ]
