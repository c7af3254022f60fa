"""The check of programs of Postfix that end with a fatal error."""

from typing import Any

import pytest

from checks.postfix.permissions import permissions
from checks.postfix.postfix_programs import postfix_programs
from diagnose.check import Exec, Lock, MailQueue
from diagnose.host.query import ExecReply, LockReply, QueueLinesReply, StatReply
from diagnose.model import Observation, Status
from tests.checks.pretended_postfix import MASTER, machine, of, run

DOWN: dict[Any, Any] = {Lock("/var/spool/postfix/pid/master.pid"): LockReply(problem="not found")}
GONE = ExecReply(code=2)


def fatal(**more: Any) -> list[Observation]:
    more["more"] = {MailQueue(): QueueLinesReply(), **more.get("more", {})}
    return [o for o in of(run(postfix_programs, machine(**more)), "config.fatal") if o.status is Status.FAILED]


def test_all_well() -> None:
    assert fatal() == []


@pytest.mark.parametrize(
    ("parameter", "table", "name"),
    [
        ("mail_owner", "passwd", "postfix"),
        ("setgid_group", "group", "postdrop"),
        ("default_privs", "passwd", "nobodyy"),
    ],
)
def test_an_account_that_is_gone(parameter: str, table: str, name: str) -> None:
    found = fatal(explicit={parameter: name}, more={Exec(("getent", table, name)): GONE})
    assert [(o.subject, o.data["value"], o.data["named"], o.data["line"]) for o in found] == [
        (parameter, name, True, 1)
    ]


def test_nothing_is_said_of_owners_where_the_account_is_gone() -> None:
    assert run(permissions, machine(more={Exec(("getent", "group", "postdrop")): GONE})) == []


def test_a_library_that_is_gone() -> None:
    """The loader says so where a program was seen not to start: the master is down, or a daemon ended with 127."""
    ldd = {
        Exec(("ldd", "/usr/lib/postfix/sbin/smtp")): ExecReply(
            code=0, out="\tlinux-vdso.so.1 (0x7ffe)\n\tlibpostfix-dns.so => not found\n"
        )
    }
    log = ("Nov 25 12:00:00 app postfix/master[10]: warning: process /usr/lib/postfix/sbin/smtp pid 9 exit status 127",)
    assert [o.subject for o in fatal(more={**DOWN, **ldd})] == ["libpostfix-dns.so"]
    assert [o.subject for o in fatal(more=ldd, log=log)] == ["libpostfix-dns.so"]
    assert fatal(more=ldd) == []


def test_a_program_that_is_not_as_its_package_installed_it() -> None:
    """Only one that was seen not to start; a settings file (c), or a program that may have been built here, is not."""
    place = "/usr/lib/postfix/sbin"
    out = f"??5?????? c /etc/postfix/main.cf\n??5??????   {place}/smtpd\n??5??????   {place}/local\nmissing     {place}/x.so\n"
    more = {Exec(("dpkg", "--verify", "postfix")): ExecReply(code=1, out=out)}
    log = (f"Nov 25 12:00:00 app postfix/master[10]: warning: process {place}/smtpd pid 9 killed by signal 7",)
    assert [o.data["library"] for o in fatal(more=more, log=log)] == [f"{place}/smtpd", f"{place}/x.so"]
    assert fatal(more=more) == []


def test_a_file_that_a_setting_names() -> None:
    said = "postqueue: fatal: /etc/mailname: cannot open file: No such file or directory\n"
    (found,) = fatal(more={MailQueue(): QueueLinesReply(code=1, err=said)})
    assert (found.data["path"], found.data["named"]) == ("/etc/mailname", True)


def test_a_log_file_without_the_service_that_writes_it_or_without_its_directory() -> None:
    settings, there = {"maillog_file": "/var/log/mail.log"}, {"/var/log": StatReply(exists=True, kind="dir")}
    postlog = MASTER + "postlog unix-dgram n - n - 1 postlogd\n"
    assert [o.subject for o in fatal(explicit=settings, stats=there)] == ["postlog"]
    assert fatal(explicit=settings, master=postlog, stats=there) == []
    assert [o.subject for o in fatal(explicit=settings, master=postlog)] == ["maillog_file"]


BIND = "Nov 25 12:00:00 app postfix/smtp[334]: fatal: smtp_connect_addr: bad smtp_bind_address parameter: eth0: Name or service not known"
PIPE = "Nov 25 12:00:00 app postfix/pipe[334]: fatal: get_service_attr: unknown username: filter"
RELOADED = "Nov 25 12:00:01 app postfix/master[10]: reload -- version 3.7.11, configuration /etc/postfix"
SENT = "Nov 25 12:00:01 app postfix/smtp[335]: C6B: to=<u@example.org>, relay=mx.example.org[192.0.2.1]:25, delay=1, status=sent (250 ok)"


def test_what_a_daemon_died_of_names_its_parameter_or_account() -> None:
    (found,) = fatal(explicit={"smtp_bind_address": "eth0"}, log=(BIND,))
    assert (found.subject, found.data["parameter"], found.data["line"]) == ("smtp", "smtp_bind_address", 1)
    master = "# ours\nfilter unix - n n - 10 pipe flags=R user=filter argv=/bin/scan\n"
    (lost,) = fatal(log=(PIPE,), master=master, files={"/etc/postfix/master.cf": master})
    assert (lost.data["parameter"], lost.data["line"]) == ("the user filter", 2)


@pytest.mark.parametrize("option", ["smtp_helo_timeout = 2s", "smtp_helo_timeout"])
def test_an_option_of_a_service_that_is_no_setting_is_found_in_master_cf(option: str) -> None:
    said = "Nov 25 12:00:00 app postfix/smtp[334]: fatal: invalid \"-o smtp_helo_timeout\" option value: missing '=' after attribute name"
    master = f"{MASTER}# -o smtp_helo_timeout = 2s\nslow unix - - y - - smtp\n  -o {option}\n"
    (found,) = fatal(explicit={"smtp_helo_timeout": "9s"}, log=(said,), files={"/etc/postfix/master.cf": master})
    assert found.data["path"] == "/etc/postfix/master.cf"
    assert master.splitlines()[int(str(found.data["line"])) - 1] == f"  -o {option}"


def test_a_type_of_service_that_its_program_refuses() -> None:
    said = "Nov 25 12:00:00 app postfix/tlsmgr[334]: fatal: unsupported transport type: fifo"
    master = f"{MASTER}tlsmgr fifo - - n 300 1 tlsmgr\n"
    (found,) = fatal(log=(said,), master=master, files={"/etc/postfix/master.cf": master})
    assert (found.data["parameter"], found.data["value"]) == ("the type of tlsmgr", "fifo")
    silent = f"{MASTER}rewrite fifo - - y - - trivial-rewrite\n"
    assert [o.data["parameter"] for o in fatal(files={"/etc/postfix/master.cf": silent})] == ["the type of rewrite"]


@pytest.mark.parametrize("since", [RELOADED, SENT])
def test_what_a_daemon_died_of_is_over_with_a_reload_or_work_done(since: str) -> None:
    assert fatal(explicit={"smtp_bind_address": "eth0"}, log=(BIND, since)) == []


def test_a_directory_of_programs_that_is_not_there() -> None:
    (found,) = fatal(explicit={"command_directory": "/usr/local/sbin"})
    assert (found.subject, found.data["parameter"], found.data["named"]) == (
        "command_directory",
        "command_directory",
        True,
    )
    there = {"/usr/sbin/postconf": StatReply(exists=True, kind="file", mode=0o755)}
    assert fatal(explicit={"command_directory": "/usr/sbin"}, stats=there) == []


def test_a_source_of_random_numbers_that_is_gone() -> None:
    settings = {"tls_random_source": "dev:/dev/hwrng9"}
    line = "Nov 25 12:00:00 app postfix/tlsmgr[334]: warning: cannot open entropy device /dev/hwrng9: No such file or directory"
    assert [o.subject for o in fatal(explicit=settings, log=(line,))] == ["tls_random_source"]
    assert fatal(explicit=settings) == []


@pytest.mark.parametrize(
    ("limit", "said", "named"),
    [
        ("1", "service cleanup requires a process limit of 0", True),
        ("0", "service cleanup requires a process limit of 0", False),  # a line of old, or a forged one
        ("0", "something that names no setting", False),
    ],
)
def test_the_last_words_of_a_daemon(limit: str, said: str, named: bool) -> None:
    log = (
        "Nov 25 12:00:00 app postfix/master[10]: reload -- version 3.7",
        f"Nov 25 12:00:01 app postfix/cleanup[9]: fatal: {said}",
    )
    found = fatal(log=log, files={"/etc/postfix/master.cf": f"cleanup unix n - y - {limit} cleanup\n"})
    assert [(o.subject, o.data["named"]) for o in found] == [("cleanup", named)]
