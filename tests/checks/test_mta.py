"""The check of who owns sendmail and port 25."""

import pytest

from checks.postfix.mta import mta_owner
from diagnose.check import Exec, Listeners, Read
from diagnose.host.query import ExecReply, Listener, ListenersReply, ReadReply, StatReply
from tests.checks.pretended_postfix import failed, machine, of, run

OWN = {"/usr/sbin/sendmail": StatReply(exists=True, kind="file", real="/usr/sbin/sendmail")}


def test_postfix_own_sendmail_and_port() -> None:
    host = machine(
        stats=OWN,
        more={Listeners(): ListenersReply(listeners=(Listener(address="0.0.0.0", port=25, pid=10, process="master"),))},
    )
    assert failed(run(mta_owner, host)) == []


@pytest.mark.parametrize(
    ("real", "name"),
    [
        ("/usr/sbin/exim4", "exim"),
        ("/usr/sbin/ssmtp", "ssmtp"),
        ("/usr/bin/msmtp", "msmtp"),
        ("/bin/busybox", "busybox"),
    ],
)
def test_link_to_another_mailer(real: str, name: str) -> None:
    found = run(mta_owner, machine(stats={"/usr/sbin/sendmail": StatReply(exists=True, real=real)}))
    assert found[0].data["mailer"] == name
    assert failed(found) == ["postfix.sendmail-command"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("#!/bin/sh\ncat >/dev/null\nexit 0\n", ["postfix.sendmail-command"]),
        ("#!/bin/bash\n# was: sendmail\ncat > /tmp/last\n", ["postfix.sendmail-command"]),
        ("#!/bin/sh\ncat >>/var/tmp/mail.mbox\nexit 0\n", ["postfix.sendmail-command"]),
        ('#!/bin/sh\nlogger -f /var/log/sendmail.log\nexec /usr/lib/sendmail.real "$@"\n', []),
        ('#!/bin/sh\nexec "/usr/lib/sendmail.gone" "$@"\n', ["postfix.sendmail-command"]),
        ("#!/usr/bin/python3\nimport shutil\n", []),
        ("\x7fELF", []),
    ],
)
def test_a_script_that_hands_mail_to_nobody(text: str, wanted: list[str]) -> None:
    kinds = {Read: lambda q: ReadReply(text=text) if q.path == "/usr/sbin/sendmail" else None}
    assert (
        failed(run(mta_owner, machine(stats=OWN | {"/usr/lib/sendmail.real": StatReply(exists=True)}, by_kind=kinds)))
        == wanted
    )


def test_red_hat_alternatives_lead_to_postfix() -> None:
    stats = {"/usr/sbin/sendmail": StatReply(exists=True, real="/usr/sbin/sendmail.postfix")}
    assert failed(run(mta_owner, machine(stats=stats))) == []


def test_package_of_another_mailer_owns_the_file() -> None:
    owner = {Exec(("dpkg-query", "-S", "/usr/sbin/sendmail")): ExecReply(code=0, out="msmtp-mta: /usr/sbin/sendmail\n")}
    assert failed(run(mta_owner, machine(stats=OWN, more=owner))) == ["postfix.sendmail-command"]


def test_exim_on_port_25_while_postfix_wants_it() -> None:
    host = machine(
        stats=OWN,
        more={Listeners(): ListenersReply(listeners=(Listener(address="0.0.0.0", port=25, pid=9, process="exim4"),))},
    )
    assert of(run(mta_owner, host), "postfix.port-25-owner")[0].data["wanted"] is True


def test_proxy_before_postfix_and_unnamed_holder_are_no_fault() -> None:
    for name in ("haproxy", "docker-proxy", ""):
        host = machine(
            stats=OWN,
            more={Listeners(): ListenersReply(listeners=(Listener(address="0.0.0.0", port=25, pid=0, process=name),))},
        )
        assert failed(run(mta_owner, host)) == []
