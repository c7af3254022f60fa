"""The check for pasted characters."""

import pytest

from checks.postfix.artifacts import pasted
from diagnose.model import Status
from tests.checks.pretended_postfix import failed, machine, run


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("smtp_use_tls", "yes\\", "trailing-backslash"),
        ("relayhost", "\u201c[smtp.example.com]:587\u201d", "smart-quote"),
        ("relayhost", "[smtp.example.com]:587\u00a0", "nbsp"),
    ],
)
def test_characters_in_a_value(name: str, value: str, kind: str) -> None:
    found = run(pasted, machine({name: value}))
    assert failed(found) == ["config.paste"]
    assert (found[0].data["kind"], found[0].data["parameter"], found[0].data["line"]) == (kind, name, 1)


def test_free_text_regular_expressions_and_comments_may_hold_anything() -> None:
    text = "# \u201cquoted\u201d \\\nmail_name = Caf\u00e9 \u2013 Post\nheader_checks = regexp:{{/^Subject: a\\\\/ DUNNO}}\nmyhostname = a.example.net\n"
    assert failed(run(pasted, machine({"myhostname": "a.example.net"}, files={"/etc/postfix/main.cf": text}))) == []


def test_line_that_a_later_one_overrides_does_no_harm() -> None:
    text = "smtp_use_tls = yes\\\nsmtp_use_tls = yes\n"
    found = run(pasted, machine({"smtp_use_tls": "yes"}, files={"/etc/postfix/main.cf": text}))
    assert [o.status for o in found] == [Status.WARNING]


def test_carriage_returns_are_harmless() -> None:
    assert failed(run(pasted, machine(files={"/etc/postfix/main.cf": "relayhost = [a.example.com]:587\r\n"}))) == []


def test_unreadable_file_is_unknown() -> None:
    host = machine(files={})
    host.pairs = {k: v for k, v in host.pairs.items() if getattr(k, "path", "") != "/etc/postfix/main.cf"}
    from diagnose.check import Read
    from diagnose.host.query import ReadReply

    host.by_kind[Read] = lambda q: ReadReply(problem="permission denied")
    assert [o.status for o in run(pasted, host)] == [Status.UNKNOWN]
