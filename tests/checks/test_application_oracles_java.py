"""What Java's properties come to by our reader is what they come to by JavaMail itself (`oracle.java`): server, port, TLS and login."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import javaproperties
import pytest

from diagnose.apps.javamail import mail_settings
from diagnose.apps.properties import parse

from .test_application_oracles import Way, ours
from .test_application_settings import cases, edited

JARS = [Path("/usr/share/java") / name for name in ("javax.mail.jar", "javax.activation.jar")]
pytestmark = pytest.mark.skipif(
    shutil.which("javac") is None or not all(jar.exists() for jar in JARS),
    reason="a JDK or JavaMail (libmail-java) is missing",
)
SSL = "socketFactory.class=javax.net.ssl.SSLSocketFactory"
CHOICES: tuple[tuple[str, ...], ...] = (
    ("", "port=465", "port=587", "port=58x"),
    ("", "ssl.enable=true", "ssl.enable=false", SSL, f"{SSL}\nsocketFactory.port=465", "socketFactory.port=465"),
    ("", "socketFactory.fallback=false"),
    ("", "starttls.enable=true", "starttls.required=true", "starttls.enable=true\nstarttls.required=true"),
    ("auth=true", "auth=false", "auth=true "),
)  # fmt: skip
"""Keys behind mail.smtp., of each line one."""


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("oracle")
    path = ":".join(map(str, [folder, *JARS]))
    source = Path(__file__).with_name("oracle.java")
    subprocess.run(["javac", "-nowarn", "-d", str(folder), "-cp", path, str(source)], check=True, capture_output=True)
    return ["java", "-Djdk.net.hosts.file=/dev/null", "-cp", path, "Oracle"]


def theirs(java: Sequence[str], folder: Path, kind: str, texts: Sequence[str]) -> list[Way | None]:
    files = [folder / f"{number}.properties" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    said = subprocess.run([*java, *(f"{kind}:{file}" for file in files)], capture_output=True, text=True, check=True)
    lines = said.stdout.split("\n")[:-1]
    return [None if line == "-" else _way(line.split("\t")) for line in lines]


def _way(fields: Sequence[str]) -> Way:
    host, port, tls, user, password = fields
    return host.strip(), int(port), tls, user, password  # blanks in a name are told apart


def read(text: str, codenvy: bool) -> Way | None:
    said, values = mail_settings(parse(text), codenvy), javaproperties.loads(text)
    login = (said.user, values.get(said.password_key, "")) if said.auth else ("", "")
    # JavaMail does not even connect with half a login.
    return (said.host, said.port, said.tls, *login) if all(login) or not said.auth else None


def combined(login: tuple[str, str]) -> Iterator[str]:
    for protocol, *chosen in itertools.product(("smtp", "smtps"), *CHOICES):
        keys = ["host=smtp.x.com", *login, *(line for each in chosen for line in each.split("\n") if line)]
        yield "\n".join([f"mail.transport.protocol={protocol}", *(f"mail.{protocol}.{key}" for key in keys)])


@pytest.mark.parametrize(
    ("kind", "login"),
    [("plain", ("user=u", "password=geheim 7")), ("codenvy", ("auth.username=u", "auth.password=geheim 7"))],
)
def test_javamail_goes_the_same_way_for_every_combination(
    java: list[str], tmp_path: Path, kind: str, login: tuple[str, str]
) -> None:
    every = list(combined(login))
    assert len(every) > 500
    answers = theirs(java, tmp_path, kind, every)
    for text, answer in zip(every, answers, strict=True):
        assert read(text, kind == "codenvy") == answer, text


def variants(kind: str) -> Iterator[tuple[str, str, str]]:
    """Path, text and name of the files of a kind, right ones and with each of their faults, whose values stand in themselves."""
    for case in cases():
        codenvy = "codenvy" if case["style"] == "codenvy" else "plain"
        if kind != {"javamail": codenvy, "spring": "spring"}.get(case["kind"]) or not case["path"].endswith(
            ".properties"
        ):
            continue
        for name, *edits in [["right"], *case["wrong"]]:
            text, _ = edited(case, edits)
            if not re.search(r"\$\{|^#---", text, re.M):
                yield case["path"], text, f"{case['style']}/{name}"


@pytest.mark.parametrize("kind", ["codenvy", "plain", "spring"])
def test_javamail_reaches_the_same_server(java: list[str], tmp_path: Path, kind: str) -> None:
    every = list(variants(kind))
    assert len(every) > 2
    for (path, text, where), answer in zip(
        every, theirs(java, tmp_path, kind, [each[1] for each in every]), strict=True
    ):
        assert (ours(path, text, {}) if kind == "spring" else read(text, kind == "codenvy")) == answer, where
