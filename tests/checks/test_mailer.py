"""The mailer that is the host's MTA in Postfix' place: daemon, settings, queue, panic log, and the probes of its relay."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from checks.mail.queue import queue
from checks.mailer.mailer_daemon import mailer_daemon
from checks.mailer.mailer_panic import mailer_panic
from checks.mailer.mailer_settings import mailer_settings
from checks.postfix.mta import mta_owner
from checks.postfix.processes import processes
from checks.relay.relay_certificate import relay_certificate
from checks.relay.relay_login import relay_login
from checks.relay.relay_name import relay_name
from checks.relay.relay_wrapper import relay_wrapper
from diagnose import rank
from diagnose.check import Dial, Exec, Lookup, Read, Resolve, ResolveReply
from diagnose.host.query import DialReply, DnsReply, ExecReply, Login, ReadReply, StatReply, TlsInfo
from diagnose.knowledge.causes import by_id
from diagnose.model import Outcome, Run, Status
from tests.checks.pretended_mailer import DAEMON, HOST, ROUTERS, exim, msmtp
from tests.checks.pretended_postfix import failed, machine, of, run
from tests.checks.pretended_relay import EHLO, GOOD_TLS

ALL = (mta_owner, mailer_daemon, mailer_settings, mailer_panic, queue)


def test_a_healthy_exim_is_left_alone() -> None:
    host = exim()
    assert [sign for check in ALL for sign in failed(run(check, host))] == []
    assert of(run(mta_owner, host), "postfix.sendmail-command")[0].status is Status.OK
    assert run(processes, host) == []


def test_postfix_is_no_other_mailer() -> None:
    assert [run(check, machine()) for check in (mailer_daemon, mailer_settings, mailer_panic)] == [[], [], []]


def test_the_daemon_is_down() -> None:
    found = run(mailer_daemon, exim(running=()))
    assert found[0].data["kind"] == "down"
    # A message on its way out is no daemon.
    sending = dataclasses.replace(DAEMON, command=("/usr/sbin/exim4", "-Mc", "1xWRih-00004F-1w"))
    assert failed(run(mailer_daemon, exim(running=(sending,)))) == ["mailer.daemon"]


def test_a_daemon_that_is_not_wanted_is_not_missed() -> None:
    switch = {Read("/etc/default/exim4"): ReadReply(text="QUEUERUNNER='nodaemon'\n")}
    assert failed(run(mailer_daemon, exim(running=(), more=switch))) == []


def test_exim_for_this_host_only() -> None:
    local = "local_user router:\ndomains = +local_domains\ndriver = accept\n"
    assert [o.status for o in of(run(mailer_settings, exim(routers=local)), "mailer.mode")] == [Status.WARNING]
    bounced = (
        "2026-11-22 10:00:00 1xWRih-00004F-1w ** a@example.org R=nonlocal: Mailing to remote domains not supported"
    )
    assert failed(run(mailer_settings, exim(routers=local, log=(bounced,)))) == ["mailer.mode"]
    assert failed(run(mailer_settings, exim(routers=local), "a@example.org")) == ["mailer.mode"]


def test_exim_refuses_its_settings() -> None:
    asked = Exec(("exim4", "-bP", "spool_directory", "log_file_path", "exim_user", "primary_hostname"), timeout=4.0)
    said = 'LOG: PANIC DIE\n  Exim configuration error in line 1: main option "x" unknown\n'
    found = run(mailer_settings, exim(more={asked: ExecReply(code=1, err=said)}))
    assert [(o.data["kind"], "main option" in o.summary) for o in found] == [("refused", True)]


@pytest.mark.parametrize(
    ("mode", "group", "bad"),
    [(0o640, "Debian-exim", False), (0o600, "root", True), (0o640, "root", True), (0o644, "root", False)],
)
def test_who_may_read_the_logins(mode: int, group: str, bad: bool) -> None:
    stats = {"/etc/exim4/passwd.client": StatReply(exists=True, kind="file", mode=mode, owner="root", group=group)}
    found = run(mailer_settings, exim(stats=stats))
    assert [o.data["kind"] for o in found if o.status is Status.FAILED] == (["login-unreadable"] if bad else [])


def test_a_login_for_another_server_and_none_at_all() -> None:
    found = run(mailer_settings, exim(logins="mail.example.org:me:********\n"))
    assert of(found, "sasl.key")[0].data["near"] == "mail.example.org"
    assert of(run(mailer_settings, exim(logins="# none\n")), "sasl.enabled")[0].data["on"] is False


def test_a_recipients_domain_among_exims_own() -> None:
    def answers(query: Lookup) -> DnsReply:
        return DnsReply(rcode="NOERROR", answers=("10 mx.example.org.",) if query.rtype == "MX" else ())

    for said, told in (("own", 1), ("other", 0)):
        asked = Exec(("exim4", "-be", "${if match_domain{example.org}{+local_domains}{own}{other}}"), timeout=4.0)
        host = exim(by_kind={Lookup: answers}, more={asked: ExecReply(code=0, out=f"{said}\n")})
        assert len(of(run(mailer_settings, host, "a@example.org"), "config.recipient-local")) == told


def test_a_port_where_exim_reads_none() -> None:
    found = run(mailer_settings, exim(logins=f"{HOST}::587:me:********\n"))
    assert of(found, "sasl.key")[0].data["kind"] == "near"
    found = run(mailer_settings, exim(routers=ROUTERS.replace("::587", ":587")))
    assert [o.data["kind"] for o in of(found, "mailer.settings") if o.status is Status.FAILED] == ["wrong"]


def test_the_login_stands_under_the_canonical_name() -> None:
    def answers(query: Lookup) -> DnsReply:
        alias = query.rtype == "CNAME" and query.name == HOST
        return DnsReply(rcode="NOERROR", answers=("mx7.example.org.",)) if alias else DnsReply(rcode="NODATA")

    host = exim(logins="mx7.example.org:me:********\n", by_kind={Lookup: answers})
    assert of(run(mailer_settings, host), "sasl.enabled")[0].data["on"] is True
    # As Exim 4.96 was seen to do: an entry under the alias alone is none.
    found = of(run(mailer_settings, exim(by_kind={Lookup: answers})), "sasl.key")
    assert [(o.status, o.data["kind"], o.data["host"]) for o in found] == [(Status.FAILED, "near", "mx7.example.org")]


QUEUE = """\
 3h   428 1xWRih-00004F-1w <noreply@example.net>{0}
          maria@example.org

"""


def test_the_queue_with_its_reason_out_of_the_log() -> None:
    log = (
        "2026-11-22 10:00:00 1xWRih-00004F-1w <= noreply@example.net U=www-data P=local S=428",
        "2026-11-22 10:00:02 1xWRih-00004F-1w == maria@example.org R=smarthost T=remote_smtp_smarthost defer (110): "
        "H=smtp.example.com [198.51.100.7]: Connection timed out",
    )
    found = run(queue, exim(queue=QUEUE.format(""), log=log))
    assert of(found, "queue.waiting")[0].data["count"] == 1
    assert [o.data["port"] for o in of(found, "mail.connect-timeout")] == [587]


def test_frozen_mail_and_frozen_bounces() -> None:
    frozen = QUEUE.format(" *** frozen ***")
    assert of(run(queue, exim(queue=frozen)), "queue.hold")[0].status is Status.FAILED
    bounce = frozen.replace("noreply@example.net", "")
    assert of(run(queue, exim(queue=bounce)), "queue.hold")[0].status is Status.WARNING


def test_the_panic_log() -> None:
    line = "2026-11-22 1{}:00:00 failed to open /etc/exim4/passwd.client for linear search: Permission denied\n"
    assert of(run(mailer_panic, exim(panic=line.format(0))), "mailer.panic")[0].status is Status.FAILED
    old = line.format(0).replace("-22", "-02")
    assert of(run(mailer_panic, exim(panic=old)), "mailer.panic")[0].status is Status.OK
    sent = "2026-11-22 11:00:00 1xWRih-00004F-1w => a@example.org R=smarthost T=remote_smtp_smarthost H=smtp.example.com [198.51.100.7]"
    assert of(run(mailer_panic, exim(panic=line.format(0), log=(sent,))), "mailer.panic")[0].status is Status.WARNING
    assert of(run(mailer_panic, exim(panic="")), "mailer.panic")[0].status is Status.OK


# --- the relay


def answered(**more: Any) -> dict[type, Callable[[Dial], DialReply]]:
    reply = DialReply(
        address="198.51.100.7", stage="quit", banner="220 smtp.example.com ESMTP", ehlo=EHLO, starttls="220 Go", tls=GOOD_TLS,
        mechanisms=("PLAIN", "LOGIN"), mechanism="PLAIN",
    )  # fmt: skip
    return {Dial: lambda q: dataclasses.replace(reply, **more)}


def test_one_login_with_exims_own_file() -> None:
    asked: list[Dial] = []

    def dial(query: Dial) -> DialReply:
        asked.append(query)
        return answered(auth="535 5.7.8 authentication failed")[Dial](query)

    found = run(relay_login, exim(by_kind={Dial: dial}))
    assert of(found, "relay.login")[0].data["label"] == "relay-credentials-rejected"
    assert [(q.login, q.user, q.tls) for q in asked] == [
        (Login("logins", "/etc/exim4/passwd.client", (HOST,)), "Debian-exim", "starttls")
    ]


def test_the_remedy_is_in_exims_words() -> None:
    found = run(relay_login, exim(by_kind=answered(auth="535 5.7.8 authentication failed")))
    ranked = rank.rank(
        [by_id("relay-credentials-rejected")],
        [Run(check="x", outcome=Outcome.COMPLETED, observations=tuple(found))],
        program="exim",
    )
    assert "passwd.client" in ranked[0].remedy.text
    assert not any("post" in command for command in ranked[0].remedy.commands)
    assert "Postfix" not in ranked[0].cause.explanation + ranked[0].cause.title


def test_a_name_that_does_not_exist() -> None:
    gone = {Lookup: lambda q: DnsReply(rcode="NXDOMAIN"), Resolve: lambda q: ResolveReply(problem="not found")}
    assert [o.data["kind"] for o in run(relay_name, exim(by_kind=gone))] == ["nxdomain"]
    silent = {Lookup: lambda q: DnsReply(problem="timed out"), Resolve: lambda q: ResolveReply(problem="timed out")}
    assert run(relay_name, exim(by_kind=silent))[0].status is Status.UNKNOWN


def test_a_certificate_that_does_not_verify() -> None:
    bad = TlsInfo(version="TLSv1.3", cipher="X", verify_error="certificate has expired")
    found = run(relay_certificate, exim(by_kind=answered(tls=bad)))
    assert [(o.status, o.data["verifies"]) for o in found] == [(Status.FAILED, True)]


MSMTP = (
    "account default\nhost smtp.example.com\nport 587\ntls on\ntls_starttls {}\nauth on\nuser me\npassword ********\n{}"
)


def test_tls_at_once_on_a_port_that_greets() -> None:
    def dial(query: Dial) -> DialReply:
        if query.tls == "implicit":
            return DialReply(
                address="198.51.100.7",
                stage="tls",
                error="wrong version number",
                tls=TlsInfo(error="wrong version number"),
            )
        return answered()[Dial](query)

    found = run(relay_wrapper, msmtp(MSMTP.format("off", ""), by_kind={Dial: dial}))
    assert [o.data["kind"] for o in found if o.status is Status.FAILED] == ["unwanted"]
    assert "tls_starttls" in found[0].summary


def test_msmtps_settings() -> None:
    assert failed(run(mailer_settings, msmtp(MSMTP.format("on", "")))) == []
    # Each user may have a file of its own.
    assert [o.status for o in run(mailer_settings, msmtp(None))] == [Status.UNKNOWN]
    assert [
        o.data["kind"] for o in run(mailer_settings, msmtp(MSMTP.format("on", ""), 0o600)) if o.status is Status.WARNING
    ] == ["unreadable"]
    assert failed(run(mailer_settings, msmtp("defaults\ntls on\n"))) == ["mailer.settings"]
    gone = run(mailer_settings, msmtp(MSMTP.format("on", "tls_trust_file /etc/pki/ca.pem\n")))
    assert of(gone, "tls.ca")[0].data["kind"] == "missing"


@pytest.mark.parametrize(("sender", "status"), [("", Status.FAILED), ("from a@example.org\n", Status.WARNING)])
def test_msmtp_without_a_default_account(sender: str, status: Status) -> None:
    text = f"account one\nhost mail.example.org\n{sender}account two\nhost mx.example.org\n"
    assert [o.status for o in run(mailer_settings, msmtp(text)) if o.data.get("kind") == "wrong"] == [status]


def test_what_passwordeval_reads() -> None:
    settings = MSMTP.format("on", "").replace("password ********", 'passwordeval "/usr/bin/cat /etc/secret"')
    secret = StatReply(exists=True, kind="file", mode=0o600, owner="root", group="root")
    cat = StatReply(exists=True, kind="file", mode=0o755, owner="root", group="root")
    public = StatReply(exists=True, kind="file", mode=0o644, owner="root", group="root")
    for stat, told in (
        (secret, [("unreadable", Status.WARNING)]),
        (StatReply(), [("missing", Status.FAILED)]),
        (public, []),
    ):
        host = msmtp(settings, more={"/usr/bin/cat": cat, "/etc/secret": stat})
        found = of(run(mailer_settings, host), "mailer.settings")
        assert [(o.data["kind"], o.status) for o in found if o.status is not Status.OK] == told


def test_msmtp_has_neither_daemon_nor_queue() -> None:
    host = msmtp(MSMTP.format("on", ""))
    assert run(mailer_daemon, host) == []
    assert [o.status for o in run(queue, host)] == [Status.OK]
