"""A whole mail log in counts, at the pace of a search: how many recipients were sent, deferred, bounced, where and why.

For logs of gigabytes, where `diagnose.parse.log.maillog` (which joins what belongs together) would be too slow: only lines with
a delivery status are looked at, and those of delivered mail only counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from diagnose.parse.words import reason

STATUSES = ("sent", "deferred", "bounced", "expired", "undeliverable", "deliverable")
_TOKEN = b" status="
_SENT = b" status=sent ("
# The usual ones first: when they make up the difference, nobody searches for the others.
_FAILED = (
    b" status=deferred (",
    b" status=bounced (",
    b" status=expired",
    b" status=SOFTBOUNCE (",
    b" status=undeliverable",
)
_DIGITS = b"0123456789"
_KEPT = 20_000  # groups and texts at most


@dataclass(slots=True)
class Tally:
    """statuses: recipients by status word; failures: by (domain, status, dsn, label); dropped: failures beyond the most
    groups kept; samples: the first text of each label."""

    statuses: Counter[str] = field(default_factory=Counter)
    failures: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    samples: dict[str, str] = field(default_factory=dict)
    dropped: int = 0
    _labels: dict[bytes, str] = field(default_factory=dict)

    def feed(self, chunk: bytes) -> None:
        """Counts a chunk of whole lines."""
        total = chunk.count(_TOKEN)
        if not total:
            return
        sent = chunk.count(_SENT)
        if sent:
            self.statuses["sent"] += sent
        left = total - sent
        for token in _FAILED:
            if left <= 0:
                return
            status = token[8:].rstrip(b" (").decode().lower()
            status = "deferred" if status == "softbounce" else status
            at = chunk.find(token)
            while at >= 0:
                end = chunk.find(b"\n", at)
                end = len(chunk) if end < 0 else end
                self._failure(chunk, at, at + len(token), end, status)
                left -= 1
                at = chunk.find(token, end)

    def _failure(self, chunk: bytes, at: int, behind: int, end: int, status: str) -> None:
        begin = chunk.rfind(b"\n", 0, at) + 1
        to = chunk.find(b" to=", begin, at)
        close = (
            min(end for mark in (b">", b",", b" ") if (end := chunk.find(mark, to + 4, at + 1)) >= 0) if to >= 0 else -1
        )
        _, found, domain = chunk[to:close][-320:].rpartition(b"@") if to >= 0 else (b"", b"", b"")
        dsn = chunk.rfind(b"dsn=", begin, at)
        self.statuses[status] += 1
        key = (
            domain.decode("utf-8", "replace").lower() if found else "",
            status,
            chunk[dsn + 4 : at].rstrip(b",").decode("ascii", "replace") if dsn >= 0 else "",
            self._label(chunk[behind : min(end, behind + 1000)]),
        )
        if key in self.failures or len(self.failures) < _KEPT:
            self.failures[key] += 1
        else:
            self.dropped += 1

    def _label(self, text: bytes) -> str:
        # The same words of another server, at another time: numbers and the server's name differ.
        said = text.find(b" said: ")
        known = text[said + 7 if said >= 0 else 0 :][:120].translate(None, _DIGITS)
        label = self._labels.get(known)
        if label is None:
            words = text.removesuffix(b")").decode("utf-8", "replace").removeprefix("-but-not-cached").lstrip(" (")
            found = reason.classify(words)
            label = found.label if found else "unknown"
            self.samples.setdefault(label, found.text[:300] if found else reason.mask(words[:300]))
            if len(self._labels) < _KEPT:
                self._labels[known] = label
        return label
