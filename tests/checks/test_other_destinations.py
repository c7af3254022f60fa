"""The check of the servers that other mail waits for."""

import pytest

from checks.mail.other_destinations import other_destinations
from diagnose.model import Status
from tests.checks.pretended_network import DROP, World, address_of, network
from tests.checks.pretended_postfix import of, run

WHO = "maria@northwind.example"
SENT = "status=sent (250 2.0.0 Ok)"
LATE = "status=deferred (connect to mx.old.example[192.0.2.4]:25: Connection timed out)"


def attempt(clock: str, number: str, to: str, status: str) -> str:
    return f"Nov 22 {clock} app postfix/smtp[187]: {number}: to=<{to}>, relay=mx.northwind.example[192.0.2.4]:25, delay=3, dsn=4.4.1, {status}"


@pytest.mark.parametrize(
    ("dead", "after", "status"),
    [
        pytest.param("old.example", (), Status.FAILED, id="dead now"),
        pytest.param("", (), Status.OK, id="answers now"),
        pytest.param("old.example", (attempt("14:00:00", "A3", WHO, SENT),), None, id="one of many"),
    ],
)
def test_a_second_destination(dead: str, after: tuple[str, ...], status: Status | None) -> None:
    world = World(lambda address, port: DROP if dead and address == address_of(dead) else None)
    lines = (attempt("13:00:00", "A1", WHO, LATE), attempt("13:00:01", "A2", "info@old.example", LATE), *after)
    found = of(run(other_destinations, network(world, log=lines), WHO), "destination.elsewhere")
    assert [o.status for o in found] == [status] * (status is not None)
