"""The check of stalls by size."""

import pytest

from checks.network.mtu import check_mtu
from diagnose.model import Status
from tests.checks.pretended_network import World, network
from tests.checks.pretended_postfix import run

RELAY = {"relayhost": "[smtp.example.org]:587"}


def log(*messages: tuple[str, int, bool]) -> tuple[str, ...]:
    """(queue id, size, whether it was sent)."""
    lines = []
    for queue_id, size, sent in messages:
        lines.append(
            f"Nov 22 14:00:00 app postfix/qmgr[9]: {queue_id}: from=<a@example.net>, size={size}, nrcpt=1 (queue active)"
        )
        text = (
            "status=sent (250 Ok)"
            if sent
            else "status=deferred (conversation with smtp.example.org[45.76.1.2] timed out while sending message body)"
        )
        lines.append(
            f"Nov 22 14:00:09 app postfix/smtp[8]: {queue_id}: to=<b@example.com>, relay=smtp.example.org, {text}"
        )
    return tuple(lines)


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        ([("A1C2D3", 500, True), ("A2C2D3", 32000, False)], Status.FAILED),
        ([("A2C2D3", 32000, False)], Status.WARNING),
        ([("A1C2D3", 500, False), ("A2C2D3", 32000, False)], Status.OK),
        ([("A1C2D3", 500, True), ("A2C2D3", 32000, True)], Status.UNKNOWN),
    ],
)
def test_stalls(messages: list[tuple[str, int, bool]], status: Status) -> None:
    (one,) = run(check_mtu, network(World(), RELAY, log=log(*messages)))
    assert one.status is status
