"""The check that the daemons have read the settings."""

from checks.postfix.reload import reload
from diagnose.check import Lock, Processes
from diagnose.host.query import LockReply, ProcessesReply, StatReply
from tests.checks.pretended_postfix import NOW, RUNNING, failed, machine, run

MAIN = "/etc/postfix/main.cf"


def changed(seconds: float) -> dict[str, StatReply]:
    return {MAIN: StatReply(exists=True, kind="file", mode=0o644, mtime=NOW - seconds)}


def test_older_than_the_queue_manager() -> None:
    assert failed(run(reload, machine(stats=changed(850)))) == []


def test_newer() -> None:
    assert failed(run(reload, machine(stats=changed(300)))) == ["config.reloaded"]


def test_where_the_last_mail_went_shows_it() -> None:
    line = "Nov 22 12:46:33 app postfix/smtp[7]: 8C8: to=<user@example.org>, relay=none, delay=4, delays=0/0/4/0, dsn=4.4.1, status=deferred (connect to mx.example.org[192.0.2.9]:25: Connection timed out)"
    host = machine({"relayhost": "[smtp.example.com]:587"}, stats=changed(300), log=(line,))
    assert failed(run(reload, host, "user@example.org")) == ["config.reloaded", "config.behaviour"]
    same = line.replace("mx.example.org[192.0.2.9]:25", "smtp.example.com[192.0.2.9]:587")
    host = machine({"relayhost": "[smtp.example.com]:587"}, stats=changed(300), log=(same,))
    assert failed(run(reload, host, "user@example.org")) == ["config.reloaded"]


def test_ordinary_user_goes_by_the_only_queue_manager() -> None:
    host = machine(
        stats=changed(300),
        root=False,
        more={Lock("/var/spool/postfix/pid/master.pid"): LockReply(problem="permission denied")},
    )
    assert failed(run(reload, host)) == ["config.reloaded"]


def test_without_a_master_it_does_not_apply() -> None:
    gone = {Processes(): ProcessesReply(processes=RUNNING[1:2]), Lock("/var/spool/postfix/pid/master.pid"): LockReply()}
    assert run(reload, machine(stats=changed(300), more=gone)) == []
