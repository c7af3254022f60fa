"""Plans over every cause and all that its signs can say: nothing with a hole, nothing that is never done, nothing of a forger's."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest

from checks.mail.log import log
from diagnose import demos, rank, session
from diagnose.check import Context
from diagnose.host.memo import FakeHost, Memo, Recorder
from diagnose.host.query import MapReply, StatReply
from diagnose.knowledge.causes import all_causes, by_id
from diagnose.model import (
    Advice,
    Cause,
    Confidence,
    Diagnosis,
    HostInfo,
    Observation,
    Outcome,
    Remedy,
    Run,
    Scalar,
    SignSpec,
    Status,
    Target,
)
from diagnose.registry import discover
from diagnose.remedy import Plan
from diagnose.remedy.make import make, pasteable, remedy
from diagnose.remedy.plan import maker, makers
from diagnose.remedy.running import FirewallAccept
from diagnose.remedy.steps import FileStep
from tests.checks import pretended_postfix as pretended
from tests.hostile.test_forged_words import EVIL, FORGED, diagnosed

HOLE = re.compile(r"<[^ ]*>|example\.(net|com|org)|\*\*\*|YOUR|EDITOR|(^|\s)# ")
NEVER = re.compile(
    r"setenforce|aa-complain|postsuper -d|-[rH] ALL|postqueue -f|nft (-f|delete|flush)|iptables -[DFPX]|restore|milters|content_filter"
    r"|mynetworks = .*(0\.0\.0\.0|/0)|inet_interfaces = all|security_level = (none|may)\b"
)
CF = "/etc/postfix/main.cf"
MAPS = "hash:/etc/postfix/sasl_passwd"
FILES = {
    CF: "relay_host = [relay.test]:587\nsmtp_use_tls = yes\\\nmyhostname app.test\nrelayhost = [relay.test]:587\nmydestination = a.test, relay.test\n",
    "/etc/postfix/master.cf": pretended.MASTER + "#slow unix - - y - - smtp\nbad inet n -\n",
    "/etc/postfix/sasl_passwd": '[relay.test] "user:********"\n',
    "/etc/resolv.conf": "nameserver 192.0.2.1\n",
    "/etc/hosts": "127.0.0.1 localhost\n",
}
EXPLICIT = {
    "relayhost": "[relay.test]:587",
    "smtp_sasl_auth_enable": "yes",
    "smtp_sasl_password_maps": MAPS,
    "mydestination": "a.test, relay.test",
}
HOSTILE = ("$(id)", "a'b;id", "-e x", "<EVIL>", "a\nb")
CHECKS = discover()[0]


def host() -> FakeHost:
    stats = {
        path: StatReply(exists=True, kind="file", mode=0o644, owner="root", group="root", size=9, real=path)
        for path in FILES
    }
    return pretended.machine(EXPLICIT, files=FILES, stats=stats, maps={(MAPS, "[relay.test]:587"): MapReply()})


def context(on: FakeHost) -> Context:
    return Context(Recorder(Memo(on), time.monotonic() + 30), Target("me@a.test", "you@b.test"))


def planned(cause: Cause, seen: tuple[Observation, ...], on: FakeHost) -> tuple[Plan, Remedy] | None:
    data: dict[str, Scalar] = {}
    for each in seen:
        data |= each.data
    said = Remedy(text=rank.fill(cause.remedy, data))
    found = Diagnosis(cause=cause, score=30, confidence=Confidence.CERTAIN, remedy=said, data=data)
    run = Run(check="c", outcome=Outcome.COMPLETED, observations=seen, signs=tuple(SignSpec(o.sign) for o in seen))
    plan = make(context(on), [found], [run], HostInfo(family="debian")).get(cause.id)
    return (plan, remedy(found, plan, here=True)) if plan else None


def combinations(cause: Cause) -> Iterator[tuple[Observation, ...]]:
    """Each sign of the cause with each kind that its check can say, with ordinary values and with a stranger's."""
    specs = {spec.id: spec for check in CHECKS for spec in check.signs}
    for sign in dict.fromkeys(s.id for s in cause.signs if s.weight > 0 and s.id in specs):
        keys = {key: values for key, values in specs[sign].keys.items() if values}
        for values in itertools.product(*keys.values()):
            for line, word in itertools.product((0, 1, 2, 3, 4), ("relay.test", *HOSTILE)):
                data: dict[str, Scalar] = dict(zip(keys, values, strict=True))
                data |= {
                    "path": CF if line else "/etc/postfix/sasl_passwd", "file": CF, "line": line, "parameter": "relayhost", "name": "relay_host",
                    "host": "relay.test", "domain": word, "value": word, "table": MAPS, "type": "hash", "key": "[relay.test]", "near": "[relay.test]",
                    "next_hop": "[relay.test]:587", "service": word, "owner": "postfix", "bundle": word, "wanted_level": "encrypt", "fix": f"x: nft insert rule inet {word} tcp dport 25 accept",
                    "names": word, "wanted": 587, "wrapper": "yes", "address": "192.0.2.1", "queue_id": word, "user": word,
                }  # fmt: skip
                data.setdefault("port", 587)
                data.setdefault("mode", "0700")
                yield (Observation(sign=sign, status=Status.FAILED, subject="s", summary=f"so {word}", data=data),)


maker("")


@pytest.mark.parametrize("id", sorted(makers()))
def test_no_plan_has_a_hole_or_does_what_is_never_done(id: str) -> None:
    on, made = host(), 0
    commands: dict[str, None] = {}
    for seen in combinations(by_id(id)):
        found = planned(by_id(id), seen, on)
        if found is None:
            continue
        plan, shown = found
        made += bool(plan.steps)
        commands.update(dict.fromkeys(shown.commands))
        for step in plan.steps:
            assert step.why
            assert all(path.startswith("/") for path in step.files())
            if isinstance(step, FileStep):
                assert step.path.startswith("/")
            assert not isinstance(step, FirewallAccept) or step.allow == "firewall"
    for command in commands:
        assert pasteable(command), command
        assert not HOLE.search(command.replace("'", "")) or any(w in command for w in HOSTILE), command
        assert not NEVER.search(command), command
    if commands and shutil.which("dash"):
        text = "\n".join(commands)
        done = subprocess.run(["dash", "-n"], input=text, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    print(f"{id}: {made} plans with steps, {len(commands)} commands")


def test_forged_log_lines_yield_no_step() -> None:
    wrong = []
    for line in FORGED:
        on = pretended.machine(log=(line,))
        for found in diagnosed(line):
            run = Run(check="log", outcome=Outcome.COMPLETED, observations=tuple(pretended.run(log, on)))
            plan = make(context(on), [found], [run], HostInfo(family="debian")).get(found.cause.id, Plan())
            wrong += [(line, command) for step in plan.steps for command in step.commands() if EVIL.search(command)]
    print(f"forged log lines: {len(FORGED)} tried, {len(wrong)} steps of a forger's")
    assert wrong == []


@pytest.mark.parametrize("name", sorted(demos.about()))
def test_recorded_machines_get_commands_without_holes(name: str) -> None:
    result = session.diagnose(demos.request(name))
    for diagnosis in result.report.diagnoses:
        for command in diagnosis.remedy.commands:
            assert pasteable(command)
            assert not HOLE.search(command)
            assert not command.startswith("sudo mail-diagnose fix")


def test_every_cause_has_words() -> None:
    assert all(cause.remedy for cause in all_causes())


def test_a_relay_for_the_whole_host_is_policy_and_its_login_asked_for() -> None:
    settings = {
        "relayhost": "[smtp.relay.test]:587",
        "smtp_sasl_auth_enable": "yes",
        "smtp_tls_security_level": "encrypt",
    }
    advice = Advice(
        provider="relay",
        host="smtp.relay.test",
        port=587,
        tls="starttls",
        verified=True,
        why="It is open.",
        main_cf=settings,
    )
    cause = by_id("egress-port-25-blocked")
    found = Diagnosis(cause=cause, score=30, confidence=Confidence.CERTAIN, remedy=Remedy(text=cause.remedy))
    plan = make(context(pretended.machine()), [found], [], HostInfo(), advice)[cause.id]
    assert [step.allow for step in plan.steps if "relayhost" in " ".join(step.commands())] == ["relay"]
    assert [ask.name for ask in plan.asks if ask.secret] == ["password"]
    assert remedy(found, plan, here=True).commands == ("sudo mail-diagnose fix egress-port-25-blocked",)
    assert "postconf -e 'relayhost = [smtp.relay.test]:587'" in remedy(found, plan, here=True).text
    assert remedy(found, plan, here=False).commands == ()
