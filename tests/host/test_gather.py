"""Secrets are gathered from the processes of this host, however their options spell them."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

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
