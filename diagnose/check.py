"""The interface for authors of checks.

A check is a generator that asks queries and yields observations:

    '''Is there room for mail in the queue?'''
    from diagnose.check import Context, Disk, check, fail, ok

    @check(id="disk", title="Disk space", signs=("disk.space",), needs=("postfix",))
    def disk(ctx: Context) -> Observations:
        room = ctx.ask(Disk("/var/spool/postfix"))
        ...
        yield ok("disk.space", "/var/spool/postfix", "12 GB free")

If something cannot be determined, a check yields `unknown(...)` with the reason, never nothing. A check that does not
apply calls `skip("why")`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import NoReturn, TypeVar

from diagnose.errors import Skip
from diagnose.facts.asks import ask_all
from diagnose.host.memo import Recorder
from diagnose.host.query import (
    Dial,
    DialReply,
    Disk,
    DnsReply,
    EnvironmentCompare,
    Exec,
    Glob,
    Listener,
    Listeners,
    Lock,
    LockReply,
    Login,
    Lookup,
    MailLog,
    MailQueue,
    MapCompare,
    MapLookup,
    Now,
    Process,
    Processes,
    Query,
    Read,
    Resolve,
    ResolveReply,
    Stat,
    StatReply,
    TlsInfo,
    Trace,
    TraceReply,
)
from diagnose.model import ANY, FLAG, Data, Observation, Observations, Scalar, SignSpec, Stage, Status, Target
from diagnose.record import dataclass, frozen
from diagnose.statement import counted, fail, ok, stamped, stated, unknown, warn

R = TypeVar("R")


@frozen
class Settings:
    """The user's options. app_config: settings files named; since: seconds of log that count as current; auth: whether
    to try real logins; network: whether to dial anything; curious: whether to query services that only tell this host's
    public address and its owner."""

    app_config: tuple[str, ...] = ()
    since: float = 86_400.0
    auth: bool = True
    network: bool = True
    curious: bool = True


@dataclass
class Context:
    """The argument of a check's body: the host to query, sender and recipient in question, and the user's settings."""

    host: Recorder
    target: Target = field(default_factory=Target)
    settings: Settings = field(default_factory=Settings)

    def ask(self, query: Query[R]) -> R:
        return self.host.ask(query)

    def settle(self, query: Query[R], reply: R) -> R:
        """Stops waiting for a query: its reply if it has arrived, else `reply`."""
        return self.host.settle(query, reply)

    def claim(self, query: Query[R]) -> bool:
        """Whether nobody has asked the query so far; the caller must then ask it."""
        return self.host.claim(query)

    def has(self, query: Query[R], until: float = 0.0) -> bool:
        """Whether the reply is there by `until` (monotonic clock), so that `ask` does not wait."""
        return self.host.has(query, until)

    @property
    def deadline(self) -> float:
        """The end of the check's time, on the monotonic clock."""
        return self.host.deadline


Body = Callable[[Context], Observations]


@frozen
class Check:
    """signs: all that the body may yield. needs: "network", "postfix", "mta" (Postfix or another known mailer) or
    "linux"; if one is missing the check is skipped with a reason. probes: it tries what mail would do; if it did not
    run, no cause is certain that it could have confirmed or refuted. decisive: if it is cut off or may not probe,
    "nothing found" proves nothing. timeout: seconds for the whole body."""

    id: str
    title: str
    signs: tuple[SignSpec, ...]
    informational: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    probes: bool = False
    decisive: bool = False
    timeout: float = 6.0
    body: Body

    def declares(self, sign: str) -> bool:
        """Whether the body may yield the sign."""
        return any(spec.names(sign) for spec in self.signs)

    def keys(self, sign: str) -> Mapping[str, tuple[Scalar, ...] | None]:
        """The keys of the sign's data that causes may weigh, each with its possible values or ANY."""
        return {key: values for spec in self.signs if spec.names(sign) for key, values in spec.keys.items()}


def check(
    *,
    id: str,
    title: str,
    signs: tuple[str | SignSpec, ...],
    informational: tuple[str, ...] = (),
    tags: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    probes: bool = False,
    decisive: bool = False,
    timeout: float = 6.0,
) -> Callable[[Body], Check]:
    """Turns a generator function into a Check; its module's docstring begins with the question it asks.

    signs: a plain id is enough if neither causes nor the engine use the sign's data; informational: the signs that
    no cause weighs. A decisive sign makes the check decisive.
    """
    specs = tuple(SignSpec(sign) if isinstance(sign, str) else sign for sign in signs)

    def decorate(body: Body) -> Check:
        return Check(
            id=id,
            title=title,
            signs=specs,
            informational=informational,
            tags=tags,
            needs=needs,
            probes=probes,
            decisive=decisive or any(spec.decisive for spec in specs),
            timeout=timeout,
            body=body,
        )

    return decorate


def skip(reason: str) -> NoReturn:
    raise Skip(reason)
