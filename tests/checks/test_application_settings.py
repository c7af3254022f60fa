"""Settings files of 31 kinds as strangers write them: no right one is accused, each is read, and what is wrong is found.

A line of `application_settings.jsonl` is one right file (kind, style, path, lines, files: others that it names) with its truth, and
`wrong`: faults, each a name and the edits (what stood, what stands now, in which other file) that make it of the right one.
The server behind them speaks as servers do on 25, 465, 587 and 2525; it refuses the login where the fault is one of the password.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from checks.application.application import application
from checks.application.application_probe import application_probe
from diagnose.check import Dial, Settings
from diagnose.host.query import Attempt, DialReply, Listener, ResolveReply
from diagnose.model import Observation, Status

from .pretended_application import Machine, usual, with_

DATA = Path(__file__).parents[1] / "data" / "application_settings.jsonl"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
PROGRAMS = {"/usr/sbin/sendmail": "", "/usr/sbin/exim4": "", BUNDLE: "-----BEGIN CERTIFICATE-----\n"}
# Faults of a login: what such a server answers. Whether a password is the right one, no file tells.
OF_THE_LOGIN = (
    "placeholder", "hash-in-password", "trailing-blank", "login-apikey", "quotes", "quotes-odd", "base64-newline",
    "dollar-in-password", "unquoted-blank", "unescaped-special", "variable-unset",
)  # fmt: skip


@cache
def cases() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines())


def server(dial: Dial, fault: str, user: str) -> DialReply:
    if dial.port in (25, 2525):
        attempts = (Attempt(address="192.0.2.7"),)
        return DialReply(
            address="192.0.2.7",
            attempts=attempts,
            stage="quit",
            banner="220 mail",
            ehlo="250-mail\n250 SIZE",
            mail="250 ok",
        )
    reply = usual(dial)
    if not fault and not user and reply.mail:
        return with_(reply, mail="250 ok")
    if fault in OF_THE_LOGIN and reply.auth:
        return with_(reply, auth="535 5.7.8 Authentication failed")
    return reply


def run(case: dict[str, Any], text: str, files: dict[str, str], fault: str = "") -> tuple[Machine, list[Observation]]:
    known = {each["truth"].get("host") for each in cases()} | {"smtp.gmail.com", "smtp.mailgun.org"}
    machine = Machine(
        {**PROGRAMS, **files, case["path"]: text},
        settings=Settings(app_config=(case["path"],)),
        server=lambda dial: server(dial, fault, case["truth"].get("user", "")),
        addresses=lambda name: (
            ResolveReply(addresses=("192.0.2.7",)) if name in known else ResolveReply(problem="name not known")
        ),
        listeners=(Listener(address="127.0.0.1", port=25),),
    )
    return machine, machine.run(application) + machine.run(application_probe)


def edited(case: dict[str, Any], edits: list[list[str]]) -> tuple[str, dict[str, str]]:
    text, files = "\n".join(case["lines"]), dict(case.get("files", {}))
    for old, new, *where in edits:
        if where:
            assert old in files[where[0]]
            files[where[0]] = files[where[0]].replace(old, new)
        else:
            assert old in text
            text = text.replace(old, new)
    return text, files


def bad(found: list[Observation]) -> Iterator[Observation]:
    return (o for o in found if o.status is Status.FAILED)


@pytest.mark.parametrize("kind", sorted({case["kind"] for case in cases()}))
def test_a_right_file_is_read_and_not_accused(kind: str) -> None:
    for case in (case for case in cases() if case["kind"] == kind):
        where, truth = f"{kind}/{case['style']}", case["truth"]
        machine, found = run(case, "\n".join(case["lines"]), case.get("files", {}))
        assert not list(bad(found)), where
        assert not [o for o in found if o.sign == "app.format" and o.status is Status.UNKNOWN], where
        if "host" in truth:
            first = machine.dialled[0]
            assert (first.host, first.port) == (truth["host"], truth["port"]), where
            assert first.tls.startswith(truth.get("tls", first.tls)), where
        for dial in machine.dialled:
            assert dial.sender in ("", truth.get("sender", dial.sender)), where


def test_what_is_wrong_is_found() -> None:
    """At least 95 of 100; whatever else is odd is remarked, and nothing is held for right that was not read."""
    faults: Counter[str] = Counter()
    quiet, unread = [], []
    for case in cases():
        _, right = run(case, "\n".join(case["lines"]), case.get("files", {}))
        before = {(o.sign, o.subject) for o in right if o.status is not Status.OK}
        for name, *edits in case["wrong"]:
            _, found = run(case, *edited(case, edits), fault=name)
            where = f"{case['kind']}/{case['style']}/{name}"
            told = [o for o in found if o.status is Status.FAILED]
            remarked = [o for o in found if o.status is Status.WARNING and (o.sign, o.subject) not in before]
            faults["found" if told else "remarked" if remarked else "missed"] += 1
            quiet += [] if told or remarked else [where]
            unread += [where for o in found if o.sign == "app.format" and o.status is Status.UNKNOWN]
    print(f"\nfaults in settings: {dict(faults)}")
    assert not unread
    assert len(quiet) <= 1, quiet
    assert faults["found"] >= 0.95 * sum(faults.values())
