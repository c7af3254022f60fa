"""The answers to the questions of `diagnose.host.query`, as plain data.

Every reply has `problem`: None when the question was answered, else why it was not ("not found", "permission
denied", "timed out", "not recorded", "network is off"). A refused connection or a non-zero exit status *is* an
answer. All fields have defaults, so that a reply can always be made from its problem alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from diagnose.record import frozen

# What postmap says beside a good answer, of main.cf or of a table's age (which MapCompare judges).
_ASIDE = re.compile(
    r"warning: .*(?:is older than source file|overriding earlier entry|duplicate entry|un(?:used|defined) parameter"
    r"|support for \S+ |deprecated)"
)


@frozen
class ExecReply:
    code: int | None = None
    out: str = ""
    err: str = ""
    truncated: bool = False
    problem: str | None = None


@frozen
class ReadReply:
    text: str = ""
    truncated: bool = False
    problem: str | None = None


@frozen
class StatReply:
    """kind: file, dir, socket, fifo or other; mode: permission bits with setuid/setgid; mtime: epoch seconds;
    real: the path with symbolic links resolved."""

    exists: bool = False
    kind: str = ""
    mode: int = 0
    owner: str = ""
    group: str = ""
    size: int = 0
    mtime: float = 0.0
    real: str = ""
    problem: str | None = None


@frozen
class GlobReply:
    paths: tuple[str, ...] = ()
    problem: str | None = None


@frozen
class DnsReply:
    """rcode: NOERROR, NXDOMAIN, SERVFAIL, REFUSED …, or NODATA (NOERROR without such a record); answers: records
    in presentation form, sorted ("10 mx.example." for MX); None rcode when no answer came (see problem), truncated where
    it did not fit UDP, and none came by TCP."""

    rcode: str | None = None
    answers: tuple[str, ...] = ()
    server: str = ""
    seconds: float = 0.0
    authentic: bool = False
    truncated: bool = False
    problem: str | None = None

    @property
    def tells(self) -> bool:
        """Whether a resolver spoke of the name itself: its records, that it has none of the kind, or that there is no such name."""
        return self.rcode in ("NOERROR", "NODATA", "NXDOMAIN")


@frozen
class ResolveReply:
    """Addresses as an ordinary program of this host gets them (hosts file and nsswitch included)."""

    addresses: tuple[str, ...] = ()
    problem: str | None = None


@frozen
class Attempt:
    """One connect: error is an errno's name (ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH …), "" when it connected.
    icmp: "type/code" with `offender`, the address that sent it, when an ICMP error was the reason.
    wire: what a failed connect's SYNs met, as seen on the interfaces by root: kept (none left this host), altered (they left with
    another address or hop limit than was asked), answered (the
    answer came back and was stopped here), sent (no answer came); "" where that was not seen. device: the interface by which
    they left."""

    address: str
    error: str = ""
    seconds: float = 0.0
    icmp: str = ""
    offender: str = ""
    local: str = ""
    wire: str = ""
    device: str = ""


@frozen
class TlsInfo:
    """version: "TLSv1.3" …; verified: chain and name are good against the bundle asked for; verify_error: OpenSSL's
    text if not; not_before/not_after: epoch seconds; names: subject alternative names;
    pins: digests of the certificate and of its public key (SHA-256, SHA-1, MD5), in hexadecimal."""

    version: str = ""
    cipher: str = ""
    verified: bool = False
    verify_error: str = ""
    names: tuple[str, ...] = ()
    subject: str = ""
    issuer: str = ""
    not_before: float = 0.0
    not_after: float = 0.0
    pins: tuple[str, ...] = ()
    error: str = ""


@frozen
class DialReply:
    """An SMTP dialogue as far as it came.

    stage: the last one begun: resolve, connect, tls, banner, ehlo, starttls, auth, mail, rcpt, quit.
    error: what broke it there ("timed out", "connection closed", an errno's name, OpenSSL's text), "" when all that
    was asked for was said and answered (a 5xx answer is an answer). Replies are whole, lines joined by newlines.
    slowest: the longest wait for one of them, in seconds.
    """

    attempts: tuple[Attempt, ...] = ()
    address: str = ""
    stage: str = ""
    error: str = ""
    banner: str = ""
    ehlo: str = ""
    starttls: str = ""
    tls: TlsInfo | None = None
    mechanisms: tuple[str, ...] = ()
    auth: str = ""
    mechanism: str = ""
    mail: str = ""
    rcpt: str = ""
    seconds: float = 0.0
    slowest: float = 0.0
    problem: str | None = None

    @property
    def connected(self) -> bool:
        return bool(self.address)

    @property
    def greeted(self) -> bool:
        """Whether EHLO was answered, with a whole reply that takes it; within TLS once more."""
        broke = self.stage == "ehlo" and self.error
        return not broke and re.match(r"2\d\d(?: |$)", self.ehlo.rpartition("\n")[2]) is not None

    @property
    def offers_starttls(self) -> bool:
        return any(line[4:].strip().upper() == "STARTTLS" for line in self.ehlo.splitlines())


@frozen
class Hop:
    """What a SYN with this TTL met: "time-exceeded" (a router answered), "open", "refused", an ICMP error's name
    ("admin-prohibited" …), or "silence"."""

    ttl: int
    answer: str
    address: str = ""


@frozen
class TraceReply:
    """address: the one traced; hops sorted by TTL; discarded: packets of its family that this host received meanwhile
    and neither delivered nor forwarded, None if unknown."""

    address: str = ""
    hops: tuple[Hop, ...] = ()
    discarded: int | None = None
    problem: str | None = None


@frozen
class Process:
    pid: int
    parent: int
    name: str
    command: tuple[str, ...] = ()
    user: str = ""
    started: float = 0.0
    state: str = ""
    here: bool = True  # of this PID and mount name space, not a container's

    @property
    def line(self) -> str:
        return " ".join(self.command) or self.name

    @property
    def program(self) -> str:
        """The last part of the command's first word."""
        return self.command[0].rpartition("/")[2] if self.command else self.name


@frozen
class ProcessesReply:
    processes: tuple[Process, ...] = ()
    problem: str | None = None


@frozen
class Listener:
    """A listening TCP socket; pid and process are 0 and "" where this user may not know them."""

    address: str
    port: int
    pid: int = 0
    process: str = ""


@frozen
class ListenersReply:
    listeners: tuple[Listener, ...] = ()
    problem: str | None = None


@frozen
class DiskReply:
    """free/total in bytes as an unprivileged process gets them; inodes_total 0 if the file system has none."""

    free: int = 0
    total: int = 0
    inodes_free: int = 0
    inodes_total: int = 0
    read_only: bool = False
    problem: str | None = None


@frozen
class LockReply:
    """holder: pid that holds an fcntl/flock lock on the file (Postfix's master.pid), 0 when nobody does."""

    held: bool = False
    holder: int = 0
    text: str = ""
    problem: str | None = None


@frozen
class NowReply:
    """epoch: seconds; offset: the local zone's, seconds east of UTC; user: effective user; root: uid 0."""

    epoch: float = 0.0
    offset: int = 0
    user: str = ""
    groups: tuple[str, ...] = ()
    root: bool = False
    hostname: str = ""
    fqdn: str = ""
    problem: str | None = None


@frozen
class LogReply:
    """lines: Postfix's and its like, oldest first, AUTH exchanges masked; source: file names or "journal"; whole: the
    window was read to its end (else the newest part of it); oldest: epoch of the earliest line available at all."""

    lines: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    whole: bool = True
    problem: str | None = None


@frozen
class QueueLinesReply:
    """summary: `parse.queue.QueueSummary` as plain data (the live host streams the queue through it)."""

    summary: Mapping[str, object] | None = None
    err: str = ""
    code: int | None = None
    problem: str | None = None


@frozen
class MapReply:
    """A lookup in a Postfix table. value: the result, for tables with secrets only its masked form ("user:********");
    found False with error "" is a clean miss; error: Postfix's own words."""

    found: bool = False
    value: str = ""
    error: str = ""
    problem: str | None = None

    @property
    def broken(self) -> bool:
        """Whether the table could not be asked. A warning of its age or of main.cf comes with good answers, too."""
        return not self.found and any(not _ASIDE.search(line) for line in self.error.splitlines() if line.strip())


@frozen
class EnvironmentReply:
    """Names of settings, by whether the process was started with the same value, another, or none."""

    same: tuple[str, ...] = ()
    differ: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    problem: str | None = None


@frozen
class CompareReply:
    """Source text against compiled table: keys only in one of them, keys whose values differ."""

    only_source: tuple[str, ...] = ()
    only_table: tuple[str, ...] = ()
    differ: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    error: str = ""
    problem: str | None = None
