"""Whether an edit reached the running application."""

from __future__ import annotations

import pytest

from checks.application.puppet import puppet
from diagnose.host.query import Process
from diagnose.model import Observation, Status

from .pretended_application import NOW, PROPERTIES, TEMPLATE, Machine
from .test_application import LOCAL, STARTTLS

LOCK = "/var/lib/puppet/state/agent_disabled.lock"
SUMMARY = "/var/lib/puppet/state/last_run_summary.yaml"
DAY = 86_400.0


def one(files: dict[str, str | tuple[str, float]], processes: tuple[Process, ...] = ()) -> Observation:
    found = Machine(files, processes=processes).run(puppet)
    assert len(found) == 1
    return found[0]


def test_a_host_without_puppet_is_left_alone() -> None:
    assert Machine({}).skipped(puppet)


def test_a_template_that_was_applied() -> None:
    assert one({TEMPLATE: (STARTTLS, 2 * DAY), PROPERTIES: (STARTTLS, DAY)}).status is Status.OK
    # Touched, and still the same.
    assert one({TEMPLATE: (STARTTLS, DAY), PROPERTIES: (STARTTLS, 2 * DAY)}).status is Status.OK


def test_a_template_edited_since() -> None:
    found = one({TEMPLATE: (STARTTLS, DAY), PROPERTIES: (LOCAL, 2 * DAY)})
    assert (found.status, found.data["kind"]) == (Status.FAILED, "template-newer")
    assert found.data["template"] == TEMPLATE


@pytest.mark.parametrize(
    ("extra", "kind"),
    [
        ({LOCK: "{}"}, "agent-disabled"),
        ({SUMMARY: "---\ntime:\n  last_run: 1763700000\nevents:\n  failure: 1\n  success: 0\n"}, "run-failed"),
    ],
)
def test_why_puppet_did_not(extra: dict[str, str | tuple[str, float]], kind: str) -> None:
    files: dict[str, str | tuple[str, float]] = {TEMPLATE: (STARTTLS, DAY), PROPERTIES: (LOCAL, 2 * DAY)}
    assert one(files | extra).data["kind"] == kind
    applied: dict[str, str | tuple[str, float]] = {TEMPLATE: (STARTTLS, 2 * DAY), PROPERTIES: (STARTTLS, DAY)}
    same = one(applied | extra)
    assert same.status is Status.WARNING


def test_an_edit_by_hand_will_be_put_back() -> None:
    found = one({TEMPLATE: (LOCAL, 9 * DAY), PROPERTIES: (STARTTLS, DAY)})
    assert (found.status, found.data["kind"]) == (Status.WARNING, "edited-by-hand")


def test_values_from_variables_unknown_here_are_not_compared() -> None:
    template = STARTTLS.replace("smtp.gmail.com", "<%= @mail_host %>")
    assert one({TEMPLATE: (template, DAY), PROPERTIES: (STARTTLS, 2 * DAY)}).status is Status.OK


def test_an_application_older_than_its_file() -> None:
    java = Process(
        pid=7, parent=1, name="java", command=("/usr/bin/java", "-Dcodenvy"), user="codenvy", started=NOW - 2 * DAY
    )
    found = one({PROPERTIES: (STARTTLS, DAY)}, (java,))
    assert (found.status, found.data["kind"], found.data["pid"]) == (Status.FAILED, "not-restarted", 7)
    assert one({PROPERTIES: (STARTTLS, 3 * DAY)}, (java,)).status is Status.OK


def test_passwords_that_differ_are_not_told() -> None:
    other = STARTTLS.replace("a-long-secret-1", "quite-another-2")
    found = Machine({TEMPLATE: (other, DAY), PROPERTIES: (STARTTLS, 2 * DAY)}).run(puppet)
    assert "secret-1" not in repr(found)
    assert "another-2" not in repr(found)
