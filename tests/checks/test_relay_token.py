"""The check of OAuth tokens, and that no password is tried where a token is used."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from checks.relay.relay_login import relay_login
from checks.relay.relay_mechanism import relay_mechanism
from checks.relay.relay_token import relay_token
from diagnose.check import Dial, Glob, Read, Stat
from diagnose.host.memo import FakeHost
from diagnose.host.query import DialReply, GlobReply, ReadReply, StatReply
from diagnose.model import Observation
from tests.checks.pretended_postfix import NOW, of, run
from tests.checks.pretended_relay import PLUGINS, answered, relayed

OUTSIDE = "/etc/tokens/me@example.net"
PATH = f"/var/spool/postfix{OUTSIDE}"  # smtp(8) of the pretended host runs in its chroot
XOAUTH2 = ("/usr/lib/x86_64-linux-gnu/sasl2/libsasl-xoauth2.so",)
GMAIL = {"relayhost": "[smtp.gmail.com]:587"}
OFFER = ("LOGIN", "PLAIN", "XOAUTH2", "OAUTHBEARER")
TOKEN: dict[str, object] = {"access_token": "********", "refresh_token": "********", "expiry": str(NOW + 1800)}


def host(said: Mapping[str, object], owner: str = "postfix", mode: int = 0o600, **settings: str) -> FakeHost:
    """Through Gmail with the plug-in for tokens; the relay refuses whatever is said."""

    def dial(query: Dial) -> DialReply:
        refused = "535-5.7.8 Username and Password not accepted" if query.login else ""
        return answered(mechanisms=OFFER, auth=refused, stage="auth" if query.login else "quit")

    made = relayed(
        GMAIL | settings,
        dial=dial,
        names={"smtp.gmail.com A": ("192.0.2.7",)},
        source="[smtp.gmail.com]:587 me@example.net:********\n",
        keys={"[smtp.gmail.com]:587": "me@example.net:********"},
        plugins=(*PLUGINS, *XOAUTH2),
        stats={PATH: StatReply(exists=True, kind="file", mode=mode, owner=owner, group=owner)},
    )
    made.pairs[Read(PATH, secret="token")] = ReadReply(text=json.dumps(dict(said)))
    made.pairs[Glob("/var/spool/postfix/etc/tokens/*")] = GlobReply(paths=(PATH,))
    return made


def seen(said: Mapping[str, object], owner: str = "postfix", mode: int = 0o600, **settings: str) -> Observation:
    (found,) = of(run(relay_token, host(said, owner, mode, **settings)), "relay.token")
    return found


@pytest.mark.parametrize(
    ("said", "status", "kind"),
    [
        (TOKEN, "ok", None),
        # One that ended is renewed when mail is sent.
        (TOKEN | {"expiry": str(NOW - 86_400)}, "ok", None),
        ({"access_token": "********", "expiry": NOW - 600}, "failed", "expired"),
        ({"access_token": "********", "claims": {"exp": NOW - 600}}, "failed", "expired"),
        ({"access_token": "********", "expiry": NOW + 600}, "warning", "no-refresh"),
        ({}, "failed", "unreadable"),
        (TOKEN | {"claims": {"scp": "User.Read"}}, "warning", "scope"),
        (TOKEN | {"claims": {"scp": "SMTP.Send"}}, "ok", None),
    ],
)
def test_a_token(said: Mapping[str, object], status: str, kind: str | None) -> None:
    found = seen(said)
    assert (found.status.word, found.data.get("kind")) == (status, kind)


@pytest.mark.parametrize(("owner", "mode", "status"), [("root", 0o600, "failed"), ("root", 0o644, "warning")])
def test_a_file_that_smtp_cannot_use(owner: str, mode: int, status: str) -> None:
    assert seen(TOKEN, owner, mode).status.word == status


def test_a_token_is_no_password() -> None:
    (login,) = of(run(relay_login, host(TOKEN)), "relay.login")
    assert login.status.word == "unknown"
    assert "OAuth token" in login.summary
    assert [o.status.word for o in of(run(relay_mechanism, host(TOKEN)), "relay.mechanism")] == ["ok"]


def test_a_password_where_the_filter_leaves_no_token() -> None:
    (login,) = of(run(relay_login, host(TOKEN, smtp_sasl_mechanism_filter="plain, login")), "relay.login")
    assert login.status.word == "failed"
    assert run(relay_token, host(TOKEN, smtp_sasl_mechanism_filter="plain, login")) == []


def test_a_file_outside_the_chroot() -> None:
    made = host(TOKEN)
    made.pairs[Glob("/var/spool/postfix/etc/tokens/*")] = GlobReply()
    made.pairs[Glob("/etc/tokens/*")] = GlobReply(paths=(OUTSIDE,))
    made.pairs[Stat(OUTSIDE)] = StatReply(exists=True, kind="file")
    (found,) = of(run(relay_token, made), "relay.token")
    assert (found.status.word, found.data["kind"], found.data["path"]) == ("failed", "chroot", PATH)
