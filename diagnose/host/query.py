"""Questions to the world, as plain data. Their answers stand in `diagnose.host.reply`, and can be imported from here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar, get_args

from diagnose.host.reply import (
    Attempt,
    CompareReply,
    DialReply,
    DiskReply,
    DnsReply,
    EnvironmentReply,
    ExecReply,
    GlobReply,
    Hop,
    Listener,
    ListenersReply,
    LockReply,
    LogReply,
    MapReply,
    NowReply,
    Process,
    ProcessesReply,
    QueueLinesReply,
    ReadReply,
    ResolveReply,
    StatReply,
    TlsInfo,
    TraceReply,
)
from diagnose.record import dataclass, frozen

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True)
class Query(Generic[R_co]):
    """A question, as Query[its answer's type], which is its `Reply`; `timeout` (seconds): how long the answer may take."""

    Reply: ClassVar[type[Any]]

    def __init_subclass__(cls) -> None:
        (cls.Reply,) = get_args(cls.__orig_bases__[0])  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Exec(Query[ExecReply]):
    """Runs a command that only reads, without a shell, in the C locale; /usr/sbin and /sbin are searched too.
    having: of its output only the lines that hold one of these words, all without any."""

    argv: tuple[str, ...]
    timeout: float = 5.0
    having: tuple[str, ...] = ()


@dataclass(frozen=True)
class Read(Query[ReadReply]):
    """A file's text (UTF-8, else Latin-1), at most `limit` bytes from its end if `tail` else its start. having: as
    of Exec. secret: "sasl", "properties", "settings", "smtpd", "logins", "password" or "token": values that are secrets are
    masked before anything else sees them."""

    path: str
    secret: str = ""
    limit: int = 262_144
    tail: bool = False
    having: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stat(Query[StatReply]):
    path: str


@dataclass(frozen=True)
class Glob(Query[GlobReply]):
    pattern: str


@dataclass(frozen=True)
class Lookup(Query[DnsReply]):
    """A DNS question. server: an address to ask, or "" for the host's own resolvers in their order. user: the
    account that the sockets belong to, where root asks."""

    name: str
    rtype: str
    server: str = ""
    timeout: float = 4.0
    user: str = ""


@dataclass(frozen=True)
class Resolve(Query[ResolveReply]):
    name: str


@dataclass(frozen=True)
class Login:
    """Where the host finds credentials; the password itself never enters a query or a reply.

    source "map": `table` is a Postfix table, tried with each of `keys`; "properties" or "settings": `table` is a
    file, `keys` are the names of the user's and the password's property, or twice that of a URL with both; "logins":
    `table` is a file of logins by server (`diagnose.apps.logins`), `keys` the server's names.
    """

    source: str
    table: str
    keys: tuple[str, ...]


SILENCE = 5.0  # seconds that a dialogue waits for a reply


@frozen
class Dial(Query[DialReply]):
    """An SMTP dialogue, never with DATA.

    family: 0 both, 4 or 6. tls: none, starttls (used if offered), implicit. say: how far to go: connect, banner,
    ehlo, auth, rcpt (QUIT is always polite); milter and policy are the other protocols' openings, to which a path
    may lead instead of a host. ca_file/ca_path: what the certificate is verified against, "" for the system's;
    verify: whether at all. The dialogue goes on after a certificate that does not verify, but never to AUTH unless
    `trust` is set. bind: source addresses, one per family, separated by a blank. user: the account that owns the
    socket, where root asks. device: the interface to leave by, whatever the routes say. network: a process, in whose network
    the connection is made, where root asks. connect_timeout covers two
    SYNs, which Linux sends at 0 and 1 seconds, and 1.7 seconds for the answer: the third goes at 3.
    """

    host: str
    port: int
    family: int = 0
    tls: str = "none"
    say: str = "ehlo"
    helo: str = ""
    sender: str = ""
    recipient: str = ""
    login: Login | None = None
    mechanisms: tuple[str, ...] = ()
    ca_file: str = ""
    ca_path: str = ""
    verify_name: str = ""
    trust: bool = False
    bind: str = ""
    user: str = ""
    device: str = ""
    network: int = 0
    verify: bool = True
    connect_timeout: float = 2.7
    timeout: float = SILENCE


@dataclass(frozen=True)
class Trace(Query[TraceReply]):
    """Where SYNs to a port die: one connect per TTL, all at once, no privileges needed (Linux)."""

    address: str
    port: int
    hops: int = 16
    timeout: float = 2.5


@dataclass(frozen=True)
class Processes(Query[ProcessesReply]):
    """All processes that this user can see; command lines are masked."""


@dataclass(frozen=True)
class Listeners(Query[ListenersReply]):
    """All listening TCP sockets."""


@dataclass(frozen=True)
class Disk(Query[DiskReply]):
    path: str


@dataclass(frozen=True)
class Lock(Query[LockReply]):
    path: str


@dataclass(frozen=True)
class Now(Query[NowReply]):
    """The clock, and the user who asks."""


@dataclass(frozen=True)
class MailLog(Query[LogReply]):
    """The mail log's last `since` seconds: the files named, else what this host keeps (files, rotated ones, journal).
    At most `limit` bytes, the newest."""

    since: float = 86_400.0
    paths: tuple[str, ...] = ()
    limit: int = 24_000_000


@dataclass(frozen=True)
class MailQueue(Query[QueueLinesReply]):
    """`postqueue -j` streamed into a summary, within `budget` seconds."""

    budget: float = 3.0


@dataclass(frozen=True)
class MapLookup(Query[MapReply]):
    """`postmap -q key table`; secret: the value is masked."""

    table: str
    key: str
    secret: bool = False


@dataclass(frozen=True)
class MapCompare(Query[CompareReply]):
    """A compiled table against its source text, both read by Postfix's own tools; no value leaves the host."""

    table: str


@dataclass(frozen=True)
class EnvironmentCompare(Query[EnvironmentReply]):
    """The environment that a process was started with against what a settings file says of the names; no value
    leaves the host."""

    pid: int
    path: str
    names: tuple[str, ...]


KINDS: Mapping[str, type[Query[Any]]] = {
    kind.__name__: kind
    for kind in (
        Exec, Read, Stat, Glob, Lookup, Resolve, Dial, Trace, Processes, Listeners, Disk, Lock, Now, MailLog,
        MailQueue, MapLookup, MapCompare, EnvironmentCompare,
    )
}  # fmt: skip
NETWORK: tuple[type[Query[Any]], ...] = (Lookup, Resolve, Dial, Trace)
