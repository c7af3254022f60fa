"""Secrets are gathered from the processes of this host, however their options spell them."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnose.host import gather
from diagnose.parse.text.known import Secrets

PASSWORD = "vK7-wondrous-2Rt"


@contextlib.contextmanager
def process(*arguments: str, **variables: str) -> Iterator[None]:
    """A process that waits, with these words behind its own in its command line."""
    command = ["bash", "-c", "echo ready; read -r", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables or None) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        yield
        child.kill()


@pytest.mark.parametrize(
    "arguments",
    [
        ("curl", "-u", f"bob:{PASSWORD}", "smtp://relay.example.org"),
        ("mysql", f"-p{PASSWORD}", "postfix"),
        ("swaks", "-au", "bob", "-ap", PASSWORD),
        ("mailer", f"--smtp-password={PASSWORD}"),
        ("mailer", f"smtp://bob:{PASSWORD}@relay.example.org"),
    ],
)
def test_the_command_line_of_a_process_is_gathered(arguments: tuple[str, ...]) -> None:
    secrets = Secrets()
    with process(*arguments):
        gather.gather(secrets)
    assert PASSWORD in secrets.values()


def test_the_environment_of_a_process_is_gathered() -> None:
    secrets = Secrets()
    with process(MAIL_PASSWORD=PASSWORD):
        gather.gather(secrets)
    assert PASSWORD in secrets.values()


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ("_LOGINS", "smtp.example.com:me:Tief-see-4Qv9\n"),
        ("_LOGINS", "me|smtp.example.com:Tief-see-4Qv9\n"),
        ("_CONFIGURATIONS", "plain:\n  driver = plaintext\n  client_send = ^me@example.com^Tief-see-4Qv9\n"),
        ("_CONFIGURATIONS", "  hide client_secret = Tief-see-4Qv9\n"),
        ("_SECRETS", 'AuthInfo:smtp.example.com "U:me" "I:me" "P:Tief-see-4Qv9" "M:PLAIN"\n'),
        ("_SECRETS", "label me@example.com:Tief-see-4Qv9\n"),
    ],
)
def test_the_logins_of_other_mailers_are_gathered(
    names: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text(text)
    monkeypatch.setattr(gather, names, (str(tmp_path / "file"),))
    secrets = Secrets()
    gather.gather(secrets)
    assert "4Qv9" not in secrets.hide("it said Tief-see-4Qv9 there")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("msmtprc", "account default\nhost smtp.example.com\nuser me\npassword Tief-see-4Qv9\n"),
        ("ssmtp.conf", "mailhub=smtp.example.com:587\nAuthUser=me\nAuthPass=Tief-see-4Qv9\n"),
        ("remotes", "smtp.example.com smtp --port=587 --starttls --user=me --pass=Tief-see-4Qv9\n"),
    ],
)
def test_settings_with_a_password_are_gathered(
    name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_text(text)
    monkeypatch.setattr(gather, "_SETTINGS", (str(tmp_path / name),))
    secrets = Secrets()
    gather.gather(secrets)
    assert "4Qv9" not in secrets.hide("it said Tief-see-4Qv9 there")


@pytest.mark.parametrize(
    "settings",
    [
        "smtp_sasl_password_maps = fail:acme:norupelefohi hash:/etc/postfix/sasl",
        "smtp_sasl_password_maps = hash:{ {smtp.example.org acme:norupelefohi} }",
        "smtp_sasl_password_maps = mongodb:{ uri = mongodb://acme:norupelefohi@db.example.org/?x=y }",
        "mine = acme:norupelefohi\nsmtp_sasl_password_maps = static:$mine",
        "mine = norupelefohi\nsmtp_sasl_password_maps = static:acme:${mine}",
        "smtp_sasl_password_maps = inline:{ { smtp.example.org =\n  acme:norupelefohi } }",
    ],
)
def test_a_password_of_letters_in_main_cf_is_no_public_word(
    settings: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "main.cf").write_text(f"relayhost = [smtp.example.org]:587\n{settings}\n")
    monkeypatch.setenv("MAIL_CONFIG", str(tmp_path))
    secrets = Secrets()
    gather.gather(secrets)
    shown = secrets.hide(settings)
    assert "norupelefohi" not in shown
    assert "example.org" in shown or "static" in shown or "sasl" in shown
