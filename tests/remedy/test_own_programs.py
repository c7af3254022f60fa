"""Plans for Postfix's own programs: stopped, missing, or with a process limit that they do not accept."""

from __future__ import annotations

import pytest

from diagnose.check import Exec
from diagnose.host.query import ExecReply
from diagnose.model import Scalar
from tests.checks import pretended_postfix as pretended
from tests.remedy.test_own_settings import planned


def test_a_stopped_process_goes_on() -> None:
    plan = planned("postfix-not-running", "postfix.master", pretended.machine(), halted="326")
    assert [c for step in plan.steps[:1] for c in step.commands()] == ["kill -CONT 326"]


@pytest.mark.parametrize(
    ("service", "limit", "mended"), [("cleanup", "0", True), ("cleanup", "7", False), ("smtp", "1", False)]
)
def test_a_process_limit_is_set_to_what_postfix_ships_and_to_nothing_else(
    service: str, limit: str, mended: bool
) -> None:
    """The number comes from the log, where anybody may write."""
    host = pretended.machine(files={"/etc/postfix/master.cf": f"{service} unix n - y - 3 {service}\n"})
    data: dict[str, Scalar] = {
        "parameter": f"the process limit of {service}",
        "path": "/etc/postfix/master.cf",
        "line": 1,
        "value": limit,
    }
    steps = planned("postfix-config-error", "config.fatal", host, named=True, **data).steps
    assert ("master.cf" in str(steps)) is mended


@pytest.mark.parametrize(
    ("line", "put"),
    [
        ("cleanup tcp n - n - 0 cleanup", "cleanup unix n - n - 0 cleanup"),
        ("smtp tcp n - n - - smtpd", "smtp inet n - n - - smtpd"),
        ("smtp socket - - n - - smtp", "smtp unix - - n - - smtp"),
        ("policy tcp - n n - - spawn", "#policy tcp - n n - - spawn"),
    ],
)
def test_a_service_of_a_type_that_master_does_not_know_gets_its_own(line: str, put: str) -> None:
    host = pretended.machine(files={"/etc/postfix/master.cf": f"{line}\n"})
    where: dict[str, Scalar] = {"path": "/etc/postfix/master.cf", "line": 1, "kind": "bad-type"}
    (step, *_) = planned("postfix-config-error", "config.syntax", host, **where).steps
    assert getattr(step, "put", "") == put


def test_a_listener_at_an_interface_s_name_is_explained_and_left_to_a_person() -> None:
    shown = '[{"ifname": "eth0", "addr_info": [{"family": "inet", "local": "192.0.2.7", "prefixlen": 24, "scope": "global"}]}]'
    host = pretended.machine(
        {"inet_interfaces": "eth0"}, more={Exec(("ip", "-j", "addr")): ExecReply(code=0, out=shown)}
    )
    plan = planned("interface-not-ready", "host.interface", host, parameter="inet_interfaces", value="eth0")
    assert not plan.steps
    assert "inet_interfaces = 192.0.2.7" in plan.text
