"""The word that is the same where Postfix was set up alike: in a recording as on its host, and without secrets."""

from __future__ import annotations

import time
from typing import Any

import pytest

from diagnose import facts
from diagnose.check import Context, Settings
from diagnose.host.kept import Keeper
from diagnose.host.memo import Memo, Recorder
from diagnose.host.query import Now, NowReply
from diagnose.host.snapshot import Recording, dumps, loads
from diagnose.model import Target
from diagnose.parse.text.masking import Secrets
from tests.checks import pretended_postfix

SETTINGS = {
    "myhostname": "app-1.example.com",
    "mydestination": "app-1.example.com, localhost",
    "relayhost": "[smtp.example.net]:587",
    "smtpd_tls_cert_file": "/etc/ssl/app-1.example.com/fullchain.pem",
    "smtp_sasl_password_maps": "static:app:s3cretPassWord",
    "header_checks": "pcre:{{/^X-Key: kJ8hF3sLq9Zx2/ IGNORE}}",
    "notify_classes": "hunterhunter resource",
    "smtpd_banner": "app-1.example.com ESMTP",
}


def world(more: dict[str, str], name: str = "app-1.example.com", master: str = pretended_postfix.MASTER) -> Memo:
    now = {
        Now(): NowReply(epoch=pretended_postfix.NOW, hostname=name.partition(".")[0], fqdn=name, user="root", root=True)
    }
    return Memo(pretended_postfix.machine({**SETTINGS, **more}, master=master, more=now))


def word(memo: Any, hide: Any = lambda data: data) -> str:
    return facts.fingerprint(Context(Recorder(memo, time.monotonic() + 5), Target(), Settings()), hide)


BASE = word(world({}))


def test_a_hosts_own_names_do_not_count() -> None:
    other = {name: value.replace("app-1", "mx-22") for name, value in SETTINGS.items()}
    assert word(world(other, "mx-22.example.com")) == BASE


@pytest.mark.parametrize(
    "more",
    [
        {"relayhost": "[smtp.example.org]:587"},
        {"smtp_tls_security_level": "encrypt"},
        {"smtp_sasl_password_maps": "hash:/etc/x"},
    ],
)
def test_a_setting_counts(more: dict[str, str]) -> None:
    assert word(world(more)) != BASE


def test_a_service_counts() -> None:
    assert word(world({}, master=pretended_postfix.MASTER + "new  unix  -  -  n  -  -  smtp\n")) != BASE


def test_a_secret_does_not_count() -> None:
    """Nobody can try words against it."""
    other = {"smtp_sasl_password_maps": "static:app:another", "header_checks": "pcre:{{/^X-Key: other/ IGNORE}}"}
    assert word(world(other)) == BASE


def test_a_recording_has_its_hosts_own() -> None:
    known = Secrets()
    known.add("hunterhunter")
    memo = world({})
    here = word(memo, known.hide_data)
    recording = Recording(version="1", started="2026-01-01T00:00:00+00:00", target=Target(), asked=dict(memo.known()))
    kept = loads(dumps(recording, known.hide_data, Keeper()))
    assert "hunterhunter" not in str(kept)
    assert word(Memo(kept)) == here


def test_without_postfix_there_is_none() -> None:
    assert word(Memo(Recording(version="1", started="", target=Target(), asked={}))) == ""
