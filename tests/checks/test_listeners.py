"""The check of SMTP ports on this host."""

from typing import Any

from checks.postfix.listeners import listeners
from diagnose.check import Listeners
from diagnose.host.query import Listener, ListenersReply
from diagnose.model import Status
from tests.checks.pretended_postfix import MASTER, failed, machine, of, run


def on(*found: tuple[str, int]) -> dict[Any, Any]:
    return {
        Listeners(): ListenersReply(listeners=tuple(Listener(address=a, port=p, process="master") for a, p in found))
    }


def test_open_everywhere_and_on_loopback() -> None:
    assert of(run(listeners, machine(more=on(("0.0.0.0", 25)))), "listener.smtp")[0].data["kind"] == "open"
    assert of(run(listeners, machine(more=on(("127.0.0.1", 25)))), "listener.smtp")[0].data["kind"] == "loopback-only"


def test_promised_port_is_not_there() -> None:
    assert failed(run(listeners, machine(more=on()))) == ["listener.expected"]


def test_null_client_is_no_fault() -> None:
    master = "".join(f"{line}\n" for line in MASTER.splitlines() if "smtpd" not in line)
    found = run(listeners, machine(master=master, more=on()))
    assert [o.status for o in found] == [Status.WARNING]


def test_service_switched_off_or_on_a_named_port() -> None:
    off = {"master_service_disable": "inet"}
    assert failed(run(listeners, machine(off, more=on()))) == []
    missed = ("Nov 28 08:35:07 a postfix/smtp[1]: connect to 127.0.0.1[127.0.0.1]:25: Connection refused",)
    assert failed(run(listeners, machine(off, more=on(), log=missed))) == ["listener.expected"]
    assert (
        failed(
            run(
                listeners,
                machine(
                    master=MASTER + "127.0.0.1:10025 inet n - y - - smtpd\n", more=on(("::", 25), ("127.0.0.1", 10025))
                ),
            )
        )
        == []
    )


def test_sockets_that_cannot_be_listed() -> None:
    host = machine(more={Listeners(): ListenersReply(problem="cannot list sockets: AccessDenied")})
    assert [o.status for o in run(listeners, host)] == [Status.UNKNOWN]
