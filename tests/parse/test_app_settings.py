"""Java's .properties, JavaMail's rules, and Codenvy's templates are read as Java and Puppet read them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from diagnose.apps import erb, properties
from diagnose.apps.javamail import mail_settings
from diagnose.apps.settings import MailSettings

SECRET = "Geheimnis77"
DOCUMENTED = """mail.host=smtp.gmail.com
mail.port=465
mail.transport.protocol=smtp
mail.smtp.auth=true

mail.smtp.auth.username=YOUR_GMAIL_LOGIN@gmail.com
mail.smtp.auth.password=YOUR_GMAIL_PASSWORD
mail.smtp.socketFactory.port=465
mail.smtp.socketFactory.class=javax.net.ssl.SSLSocketFactory
mail.smtp.socketFactory.fallback=false\\
"""
LOGIN = f"mail.smtp.auth=true\nmail.smtp.auth.username=me\nmail.smtp.auth.password={SECRET}\nmail.smtp.timeout=9000\n"
JAVA = shutil.which("java")
DUMP = """
import java.io.*; import java.nio.file.*; import java.util.*;
public class Dump { public static void main(String[] a) throws Exception {
  for (String f : a) {
    Properties p = new Properties();
    try (Reader r = new StringReader(Files.readString(Path.of(f)))) { p.load(r); }
    catch (IllegalArgumentException e) { System.out.println("!"); continue; }
    StringBuilder b = new StringBuilder();
    for (String k : new TreeSet<>(p.stringPropertyNames())) {
      for (char c : (k + "=" + p.getProperty(k)).toCharArray()) b.append(String.format("%04x", (int) c));
      b.append(" ");
    }
    System.out.println(b.toString().trim());
  } } }
"""


def read(text: str) -> MailSettings:
    return mail_settings(properties.parse(text))


def kinds(text: str) -> set[str]:
    return {problem.kind for problem in read(text).problems}


@pytest.mark.skipif(JAVA is None, reason="java is not installed")
def test_properties_are_those_of_java(tmp_path: Path) -> None:
    texts = [
        DOCUMENTED,
        "a=1\\\nb=2\n",
        "a=1\\\n# no comment\nb=2",
        "a=1\\\n\nb=2\n",
        "a = 1 \n b:2\n\tc 3\nd\n=e\n",
        "# x\\\na=1\n! y\nb=\\\\\\\n 2\n",
        "a\\ b=c\\=d\\:e\na\\:b:c\n",
        "k=\\u0041\\t\\q\n",
        "k=\\u12\nx=1\n",
        "k=\\\\u12\n",
        "a=1\r\nb=2\rc=3\\\r\n  4\n",
        "\ufeffa=1\na=2\na=3",
        'q="x"  \n\\\n  z=1\\',
    ]
    files = []
    for number, text in enumerate(texts):
        file = tmp_path / f"{number}.properties"
        file.write_text(text, encoding="utf-8", newline="")
        files.append(str(file))
    (tmp_path / "Dump.java").write_text(DUMP)
    assert JAVA
    done = subprocess.run(
        [JAVA, "-Xint", str(tmp_path / "Dump.java"), *files], capture_output=True, text=True, timeout=120, check=True
    )
    for text, line in zip(texts, done.stdout.splitlines(), strict=True):
        ours = properties.parse(text)
        assert ours.loads == (line != "!"), text
        if ours.loads:
            pairs = {
                e.key + "=" + (e.value if e.secret is None else "YOUR_GMAIL_PASSWORD")
                for e in {e.key: e for e in ours.entries}.values()
            }
            theirs = {
                json.loads('"' + "".join(f"\\u{w[i : i + 4]}" for i in range(0, len(w), 4)) + '"') for w in line.split()
            }
            assert pairs == theirs, text


def test_the_documented_example() -> None:
    found = read(DOCUMENTED)
    assert (found.host, found.port, found.tls, found.fallback_port, found.auth) == (
        "smtp.gmail.com",
        465,
        "implicit",
        None,
        True,
    )
    assert {problem.kind for problem in found.problems} == {"placeholder", "no-timeouts"}


def test_a_line_swallowed_by_a_backslash() -> None:
    found = read(DOCUMENTED + "mail.smtp.starttls.enable=true\n")
    assert (found.tls, found.fallback_port) == ("implicit-with-fallback", 25)
    swallowed = [problem for problem in found.problems if problem.kind == "swallowed-line"]
    assert [(problem.key, problem.line) for problem in swallowed] == [("mail.smtp.starttls.enable", 11)]


@pytest.mark.parametrize(
    ("more", "port", "tls", "problems"),
    [
        ("mail.smtp.port=587\nmail.smtp.starttls.enable=true\nmail.smtp.starttls.required=true", 587, "starttls-required", set()),
        ("mail.smtp.port=465\nmail.smtp.ssl.enable=true", 465, "implicit", set()),
        ("mail.smtp.ssl.enable=true", 465, "implicit", set()),
        ("mail.port=587\nmail.smtp.starttls.enable=true\nmail.smtp.starttls.required=true", 25, "starttls-required", {"port-ignored"}),
        ("mail.smtp.port=587 \nmail.smtp.starttls.required=true", 25, "starttls-required", {"port-not-a-number", "trailing-blank"}),
        ("mail.smtp.port=587\nmail.smtp.ssl.enable=true", 587, "implicit", {"implicit-on-starttls-port"}),
        ("mail.smtp.port=465", 465, "none", {"plain-on-implicit-port"}),
        ("mail.smtp.port=465\nmail.smtp.starttls.enable=true", 465, "starttls", {"starttls-on-implicit-port"}),
        ("mail.smtp.port=587", 587, "none", {"starttls-not-enabled"}),
        ("mail.smtp.socketFactory.port=465\nmail.smtp.port=587\nmail.smtp.starttls.required=true", 587, "starttls-required",
         {"factory-port-without-factory"}),
        ("mail.smtp.socketFactory.class=javax.net.ssl.SSLSocketFactoryX\nmail.smtp.socketFactory.port=465\n"
         "mail.smtp.socketFactory.fallback=false", 465, "implicit", {"unknown-socket-factory"}),
        ("mail.smtp.socketFactory.class=javax.net.ssl.SSLSocketFactory\nmail.smtp.socketFactory.port=465", 465,
         "implicit-with-fallback", {"fallback-to-plaintext"}),
        ("mail.smtp.port=587\nmail.smtp.starttls.required=true\nmail.transport.protocol=smtps\nmail.smtps.host=x", 587,
         "starttls-required", {"smtps-protocol-ignored", "smtps-keys-ignored"}),
        ("mail.smtp.ssl.enable=true\nmail.smtp.ssl.protocols=TLSv1", 465, "implicit", {"old-tls-only"}),
        ("mail.smtp.ssl.enable=true\nmail.smtp.sslEnable=x\nmail.smtp.SSL.enable=true", 465, "implicit", {"misspelt-key"}),
    ],
)  # fmt: skip
def test_connection(more: str, port: int, tls: str, problems: set[str]) -> None:
    found = read(f"mail.smtp.host=relay.test\n{LOGIN}{more}\n")
    assert (found.port, found.tls) == (port, tls)
    assert {problem.kind for problem in found.problems} == problems


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("mail.smtp.host=\n" + LOGIN, "host-missing"),
        ("mail.host=smtp.example.com\n" + LOGIN, "host-placeholder"),
        ("mail.host=relay.test \n" + LOGIN, "host-has-blank"),
        ("mail.host=relay.test\nmail.smtp.auth=true \nmail.smtp.auth.username=a\n", "auth-not-boolean"),
        ("mail.host=relay.test\nmail.smtp.auth=true\nmail.smtp.auth.username=a\n", "credentials-missing"),
        ("mail.host=relay.test\nmail.smtp.auth=false\nmail.smtp.auth.username=a\n", "credentials-unused"),
        ("mail.host=relay.test\nmail.smtp.password=a\n", "credentials-under-other-key"),
        ("mail.host=<%= @mail_host %>\n", "unrendered"),
        ("mail.host=undef\n", "placeholder"),
        ("mail.host=relay.test\nmail.ssl=true\n", "ssl-ignored"),
        ("mail.host=relay.test\nmail.smtp.timeout=5\n", "setting-odd"),
        ("mail.host=relay.test\nmail.smtp.timeout=\\u1\n", "not-loadable"),
        ("mail.host=relay.test\nmail.from_email_address=noreply\n", "from-invalid"),
        ("mail.h\u043est=relay.test\n", "name-not-ascii"),
        ("x=1\n", "not-configured"),
        ("", "not-configured"),
    ],
)
def test_problems(text: str, kind: str) -> None:
    assert kind in kinds(text)


def test_a_plain_local_mailer_has_no_problem_but_time_outs() -> None:
    assert kinds("mail.host=localhost\nmail.port=25\nmail.transport.protocol=smtp\nmail.smtp.auth=false\n") == {
        "no-timeouts"
    }


def test_prefixed_keys_of_che() -> None:
    found = read(f"che.mail.host=relay.test\nche.mail.smtp.ssl.enable=true\nche.mail.smtp.auth.password={SECRET}\n")
    assert (found.prefix, found.host, found.port, found.tls) == ("che.", "relay.test", 465, "implicit")


@settings(max_examples=80, deadline=None)
@given(st.text(alphabet=st.sampled_from('a.=:\\ \n\r\t#!u0<%>\u00a0\ufeff"'), max_size=60))
def test_no_secret_and_no_exception_from_mutated_text(noise: str) -> None:
    for text in (noise + DOCUMENTED + noise, f"x=\\\nmail.smtp.auth.password={SECRET}\\\n{noise}", noise):
        parsed = properties.parse(text)
        assert SECRET not in repr(parsed) + repr(mail_settings(parsed))
        erb.render(text, {"a": "b"})
        erb.manifest(text)
        erb.environment(text)


TEMPLATE = """<% if scope.lookupvar('codenvy::use_local_mail_host') == "true" -%>
mail.host=localhost
<% else -%>
mail.host=<%= scope.lookupvar('codenvy::mail_host') %>
mail.smtp.auth.password=<%= @mail_password %>
<% end -%>
mail.port=<%= scope['codenvy::mail_port'] -%>
"""


def test_a_template_renders_as_puppet_renders_it() -> None:
    names = {"use_local_mail_host": "false", "mail_host": "h.test", "mail_password": "p", "mail_port": "25"}
    assert erb.render(TEMPLATE, names).text == "mail.host=h.test\nmail.smtp.auth.password=p\nmail.port=25"
    assert erb.render(TEMPLATE, {**names, "use_local_mail_host": "true"}).text == "mail.host=localhost\nmail.port=25"
    missing = erb.render(TEMPLATE, {"mail_port": "25"})
    assert {finding.text for finding in missing.findings} == {"use_local_mail_host", "mail_host", "mail_password"}
    assert erb.variables_of(TEMPLATE)["mail.port"] == "mail_port"


def test_manifests_and_environments() -> None:
    text = (
        '$host_url = "h.test"\n  $mail_host = getValue("CODENVY_MAIL_HOST","smtp.example.com")\n'
        f'$mail_from="noreply@$host_url" # x\n#$mail_port = "1"\n$mail_auth = true\n$mail_password = "{SECRET}"\n'
    )
    found = erb.manifest(text)
    assert [(a.name, a.env) for a in found[:2]] == [("host_url", ""), ("mail_host", "CODENVY_MAIL_HOST")]
    values = erb.variables(found, {"CODENVY_MAIL_HOST": "real.test"})
    assert (values["mail_host"], values["mail_from"], values["mail_auth"]) == ("real.test", "noreply@h.test", "true")
    assert "mail_port" not in values
    assert SECRET not in repr(found)
    (line,) = erb.environment("#CODENVY_A=1\nCODENVY_MAIL_HOST=x=y\n")
    assert (line.name, line.value) == ("CODENVY_MAIL_HOST", "x=y")
