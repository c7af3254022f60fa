"""What every check and every cause must keep to."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from diagnose.check import Check, Context, Settings, check as make_check, fail, unknown
from diagnose.host.memo import FakeHost, NoNetwork
from diagnose.knowledge import documents, phrases
from diagnose.knowledge.causes import all_causes
from diagnose.knowledge.sayings import sayings, signs_of
from diagnose.model import (
    ANY,
    SAID,
    Cause,
    Confidence,
    HostInfo,
    Impact,
    Observation,
    Outcome,
    Report,
    Run,
    Sign,
    SignSpec,
    Status,
    Strength,
    Target,
)  # fmt: skip
from diagnose.rank import fill, rank
from diagnose.registry import BUILT_IN, discover, probed, select
from diagnose.remedy.plan import maker, makers
from diagnose.report import digest
from diagnose.report.json_ import as_plain
from diagnose.runner import run_checks

CHECKS, NOTES = discover()
CAUSES = all_causes()
LABELS = {*sayings(), *(each.label for each in phrases.every())}
MAIL = {"mail.flow", *(f"mail.{label}" for label in LABELS)}
DECLARED = {spec.id for check in CHECKS for spec in check.signs if not spec.id.endswith(".*")} | MAIL
# The rooms left out state or weigh signs, as checks and causes do.
ENGINE = [
    path
    for path in Path(__file__).parent.parent.joinpath("diagnose").rglob("*.py")
    if not {"knowledge", "facts", "mail", "plans"} & set(path.parts)
]


def test_all_plug_ins_load() -> None:
    assert NOTES == ()
    assert len(CHECKS) >= 15


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.id)
def test_a_check_is_described(check: Check) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]*", check.id)
    module = inspect.getmodule(check.body)
    assert module
    assert (module.__doc__ or "").split("\n\n")[0].rstrip().endswith("?"), "its docstring begins with the question"
    assert check.title
    assert check.signs
    assert 0 < check.timeout <= 12
    assert set(check.needs) <= {"network", "postfix", "mta", "linux"}
    assert set(check.informational) <= {spec.id for spec in check.signs}


def test_ids_are_unique() -> None:
    assert [id for id, n in Counter(c.id for c in CHECKS).items() if n > 1] == []


def test_a_saying_suggests_causes_that_exist() -> None:
    known = {cause.id for cause in CAUSES}
    assert {cause for saying in sayings().values() for cause, _ in saying.suggests} <= known
    assert not [s.label for s in sayings().values() if s.label in known and s.title], "a cause has its own title"
    assert not [s.label for s in sayings().values() if s.label not in known and not s.title]
    strengths = {strength.name.lower() for strength in Strength}
    keys = {"title", "scope", "suggests", "phrase", "all", *strengths}
    assert {key for row in documents.folder("sayings").values() for key in row} <= keys


@pytest.mark.parametrize("name", ["relay", "relay-tls", "relay-login", "sasl", "tls", "tables"])
def test_a_check_that_was_split_is_still_chosen_by_its_name(name: str) -> None:
    assert len(select(CHECKS, [name], [])) > 2


@pytest.mark.parametrize("cause", CAUSES, ids=lambda c: c.id)
def test_a_cause_weighs_only_signs_that_a_check_declares(cause: Cause) -> None:
    assert [sign.id for sign in cause.signs if sign.id not in DECLARED] == []


@pytest.mark.parametrize("cause", CAUSES, ids=lambda c: c.id)
def test_a_cause_awaits_only_what_a_check_declares(cause: Cause) -> None:
    """Key and value of every `where`: one that no check gives would keep the sign silent for ever."""
    stale = [
        (sign.id, key, value)
        for sign in cause.signs
        for key, wanted in sign.where
        for value in (wanted if isinstance(wanted, tuple) else (wanted,))
        if not any(
            key in keys and ((known := keys[key]) is ANY or value in known)
            for check in CHECKS
            for keys in [check.keys(sign.id)]
        )
    ]
    assert stale == []


def test_every_declared_sign_is_weighed_or_informational() -> None:
    weighed = {sign.id for cause in CAUSES for sign in cause.signs}
    informational = {sign for check in CHECKS for sign in check.informational}
    assert sorted(DECLARED - MAIL - weighed - informational) == []


def test_every_label_of_a_text_is_weighed() -> None:
    """What a log line or reply says must be able to lead somewhere."""
    weighed = {sign.id for saying in sayings().values() for _, sign in saying.suggests}
    silent = {"mail.noise", "mail.undelivered-notice", "mail.flow"}
    assert sorted(MAIL - weighed - silent) == []


@pytest.mark.parametrize("cause", CAUSES, ids=lambda c: c.id)
def test_a_cause_reads_well(cause: Cause) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]*", cause.id)
    assert cause.title[0].isupper() or cause.title[0].isdigit()
    assert not cause.title.endswith(".")
    assert len(cause.explanation) > 60
    assert cause.remedy
    assert cause.rules_out
    assert cause.links, "the documentation that the reader goes on with"
    assert all(link.startswith("https://") for link in cause.links)
    assert -10 <= cause.prior <= 5
    assert all(isinstance(sign.weight, Strength) for sign in cause.signs)
    assert any(sign.weight > 0 for sign in (*cause.signs, *signs_of(cause.id)))
    assert not [sign for sign in cause.signs if sign.id.startswith("mail.") and sign.id != "mail.flow"]
    bare = fill(cause.remedy, {})
    assert len(bare) > 20
    assert not re.search(r"[{}<>]", bare)


def test_explanations_name_causes_that_exist() -> None:
    known = {cause.id for cause in CAUSES}
    assert {(c.id, e) for c in CAUSES for e in c.explains if e not in known} == set()
    assert not [c.id for c in CAUSES if c.id in c.explains]


def test_no_outage_is_certain_without_support_of_its_own() -> None:
    """A prior alone, or with one hint, never makes a certain claim."""
    assert not [c.id for c in CAUSES if c.prior > 5 and c.impact is Impact.OUTAGE]


@pytest.mark.parametrize("module", sorted({c.body.__module__ for c in CHECKS}))
def test_a_check_module_imports_only_what_it_may(module: str) -> None:
    source = inspect.getsource(sys.modules[module])
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    ours = [name for name in names if name.split(".")[0] in ("diagnose", BUILT_IN)]
    allowed = (
        "diagnose.check",
        "diagnose.model",
        "diagnose.facts",
        "diagnose.apps",
        "diagnose.parse",
        "diagnose.knowledge",
    )
    assert [name for name in ours if not name.startswith(allowed)] == []
    assert not {"socket", "ssl", "subprocess", "psutil", "os", "dns"} & {name.split(".")[0] for name in names}


_OF_ONE_DISTRIBUTION = re.compile(
    r"\b(?:apt(?:-get)?|dpkg(?:-query)?|dnf|yum|rpm|zypper|apk|pacman)\b|libsasl2|cyrus-sasl|ca-certificates(?!\w)|/etc/pki\b"
    r"|/etc/ssl/certs|/var/lib/(?:dpkg|rpm)|/usr/lib(?:exec)?/postfix|/var/log/(?:mail|syslog|messages|audit)"
)


def test_what_one_distribution_calls_it_stands_in_one_table() -> None:
    """Paths, packages and commands; the allow-list of commands that a recording holds is no use of them."""
    root = Path(__file__).parent.parent
    wrong = []
    for path in (*(root / "diagnose").rglob("*.py"), *(root / "checks").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        documented = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef))
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        wrong += [
            f"{path.relative_to(root)}:{node.lineno}: {node.value[:60]}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documented
            and _OF_ONE_DISTRIBUTION.search(node.value)
            and path.name != "kept.py"
        ]
    assert wrong == []


def test_only_the_live_host_touches_the_world() -> None:
    root = Path(__file__).parent.parent / "diagnose"
    doors = re.compile(r"^\s*(?:import|from) (socket|ssl|subprocess|psutil|dns)\b", re.M)
    found = [
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if doors.search(path.read_text()) and "live" not in path.parts
    ]
    assert found == []


@pytest.mark.parametrize("room", sorted({p.parts[-2] for p in ENGINE}))
def test_the_engine_names_no_check_and_no_sign(room: str) -> None:
    """What it makes of them stands on the check (`probes`, `decisive`) and on the sign (`gauge`)."""
    signs = {spec.id for check in CHECKS for spec in check.signs} | {f"{SAID}{label}" for label in LABELS}
    ids = {check.id for check in CHECKS}
    found = []
    for path in (path for path in ENGINE if path.parts[-2] == room):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        compared = {
            id(word)
            for node in ast.walk(tree)
            if isinstance(node, ast.Compare) and re.search(r"""\.check\b|\[['"]check['"]\]""", ast.unparse(node))
            for word in ast.walk(node)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(word := node.value, str) or word == SAID:
                continue
            begins = re.fullmatch(r"[a-z-]+\.([a-z0-9]+-)*", word) and any(sign.startswith(word) for sign in signs)
            named = word in ids and ("-" in word or id(node) in compared)
            if (word in signs or begins or named) and not (room == "app" and word.startswith(SAID)):  # JavaMail's
                found.append(f"{path.name}:{node.lineno}: {word}")
    assert found == []


def test_plans_name_causes_and_signs_that_exist() -> None:
    maker("")
    assert makers().keys() <= {cause.id for cause in CAUSES}
    signs = {spec.id for check in CHECKS for spec in check.signs} | {f"mail.{label}" for label in LABELS}
    root = Path(__file__).parent.parent / "diagnose/remedy/plans"
    asked = {
        word
        for path in root.glob("*.py")
        for call in re.findall(r"\.seen\(([^)]*)\)", path.read_text(encoding="utf-8"))
        for word in re.findall(r"\"([^\"]+)\"", call)
    }
    assert asked - signs == set()


def test_a_plug_in_takes_part_in_the_verdict_as_ours_do() -> None:
    """Its probe caps what it would have decided, its blindness is the report's, its figures are the reports'."""

    @make_check(
        id="theirs",
        title="Their own",
        signs=(
            SignSpec("their.port", gauge="port"),
            SignSpec("their.spool", decisive=True),
            SignSpec("their.mail", gauge="queue"),
        ),
        probes=True,
    )
    def theirs(ctx: Context) -> Iterator[Observation]:
        yield fail("their.port", "TCP 26", "does not get out", port=26)
        yield unknown("their.spool", "spool", "not read")
        yield fail("their.mail", "spool", "7 wait", count=7, oldest=60)

    runs = run_checks((theirs,), NoNetwork(FakeHost()), Target(), Settings(), 5)
    now = datetime(2026, 1, 2).astimezone()
    report = Report(version="0", host=HostInfo(network=False), target=Target(), started=now, seconds=0, runs=runs)
    assert report.status is Status.UNKNOWN
    plain = as_plain(report)
    assert [(port, good) for _, port, good in digest.ports(plain)] == [(26, False)]
    assert digest.queue(plain) == digest.Queue(length=7, oldest=60)
    words = fail("mail.words", "s", "so it was")
    told = Run(check="told", outcome=Outcome.COMPLETED, observations=(words,))
    cause = dataclasses.replace(CAUSES[0], signs=(Sign("mail.words", 25), Sign("their.port", 12)), prior=0)
    assert [d.confidence for d in rank([cause], [told])] == [Confidence.CERTAIN]
    assert [d.confidence for d in rank([cause], [told], untried=probed([theirs]))] == [Confidence.LIKELY]


def test_no_file_grows_past_a_sitting() -> None:
    root = Path(__file__).parent.parent
    long = {
        str(path.relative_to(root)): lines
        for folder in ("diagnose", "checks", "tests")
        for path in (root / folder).rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}
