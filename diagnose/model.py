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

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from diagnose.record import dataclass
from diagnose.scales import (
    AGAINST,
    COMMON,
    DOUBTS,
    FAILED,
    FITS,
    HINTS,
    OK,
    PROVES,
    RARE,
    REFUTES,
    SETTLES,
    SPEAKS,
    STRONG,
    UNKNOWN,
    UNUSUAL,
    WARNING,
    Confidence,
    Impact,
    Outcome,
    Stage,
    Status,
    Strength,
)
from diagnose.sentence import joined

Scalar = str | int | float | bool | None
NOTHING: Mapping[str, Any] = MappingProxyType({})
ANY = None  # in SignSpec.keys: whatever value
FLAG = (False, True)
SAID = "mail."  # begins the signs of what a server or program said: `mail.<label>`


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One statement about one subject; (sign, subject) is its identity."""

    sign: str
    status: Status
    subject: str
    summary: str
    data: Mapping[str, Scalar] = field(default_factory=lambda: NOTHING)
    at: datetime | None = None

    def text(self, key: str) -> str:
        """What the data say, "" where they say nothing."""
        return str(self.data.get(key) or "")


@dataclass(frozen=True)
class SignSpec:
    """What a check declares of a sign; `mail.*` stands for all signs that begin so.

    keys: the names in its data that causes may weigh, each with the values that it may have, or ANY. decisive: while
    it is UNKNOWN, "nothing found" says nothing; and while it is not there, nothing is settled. proves: the stage that mail passes where it is OK, and not where it is
    FAILED; what its data say of that is `proof` (False: nothing; "tried": not obtained, whatever its status) and
    `one_of_many` (a failure of some mail, which counts while no other flows) and `passes`, another stage. gauge: by what name the engine and the reports know what it measures:
    flow      OK where mail was seen to go out
    bypass    whether an application sends past Postfix (data: direct)
    applications  what was found of applications that send mail here (data: count)
    view      what "nothing found" rests on
    asked     a file that the user named: while UNKNOWN, "nothing found" says nothing, though mail flows
    queue     messages that wait (data: count; oldest, in seconds)
    held      messages on hold (data: count)
    states    messages by the queue that they are in (data: the number by the queue's name)
    ages      messages by age (data: how many are younger than so many minutes, by these; and those that are older)
    reasons   recipients that wait, by what their delay says (data: the number by its label)
    port      whether a TCP port gets out of this network (data: port)
    endpoint  whether one server's port was seen open (data: host, port, open)
    network   whose network this is (data: network)
    sender    what DNS says of a sender's name (data: asked: the user named it; publish: the record that it lacks)
    hops      the routers up to where packets end (data: hop, port, how, where, route ...)
    clears: what is in order where it is OK, as a report names it ("firewall", "DNS").
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
    """Whether mail was seen to pass a stage: OK, FAILED (looked for and not seen) or UNKNOWN (left out). why: in words."""

    stage: Stage
    status: Status
    why: str = ""


@dataclass(frozen=True)
class Evidence:
    """A question and its answer, both as plain data, secrets already removed."""

    query: Any
    reply: Any


@dataclass(frozen=True, kw_only=True)
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

    def spec(self, sign: str) -> SignSpec:
        """What the check declares of a sign; nothing of one that it does not know by its full name."""
        return next((spec for spec in self.signs if spec.id == sign), SignSpec(sign))

    def measured(self, *gauges: str) -> Iterator[Observation]:
        """What was observed by signs that are one of these gauges."""
        return (o for o in self.observations if self.spec(o.sign).gauge in gauges)


@dataclass(frozen=True)
class Sign:
    """The edge from a cause to a kind of observation.

    weight: a `Strength`. where: pairs (key, value or values), all of which the observation's data must match.
    """

    id: str
    weight: int
    status: Status = FAILED
    where: tuple[tuple[str, Scalar | tuple[Scalar, ...]], ...] = ()


def sign(id: str, weight: int, status: Status = FAILED, /, **where: Scalar | tuple[Scalar, ...]) -> Sign:
    """A sign as a cause writes it: `sign("app.server", PROVES, port=25, others="blocked")`."""
    return Sign(id, weight, status, tuple(where.items()))


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """What to do, in words; commands, each to be pasted as it stands, from a plan for the host (`diagnose.remedy`). others:
    who else must or could act, each with the text to send them and the DNS record where it is one."""

    text: str
    commands: tuple[str, ...] = ()
    others: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cause:
    """An entry of the knowledge base. Its words may hold {names} of the diagnosis' data, with words for where they are
    not known behind a bar: {table|a table}.

    explains: causes that are mere consequences when this one holds. prior: decibans, commoner is higher. flow: what it
    says against the cause that mail got through since; unless given it refutes an outage and says nothing about the rest.
    rules_out: one sentence on what shows that it is not this. relay: sending through a relay is a way out, so that
    the report advises one. station: where on its way the mail stops (`diagnose.report.strip`). otherwise: who else can help.
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


@dataclass(frozen=True, kw_only=True)
class Support:
    """A sign that matched: which, its weight in decibans, and the observation that showed it."""

    sign: str
    weight: int
    subject: str
    summary: str


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True, kw_only=True)
class AdviceFile:
    """A file to write: octal mode as text ("0600"), owner as "user:group"."""

    path: str
    mode: str
    owner: str
    text: str


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True)
class Target:
    """Whose mail it is about: envelope addresses, None if not named and not learnt. relay: the server of this host's
    own choice that it goes through, None if it goes straight to the recipient's or is not known."""

    sender: str | None = None
    recipient: str | None = None
    relay: str | None = None


@dataclass(frozen=True, kw_only=True)
class HostInfo:
    name: str = ""
    system: str = ""
    family: str = ""
    mta: str = ""
    config: str = ""  # the same where Postfix was set up alike (`diagnose.facts.fingerprint`)
    user: str = ""
    privileged: bool = False
    network: bool = True


@dataclass(frozen=True, kw_only=True)
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
    acknowledged: bool = False  # the user has set aside all that there was to diagnose

    @property
    def status(self) -> Status:
        """FAILED with a sure cause of failure; WARNING with a milder or merely possible one. Where nothing was found: UNKNOWN where
        what decides could not be looked at (the rights hid login and delivery, say), or mail was seen to stop at a stage (WARNING
        if some passed within the hour, and none failed since); else OK, with what was left out in `unchecked`."""
        if any(d.confidence >= Confidence.LIKELY and d.cause.impact >= Impact.PARTIAL for d in self.diagnoses):
            return FAILED
        if self.diagnoses:
            return WARNING
        if self.acknowledged:
            return OK
        if any(proof.status is FAILED for proof in self.proofs) and self.passed_lately:
            return WARNING
        return UNKNOWN if self._blind else OK

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """For each stage that a check looked at what it saw; the worst counts."""
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
                if seen.sign not in proving or status is WARNING or _on_its_way(seen):
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
        """The stages that nothing was seen of: left out by an option, or not for this user to look at."""
        looked = {spec.proves for run in self.runs for spec in run.signs}
        open_ = {proof.stage for proof in self.proofs if proof.status is UNKNOWN}
        return tuple(stage for stage in Stage if stage in open_ or stage not in looked)

    @property
    def hidden(self) -> tuple[str, ...]:
        """The titles of the checks that this user's rights kept from seeing all."""
        runs = () if self.host.privileged else self.runs
        kept = ((run, o) for run in runs for o in run.observations if o.status is UNKNOWN)
        return tuple(dict.fromkeys(run.title or run.check for run, o in kept if RIGHTS.search(o.summary)))

    @property
    def flows(self) -> bool:
        return any(o.status is OK for run in self.runs for o in run.measured("flow"))

    @property
    def passed_lately(self) -> bool:
        """Whether the log shows a delivery within the hour before this report, and no failure after it."""
        flow = (seen for run in self.runs for seen in run.measured("flow") if seen.status is not FAILED)
        times = [datetime.fromisoformat(last) for seen in flow if isinstance(last := seen.data.get("last"), str)]
        now = self.started
        return any(abs((now.replace(tzinfo=at.tzinfo and now.tzinfo) - at).total_seconds()) < 3600 for at in times)

    @property
    def _blind(self) -> bool:
        """Whether "nothing found" says nothing: no mail was seen to flow, and what decides failed to be looked at."""
        done = sum(run.outcome is Outcome.COMPLETED for run in self.runs)
        if not done or any(o.status is UNKNOWN for run in self.runs for o in run.measured("asked")):
            return True
        if any(proof.status is FAILED for proof in self.proofs):
            return True
        if self.flows:
            return False
        # An overloaded host, or a check that broke: silence is no health.
        cut_off = [run for run in self.runs if run.outcome in (Outcome.TIMED_OUT, Outcome.CRASHED)]
        if any(run.decisive or run.outcome is Outcome.CRASHED for run in cut_off) or 4 * len(cut_off) > done:
            return True
        open_ = {p.stage: p.why for p in self.proofs if p.status is UNKNOWN}
        passed = {p.stage for p in self.proofs if p.status is OK}
        hidden = any(RIGHTS.search(open_.get(stage, "")) for stage in (Stage.LOGIN, Stage.DELIVERY))
        if hidden and Stage.DELIVERY in self.unchecked and Stage.LOGIN not in passed:
            return True  # neither what becomes of mail nor a login was seen
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


# How checks say that the rights of the one who asks did not reach.
RIGHTS = re.compile(r"permission denied|not permitted|unauthorized|\broot\b|\bthis user\b", re.I)


def _on_its_way(seen: Observation) -> bool:
    """Mail that waits without an attempt that failed, for a moment."""
    oldest, waits = seen.data.get("oldest"), seen.status is FAILED and seen.data.get("failed") is False
    return waits and isinstance(oldest, (int, float)) and oldest < 300  # seconds
