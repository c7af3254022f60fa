"""Where packets end: the reading of two sweeps, and the check."""

import time

import pytest

from checks.network.path import check_path
from diagnose.facts.network import EARLY
from diagnose.host.query import Hop
from diagnose.model import Status
from diagnose.parse.system.path import Place, place
from tests.checks.pretended_network import DROP, OWN, Stop, World, network
from tests.checks.pretended_postfix import run

ROUTERS = ("192.168.1.1", "100.64.0.1", "198.51.100.2")


def sweep(answers: int, end: str = "silence", target: str = "45.76.1.1", address: str = "") -> tuple[Hop, ...]:
    """The first `answers` routers answer; every later TTL meets `end`."""
    hops = [Hop(ttl=n + 1, answer="time-exceeded", address=ROUTERS[n]) for n in range(answers)]
    return (*hops, *(Hop(ttl=n, answer=end, address=address) for n in range(answers + 1, 7)))


REFERENCE = sweep(3, "open")


@pytest.mark.parametrize(
    ("blocked", "where", "hop"),
    [
        (sweep(0), "host", 0),
        (sweep(1), "gateway", 1),
        (sweep(2), "isp", 2),
        (sweep(3), "isp", 3),
        (sweep(1, "admin-prohibited", address="100.64.0.1"), "isp", 2),
        (sweep(0, "admin-prohibited", address=OWN), "host", 0),
        (sweep(0, "local:EACCES"), "host", 0),
        (sweep(1, "refused"), "gateway", 1),
        (sweep(3, "refused"), "unknown", 3),
        (sweep(3, "open"), "unknown", 0),
    ],
)
def test_place(blocked: tuple[Hop, ...], where: str, hop: int) -> None:
    found = place(blocked, REFERENCE, OWN)
    assert (found.where, found.hop) == (where, hop)


def test_silent_routers_prove_nothing() -> None:
    assert place(sweep(0), sweep(0)) == Place(where="unknown")


def test_check_names_the_hops() -> None:
    world = World(lambda a, p: DROP if p == 25 else None, traces={25: sweep(2), 443: REFERENCE})
    (found,) = run(check_path, network(world))
    assert found.status is Status.FAILED
    assert (found.data["where"], found.data["last_hop"], found.data["next_router"]) == (
        "isp",
        "100.64.0.1",
        "198.51.100.2",
    )


SAME = tuple(Hop(ttl=n, answer="time-exceeded", address=ROUTERS[0]) for n in range(1, 7))


@pytest.mark.parametrize(
    ("blocked", "discarded", "where", "how", "passed"),
    [
        (sweep(2), None, "isp", "dropped", False),
        (sweep(2), 0, "isp", "dropped", True),
        (sweep(2), 2, "isp", "dropped", False),
        (sweep(3), 4, "host", "answered", False),
        (SAME, 0, "host", "altered", False),
    ],
)
def test_what_every_user_sees_of_losses_on_this_host(
    blocked: tuple[Hop, ...], discarded: int | None, where: str, how: str, passed: bool
) -> None:
    """By the counters of packets received and delivered, and by a router that answers whatever the hop limit."""
    traces = {25: blocked, 443: sweep(3, "open")}
    (found,) = run(
        check_path, network(World(lambda a, p: DROP if p == 25 else None, traces=traces, discarded=discarded))
    )
    assert tuple(found.data[key] for key in ("where", "how", "passed", "said_by")) == (where, how, passed, "")


def test_the_sweeps_begin_while_the_dials_still_wait() -> None:
    """A port that keeps silent is not dialled to the end before its path is looked at."""
    order: list[str] = []

    class Traces(dict[int, tuple[Hop, ...]]):
        def get(self, key: int, default: object = None) -> object:  # type: ignore[override]
            order.append(f"trace {key}")
            return super().get(key, ())

        def __getitem__(self, key: int) -> tuple[Hop, ...]:
            order.append(f"trace {key}")
            return super().__getitem__(key)

    def stop(address: str, port: int) -> Stop | None:
        if port != 25:
            return None
        time.sleep(EARLY + 0.5)
        order.append("dial")
        return DROP

    world = World(stop)
    world.traces = Traces({25: sweep(2), 443: REFERENCE})
    (found,) = run(check_path, network(world))
    assert found.data["where"] == "isp"
    assert order.index("trace 25") < order.index("dial")


def test_nothing_is_traced_while_the_port_is_open() -> None:
    assert run(check_path, network(World())) == []
