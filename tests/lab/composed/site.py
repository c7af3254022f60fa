"""What a composed machine is drawn from, and what a fault does to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from diagnose.record import frozen
from tests.lab.internet import names
from tests.lab.internet.world import Manner, Server
from tests.lab.machine import SECRET, Machine
from tests.lab.steps import Step, mail, relay

Records = Mapping[tuple[str, str], tuple[str, ...] | str]
T = TypeVar("T")


@frozen
class Relay:
    """The next hop of a machine that does not deliver itself; without a login it takes mail by address."""

    host: str
    port: int
    login: bool = True
    kind: str = "hash"
    tls: str = "encrypt"

    @property
    def hop(self) -> str:
        return f"[{self.host}]:{self.port}"

    @property
    def address(self) -> str:
        return names.address_of(self.host, 4, {self.host: "submission"})


@dataclass(slots=True, kw_only=True)
class Site:
    """A machine as drawn: its place, its way out and its mail.

    rng: where every choice of this machine comes from. to: whom its mail goes to. submit: how mail is handed over, for an
    address. config, spool: of the instance that sends. before, after: steps before and after Postfix starts. args: how
    the tool is asked."""

    rng: Random
    base: str
    to: str
    relay: Relay | None = None
    config: str = "/etc/postfix"
    spool: str = "/var/spool/postfix"
    log: str = "/var/log/mail.log"
    submit: Callable[[str], Step] = mail
    start: bool = True
    servers: list[Server] = field(default_factory=list)
    records: dict[tuple[str, str], tuple[str, ...] | str] = field(default_factory=dict)
    before: list[Step] = field(default_factory=list)
    after: list[Step] = field(default_factory=list)
    args: tuple[str, ...] = ()
    odd: frozenset[str] = frozenset()

    def pick(self, *choices: T) -> T:
        return self.rng.choice(choices)

    @property
    def port(self) -> int:
        """The port by which mail leaves."""
        return self.relay.port if self.relay else 25

    @property
    def domain(self) -> str:
        return self.to.partition("@")[2]

    @property
    def exchangers(self) -> tuple[str, ...]:
        known = names.EXCHANGERS.get(self.domain)
        return tuple(host for _, host in known) if known else (f"mx1.{self.domain}", f"mx2.{self.domain}")

    @property
    def hosts(self) -> tuple[str, ...]:
        """The servers that mail is handed to."""
        return (self.relay.host,) if self.relay else self.exchangers

    def addresses(self, family: int = 4) -> tuple[str, ...]:
        roles = {self.relay.host: "submission"} if self.relay else None
        return tuple(found for host in self.hosts if (found := names.address_of(host, family, roles)))

    def answering(self, stage: str, reply: str, **manner: object) -> tuple[Server, ...]:
        """The next hop's servers, with one reply changed; BANNER is the greeting."""
        usual = self.manner()
        values = {name: getattr(usual, name) for name in usual.__dataclass_fields__} | manner
        changed = {"banner": reply} if stage == "BANNER" else {"replies": {stage: reply}} if stage else {}
        return tuple(Server(host=host, manner=Manner(**values | changed)) for host in self.hosts)

    def manner(self) -> Manner:
        """How the next hop behaves while nothing is wrong."""
        return next((server.manner for server in self.servers if server.host in self.hosts), Manner())

    def login(self, **changed: object) -> Step:
        """The relay as the base set it up, or with parts of relay() given otherwise."""
        assert self.relay
        values = {"kind": self.relay.kind, "tls": self.relay.tls, "password": SECRET} | changed
        host = values.pop("host", self.relay.host)
        port = values.pop("port", self.relay.port)
        return relay(host, port, **values)  # type: ignore[arg-type]


@frozen
class Broken:
    """One way of a fault on one machine.

    accept: causes that are right first, where the way decides. breaks, mends: steps; without mends the configuration as it
    was is put back, which mends what edits of it broke. servers, records, resolver: how the internet differs. restart:
    Postfix must be started anew to notice. late: broken only once Postfix runs. unread: nothing is to be
    read anew. to, submit: other mail than the machine's own.
    shows: what the log shows then, "" for nothing that is sure. args: how the tool is asked."""

    accept: tuple[str, ...] = ()
    breaks: tuple[Step, ...] = ()
    mends: tuple[Step, ...] = ()
    servers: tuple[Server, ...] = ()
    records: Records = field(default_factory=dict)
    resolver: str = "good"
    restart: bool = False
    late: bool = False
    unread: bool = False
    to: str = ""
    submit: Callable[[str], Step] | None = None
    shows: str = r"status=(deferred|bounced)"
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trouble:
    """A fault and where it may stand.

    on: whether a machine can have it. fresh: it shows without any mail having failed. kept: mail that failed stays in the
    queue. companion: it stands beside another fault, and mail flows for all that. enters: mail still
    enters the queue."""

    id: str
    accept: tuple[str, ...]
    make: Callable[[Site], Broken]
    on: Callable[[Site], bool] = lambda site: True
    fresh: bool = True
    kept: bool = True
    enters: bool = True
    companion: bool = False


def direct(site: Site) -> bool:
    return site.relay is None


def relayed(site: Site) -> bool:
    return site.relay is not None


def signs_in(site: Site) -> bool:
    return site.relay is not None and site.relay.login


def owns_network(site: Site) -> bool:
    """The machine's own packet filter and routes are its own: not in a container."""
    return site.base != "container"


def in_host(*argv: str) -> Step:
    """ip or sysctl in the machine's network, also where the machine lacks the command."""

    def step(m: Machine) -> None:
        m.network.run("host", *argv)

    return step


def filtered(where: str, rules: str) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Packet filter rules somewhere on the way, and their end: what stood before is put back."""
    held: dict[str, str] = {}

    def add(m: Machine) -> None:
        held["rules"] = m.network.run(where, "nft", "list", "ruleset")
        m.network.nft(where, rules)

    def remove(m: Machine) -> None:
        m.network.run(where, "nft", "-f", "-", stdin="flush ruleset\n" + held["rules"])

    return (add,), (remove,)


def sh(script: str) -> Step:
    """A shell command; {config} and {spool} are the sending instance's."""

    def step(m: Machine) -> None:
        spool = "/var/spool/" + m.config.rpartition("/")[2]
        m.run("sh", "-c", script.replace("{config}", m.config).replace("{spool}", spool))

    return step
