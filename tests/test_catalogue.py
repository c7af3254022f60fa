"""The catalogue of causes: its ids are an interface, none may vanish or be renamed."""

from __future__ import annotations

import json
from pathlib import Path

from diagnose.catalogue import page
from diagnose.knowledge.causes import all_causes

IDS = Path(__file__).parent / "data" / "causes.json"


def test_every_id_that_was_ever_published_is_there() -> None:
    published = json.loads(IDS.read_text("utf-8"))
    assert sorted(set(published) - {cause.id for cause in all_causes()}) == []
    assert len(published) >= 90


def test_impacts_are_as_published() -> None:
    """Monitoring sorts by impact, so that it is part of the interface."""
    published = json.loads(IDS.read_text("utf-8"))
    impacts = {cause.id: cause.impact.word for cause in all_causes()}
    assert {id: impacts[id] for id in published} == published


def test_a_cause_that_is_read_names_no_placeholder() -> None:
    assert [cause.id for cause in all_causes() if "{" in page(cause.id)] == []
