"""The check of refusals at home."""

import json

import pytest

from checks.postfix.submission import submission
from diagnose.check import Exec, MailLog, MapLookup
from diagnose.host.query import ExecReply, LogReply, MapReply
from diagnose.model import Status, Strength
from tests.checks.pretended_postfix import failed, machine, of, run

INFO = [{"local": "192.168.1.10", "prefixlen": 24}, {"local": "45.76.1.5", "prefixlen": 24}]
OWN = {Exec(("ip", "-j", "addr")): ExecReply(code=0, out=json.dumps([{"addr_info": INFO}]))}
REJECT = "Nov 22 12:32:10 a postfix/smtpd[3]: NOQUEUE: reject: RCPT from unknown[{client}]: {reply}; from=<app@example.net> to=<u@example.org> proto=ESMTP helo=<app>"
DENIED = "454 4.7.1 <u@example.org>: Relay access denied"


def test_application_of_the_own_network() -> None:
    found = run(submission, machine(log=(REJECT.format(client="192.168.1.44", reply=DENIED),), more=OWN))
    assert (failed(found), found[0].data["client"]) == (["config.submission-refused"], "192.168.1.44")


def test_a_refusal_without_a_reply_code() -> None:
    line = "Nov 22 12:32:10 a postfix/smtpd[3]: 4F1A317030E: reject: END-OF-MESSAGE from app[192.168.1.44]: bare <LF> received; from=<app@example.net> to=<u@example.org> proto=ESMTP helo=<app>"
    assert failed(run(submission, machine(log=(line,), more=OWN))) == ["config.submission-refused"]


def test_strangers_even_neighbours_on_a_public_network() -> None:
    for client in ("198.51.100.7", "45.76.1.99"):
        assert failed(run(submission, machine(log=(REJECT.format(client=client, reply=DENIED),), more=OWN))) == []


def test_taken_since() -> None:
    """A dialogue without a message, as this tool's own, is no proof that mail is taken."""
    client = "Nov 22 12:40:10 a postfix/smtpd[3]: 4F1A317030E: client=app[192.168.1.44]"
    message = "Nov 22 12:40:10 a postfix/cleanup[4]: 4F1A317030E: message-id=<1@app>"
    for later, status in (((client,), Status.FAILED), ((client, message), Status.WARNING)):
        log = (REJECT.format(client="192.168.1.44", reply=DENIED), *later)
        assert of(run(submission, machine(log=log, more=OWN)), "config.submission-refused")[0].status is status


def test_settings_read_anew_since() -> None:
    """Whether the refusal still stands nobody has tried: it is possible, and no more."""
    denied = REJECT.format(client="192.168.1.44", reply=DENIED)
    reload = "Nov 22 12:40:10 a postfix/master[1]: reload -- version 3.7.11, configuration /etc/postfix"
    for log, most in (((denied, reload), Strength.FITS), ((reload, denied), None), ((denied, reload, denied), None)):
        seen = of(run(submission, machine(log=log, more=OWN)), "config.submission-refused")[0]
        assert (seen.status, seen.data.get("at_most")) == (Status.FAILED, most)


def test_another_machine_that_sends_as_a_strange_domain() -> None:
    """It may be a guest's as well as an application's: possible, and no more."""
    denied = REJECT.format(client="192.168.1.44", reply=DENIED)
    here = REJECT.format(client="127.0.0.1", reply=DENIED)
    for log, domain, most in (
        (denied, "example.net", None),
        (denied, "phone.lan", Strength.FITS),
        (here, "phone.lan", None),
    ):
        lines = (log.replace("app@example.net", f"app@{domain}"),)
        seen = of(
            run(submission, machine({"myorigin": "example.net"}, log=lines, more=OWN)), "config.submission-refused"
        )[0]
        assert (seen.status, seen.data.get("at_most")) == (Status.FAILED, most), domain


def test_refusal_with_another_root() -> None:
    unknown = "550 5.1.1 <u@example.org>: Recipient address rejected: User unknown in local recipient table"
    for reply in ("451 4.7.1 Service unavailable - try again later", "452 4.3.1 Insufficient system storage", unknown):
        assert failed(run(submission, machine(log=(REJECT.format(client="127.0.0.1", reply=reply),), more=OWN))) == []


def test_a_milter_of_this_host_and_a_sender_without_an_account() -> None:
    milter = "Nov 22 12:32:10 a postfix/cleanup[3]: 4F1A317030E: milter-reject: END-OF-MESSAGE from localhost[127.0.0.1]: {}; from=<app@example.net> to=<u@example.org>"
    sender = "550 5.1.0 <app@example.net>: Sender address rejected: User unknown in local recipient table"
    for line, wanted in (
        (milter.format("5.7.1 rejected by DMARC policy for example.net"), ["config.submission-refused"]),
        (milter.format("4.7.1 Service unavailable - try again later"), []),
        (REJECT.format(client="127.0.0.1", reply=sender), ["config.submission-refused"]),
    ):
        assert failed(run(submission, machine(log=(line,), more=OWN))) == wanted


SMTPD = "Nov 22 12:32:10 a postfix/smtpd[3]: "


def test_refusals_without_a_line_of_their_own() -> None:
    """smtpd warns, and counts the command as failed when the client leaves; a warning alone refuses nothing."""
    syntax = f"{SMTPD}warning: Illegal address syntax from localhost[127.0.0.1] in MAIL command: app@example.net"
    limit = (
        f"{SMTPD}warning: Message delivery request rate limit exceeded: 3 from localhost[127.0.0.1] for service smtp"
    )
    early = f"{SMTPD}improper command pipelining after CONNECT from localhost[127.0.0.1]: EHLO app\\r\\nMAIL"
    failing = f"{SMTPD}disconnect from localhost[127.0.0.1] ehlo=1 mail=0/1 quit=1 commands=2/3"
    well = f"{SMTPD}disconnect from localhost[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"
    stranger = syntax.replace("localhost[127.0.0.1]", "unknown[198.51.100.7]")
    for log, wanted in (
        ((syntax, failing), ["config.submission-refused"]),
        ((limit, failing), ["config.submission-refused"]),
        ((early,), ["config.submission-refused"]),
        ((syntax, well), []),
        ((failing,), []),
        ((stranger, failing), []),
    ):
        assert failed(run(submission, machine(log=log, more=OWN))) == wanted, log


def test_blocklist_that_names_a_client_of_this_host() -> None:
    reply = "554 5.7.1 Service unavailable; Client host [127.0.0.1] blocked using bl.example.net; gone"
    (found,) = run(submission, machine(log=(REJECT.format(client="127.0.0.1", reply=reply),), more=OWN))[:1]
    assert (found.data["text"], found.data["sender"]) == (reply, "app@example.net")


def test_users_who_may_submit() -> None:
    assert failed(run(submission, machine({"authorized_submit_users": "root"}))) == ["config.submit-users"]
    assert failed(run(submission, machine({"authorized_submit_users": "!www-data, static:all"}))) == [
        "config.submit-users"
    ]
    for value in ("static:anyone", "!games, static:all", "root, www-data, apache, nginx, tomcat, nobody, daemon"):
        assert failed(run(submission, machine({"authorized_submit_users": value}))) == []
    for entry, status in ((MapReply(found=True, value="x"), Status.OK), (MapReply(problem="denied"), Status.UNKNOWN)):
        listed = {MapLookup("hash:/etc/postfix/users", user): entry for user in ("www-data", "apache")}
        host = machine({"authorized_submit_users": "hash:/etc/postfix/users"}, more=listed)
        assert of(run(submission, host), "config.submit-users")[0].status is status


def test_users_who_did_submit() -> None:
    """The log tells whose programs use sendmail; without it only a list of root alone surely leaves them out."""
    files = {
        "/etc/passwd": "root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/:/bin/false\nshop:x:990:990::/srv:/bin/false\n"
    }
    handed = "Nov 22 12:32:10 a postfix/pickup[3]: 4F1A317030E: uid={}  from=<app@example.net>"
    cases = {
        ("root", "33"): (Status.FAILED, True, False),
        ("root", "0"): (Status.FAILED, False, False),
        ("root, shop", "33"): (Status.FAILED, True, False),
        ("root, shop", "990"): (Status.OK, None, None),
        ("root, shop", "0"): (Status.WARNING, False, False),
        ("root, shop", ""): (Status.WARNING, False, True),
        ("root, crm", ""): (Status.FAILED, False, True),
        ("root, shop, crm", ""): (Status.WARNING, False, True),
        ("root, ldap", ""): (Status.WARNING, False, True),
    }
    known = {Exec(("getent", "passwd", name)): ExecReply(code=code) for name, code in (("crm", 2), ("ldap", 0))}
    for (value, uid), expected in cases.items():
        log = (handed.format(uid),) if uid else ()
        host = machine({"authorized_submit_users": value}, files=files, log=log, more=known)
        seen = of(run(submission, host), "config.submit-users")[0]
        assert (seen.status, seen.data.get("used"), seen.data.get("idle")) == expected, (value, uid)


@pytest.mark.parametrize(
    ("patterns", "status"),
    [("*", Status.OK), ("@example.net ops@example.org", Status.OK), ("app@example.net", Status.OK),
     ("ops@example.net", Status.FAILED), (None, Status.FAILED), ("?", Status.UNKNOWN)],
)  # fmt: skip
def test_sender_addresses_of_an_account(patterns: str | None, status: Status) -> None:
    """local_login_sender_maps is enforced by postdrop(1), which logs nothing."""
    table = "hash:/etc/postfix/logins"
    reply = (
        MapReply(problem="permission denied")
        if patterns == "?"
        else MapReply(found=bool(patterns), value=patterns or "")
    )
    host = machine(
        {"local_login_sender_maps": table},
        files={"/etc/passwd": "www-data:x:33:33::/:/bin/false\n"},
        log=("Nov 22 12:32:10 a postfix/pickup[3]: 4F1A317030E: uid=33 from=<app@example.net>",),
        more={MapLookup(table, "www-data"): reply},
    )
    assert [seen.status for seen in of(run(submission, host), "config.submit-users")] == [status]


def test_without_the_log_the_settings_tell_what_would_be_refused() -> None:
    """An ordinary user cannot read the log; with it, what really happened counts and not what might."""
    settings = {
        "smtpd_helo_restrictions": "reject_non_fqdn_helo_hostname",
        "smtpd_sender_restrictions": "permit_mynetworks, reject_unknown_sender_domain",
        "message_size_limit": "102400",
    }
    unread = {MailLog(86_400.0): LogReply(problem="permission denied: /var/log/mail.log")}
    found = run(submission, machine(settings, root=False, more=unread))
    told = [(o.sign, o.subject) for o in found if o.status is Status.WARNING]
    assert told == [
        ("config.submission-refused", "smtpd_helo_restrictions"),
        ("config.size-limit", "message_size_limit"),
    ]
    assert [o for o in run(submission, machine(settings)) if o.status is Status.WARNING] == []
