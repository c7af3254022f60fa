"""Plans for what Postfix' programs die of: a lost or misspelt account, a value; none from a line of the log alone."""

from __future__ import annotations

import pytest

from diagnose.check import Exec
from diagnose.host.query import ExecReply, StatReply
from diagnose.knowledge.causes import by_id
from diagnose.model import Confidence, Diagnosis, HostInfo, Observation, Outcome, Remedy, Run, Scalar, SignSpec, Status
from diagnose.remedy.make import make
from diagnose.remedy.running import InstallPackage, MakeAccount, SetPermissions
from diagnose.remedy.steps import MasterOption, RemoveParameter, RepairLine, SetParameter
from tests.checks import pretended_postfix as pretended
from tests.remedy.test_own_settings import planned
from tests.remedy.test_plans import context

GONE = ExecReply(code=2)
HERE = ExecReply(code=0, out="found")
TOOLS = {f"/usr/sbin/{name}": StatReply(exists=True, kind="file", mode=0o755) for name in ("useradd", "groupadd")}


def owned(number: str, group: str = "root") -> dict[str, StatReply]:
    folders = ("active", "incoming", "private", "maildrop", "public")
    made = StatReply(exists=True, kind="dir", mode=0o700, owner=number, group=group)
    return {f"/var/spool/postfix/{name}": made for name in folders}


def test_a_misspelt_owner_gives_way_to_the_default_that_exists() -> None:
    more = {Exec(("getent", "passwd", "posfix")): GONE, Exec(("getent", "passwd", "postfix")): HERE}
    host = pretended.machine({"mail_owner": "posfix"}, more=more)
    steps = planned(
        "postfix-config-error", "config.fatal", host, parameter="mail_owner", value="posfix", named=True
    ).steps
    assert [(step.name, step.allow) for step in steps if isinstance(step, RemoveParameter)] == [("mail_owner", "")]


def test_a_lost_account_is_made_again_with_the_number_of_its_files() -> None:
    more = {Exec(("getent", "passwd", "postfix")): GONE, Exec(("getent", "group", "postfix")): HERE}
    host = pretended.machine(stats={**TOOLS, **owned("104")}, more=more)
    steps = planned(
        "postfix-config-error", "config.fatal", host, parameter="mail_owner", value="postfix", named=True
    ).steps
    (made,) = (step for step in steps if isinstance(step, MakeAccount))
    assert (made.number, made.group, made.allow) == (104, "postfix", "account")
    assert not any(isinstance(step, SetPermissions) for step in steps)


def test_a_lost_group_whose_files_tell_no_number_gets_any_and_the_files_follow() -> None:
    more = {Exec(("getent", "group", "postdrop")): GONE}
    host = pretended.machine(stats={**TOOLS, **owned("postfix", "mail")}, more=more)
    steps = planned(
        "postfix-config-error", "config.fatal", host, parameter="setgid_group", value="postdrop", named=True
    ).steps
    assert [step.number for step in steps if isinstance(step, MakeAccount)] == [None]
    assert any(isinstance(step, SetPermissions) for step in steps)


@pytest.mark.parametrize(("value", "taken_out"), [("eth0", True), ("192.0.2.7", False)])
def test_a_value_named_in_the_log_is_taken_out_where_it_is_wrong_itself(value: str, taken_out: bool) -> None:
    host = pretended.machine({"smtp_bind_address": value})
    steps = planned(
        "postfix-config-error",
        "config.fatal",
        host,
        parameter="smtp_bind_address",
        value=value,
        named=True,
        logged=True,
    ).steps
    assert any(isinstance(step, RemoveParameter) for step in steps) is taken_out


def test_what_decides_the_way_of_mail_is_not_taken_out() -> None:
    host = pretended.machine({"relayhost": "[relay.test]:587"})
    steps = planned("postfix-config-error", "config.fatal", host, parameter="relayhost", value="x", named=True).steps
    assert not any(isinstance(step, RemoveParameter) for step in steps)


def test_a_value_that_is_set_right_is_not_taken_out_for_what_a_program_died_of() -> None:
    data: dict[str, Scalar] = {"parameter": "smtp_connect_timeout", "value": "5 minutes"}
    signs: dict[str, dict[str, Scalar]] = {
        "config.value": {"expected": "time"},
        "config.fatal": {"named": True, "logged": True},
    }
    seen = tuple(
        Observation(sign=sign, status=Status.FAILED, subject="main.cf", summary="is wrong", data={**data, **more})
        for sign, more in signs.items()
    )
    run = Run(check="c", outcome=Outcome.COMPLETED, observations=seen, signs=tuple(map(SignSpec, signs)))
    cause = by_id("postfix-config-error")
    found = Diagnosis(cause=cause, score=30, confidence=Confidence.CERTAIN, remedy=Remedy(text=cause.remedy), data={})
    host = pretended.machine({"smtp_connect_timeout": "5 minutes"})
    steps = make(context(host), [found], [run], HostInfo())[cause.id].steps
    assert [step.value for step in steps if isinstance(step, SetParameter)] == ["5m"]
    assert not any(isinstance(step, RemoveParameter) for step in steps)


@pytest.mark.parametrize(
    ("option", "made"),
    [
        ("-o smtp_helo_timeout = 2s", ["-o smtp_helo_timeout=2s"]),
        ("-o smtpd_relay_restrictions = permit", []),  # Postfix has never read it, and it would open the host
        ("-o smtp_helo_timeout =", []),
    ],
)
def test_an_option_of_a_service_becomes_one_word(option: str, made: list[str]) -> None:
    path = "/etc/postfix/master.cf"
    host = pretended.machine(files={path: f"slow unix - - y - - smtp\n  {option}\n"})
    data: dict[str, Scalar] = {"parameter": "the options of a service", "path": path, "line": 2}
    steps = planned("postfix-config-error", "config.fatal", host, named=True, **data).steps
    assert [step.put for step in steps if isinstance(step, RepairLine)] == made


@pytest.mark.parametrize(("library", "packages"), [("libpostfix-tls.so", ["postfix"]), ("libsasl2.so.2", [])])
def test_a_lost_library_comes_with_its_package_where_that_is_known(library: str, packages: list[str]) -> None:
    seen = Observation(
        sign="config.fatal", status=Status.FAILED, subject=library, summary="it is gone", data={"library": library}
    )
    run = Run(check="c", outcome=Outcome.COMPLETED, observations=(seen,), signs=(SignSpec("config.fatal"),))
    cause = by_id("postfix-config-error")
    found = Diagnosis(cause=cause, score=30, confidence=Confidence.CERTAIN, remedy=Remedy(text=cause.remedy), data={})
    plan = make(context(pretended.machine()), [found], [run], HostInfo(family="debian"))[cause.id]
    installed = [step for step in plan.steps if isinstance(step, InstallPackage)]
    assert [name for step in installed for name in step.packages] == packages
    assert all(step.allow for step in installed)
    assert library in plan.text


def test_an_address_that_is_gone_is_taken_out_where_it_stands() -> None:
    own = "smtp unix - - y - - smtp\n  -o smtp_bind_address=198.51.100.9\n"
    for host, made in (
        (pretended.machine({"smtp_bind_address": "198.51.100.9"}), RemoveParameter),
        (pretended.machine(master=own), MasterOption),
    ):
        data: dict[str, Scalar] = {"parameter": "smtp_bind_address", "value": "198.51.100.9"}
        steps = planned("interface-not-ready", "host.interface", host, **data).steps
        assert [type(s) for s in steps if getattr(s, "name", "") == "smtp_bind_address"] == [made]
