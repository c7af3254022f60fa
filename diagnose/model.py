"""The nouns of mail-diagnose: frozen values, standard library only.

Query / Reply   a question to the world, as data, and its plain-data answer (`diagnose.host.query`)
Check           id, title, declared signs, needs, timeout, and a generator body (`diagnose.check`)
Sign            a kind of observation, such as `x.port`; in a cause, the edge to it with a weight
SignSpec        what a check declares of a sign: its data, and what the engine makes of it
Observation     one statement about one subject: sign, status, subject, summary, data
Evidence        what was asked and answered while a check ran; collected by the host, not by the author
Run             what became of one check: outcome, observations, evidence, seconds
Cause           an entry of the knowledge base: why mail fails, how to tell, what to do
Diagnosis       a cause weighed against one report's observations
Advice          what to do about it, ready to use: a relay with its settings, commands, files
Report          all of it, frozen
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

Scalar = str | int | float | bool | None
NOTHING: Mapping[str, Any] = MappingProxyType({})
ANY = None  # in SignSpec.keys: whatever value
FLAG = (False, True)
SAID = "mail."  # begins the signs of what a server or program said: `mail.<label>`


class Status(enum.IntEnum):
    """How a subject is. The order is the order of severity; `word` is what JSON carries."""

    OK = 0
    UNKNOWN = 1
    WARNING = 2
    FAILED = 3

    @property
    def word(self) -> str:
        return self.name.lower()


class Outcome(str, enum.Enum):
    """What became of a check."""

    __str__ = str.__str__  # enum.StrEnum is of Python 3.11

    COMPLETED = "completed"
    SKIPPED = "skipped"
    TIMED_OUT = "timed-out"
    CRASHED = "crashed"


class Impact(enum.IntEnum):
    """What a cause does to the mail; the highest is listed first among equally sure diagnoses."""

    NONE = 0  # mail is not at fault here: delivered elsewhere, or never handed over
    LATENT = 1  # will break later, or is unsafe today
    PLACEMENT = 2  # lands in spam or is throttled
    PARTIAL = 3  # some mail fails
    OUTAGE = 4  # nothing leaves

    @property
    def word(self) -> str:
        return self.name.lower()


class Confidence(enum.IntEnum):
    """How sure a diagnosis is, from its score in decibans (`diagnose.rank`)."""

    POSSIBLE = 1
    LIKELY = 2
    CERTAIN = 3

    @property
    def word(self) -> str:
        return self.name.lower()


class Strength(enum.IntEnum):
    """How much a sign says of a cause, in decibans: ten times the decimal logarithm of a likelihood ratio.

    A rule of thumb, not a measurement: nine words that differ by more than a factor of two each. Changing every one by a
    fifth leaves the first diagnosis of all recorded machines as it is.
    """

    SETTLES = 35  # this host's own state, which outweighs what speaks against it
    PROVES = 22  # 160 times likelier with the cause than without: alone enough for "certain"
    STRONG = 16  # 40 times: alone "likely"
    SPEAKS = 10  # ten times: alone just "likely"
    FITS = 6  # four times: "possible"
    HINTS = 3  # twice: "possible", where nothing speaks against it
    DOUBTS = -6
    AGAINST = -14
    REFUTES = -25


SETTLES, PROVES, STRONG, SPEAKS, FITS, HINTS = (
    Strength.SETTLES,
    Strength.PROVES,
    Strength.STRONG,
    Strength.SPEAKS,
    Strength.FITS,
    Strength.HINTS,
)
DOUBTS, AGAINST, REFUTES = Strength.DOUBTS, Strength.AGAINST, Strength.REFUTES
COMMON, UNUSUAL, RARE = 1, -3, -7  # priors, in decibans


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One statement about one subject; (sign, subject) is its identity."""

    sign: str
    status: Status
    subject: str
    summary: str
    data: Mapping[str, Scalar] = field(default_factory=lambda: NOTHING)
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignSpec:
    """What a check declares of a sign; `mail.*` stands for all signs that begin so.

    keys: the names in its data that causes may weigh, each with the values that it may have, or ANY. decisive: while
    it is UNKNOWN, "nothing found" says nothing. gauge: by what name the engine and the reports know what it measures:

    flow      OK where mail was seen to go out
    bypass    whether an application sends past Postfix (data: direct)
    view      what "nothing found" rests on
    queue     messages that wait (data: count; oldest, in seconds)
    held      messages on hold (data: count)
    port      whether a TCP port gets out of this network (data: port)
    endpoint  whether one server's port was seen open (data: host, port, open)
    network   whose network this is (data: network)
    hops      the routers up to where packets end (data: hop, port, how, where, route ...)
    """

    id: str
    keys: Mapping[str, tuple[Scalar, ...] | None] = field(default_factory=lambda: NOTHING)
    decisive: bool = False
    gauge: str = ""

    def names(self, sign: str) -> bool:
        return sign == self.id or (self.id.endswith(".*") and sign.startswith(self.id[:-1]))


@dataclass(frozen=True, slots=True)
class Evidence:
    """A question and its answer, both as plain data, secrets already removed."""

    query: Any
    reply: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What became of a check. signs, probes, decisive: as the check declares them."""

    check: str
    title: str = ""
    outcome: Outcome
    observations: tuple[Observation, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    seconds: float = 0.0
    reason: str = ""
    signs: tuple[SignSpec, ...] = ()
    probes: bool = False
    decisive: bool = False

    def gauge(self, sign: str) -> str:
        """What the sign measures, "" where it is no gauge."""
        return next((spec.gauge for spec in self.signs if spec.id == sign), "")

    def measured(self, *gauges: str) -> Iterator[Observation]:
        """What was observed by signs that are one of these gauges."""
        return (o for o in self.observations if self.gauge(o.sign) in gauges)


@dataclass(frozen=True, slots=True)
class Sign:
    """The edge from a cause to a kind of observation.

    weight: a `Strength`. where: pairs (key, value or values), all of which the observation's data must match.
    """

    id: str
    weight: int
    status: Status = Status.FAILED
    where: tuple[tuple[str, Scalar | tuple[Scalar, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What to do. Commands hold {placeholders} that the diagnosis' data fill; `debian`, `rhel` and `alpine` are
    put after `commands` on hosts of that family."""

    text: str
    commands: tuple[str, ...] = ()
    debian: tuple[str, ...] = ()
    rhel: tuple[str, ...] = ()
    alpine: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """An entry of the knowledge base.

    explains: causes that are mere consequences when this one holds. prior: decibans, commoner is higher. flow: what it
    says against the cause that mail got through since; unless given it refutes an outage and says nothing of the rest.
    rules_out: one sentence on what shows that it is not this. relay: sending through a relay is a way out, so that
    the report advises one.
    """

    id: str
    title: str
    impact: Impact
    explanation: str
    remedy: Remedy
    signs: tuple[Sign, ...]
    rules_out: str = ""
    explains: tuple[str, ...] = ()
    prior: int = 0
    flow: int | None = None
    relay: bool = False
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """A sign that matched: which, its weight in decibans, and the observation that showed it."""

    sign: str
    weight: int
    subject: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    cause: Cause
    score: int
    confidence: Confidence
    support: tuple[Support, ...] = ()
    against: tuple[Support, ...] = ()
    unknown: tuple[str, ...] = ()
    explained_by: str | None = None
    remedy: Remedy
    data: Mapping[str, Scalar] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceFile:
    """A file to write: octal mode as text ("0600"), owner as "user:group"."""

    path: str
    mode: str
    owner: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A relay, ready to use. verified: the port was seen open from this very host in this run."""

    kind: str = "relay"
    provider: str
    host: str
    port: int
    tls: str
    verified: bool
    why: str
    main_cf: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    files: tuple[AdviceFile, ...] = ()
    commands: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """Whose mail it is about: envelope addresses, None where not named and not learnt."""

    sender: str | None = None
    recipient: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostInfo:
    name: str = ""
    system: str = ""
    family: str = ""
    mta: str = ""
    user: str = ""
    privileged: bool = False
    network: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    schema: int = 1
    version: str
    host: HostInfo
    target: Target
    started: datetime
    seconds: float
    runs: tuple[Run, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    advice: tuple[Advice, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def status(self) -> Status:
        """FAILED with a sure cause of failure; WARNING with a milder or merely possible one; UNKNOWN where nothing was found
        and what decides could not be looked at; else OK."""
        worst = Status.OK
        for diagnosis in self.diagnoses:
            if diagnosis.confidence >= Confidence.LIKELY and diagnosis.cause.impact >= Impact.PARTIAL:
                return Status.FAILED
            worst = max(worst, Status.WARNING)
        return Status.UNKNOWN if worst is Status.OK and self._blind else worst

    @property
    def _blind(self) -> bool:
        """Whether "nothing found" says nothing: no mail was seen to flow, and the log, the queue or the network was not seen."""
        done = sum(run.outcome is Outcome.COMPLETED for run in self.runs)
        cut_off = [run for run in self.runs if run.outcome in (Outcome.TIMED_OUT, Outcome.CRASHED)]
        if not done:
            return True
        if any(o.status is Status.OK for run in self.runs for o in run.measured("flow")):
            # Of Postfix' mail; an application may send by itself.
            own_way = any(o.data.get("direct") for run in self.runs for o in run.measured("bypass"))
            return own_way and not self.host.network
        if any(run.decisive for run in cut_off) or 4 * len(cut_off) > done:  # an overloaded host: silence is no health
            return True
        if not self.host.network and any(run.decisive and run.probes for run in self.runs):
            return True
        decisive = {(run.check, spec.id) for run in self.runs for spec in run.signs if spec.decisive}
        return any(
            o.status is Status.UNKNOWN and (run.check, o.sign) in decisive
            for run in self.runs
            for o in run.observations
        )
