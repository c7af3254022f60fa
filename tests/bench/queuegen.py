"""Valid Postfix queue files in any number, written without Postfix.

A file is records of type, length and data; the queue ID is five hexadecimal digits of microseconds followed by the
inode, so that a real queue manager would accept it. Each deferred message has its log of reasons under defer/.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

QUEUES = (
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "pid", "private",
    "public", "saved", "trace",
)  # fmt: skip
DOMAINS = ("gmail.com", "outlook.com", "yahoo.com", "example.org", "example.net", "corp.example", "mail.example")
REASONS = (
    "connect to mx.{d}[192.0.2.7]:25: Connection timed out",
    "host mx.{d}[192.0.2.7] said: 451 4.7.1 Greylisted, try again later (in reply to RCPT TO command)",
    'host mx.{d}[192.0.2.7] said: 421-4.7.0 "Too many" \\ messages (in reply to end of DATA command)',
    "Host or domain name not found. Name service error for name={d} type=MX: Host not found, try again",
    "delivery temporarily suspended: connect to relay.example[198.51.100.3]:587: Connection refused",
)


def record(kind: str, data: bytes) -> bytes:
    """One record; lengths are in groups of seven bits, the least significant first."""
    length = len(data)
    octets = bytearray()
    while True:
        octets.append((length & 0x7F) | (0x80 if length > 0x7F else 0))
        length >>= 7
        if not length:
            return kind.encode() + bytes(octets) + data


def envelope(arrival: float, sender: str, recipients: list[str], body: bytes, *, extracted: bool = False) -> bytes:
    """A whole file. extracted: the recipients stand behind the content, as with `sendmail -t`."""
    content = b"".join(record("N", line) for line in body.split(b"\n"))
    listed = b"".join(record("O", each.encode()) + record("R", each.encode()) for each in recipients)
    seconds = int(arrival)
    head = record("T", f"{seconds} {int((arrival - seconds) * 1e6):6d}".encode())
    head += record("A", b"rewrite_context=local") + record("S", sender.encode())
    if not extracted:
        head += listed
    size_record = 2 + 79  # C, its length, and five numbers of fifteen places
    offset = size_record + len(head) + 2
    sizes = " ".join(f"{n:15d}" for n in (len(content), offset, len(recipients), 0, len(content)))
    first = record("C", sizes.encode().ljust(79))
    return (
        first + head + record("M", b"") + content + record("X", b"") + (listed if extracted else b"") + record("E", b"")
    )


def defer_log(recipients: list[str], reason: str) -> bytes:
    """What bounce(8) keeps about recipients that were put off."""
    return b"".join(
        f"<{each}>: {reason}\nrecipient={each}\noffset=100\ndsn_orig_rcpt=rfc822;{each}\nstatus=4.4.1\naction=delayed\n"
        f"reason={reason}\n\n".encode()
        for each in recipients
    )


def make(root: Path, count: int, seed: int = 1) -> None:
    """Fills a queue directory: nineteen of twenty messages deferred, the rest active, incoming and held."""
    chance = random.Random(seed)
    for queue in QUEUES:
        (root / queue).mkdir(mode=0o700, parents=True, exist_ok=True)
    for digit in "0123456789ABCDEF":
        for queue in ("deferred", "defer"):
            (root / queue / digit).mkdir(mode=0o700, exist_ok=True)
    now = time.time()
    for number in range(count):
        arrival = now - chance.expovariate(1 / 40_000)
        domain = chance.choices(DOMAINS, (8, 5, 4, 3, 2, 1, 1))[0]
        recipients = [f"user{chance.randrange(10**6)}@{domain}" for _ in range(1 if chance.random() < 0.9 else 3)]
        sender = "" if chance.random() < 0.1 else f"noreply{chance.randrange(9)}@app.example"
        queue = "deferred" if number % 20 else ("active", "incoming", "hold")[number // 20 % 3]
        body = b"Subject: test\n\n" + b"x" * chance.randrange(50, 2500)
        data = envelope(arrival, sender, recipients, body, extracted=number % 17 == 0)
        name = _store(root, queue, data, chance.randrange(1_000_000))
        if queue == "deferred":
            reason = chance.choice(REASONS).format(d=domain)
            _put(root / "defer" / name[0] / name, defer_log(recipients, reason), 0o600)


def _store(root: Path, queue: str, data: bytes, microseconds: int) -> str:
    temporary = root / queue / "new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
    os.write(descriptor, data)
    name = f"{microseconds:05X}{os.fstat(descriptor).st_ino:X}"
    os.fchmod(descriptor, 0o700)
    os.close(descriptor)
    folder = root / queue / name[0] if queue == "deferred" else root / queue
    os.rename(temporary, folder / name)
    return name


def _put(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, mode)
    os.write(descriptor, data)
    os.close(descriptor)
