"""The data types of mail-diagnose: frozen values, standard library only.

Query / Reply   a question to the host or network and its answer, both plain data (`diagnose.host.query`)
Check           id, title, declared signs, needs, timeout, and a generator body (`diagnose.check`)
Sign            a kind of observation, such as `x.port`; in a cause, the edge to it with a weight
SignSpec        a check's declaration of a sign: its data, and its use by the engine
Observation     one statement about one subject: sign, status, subject, summary, data
Run             the result of one check: outcome, observations, evidence, seconds
Cause           an entry of the knowledge base: why mail fails, how to tell, what to do
Diagnosis       a cause weighed against one report's observations
Advice          a relay, ready to use: settings, commands, files
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from diagnose.record import dataclass, frozen
from diagnose.scales import (
    AGAINST,
    COMMON,
    DOUBTS,
    FAILED,
    OK,
    RARE,
    REFUTES,
    UNKNOWN,
    UNUSUAL,
    WARNING,
    Confidence,
    Impact,
    Outcome,
    Stage,
    Status,
    StatusName,
    Strength,
    StrengthName,
)  # fmt: skip
from diagnose.sentence import joined

Scalar = str | int | float | bool | None
Data = dict[str, Scalar]  # of an observation that is being made
NOTHING: Mapping[str, Any] = MappingProxyType({})
ANY = None  # in SignSpec.keys: any value
FLAG = (False, True)
SAID = "mail."  # prefix of signs for what a server or program said: `mail.<label>`
# Words by which checks report a lack of rights.
RIGHTS = re.compile(r"permission denied|not permitted|unauthorized|\broot\b|\bthis user\b", re.I)


@frozen
class Observation:
    """One statement about one subject; (sign, subject) is its identity."""

    sign: str
    status: Status
    subject: str
    summary: str
    data: Mapping[str, Scalar] = field(default_factory=lambda: NOTHING)
    at: datetime | None = None

    def text(self, key: str) -> str:
        """The value of a key in the data, as text; "" if missing or false."""
        return str(self.data.get(key) or "")


Observations = Iterator[Observation]


@dataclass(frozen=True)
class SignSpec:
    """A check's declaration of a sign; `mail.*` stands for all signs with this prefix.

    keys: the keys of its data that causes may weigh, each with its possible values, or ANY. decisive: while it is
    UNKNOWN, "nothing found" proves nothing; while it is missing, nothing is settled. proves: the stage that mail
    passes if it is OK, and not if it is FAILED; its data may qualify this by `proof` (False: proves nothing; "tried":
    not passed, whatever its status), `one_of_many` (a failure that does not count while other mail flows) and
    `passes`, another stage. gauge: the name for what it measures, used by the engine and the reports:
    flow      OK if mail was seen to go out
    bypass    whether an application sends past Postfix (data: direct)
    applications  the applications found that send mail here (data: count)
    view      a source that "nothing found" depends on
    asked     a file that the user named: while UNKNOWN, "nothing found" proves nothing, even if mail flows
    queue     messages that wait (data: count; oldest, in seconds)
    held      messages on hold (data: count)
    states    messages by queue (data: queue name to number)
    ages      messages by age (data: limit in minutes to the number of younger ones; and the number of older ones)
    reasons   waiting recipients by the reason for the delay (data: label to number)
    port      whether a TCP port gets out of this network (data: port)
    endpoint  whether one server's port was seen open (data: host, port, open)
    network   the operator of this network (data: network)
    sender    DNS records of a sender's domain (data: asked: the user named it; publish: the missing record)
    hops      the routers up to the last one that packets reach (data: hop, port, how, where, route ...)
    clears: what it shows to be in order if it is OK, as reports name it ("firewall", "DNS").
    """

    id: str
    keys: Mapping[str, tuple[Scalar, ...] | None] = field(default_factory=lambda: NOTHING)
    decisive: bool = False
    gauge: str = ""
    proves: Stage | None = None
    clears: str = ""

    def names(self, sign: str) -> bool:
        return sign == self.id or (self.id.endswith(".*") and sign.startswith(self.id[:-1]))


@dataclass(frozen=True)
class Proof:
    """Whether mail was seen to pass a stage: OK, FAILED (checked, not seen) or UNKNOWN (not checked). why: in words."""

    stage: Stage
    status: Status
    why: str = ""


@dataclass(frozen=True)
class Evidence:
    """A query and its reply as plain data, secrets already removed."""

    query: Any
    reply: Any


@frozen
class Run:
    """The result of a check. signs, probes, decisive: as declared by the check."""

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

    def spec(self, sign: str) -> SignSpec:
        """The check's declaration of a sign, by its full id; an empty one if there is none."""
        return next((spec for spec in self.signs if spec.id == sign), SignSpec(sign))


def measured(runs: Iterable[Run], *gauges: str) -> Observations:
    """The observations whose signs have one of these gauges."""
    return (o for run in runs for o in run.observations if run.spec(o.sign).gauge in gauges)


@dataclass(frozen=True)
class Sign:
    """The edge from a cause to a kind of observation.

    weight: a `Strength`. where: pairs (key, value or values), all of which the observation's data must match.
    """

    id: str
    weight: int
    status: Status = FAILED
    where: tuple[tuple[str, Scalar | tuple[Scalar, ...]], ...] = ()


def sign(
    id: str, strength: StrengthName, status: StatusName = "failed", /, **where: Scalar | tuple[Scalar, ...]
) -> Sign:
    """A sign as a cause writes it: `sign("app.server", "proves", port=25, others="blocked")`."""
    return Sign(id, Strength[strength.upper()], Status[status.upper()], tuple(where.items()))


@frozen
class Remedy:
    """What to do, in words. commands: each ready to paste, from a plan for the host (`diagnose.remedy`); others: who
    else must or could act, each with the text to send them and the DNS record, if it is one."""

    text: str
    commands: tuple[str, ...] = ()
    others: tuple[tuple[str, str, str], ...] = ()


@frozen
class Cause:
    """An entry of the knowledge base. Its texts may contain {names} of the diagnosis' data, also as {name|default}.

    explains: causes that are consequences of this one. prior: in decibans, higher for commoner causes. flow: weight
    of mail that got through since, against the cause; by default it refutes an outage and nothing else. rules_out:
    one sentence on what excludes the cause. relay: a relay is a way out, so that the report advises one. station:
    where on its way the mail stops (`diagnose.report.strip`). otherwise: who else can help.
    """

    id: str
    title: str
    impact: Impact
    explanation: str
    remedy: str
    signs: tuple[Sign, ...]
    rules_out: str = ""
    explains: tuple[str, ...] = ()
    prior: int = 0
    flow: int | None = None
    relay: bool = False
    station: str = ""
    otherwise: str = ""
    links: tuple[str, ...] = ()


@frozen
class Support:
    """A matching sign, its weight in decibans, and the observation."""

    sign: str
    weight: int
    subject: str
    summary: str


@frozen
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


@frozen
class AdviceFile:
    """A file to write: octal mode as text ("0600"), owner as "user:group"."""

    path: str
    mode: str
    owner: str
    text: str


@frozen
class Advice:
    """A relay, ready to use. verified: the port was seen open from this host in this run."""

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


@dataclass(frozen=True)
class Target:
    """The mail in question: envelope addresses, None if unknown. relay: the next hop configured here, None for
    direct delivery or if unknown."""

    sender: str | None = None
    recipient: str | None = None
    relay: str | None = None


@frozen
class HostInfo:
    name: str = ""
    system: str = ""
    family: str = ""
    mta: str = ""
    config: str = ""  # equal for the same Postfix configuration (`diagnose.facts.fingerprint`)
    user: str = ""
    privileged: bool = False
    network: bool = True


@frozen
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
    notes: tuple[str, ...] = ()
    acknowledged: bool = False  # the user has acknowledged all that there was to diagnose

    @property
    def status(self) -> Status:
        """FAILED with an at least likely cause of failure; WARNING with a milder or merely possible one. Without causes:
        UNKNOWN if decisive facts are unknown (for lack of rights, say), or mail was seen to stop at a stage (WARNING if
        some passed within the hour, and none failed since); else OK: `unchecked` has what was not checked."""
        if any(d.confidence >= Confidence.LIKELY and d.cause.impact >= Impact.PARTIAL for d in self.diagnoses):
            return FAILED
        if self.diagnoses:
            return WARNING
        if self.acknowledged:
            return OK
        if any(proof.status is FAILED for proof in self.proofs) and self.passed_within(3600):
            return WARNING
        return UNKNOWN if self._blind else OK

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """The worst result for each stage that a check examined, in order of the stages."""
        found: dict[Stage, Proof] = {}
        flows, silent = self.flows, []
        for run in self.runs:
            proving = {spec.id: spec.proves for spec in run.signs if spec.proves}
            if run.outcome is Outcome.SKIPPED and run.probes and not self.host.network:
                for stage in proving.values():
                    found.setdefault(stage, Proof(stage, UNKNOWN, run.reason))
            if run.outcome in (Outcome.TIMED_OUT, Outcome.CRASHED):
                silent += [Proof(stage, FAILED, f"{run.title}: {run.reason}") for stage in proving.values()]
            for seen in run.observations:
                status = FAILED if seen.data.get("proof") == "tried" else seen.status
                if seen.sign not in proving or status is WARNING or self._on_its_way(seen):
                    continue
                if seen.data.get("proof") is False or (flows and status is FAILED and seen.data.get("one_of_many")):
                    continue
                stage = Stage(passes) if (passes := seen.data.get("passes")) else proving[seen.sign]
                held = found.get(stage)
                if held is None or held.status is UNKNOWN or status is FAILED:
                    found[stage] = Proof(stage, status, joined(seen.subject, seen.summary))
        for proof in silent:
            if proof.stage not in found or found[proof.stage].status is UNKNOWN:
                found[proof.stage] = proof
        return tuple(found[stage] for stage in Stage if stage in found)

    @property
    def unchecked(self) -> tuple[Stage, ...]:
        """The stages that were not examined: by an option, or for lack of rights."""
        looked = {spec.proves for run in self.runs for spec in run.signs}
        open_ = {proof.stage for proof in self.proofs if proof.status is UNKNOWN}
        return tuple(stage for stage in Stage if stage in open_ or stage not in looked)

    @property
    def hidden(self) -> tuple[str, ...]:
        """The titles of checks that lacked rights to see everything; () for root."""
        runs = () if self.host.privileged else self.runs
        kept = ((run, o) for run in runs for o in run.observations if o.status is UNKNOWN)
        return tuple(dict.fromkeys(run.title or run.check for run, o in kept if RIGHTS.search(o.summary)))

    @property
    def flows(self) -> bool:
        return any(o.status is OK for o in measured(self.runs, "flow"))

    def passed_within(self, seconds: float) -> bool:
        """Whether the log shows a delivery that shortly before this report, and no failure after it."""
        flow = (seen for seen in measured(self.runs, "flow") if seen.status is not FAILED)
        times = [datetime.fromisoformat(last) for seen in flow if isinstance(last := seen.data.get("last"), str)]
        now = self.started
        return any(abs((now.replace(tzinfo=at.tzinfo and now.tzinfo) - at).total_seconds()) < seconds for at in times)

    @property
    def _blind(self) -> bool:
        """Whether "nothing found" proves nothing: a stage failed, or no mail flowed and decisive facts are unknown."""
        done = sum(run.outcome is Outcome.COMPLETED for run in self.runs)
        if not done or any(o.status is UNKNOWN for o in measured(self.runs, "asked")):
            return True
        if any(proof.status is FAILED for proof in self.proofs):
            return True
        if self.flows:
            return False
        # An overloaded host, or a crashed check: no result does not mean health.
        cut_off = [run for run in self.runs if run.outcome in (Outcome.TIMED_OUT, Outcome.CRASHED)]
        if any(run.decisive or run.outcome is Outcome.CRASHED for run in cut_off) or 4 * len(cut_off) > done:
            return True
        open_ = {p.stage: p.why for p in self.proofs if p.status is UNKNOWN}
        passed = {p.stage for p in self.proofs if p.status is OK}
        hidden = any(RIGHTS.search(open_.get(stage, "")) for stage in (Stage.LOGIN, Stage.DELIVERY))
        if hidden and Stage.DELIVERY in self.unchecked and Stage.LOGIN not in passed:
            return True  # neither delivery nor a login was seen
        if (why := open_.get(Stage.NEXT_HOP)) and not RIGHTS.search(why):
            return self.host.network
        if {Stage.QUEUE, Stage.NEXT_HOP} <= passed:
            return False
        decisive = {(run.check, spec.id) for run in self.runs for spec in run.signs if spec.decisive}
        return any(
            o.status is UNKNOWN and (run.check, o.sign) in decisive and not RIGHTS.search(o.summary)
            for run in self.runs
            for o in run.observations
        )

    def _on_its_way(self, seen: Observation) -> bool:
        """Whether mail waits without a failed attempt for no longer than usual: 15 s, or 300 s while other mail passes."""
        oldest, waits = seen.data.get("oldest"), seen.status is FAILED and seen.data.get("failed") is False
        if not waits or not isinstance(oldest, (int, float)):
            return False
        return oldest < 15 or (oldest < 300 and self.passed_within(oldest))
