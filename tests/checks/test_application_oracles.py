"""What a settings file comes to by our reader is what it comes to by the application's own library: server, port, TLS and login.

The files are those of `application_settings.jsonl`, right ones and with each of their faults. Where the library refuses a file, or sends
nothing by it, the reader tells a fault.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django.conf
import environ
import pytest
from django.core.mail import get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.test.utils import override_settings
from dotenv import dotenv_values
from flask import Flask
from flask_mail import Mail

from diagnose.apps import formats
from diagnose.apps.wider import MISSING

from .test_application_settings import cases, edited

Way = tuple[str, int, str, str, str]
"""Server, port, beginning of TLS, user, password."""
# What these take from elsewhere is not in the file.
ELSEWHERE = {
    ("django", "second-a"),
    ("django", "second-b"),
    ("flask", "tls-in-the-module"),
    ("django", "prefixed-names"),
}


def variants(kind: str) -> list[Any]:
    """Every right file of a kind and every fault of it, as (path, text, other files)."""
    return [
        pytest.param(case["path"], *edited(case, edits), id=f"{case['style']}-{name}")
        for case in cases()
        if case["kind"] == kind and (kind, case["style"]) not in ELSEWHERE
        for name, *edits in [["right"], *case["wrong"]]
    ]


def ours(path: str, text: str, files: dict[str, str]) -> Way | None:
    """By the reader; None where it tells that nothing can be sent so."""

    def other(place: str, kind: str) -> tuple[str, str]:
        return (files[place], "") if place in files else ("", MISSING)

    found = formats.read(path, text, other)
    assert found.settings is not None, found.problem
    said = found.settings
    if not said.host or any(p.kind == "setting-wrong" for p in said.problems):
        return None
    return said.host, said.port, said.tls, *((found.user, found.password) if said.auth else ("", ""))


def agree(ours: Way | None, theirs: Way | None) -> bool:
    """The same way; or what the reader calls wrong is one by which nothing is sent: no server can have the name, half a login."""
    if ours is None:
        return theirs is None or ":" in theirs[0] or bool(theirs[3]) != bool(theirs[4])
    return ours == theirs


@contextlib.contextmanager
def module(folder: Path, path: str, text: str, files: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The names that a settings module of a package sets, as Python runs it."""
    package = folder / "project_of_a_test"
    package.mkdir()
    for name, content in {"base.py": "", **files, path: text}.items():
        (package / Path(name).name).write_text(content, encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        made = importlib.import_module(f"{package.name}.{Path(path).stem}")
        yield {name: value for name, value in vars(made).items() if name[:1].isupper()}
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == package.name]:
            del sys.modules[name]


def by_django(names: dict[str, Any]) -> Way | None:
    if not django.conf.settings.configured:
        django.conf.settings.configure()
    with override_settings(**{k: v for k, v in names.items() if k.startswith("EMAIL_")}):
        try:
            made = get_connection()
            if not isinstance(made, EmailBackend):
                return None
            port = int(made.port)
        except ValueError:
            return None
        if not all(isinstance(each, str) for each in (made.host, made.username or "", made.password or "")):
            return None  # a tuple, which smtplib takes neither for a name nor for a login
        tls = "implicit" if made.use_ssl else "starttls-required" if made.use_tls else "none"
        return made.host, port, tls, made.username or "", made.password or ""


@pytest.mark.parametrize(("path", "text", "files"), variants("django"))
def test_django_reaches_the_same_server(
    path: str, text: str, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environ.Env, "ENVIRON", dict(os.environ))  # its read_env() leaves it filled
    for name in re.findall(r'os\.environ\["(\w+)"\]', text):
        monkeypatch.setenv(name, "")  # a login that the file does not hold
    if path.endswith(".py"):
        try:
            with module(tmp_path, path, text, files) as names:
                theirs = by_django(names)
        except ValueError:
            theirs = None
    else:
        env = environ.Env()
        env.ENVIRON = dotenv_values(stream=io.StringIO(text))
        theirs = by_django(_of_environment(env))
    read = ours(path, text, files)
    assert agree(read, theirs), (read, theirs)


def _of_environment(env: environ.Env) -> dict[str, Any]:
    """The settings as a project has them that takes them from its environment by django-environ."""
    if "EMAIL_URL" in env.ENVIRON:
        return dict(env.email_url("EMAIL_URL"))
    return {
        "EMAIL_HOST": env.str("EMAIL_HOST"),
        "EMAIL_PORT": env.str("EMAIL_PORT"),
        "EMAIL_HOST_USER": env.str("EMAIL_HOST_USER"),
        "EMAIL_HOST_PASSWORD": env.str("EMAIL_HOST_PASSWORD"),
        "EMAIL_USE_TLS": env.bool("EMAIL_USE_TLS", default=False),
        "EMAIL_USE_SSL": env.bool("EMAIL_USE_SSL", default=False),
    }


@pytest.mark.parametrize(("path", "text", "files"), variants("flask"))
def test_flask_mail_reaches_the_same_server(path: str, text: str, files: dict[str, str], tmp_path: Path) -> None:
    app = Flask("shop")
    with module(tmp_path, path, text, files) as names:
        app.config.from_object(names["Config"])
    mail = Mail(app).state
    assert mail is not None
    tls = "implicit" if mail.use_ssl else "starttls-required" if mail.use_tls else "none"
    theirs = (mail.server, mail.port, tls, mail.username, mail.password)
    # It begins TLS twice, or sends nothing.
    assert ours(path, text, files) == (None if mail.suppress or (mail.use_ssl and mail.use_tls) else theirs)


def test_each_application_says_what_bears_its_table_out() -> None:
    borne = {id: (table.get("truth"), str(table.get("source", ""))) for id, table in formats.applications().items()}
    assert {truth for truth, _ in borne.values()} == {"library", "program", "source", None}
    # A branch's file changes; a version's does not.
    assert not [
        id for id, (truth, at) in borne.items() if truth == "source" and not re.search(r"/blob/[0-9a-f]{40}/", at)
    ]
    assert not [id for id, (_, at) in borne.items() if not at and id not in ("environment", "general")]
