"""Plans for hosts whose MTA is Exim, msmtp or nullmailer: what is changed, and where."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from checks.mailer.mailer_spool import mailer_spool
from diagnose.check import Glob, Listeners, Read
from diagnose.host.query import GlobReply, Listener, ListenersReply, ReadReply, StatReply
from diagnose.knowledge.causes import by_id
from diagnose.model import Confidence, Diagnosis, HostInfo, Observation, Outcome, Remedy, Run, SignSpec, Status
from diagnose.remedy import Plan
from diagnose.remedy.edits import Changed
from diagnose.remedy.make import make
from diagnose.remedy.running import Daemon, Mode, Ownership
from diagnose.remedy.steps import GivenText
from tests.checks.pretended_mailer import HOST, exim, msmtp
from tests.checks.pretended_postfix import failed, run
from tests.remedy.test_own_settings import planned
from tests.remedy.test_plans import context

CONF = "/etc/exim4/update-exim4.conf.conf"
MACROS = "/etc/exim4/exim4.conf.localmacros"
SYSTEMD = {
    "/run/systemd/system": StatReply(exists=True, kind="dir"),
    "/lib/systemd/system/exim4.service": StatReply(exists=True),
}
SHUT = StatReply(exists=True, kind="dir", mode=0o500, owner="root", group="root")
GIVEN = {"user": "it", "password": "s3"}
MSMTP = "defaults\ntls on\n\naccount relay\nhost smtp.example.com\nport 587\nauth off\nuser me\npassword ********\n\naccount default : relay\n"


def files(texts: dict[str, str]) -> tuple[dict[Any, Any], dict[str, StatReply]]:
    """Read answers for the first, by any of the ways in which a file's secrets are left out; stats for the second."""
    said = {
        Read(path, secret=kind): ReadReply(text=text)
        for path, text in texts.items()
        for kind in ("", "settings", "logins")
    }
    there = StatReply(exists=True, kind="file", mode=0o644, owner="root", group="root")
    return said, dict.fromkeys(texts, there)


def on_exim(texts: dict[str, str], stats: dict[str, StatReply] | None = None, port: int = 0) -> Any:
    said, there = files({CONF: f"dc_smarthost='{HOST}::587'\n", **texts})
    if port:
        said[Listeners()] = ListenersReply(listeners=(Listener(address="127.0.0.1", port=port),))
    return exim(more=said, stats={**there, **(stats or {})})


def commands(plan: Plan) -> list[str]:
    return [command for step in plan.steps for command in step.commands()]


def test_exim_begins_with_tls_on_465_and_takes_it_up() -> None:
    plan = planned("tls-wrapper-mismatch", "relay.wrapper", on_exim({}, SYSTEMD, 25), program="exim", wrapper="yes")
    assert commands(plan) == [
        f"grep -qxF -- 'REMOTE_SMTP_SMARTHOST_PROTOCOL = smtps' {MACROS} || printf '%s\\n' 'REMOTE_SMTP_SMARTHOST_PROTOCOL = smtps' >>{MACROS}",
        "update-exim4.conf",
        "systemctl reload exim4",
    ]


@pytest.mark.parametrize("macro", ["PROTOCOL = smtps", "HOSTS_AVOID_TLS = *"])
@pytest.mark.parametrize("place", [MACROS, "/etc/exim4/conf.d/main/000_localmacros"])
def test_exim_begins_in_the_clear_on_587(macro: str, place: str) -> None:
    line = f"REMOTE_SMTP_SMARTHOST_{macro}\n"
    split = f"dc_use_split_config='{'false' if place == MACROS else 'true'}'\n"
    host = on_exim({place: line, CONF: f"dc_smarthost='{HOST}::587'\n{split}"})
    plan = planned("tls-wrapper-mismatch", "relay.wrapper", host, program="exim", wrapper="no")
    step = plan.steps[0]
    assert step.edit(line.encode()) == f"# {line}".encode()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("written", "begins"),
    [
        (f"{HOST}::587:me:********", f"{HOST}::587:"),
        (f"[{HOST}]:587:me:********", f"[{HOST}]:587:"),
        (f" {HOST} :me:********", f" {HOST} :"),
    ],
)
def test_exims_entry_is_put_under_the_name_that_it_looks_for(written: str, begins: str) -> None:
    said, there = files({CONF: "", "/etc/exim4/passwd.client": f"# x\n{written}\n"})
    host = exim(logins=f"# x\n{written}\n", more=said, stats=there)
    plan = planned("sasl-key-mismatch", "sasl.key", host, program="exim", kind="none", near=HOST)
    assert plan.steps[0].edit(f"# x\n{begins}me:pw\n".encode()) == f"# x\n{HOST}:me:pw\n".encode()  # type: ignore[attr-defined]


def test_another_servers_login_is_not_given_to_this_one() -> None:
    said, there = files({CONF: "", "/etc/exim4/passwd.client": "mail.other.test:me:********\n"})
    host = exim(logins="mail.other.test:me:********\n", more=said, stats=there)
    plan = planned("sasl-key-mismatch", "sasl.key", host, program="exim", kind="none", near="mail.other.test")
    assert [ask.name for ask in plan.asks] == ["user", "password"]
    assert plan.steps[0].edit(b"mail.other.test:me:pw\n", GIVEN) == f"mail.other.test:me:pw\n{HOST}:it:s3\n".encode()  # type: ignore[attr-defined]


def test_a_person_is_asked_for_a_login_and_it_goes_where_msmtp_reads_it() -> None:
    text = MSMTP.replace("auth off", "auth on")
    plan = planned("relay-credentials-rejected", "relay.login", msmtp(text), program="msmtp", user="me")
    made = text.encode()
    for step in plan.steps:
        made = step.edit(made, GIVEN)  # type: ignore[attr-defined]
    assert made.decode() == text.replace("user me", "user it").replace("********", "s3")
    with pytest.raises(Changed):
        plan.steps[-1].edit(made, {**GIVEN, "password": 'with "quotes"'})  # type: ignore[attr-defined]


def test_a_mailers_daemon_is_started_and_stopped_again() -> None:
    plan = planned("mailer-not-running", "mailer.daemon", on_exim({}, SYSTEMD), program="exim", kind="down")
    assert plan.steps
    assert not any(step.allow for step in plan.steps)
    assert [step.reverted().commands for step in plan.steps if isinstance(step, Daemon)] == [
        (("systemctl", "stop", "exim4"),)
    ]
    assert not planned("mailer-not-running", "mailer.daemon", on_exim({}), program="exim", kind="down").steps


@pytest.mark.parametrize(
    ("path", "stat", "sign", "data"),
    [
        ("/var/spool/exim4/input", SHUT, "host.queue-permissions", {"needed": 7}),
        ("/var/log/exim4/mainlog", replace(SHUT, kind="file"), "host.queue-permissions", {"needed": 2}),
        (
            "/usr/sbin/exim4",
            StatReply(exists=True, kind="file", mode=0o755, owner="root"),
            "host.setgid",
            {"mode": "4000"},
        ),
    ],
)
def test_what_belongs_to_the_mailer_goes_back_to_it(
    path: str, stat: StatReply, sign: str, data: dict[str, Any]
) -> None:
    logs = {Glob("/var/log/exim4/*log*"): GlobReply(paths=("/var/log/exim4/mainlog",))}
    host = exim(stats={path: stat}, more=logs)
    assert failed(run(mailer_spool, host)) == [sign]
    plan = planned("queue-permissions", sign, host, program="exim", path=path, **data)
    assert [(type(step), step.files()) for step in plan.steps][-1] == (Mode, (path,))
    assert (Ownership in map(type, plan.steps)) == (stat is not None and sign != "host.setgid")


def test_what_is_the_mailers_is_left_alone() -> None:
    assert failed(run(mailer_spool, exim())) == []


def on_msmtp(text: str) -> Any:
    return msmtp(text)


def test_msmtp_signs_in_where_the_login_is_there() -> None:
    plan = planned("relay-auth-not-attempted", "sasl.enabled", on_msmtp(MSMTP), program="msmtp")
    assert commands(plan) == ["sed -i '7s/^auth off$/auth on/' /etc/msmtprc"]
    without = MSMTP.replace("user me\n", "")
    assert not planned("relay-auth-not-attempted", "sasl.enabled", on_msmtp(without), program="msmtp").steps


def test_msmtps_missing_line_is_put_into_its_account() -> None:
    text = MSMTP.replace("auth off\n", "")
    plan = planned("relay-auth-not-attempted", "sasl.enabled", on_msmtp(text), program="msmtp")
    (step,) = plan.steps
    assert step.edit(text.encode()) == text.replace(f"host {HOST}\n", f"host {HOST}\nauth on\n").encode()  # type: ignore[attr-defined]


def test_msmtp_with_several_accounts_is_left_to_a_person() -> None:
    text = MSMTP.replace("account default", "account other\nhost x.test\nauth off\n\naccount default")
    assert not planned("relay-auth-not-attempted", "sasl.enabled", on_msmtp(text), program="msmtp").steps


@pytest.mark.parametrize(
    ("line", "wrong", "meant"),
    [(12, "account default : relai", "account default : relay"), (5, "hots smtp.example.com", "host smtp.example.com")],
)
def test_a_misspelt_word_of_msmtp(line: int, wrong: str, meant: str) -> None:
    text = MSMTP.replace(meant, wrong)
    number = text.split("\n").index(wrong) + 1
    plan = planned("mailer-config-error", "mailer.settings", on_msmtp(text), program="msmtp", kind="wrong", line=number)
    assert plan.steps[0].edit(text.encode()) == MSMTP.encode()  # type: ignore[attr-defined]
    assert not planned(
        "mailer-config-error", "mailer.settings", on_msmtp(text), program="msmtp", kind="wrong", line=0
    ).steps


def test_who_may_read_msmtps_password_is_a_persons_to_say() -> None:
    host = msmtp(MSMTP, 0o600)
    assert not planned(
        "mailer-config-error", "mailer.settings", host, program="msmtp", kind="unreadable", path="/etc/msmtprc"
    ).steps
    setgid = {"/usr/bin/msmtp": StatReply(exists=True, kind="file", mode=0o2755, owner="root", group="msmtp")}
    plan = planned(
        "mailer-config-error",
        "mailer.settings",
        msmtp(MSMTP, 0o600, more=setgid),
        program="msmtp",
        kind="unreadable",
        path="/etc/msmtprc",
    )
    assert commands(plan) == ["chown -- root:msmtp /etc/msmtprc", "chmod 0640 -- /etc/msmtprc"]


@pytest.mark.parametrize(
    ("open_", "wanted"),
    [
        ((587,), ["sed -i '6s/^port 578$/port 587/' /etc/msmtprc"]),
        ((465, 2525), ["sed -i '6s/^port 578$/port 2525/' /etc/msmtprc"]),
        (
            (465,),
            ["sed -i '6s/^port 578$/port 465/' /etc/msmtprc", "an inserted line moves those below"],
        ),
        ((25,), []),
    ],
)
def test_msmtp_takes_a_port_that_answers(open_: tuple[int, ...], wanted: list[str]) -> None:
    text = MSMTP.replace("port 587", "port 578")
    cause = by_id("relay-unreachable")
    seen = tuple(
        Observation(
            sign="egress.port",
            status=Status.OK,
            subject="x",
            summary="open",
            data={"host": HOST, "port": port, "open": True},
        )
        for port in open_
    )
    run_ = Run(
        check="c", outcome=Outcome.COMPLETED, observations=seen, signs=(SignSpec("egress.port", gauge="endpoint"),)
    )
    found = Diagnosis(
        cause=cause,
        score=30,
        confidence=Confidence.CERTAIN,
        remedy=Remedy(text=cause.remedy),
        data={"program": "msmtp"},
    )
    plan = make(context(msmtp(text)), [found], [run_], HostInfo()).get(cause.id, Plan())
    made = commands(plan)
    assert len(made) == len(wanted)
    assert made[:1] == wanted[:1]


@pytest.mark.parametrize("password", ["a#b", "a=b", "a:b"])
def test_what_cuts_a_line_of_ssmtp_conf_is_not_written(password: str) -> None:
    step = GivenText(path="/x", line=1, part="AuthPass=.*", form="AuthPass={password}", marks="#=:", why="it")
    with pytest.raises(Changed):
        step.edit(b"AuthPass=old", {"password": password})
    assert step.edit(b"AuthPass=old", {"password": "new"}).startswith(b"AuthPass=new")
