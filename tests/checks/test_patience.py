"""The check of Postfix's own time-outs."""

from typing import Any

import pytest

from checks.mail.patience import patience
from diagnose.check import Dial
from diagnose.host.query import DialReply
from diagnose.model import Status
from tests.checks.pretended_postfix import machine, run

GREETING, SCAN = "receiving the initial server greeting", "sending end of data -- message may be sent more than once"
HOST = "mx.north.example[192.0.2.4]"
LINE = (
    "Nov 22 12:00:01 app postfix/smtp[10]: A0: to=<user@north.example>, relay={}:25, delay=1, dsn=4.4.2, status=deferred "
    "(conversation with {} timed out while {})"
)


@pytest.mark.parametrize(
    ("where", "settings", "answers", "said"),
    [
        (GREETING, {"smtp_helo_timeout": "1s"}, 3.0, Status.FAILED),
        (GREETING, {"smtp_helo_timeout": "1s"}, 0.2, Status.OK),
        (GREETING, {"smtp_helo_timeout": "1s"}, 99.0, Status.OK),
        (GREETING, {"smtp_helo_timeout": "15s"}, 99.0, Status.WARNING),
        (GREETING, {}, 99.0, None),
        (SCAN, {"smtp_data_done_timeout": "10s"}, 0.2, Status.WARNING),
        (SCAN, {"smtp_data_done_timeout": "10m"}, 0.2, None),
    ],
)
def test_a_time_out_of_the_settings(where: str, settings: dict[str, str], answers: float, said: Status | None) -> None:
    """answers: the seconds that the server takes; only a reply that came later than Postfix waits is proof."""

    def dial(query: Dial) -> DialReply:
        if answers < query.timeout:
            return DialReply(address="192.0.2.4", banner="220 mx", ehlo="250 mx", stage="quit", slowest=answers)
        return DialReply(address="192.0.2.4", stage="banner", error="timed out")

    relay: Any = {"relayhost": "[192.0.2.4]:25"}
    found = run(patience, machine(relay | settings, log=(LINE.format(HOST, HOST, where),), by_kind={Dial: dial}))
    assert [o.status for o in found] == ([] if said is None else [said])
