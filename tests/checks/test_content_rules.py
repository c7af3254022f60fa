"""The check of rules on what mail says."""

from checks.postfix.content_rules import content_rules
from diagnose.check import MailLog
from diagnose.host.query import LogReply
from diagnose.model import Status
from tests.checks.pretended_postfix import failed, machine, run

LINE = "Nov 22 12:32:20 app postfix/cleanup[3]: C6B: discard: header Subject: Verify your account from {who}; from=<a@example.net> to=<u@example.org>: test"
USE = {"header_checks": "pcre:/etc/postfix/header_checks"}


def test_none() -> None:
    assert failed(run(content_rules, machine())) == []


def test_rule_that_could_stop_mail_is_a_note() -> None:
    files = {"/etc/postfix/header_checks": "# comment\n/^Subject: .*Verify/ DISCARD test system\n/^Received:/ IGNORE\n"}
    assert [o.status for o in run(content_rules, machine(USE, files=files))] == [Status.WARNING]


def test_rule_that_did_it_to_this_hosts_mail() -> None:
    found = run(content_rules, machine(USE, log=(LINE.format(who="local"),)))
    assert (failed(found), found[0].data["how"]) == (["config.content-rule"], "discard")


def test_mail_of_strangers_is_discarded_rightly() -> None:
    assert failed(run(content_rules, machine(USE, log=(LINE.format(who="mx.spam.example[198.51.100.7]"),)))) == []


def test_access_table_or_milter_that_discards_this_hosts_mail() -> None:
    line = "Nov 22 12:00:00 a postfix/smtpd[3]: NOQUEUE: discard: RCPT from localhost[127.0.0.1]: <u@example.org>: Recipient address triggers DISCARD action; from=<a@example.net> to=<u@example.org> proto=ESMTP helo=<a>"
    milter = "Nov 22 12:00:00 a postfix/cleanup[3]: 4A1B2C3D4E: milter-discard: END-OF-MESSAGE from localhost[127.0.0.1]: milter triggers DISCARD action; from=<a@example.net> to=<u@example.org>"
    worded = line.replace("triggers DISCARD action", "load test")
    for one, whose in ((line, "an access table of smtpd"), (worded, "an access table of smtpd"), (milter, "a milter")):
        found = run(content_rules, machine(log=(one,)))
        assert (failed(found), found[0].data["parameter"]) == (["config.content-rule"], whose)


def test_without_the_log_a_rule_that_could_stop_mail_says_so() -> None:
    """Whether it did stands in the log, which an ordinary user cannot read."""
    files = {"/etc/postfix/header_checks": "/^Subject: .*Verify/ DISCARD test system\n"}
    unread = {MailLog(86_400.0): LogReply(problem="permission denied: /var/log/mail.log")}
    (found,) = run(content_rules, machine(USE, files=files, root=False, more=unread))
    assert (found.status, found.data["unlogged"]) == (Status.WARNING, True)


REJECTED = (
    "Nov 26 05:06:33 app postfix/cleanup[3]: 1EC: reject: header Subject: Please verify your address from local; "
    "from=<a@example.net> to=<u@example.org>: 5.7.1 spam is not wanted"
)
RULES = """# ours
/^X-Spam-Flag: YES/ DISCARD
/^Subject:.*win/ REJECT spam is not wanted
/^Subject:.*verify/ REJECT spam is not wanted
/^Subject:.*your/ REJECT other words
"""


def test_the_one_rule_that_did_it_is_named_by_its_line() -> None:
    same = {**USE, "mime_header_checks": "$header_checks"}
    (found,) = run(content_rules, machine(same, files={"/etc/postfix/header_checks": RULES}, log=(REJECTED,)))
    assert (found.data["table"], found.data["line"]) == ("/etc/postfix/header_checks", 4)
    assert (
        "line 4 (/^Subject:.*verify/ REJECT spam is not wanted), rejects this host's own mail: 1 message"
        in found.summary
    )


def test_of_two_rules_that_may_have_done_it_none_is_named() -> None:
    files = {"/etc/postfix/header_checks": RULES + "/address/ REJECT spam is not wanted\n"}
    (found,) = run(content_rules, machine(USE, files=files, log=(REJECTED,)))
    assert "line" not in found.data


def test_the_last_mail_of_this_host_counts_though_others_and_its_bounce_flowed() -> None:
    handed = [f"Nov 26 05:0{n}:00 app postfix/pickup[1]: 1E{n}: uid=33 from=<a@example.net>" for n in range(5)]
    bounce = "Nov 26 05:06:34 app postfix/qmgr[4]: 2EC: from=<>, size=900, nrcpt=1 (queue active)"
    (found,) = run(content_rules, machine(USE, log=(*handed, REJECTED, bounce)))
    assert found.data["most"] is True
    later = bounce.replace("from=<>", "from=<a@example.net>")
    (found,) = run(content_rules, machine(USE, log=(*handed, REJECTED, later)))
    assert found.data["most"] is False


def test_held_mail_names_its_rule() -> None:
    """A Received header is long, and stands whole in the log."""
    header = "Received: from app.example.net??by app.example.net with ESMTP id A82EC19B??for <u@example.org>; Sat, 28 Nov 2026 08:18:23 +0000"
    line = f"Nov 28 08:18:23 app postfix/cleanup[3]: C6B: hold: header {header} from localhost[127.0.0.1]; from=<a@example.net> to=<u@example.org>"
    files = {"/etc/postfix/header_checks": "# MailScanner\n/^Received:/ HOLD\n"}
    found = run(content_rules, machine(USE, files=files, log=(line,)))
    assert (failed(found), found[0].data["how"], found[0].data["line"]) == (["config.content-rule"], "hold", 2)


def test_a_rule_that_was_taken_out_since() -> None:
    reload = "Nov 22 12:40:10 app postfix/master[1]: reload -- version 3.7.11, configuration /etc/postfix"
    for text, wanted in (("#/Verify/ DISCARD test\n", []), ("/Verify/ DISCARD test\n", ["config.content-rule"])):
        host = machine(USE, files={"/etc/postfix/header_checks": text}, log=(LINE.format(who="local"), reload))
        assert failed(run(content_rules, host)) == wanted
