"""The check of programs that mail is piped to."""

from checks.postfix.filter_programs import filter_programs
from diagnose.check import Processes
from diagnose.host.query import Process, ProcessesReply, StatReply
from diagnose.model import Status
from tests.checks.pretended_postfix import MASTER, NOW, RUNNING, failed, machine, run

PIPE = MASTER + "spamchk unix - n n - 10 pipe flags=Rq user=nobody argv=/usr/local/bin/spamchk -f ${sender}\n"
PROGRAM = StatReply(exists=True, kind="file", mode=0o755)


def test_filter_that_is_there_and_one_that_is_gone() -> None:
    settings = {"content_filter": "spamchk:dummy"}
    assert failed(run(filter_programs, machine(settings, master=PIPE, stats={"/usr/local/bin/spamchk": PROGRAM}))) == []
    gone = run(filter_programs, machine(settings, master=PIPE))
    assert (failed(gone), gone[0].data["role"]) == (["filter.program"], "content")


def test_pipe_that_nothing_uses_does_not_matter() -> None:
    assert run(filter_programs, machine(master=PIPE)) == []


def test_mailbox_command() -> None:
    found = run(filter_programs, machine({"mailbox_command": "/usr/bin/procmail -a x"}))
    assert (failed(found), found[0].data["role"]) == (["filter.program"], "backend")


def test_a_script_whose_interpreter_is_gone() -> None:
    def found(first: str) -> list[str]:
        files = {"/usr/local/bin/spamchk": first + "\nexit 0\n"}
        there = {"/usr/local/bin/spamchk": PROGRAM, "/bin/sh": PROGRAM}
        return failed(
            run(filter_programs, machine({"content_filter": "spamchk:dummy"}, master=PIPE, stats=there, files=files))
        )

    assert found("#!/opt/venv/bin/python3.9 -u") == ["filter.program"]
    assert found("#!/usr/bin/env python2") == ["filter.program"]
    assert found("#! /bin/sh") == found("#!/usr/bin/env sh") == found("echo") == []


def test_a_filter_that_keeps_what_it_is_given() -> None:
    came = "Nov 22 12:00:00 app postfix/pickup[1]: {}: uid={} from=<a@example.net>"
    given = "Nov 22 12:00:01 app postfix/pipe[2]: A1B2C3D4: to=<u@example.org>, relay=spamchk, delay=1, dsn=2.0.0, status=sent (delivered via spamchk service)"
    for log, roles in (
        ((came.format("A1B2C3D4", 33), given), ["kept"]),
        ((came.format("A1B2C3D4", 33), given, came.format("A1B2C3D5", 99)), []),
        ((came.format("A1B2C3D4", 33),), []),
    ):
        host = machine({"content_filter": "spamchk:"}, master=PIPE, stats={"/usr/local/bin/spamchk": PROGRAM}, log=log)
        assert [o.data["role"] for o in run(filter_programs, host) if o.status is Status.FAILED] == roles


def test_a_filter_whose_run_does_not_end() -> None:
    pipe = Process(pid=20, parent=10, name="pipe", command=("pipe", "-n", "spamchk"), user="postfix", started=NOW - 900)
    for started, roles in ((NOW - 400, ["hung"]), (NOW - 5, [])):
        child = Process(pid=21, parent=20, name="spamchk", command=("spamchk",), user="nobody", started=started)
        more = {Processes(): ProcessesReply(processes=(*RUNNING, pipe, child))}
        there = {"/usr/local/bin/spamchk": PROGRAM}
        host = machine({"content_filter": "spamchk:"}, master=PIPE, stats=there, more=more)
        assert [o.data["role"] for o in run(filter_programs, host) if o.status is Status.FAILED] == roles
