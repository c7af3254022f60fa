"""Lookup tables through a real postmap, and files of passwords made fit to be seen."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import javaproperties
import pytest

from diagnose.host.live import tables
from diagnose.host.query import Login, MapCompare, MapLookup
from diagnose.host.secretfile import STAND_IN, mask_read, starred
from diagnose.parse.postfix import sasl_passwd
from diagnose.parse.text.masking import STARS, Secrets

needs_postmap = pytest.mark.skipif(
    shutil.which("postmap", path="/usr/sbin:/usr/bin:/sbin") is None, reason="NOT TESTED: Postfix is not installed"
)
PASSWORD = "Tr0ub4dor&3"
SOURCE = f"""# relay
[relay.example]:587 app:{PASSWORD}
Other.Example   someone@other.example:pa:ss:w0rd9

two.example
   x:continued99
"""


def soon() -> float:
    return time.monotonic() + 10


def kind() -> str:
    types = subprocess.run(["/usr/sbin/postconf", "-m"], capture_output=True, text=True, check=True).stdout.split()
    return next(each for each in ("hash", "lmdb", "cdb") if each in types)


@pytest.fixture
def table(tmp_path: Path) -> str:
    """A compiled table: its reference, as in main.cf."""
    source = tmp_path / "sasl_passwd"
    source.write_text(SOURCE)
    subprocess.run(["/usr/sbin/postmap", f"{kind()}:{source}"], check=True)
    return f"{kind()}:{source}"


@needs_postmap
class TestLookup:
    def test_secret_value_is_masked(self, table: str) -> None:
        """User and shape leave, the password does not, and it is known as a secret from then on."""
        secrets = Secrets()
        reply = tables.lookup(MapLookup(table, "[relay.example]:587", secret=True), soon(), secrets)
        assert (reply.found, reply.value, reply.error, reply.problem) == (True, f"app:{STARS}", "", None)
        assert secrets.hide(f"x {PASSWORD}") == f"x {STARS}"

    def test_case_is_folded_and_colons_stay(self, table: str) -> None:
        """postmap folds keys; only the first colon parts user and password."""
        reply = tables.lookup(MapLookup(table, "OTHER.example", secret=True), soon(), Secrets())
        assert reply.value == f"someone@other.example:{STARS}"

    def test_miss_is_clean(self, table: str) -> None:
        """Not there is no error."""
        reply = tables.lookup(MapLookup(table, "relay.example", secret=True), soon(), Secrets())
        assert (reply.found, reply.value, reply.error, reply.problem) == (False, "", "", None)

    @pytest.mark.parametrize(
        "reference", ["hash:/nowhere/at/all", "nosuchtype:/etc/x", "/no/type", "texthash:/nowhere"]
    )
    def test_broken_table_speaks(self, reference: str) -> None:
        """Postfix' own words for a table that cannot be opened."""
        reply = tables.lookup(MapLookup(reference, "x"), soon(), Secrets())
        assert not reply.found
        assert "fatal" in reply.error or "error" in reply.error

    @pytest.mark.parametrize("name", ["#x", "x;id", "$(id)", "x'y", "x y"])
    def test_a_file_may_have_any_name(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text("a b\n")
        reference = f"{kind()}:{tmp_path / name}"
        assert "open database" in tables.lookup(MapLookup(reference, "a"), soon(), Secrets()).error
        subprocess.run(["/usr/sbin/postmap", reference], check=True)
        assert tables.lookup(MapLookup(reference, "a"), soon(), Secrets()).found

    def test_arguments_are_not_a_shell(self, tmp_path: Path, table: str) -> None:
        """Keys with blanks, quotes, dashes and commands are keys."""
        for key in ("; touch x", "$(touch x)", "-f", "-", "a b", "'", "", "\u00fc"):
            assert not tables.lookup(MapLookup(table, key), soon(), Secrets()).found

    def test_stale_table_warns(self, table: str) -> None:
        """ "is older than source file" comes with the value."""
        path = table.partition(":")[2]
        compiled = next(each for each in (f"{path}.db", f"{path}.lmdb", f"{path}.cdb") if os.path.exists(each))
        os.utime(compiled, (time.time() - 5000, time.time() - 5000))
        # Postfix gives whoever is still editing 100 seconds.
        os.utime(path, (time.time() - 1000, time.time() - 1000))
        reply = tables.lookup(MapLookup(table, "[relay.example]:587", secret=True), soon(), Secrets())
        assert reply.found
        if not table.startswith("lmdb"):
            assert "older than source file" in reply.error


def test_static_and_inline_never_become_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their values are secrets, which every user would see in the process list."""
    monkeypatch.setattr(tables, "find", lambda name: pytest.fail("a program was to be run"))
    for reference in (
        f"static:app:{PASSWORD}",
        f"static:{{app:{PASSWORD}}}",
        f"inline:{{ [Relay.example]:587=app:{PASSWORD} }}",
        f"inline:{{ {{ [relay.example]:587 = app:{PASSWORD} }} }}",
        f"inline:{{ {{a.example=u:{PASSWORD}}}, {{[relay.example]:587=app:{PASSWORD}}} }}",
        f"pipemap:{{inline:{{[relay.example]:587=x}},static:app:{PASSWORD}}}",
        f"unionmap:{{static:app:{PASSWORD}}}",
        f"randmap:{{app:{PASSWORD}}}",
        f"proxy:static:app:{PASSWORD}",
    ):
        reply = tables.lookup(MapLookup(reference, "[relay.example]:587", secret=True), soon(), Secrets())
        assert (reply.found, reply.value) == (True, f"app:{STARS}"), reference
        assert tables.credentials(Login("map", reference, ("[relay.example]:587",)), Secrets()) == ("app", PASSWORD)


def test_patterns_that_stand_in_main_cf(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cidr table is read here; of others it is said that they are not, and no table is called broken."""
    monkeypatch.setattr(tables, "find", lambda name: pytest.fail("a program was to be run"))
    networks = "cidr:{ { 10.0.0.0/8 dsn } { 198.2.128.0/18 auth, dsn } }"
    for address, value in (("198.2.180.242", "auth, dsn"), ("10.1.2.3", "dsn"), ("2001:db8::1", "")):
        reply = tables.lookup(MapLookup(networks, address), soon(), Secrets())
        assert (reply.value, reply.error, reply.problem) == (value, "", None), address
    reply = tables.lookup(MapLookup("pcre:{ { /x/ y } }", "x"), soon(), Secrets())
    assert (reply.error, bool(reply.problem)) == ("", True)


@pytest.mark.parametrize(
    "reference",
    [
        "acme:SECRET1x",
        "{[h]:587=acme:SECRET1x}",
        "hash:acme:SECRET1x",
        "SECRET1x",
        "{ [h]:587=acme:SECRET1x }",
        "hash:/x acme:SECRET1x",
    ],
)
def test_what_is_no_table_never_becomes_an_argument(monkeypatch: pytest.MonkeyPatch, reference: str) -> None:
    monkeypatch.setattr(tables, "find", lambda name: pytest.fail("a program was to be run"))
    reply = tables.lookup(MapLookup(reference, "x", secret=True), soon(), Secrets())
    assert not reply.found
    assert reply.error or reply.problem
    assert "SECRET1x" not in repr(reply)


@needs_postmap
class TestCompare:
    def test_alike(self, table: str) -> None:
        """A fresh table has the source's keys, folded."""
        reply = tables.compare(MapCompare(table), soon(), Secrets())
        assert (reply.only_source, reply.only_table, reply.differ, reply.problem) == ((), (), (), None)
        assert reply.keys == ("[relay.example]:587", "other.example", "two.example")

    def test_edited_since(self, table: str) -> None:
        """Keys only here, only there, and of another value; no value leaves."""
        path = Path(table.partition(":")[2])
        path.write_text(SOURCE.replace(PASSWORD, "changed-it1").replace("Other.Example", "new.example"))
        reply = tables.compare(MapCompare(table), soon(), Secrets())
        assert reply.only_source == ("new.example",)
        assert reply.only_table == ("other.example",)
        assert reply.differ == ("[relay.example]:587",)
        assert not any(word in repr(reply) for word in ("changed", PASSWORD, "w0rd9"))

    def test_not_compiled_yet(self, tmp_path: Path) -> None:
        """A missing index is Postfix' error; a type without one is a problem of the question."""
        source = tmp_path / "x"
        source.write_text("a b\n")
        assert "fatal" in tables.compare(MapCompare(f"{kind()}:{source}"), soon(), Secrets()).error
        assert "not a compiled table" in (tables.compare(MapCompare("static:a:b"), soon(), Secrets()).problem or "")
        assert "not found" in (tables.compare(MapCompare(f"{kind()}:{tmp_path}/no"), soon(), Secrets()).problem or "")


@needs_postmap
class TestCredentials:
    def test_first_key_that_hits(self, table: str) -> None:
        """Keys are tried in order."""
        login = Login("map", table, ("nobody", "relay.example", "[relay.example]:587", "other.example"))
        secrets = Secrets()
        assert tables.credentials(login, secrets) == ("app", PASSWORD)
        assert PASSWORD not in secrets.hide(PASSWORD)
        assert tables.credentials(Login("map", table, ("other.example",)), secrets) == (
            "someone@other.example",
            "pa:ss:w0rd9",
        )
        assert tables.credentials(Login("map", table, ("nobody",)), secrets) is None


def test_credentials_of_properties(tmp_path: Path) -> None:
    """Java's rules: escapes, continuation, Latin-1."""
    path = tmp_path / "email.properties"
    path.write_bytes(b"che.mail.user = app\nche.mail.password: gr\xfcn\\u0021\\\n   more1\n")
    keys = ("che.mail.user", "che.mail.password")
    assert tables.credentials(Login("properties", str(path), keys), Secrets()) == ("app", "gr\u00fcn!more1")
    assert tables.credentials(Login("properties", str(path), ("a", "b")), Secrets()) is None
    assert tables.credentials(Login("properties", str(tmp_path / "no"), keys), Secrets()) is None


@pytest.mark.parametrize(
    ("password", "shown"),
    [
        (PASSWORD, STARS),
        (f"{PASSWORD}\\", f"{STARS}\\"),
        (f'"{PASSWORD}"', f'"{STARS}"'),
        (f"\u201c{PASSWORD}\u201d", f"\u201c{STARS}\u201d"),
        (f"{PASSWORD}\r", f"{STARS}\r"),
        (f" {PASSWORD}  ", f" {STARS}  "),
        (f"{PASSWORD}\u00a0", f"{STARS}\u00a0"),
        ("abcd efgh ijkl mnop", f"{STARS} {STARS}"),
        ("SG.aaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb", f"SG.{STARS}"),
        ("APIKEY\\", f"{STAND_IN}\\"),
        ("<%= @password %>", "<%= @password %>"),
        ("${SMTP_PASSWORD}", "${SMTP_PASSWORD}"),
        ("", ""),
        (f"{PASSWORD} # old", f"{STARS} # {STARS}"),
    ],
)
def test_shape_of_a_password_stays(password: str, shown: str) -> None:
    """What tells a fault is kept, the rest is starred."""
    assert starred(password, Secrets()) == shown


SASL = [
    f"[relay.example]:587 app:{PASSWORD}",
    f"[relay.example]:587\tapp@example.org:{PASSWORD}\\",
    f'[relay.example]:587 "app:{PASSWORD}"',
    f"[relay.example]:587:app:{PASSWORD}",
    f"[relay.example]:587 = app:{PASSWORD}",
    f"[relay.example]:587=app:{PASSWORD}",
    f"relay.example: app:{PASSWORD}",
    f"#[relay.example]:587 app:{PASSWORD}",
    f"  [relay.example]:587 app:{PASSWORD}",
    f"   app:{PASSWORD}",
    f"\t{PASSWORD}",
    PASSWORD,
    f"app:{PASSWORD}",
    f"smtp://relay.example:587 app:{PASSWORD}",
    f"smtp://app:{PASSWORD}@relay.example x:{PASSWORD}",
    f"[relay.example]:587 app {PASSWORD}",
    f"app@example.org app:{PASSWORD}",
    f"@example.org {PASSWORD}",
    f"\ufeff[relay.example]:587 app:{PASSWORD}\r",
    f"'[relay.example]:587' app:{PASSWORD}",
    f'"[relay.example]:587 app:{PASSWORD}"',
    f"[relay.example]:587\u00a0app:{PASSWORD}",
    f"[relay.example]:submission app:{PASSWORD} trailing {PASSWORD}",
]


@pytest.mark.parametrize("line", SASL)
def test_no_line_of_a_password_table_tells(line: str) -> None:
    """However an entry is written wrong, its password does not leave, and the parser finds the same faults."""
    shown = mask_read(f"{line}\n", "sasl", Secrets())
    assert PASSWORD not in shown
    assert shown.count("\n") == 1
    before = [(each.line, each.kind) for each in sasl_passwd.parse(f"{line}\n").findings]
    after = [(each.line, each.kind) for each in sasl_passwd.parse(shown).findings]
    assert after == before


def test_right_entries_stay_right() -> None:
    """A masked file has the keys and users of the file, and stars are no placeholder."""
    shown = mask_read(SOURCE, "sasl", Secrets())
    assert [(e.key, e.user) for e in sasl_passwd.parse(shown).entries[:2]] == [
        ("[relay.example]:587", "app"),
        ("Other.Example", "someone@other.example"),
    ]
    assert not any(each.kind == "placeholder" for each in sasl_passwd.parse(shown).findings)


def test_properties() -> None:
    """Values of secret keys are starred, with continuations; what a stray backslash swallowed is still to be seen."""
    text = (
        "mail.host=relay.example\n"
        f"che.mail.smtp.auth.password = {PASSWORD}\\\n"
        "mail.smtp.port=587\n"
        f"#mail.smtp.auth.password={PASSWORD}\n"
        f"smtp.apikey: {PASSWORD}\\\n   {PASSWORD}\r\n"
        f"my\\ secret={PASSWORD}\n"
        f"db.passwd {PASSWORD}\n"
        "mail.smtp.auth.username=app\n"
        "mail.smtp.auth.password=changeme\n"
        "mail.smtp.password.file=/etc/x\n"
    )
    shown = mask_read(text, "properties", Secrets())
    assert PASSWORD not in shown
    assert shown.count("\n") == text.count("\n")
    assert f"che.mail.smtp.auth.password = {STARS}\\\nmail.smtp.port=587\n" in shown
    assert f"smtp.apikey: {STARS}\\\n   {STARS}\r\n" in shown
    assert f"mail.smtp.auth.password={STAND_IN}\n" in shown
    values = javaproperties.loads(shown)
    assert values["mail.host"] == "relay.example"
    assert values["mail.smtp.auth.username"] == "app"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("postmap: warning: hash/btree support is deprecated. Please switch to cdb or lmdb\n", ""),
        ("postmap: warning: See /usr/share/doc/postfix/NON_BERKELEYDB_README.gz for more info.\n", ""),
        ("postmap: warning: /etc/postfix/main.cf, line 7: overriding earlier entry: relayhost=x\n", ""),
        ("postmap: fatal: open database /x.db: No such file or directory\n", "fatal: open database /x.db: No such file or directory"),
        ("postmap: warning: hash:/x is unavailable. open /x.db: Is a directory\n", "warning: hash:/x is unavailable. open /x.db: Is a directory"),
        ("postmap: warning: database /x.db is older than source file /x\n", "warning: database /x.db is older than source file /x"),
    ],
)  # fmt: skip
def test_a_warning_that_concerns_no_table_is_no_error(said: str, told: str) -> None:
    assert tables._words(said) == told


@needs_postmap
def test_a_server_that_does_not_answer_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_SERVER_TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        name = f"tcp:127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        replies = [tables.lookup(MapLookup(name, key), soon(), Secrets()) for key in ("a", "b", "c", "d", "e")]
    assert {reply.problem for reply in replies} == {"timed out: postmap -q"}
    assert time.monotonic() - began < 1.2
