"""What every check and every cause must keep to."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from diagnose.check import Check
from diagnose.knowledge.causes import all_causes
from diagnose.model import Cause, Impact
from diagnose.parse.words import reason_labels, reply_table
from diagnose.rank import fill
from diagnose.registry import BUILT_IN, discover

CHECKS, NOTES = discover()
CAUSES = all_causes()
LABELS = {*reason_labels.LABELS, *(entry.label for entry in reply_table.entries())}
MAIL = {"mail.flow", *(f"mail.{label}" for label in LABELS)}
DECLARED = {sign for check in CHECKS for sign in check.signs if not sign.endswith(".*")} | MAIL


def test_all_plug_ins_load() -> None:
    assert NOTES == ()
    assert len(CHECKS) >= 15


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.id)
def test_a_check_is_described(check: Check) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]*", check.id)
    assert check.question.endswith("?"), "the module's docstring begins with the question it asks"
    assert check.title
    assert check.signs
    assert 0 < check.timeout <= 12
    assert set(check.needs) <= {"network", "postfix", "linux"}
    assert set(check.informational) <= set(check.signs)


def test_ids_are_unique() -> None:
    assert [id for id, n in Counter(c.id for c in CHECKS).items() if n > 1] == []


@pytest.mark.parametrize("cause", CAUSES, ids=lambda c: c.id)
def test_a_cause_weighs_only_signs_that_a_check_declares(cause: Cause) -> None:
    assert [sign.id for sign in cause.signs if sign.id not in DECLARED] == []


def test_every_declared_sign_is_weighed_or_informational() -> None:
    weighed = {sign.id for cause in CAUSES for sign in cause.signs}
    informational = {sign for check in CHECKS for sign in check.informational}
    assert sorted(DECLARED - MAIL - weighed - informational) == []


def test_every_label_of_a_text_is_weighed() -> None:
    """What a log line or reply says must be able to lead somewhere."""
    weighed = {sign.id for cause in CAUSES for sign in cause.signs}
    silent = {"mail.noise", "mail.undelivered-notice"}
    assert sorted(MAIL - weighed - silent) == []


@pytest.mark.parametrize("cause", CAUSES, ids=lambda c: c.id)
def test_a_cause_reads_well(cause: Cause) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]*", cause.id)
    assert cause.title[0].isupper() or cause.title[0].isdigit()
    assert not cause.title.endswith(".")
    assert len(cause.explanation) > 60
    assert cause.remedy.text
    assert cause.rules_out
    assert cause.links, "the documentation that the reader goes on with"
    assert all(link.startswith("https://") for link in cause.links)
    assert -10 <= cause.prior <= 5
    assert all(-40 <= sign.weight <= 40 and sign.weight for sign in cause.signs)
    assert any(sign.weight > 0 for sign in cause.signs)
    for family in ("debian", "rhel", "alpine"):
        fill(cause.remedy, {}, family)


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
    allowed = ("diagnose.check", "diagnose.model", "diagnose.facts", "diagnose.parse", "diagnose.knowledge")
    assert [name for name in ours if not name.startswith(allowed)] == []
    assert not {"socket", "ssl", "subprocess", "psutil", "os", "dns"} & {name.split(".")[0] for name in names}


def test_only_the_live_host_touches_the_world() -> None:
    root = Path(__file__).parent.parent / "diagnose"
    doors = re.compile(r"^\s*(?:import|from) (socket|ssl|subprocess|psutil|dns)\b", re.M)
    found = [
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if doors.search(path.read_text()) and "live" not in path.parts
    ]
    assert found == []


def test_no_file_grows_past_a_sitting() -> None:
    root = Path(__file__).parent.parent
    long = {
        str(path.relative_to(root)): lines
        for folder in ("diagnose", "checks", "tests")
        for path in (root / folder).rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}
