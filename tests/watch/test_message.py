"""What an alarm says: what is wrong and what to do first, in words and in each service's shape."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from diagnose.knowledge.causes import all_causes
from diagnose.model import Cause
from diagnose.watch import machine, message
from tests.watch import world


def _told(cause: str, title: str, remedy: str, commands: Sequence[str]) -> dict[str, Any]:
    report = world.report("failed", cause)
    report["diagnoses"][0] |= {"title": title, "remedy": {"text": remedy, "commands": list(commands)}}
    queue = {"sign": "queue.waiting", "gauge": "queue", "status": "ok", "subject": "queue", "summary": "", "at": None}
    report["runs"][0]["observations"].append(queue | {"data": {"count": 1234, "oldest": 7300}})
    now = 1_790_000_000.0
    event = machine.Event(kind="reminder", status="failed", before="failed", cause=cause, since=now - 10_800, at=now)
    return message.compose(event, report, "id-1", 3, {"began": now - 10_800, "title": title})


@pytest.mark.parametrize("cause", all_causes(), ids=lambda cause: str(cause.id))
def test_the_first_200_characters_say_what_is_wrong_and_what_to_do(cause: Cause) -> None:
    note = _told(cause.id, cause.title, cause.remedy, ())
    shown = f"{note['title']}\n{note['text']}"[:200]
    assert "still FAILED for 3 h" in shown
    assert cause.title in shown
    action = note["summary"].splitlines()[0]
    assert action.startswith("Do: ")
    assert action in shown


def test_an_alarm_tells_how_much_waits_since_when_and_where_to_read_on() -> None:
    note = _told("egress-port-25-blocked", "Outgoing port 25 is blocked", "Send through a relay. It takes a login.", ())
    do, numbers, more = note["summary"].splitlines()
    assert do == "Do: Send through a relay."
    assert re.fullmatch(
        r"\d\d:\d\d; 1234 messages wait, the oldest for 2 h 1 min; since (\S+ )?\d\d:\d\d \(for 3 h\)", numbers
    )
    assert more == "More: mail-diagnose report --last"


def test_slack_and_teams_get_the_proof_as_code() -> None:
    note = _told("egress-port-25-blocked", "Outgoing port 25 is blocked", "Send through a relay.", ("true ``` rm",))
    _, body, _ = message.shaped("slack", note, "https://x.example.com/y")
    text = json.loads(body)["text"]
    assert text.count("```") == 2
    assert text.index("Do: ") < text.index("```") < text.index("times out")
    _, body, _ = message.shaped("teams", note, "https://x.example.com/y")
    blocks = json.loads(body)["attachments"][0]["content"]["body"]
    assert [block.get("fontType") for block in blocks] == [None, None, "Monospace"]
