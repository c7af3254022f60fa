"""Steps: what is pasted at a shell does what the step's own edit does, and what must never be done cannot be made."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from diagnose.remedy import edits
from diagnose.remedy.make import summary
from diagnose.remedy.permitted import permitted
from diagnose.remedy.plan import Plan
from diagnose.remedy.running import BuildTable, FirewallAccept, Mode, Service
from diagnose.remedy.steps import (
    AppendLine,
    Content,
    FileStep,
    MasterOption,
    MasterService,
    Refused,
    RemoveParameter,
    RepairLine,
    SetParameter,
    TableEntry,
)

MAIN = """\
# main.cf
relay_host = [smtp.relay.test]:587
smtp_use_tls = yes\\
myhostname = a.test
 relayhost = [in.dented]:587
mydestination = $myhostname,
# a comment within
  localhost
relayhost = "quoted"
a.test	smtp:[b.test]
"""
MASTER = """\
smtp      inet  n       -       y       -       -       smtpd
#smtp      unix  -       -       y       -       -       smtp
relay     unix  -       -       y       -       -       smtp
    -o smtp_helo_timeout=5 -o smtp_tls_wrappermode=yes
qmgr      unix  n       -       n       300     1       qmgr
"""
TABLE = "# logins\n[old.test]:587 user:p4ss\\\n[other.test]:25   u:x y\n[c.test]:587 u:p # c\n"
HOSTILE = (
    "a b", "$(id)", "`id`", "a'b", 'a"b', "a;id", "a|id&b", "*", "~root", "-e", "--help", "s/x/y/e", "a\\", "{x}", "!id", "$HOME",
    "a#b", "[host]:587", "&", "\\1", "/etc/x", "a%b,c;d|e/f",
)  # fmt: skip


def pasted(step: FileStep, text: str, tmp_path: Path, shell: str = "dash") -> bytes:
    """The file after the step's commands."""
    path = Path(step.path)
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [shutil.which(shell) or "sh", "-c", "\n".join(step.commands())],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return path.read_bytes()


def line(path: str, number: int, find: str, put: str, at: str = "whole") -> RepairLine:
    return RepairLine(path=path, line=number, find=find, put=put, at=at, why="")


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize(
    ("number", "find", "put", "at"),
    [
        (2, "relay_host", "relayhost", "start"),
        (3, "\\", "", "end"),
        (5, " relayhost = [in.dented]:587", "relayhost = [in.dented]:587", "whole"),
        (9, 'relayhost = "quoted"', '#relayhost = "quoted"', "whole"),
        (9, '"', "", "all"),
        (10, "a.test\tsmtp:[b.test]", "#a.test\tsmtp:[b.test]", "whole"),
        (4, "a.test", "b/c|d,e&f\\g", "within"),
    ],
)
def test_a_line_repaired_by_hand_is_as_the_step_makes_it(
    number: int, find: str, put: str, at: str, shell: str, tmp_path: Path
) -> None:
    step = line(str(tmp_path / "t a.cf"), number, find, put, at)
    assert pasted(step, MAIN, tmp_path, shell) == step.edit(MAIN.encode())
    assert step.edit(MAIN.encode()) != MAIN.encode()


@pytest.mark.parametrize(
    ("number", "find", "put", "at"), [(3, "2", ":", "gap"), (4, "", "", "comment"), (2, "\\", "", "end")]
)
def test_a_line_of_passwords_is_repaired_without_naming_one(
    number: int, find: str, put: str, at: str, tmp_path: Path
) -> None:
    step = line(str(tmp_path / "sasl_passwd"), number, find, put, at)
    text = TABLE.replace("u:x y", "user x")
    assert pasted(step, text, tmp_path) == step.edit(text.encode())
    assert "p4ss" not in " ".join(step.commands())


def test_characters_that_do_not_show_are_named_by_their_bytes(tmp_path: Path) -> None:
    text = "[a.test]:587 user:“p4ss”\u00a0\n"
    for odd in ("“", "”", "\u00a0"):
        step = line(str(tmp_path / "t"), 1, odd, "", "all")
        assert all(command.isprintable() and command.isascii() for command in step.commands())
        assert pasted(step, text, tmp_path) == step.edit(text.encode())
        text = step.edit(text.encode()).decode()
    assert text == "[a.test]:587 user:p4ss\n"


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_becomes_code(value: str, tmp_path: Path) -> None:
    path = str(tmp_path / "x y")
    for step in (
        line(path, 4, "myhostname = a.test", f"myhostname = {value}"),
        line(path, 2, f"relay_host = {value}", "relayhost = x"),
        AppendLine(path=path, text=value, why=""),
        Content(path=path, text=f"{value}\n", why=""),
    ):
        text = MAIN.replace("[smtp.relay.test]:587", value)
        assert pasted(step, text, tmp_path) == step.edit(text.encode())
    if " " not in value:
        entry = TableEntry(path=path, key=f"k{value}", value="v", why="")
        assert pasted(entry, "# t\n", tmp_path) == entry.edit(b"# t\n")
    setting = SetParameter(path="/etc/postfix/main.cf", name="myorigin", value=value, why="")
    assert shlex.split(setting.commands()[0])[-1] == f"myorigin = {value}"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x y"]


def test_no_path_with_a_blank_gets_into_a_list_of_tables() -> None:
    for value in ("hash:/etc/postfix/my table", "hash:/etc/a, hash:/etc/my table", "hash:/etc/a,b"):
        with pytest.raises(Refused):
            SetParameter(path="/etc/postfix/main.cf", name="smtp_sasl_password_maps", value=value, why="")
        with pytest.raises(Refused):
            MasterOption(
                path="/etc/postfix/master.cf", service="smtp", type="unix", name="transport_maps", value=value, why=""
            )
    for value in ("hash:/etc/a, $transport_maps", "inline:{ {a b = c} }", ""):
        SetParameter(path="/etc/postfix/main.cf", name="transport_maps", value=value, why="")


@pytest.mark.skipif(not shutil.which("postconf"), reason="Postfix is not installed")
def test_postconf_does_what_the_steps_do(tmp_path: Path) -> None:
    main, master = tmp_path / "main.cf", tmp_path / "master.cf"
    clean = MAIN.replace('"quoted"', "x")
    steps: list[FileStep] = [
        SetParameter(path=str(main), name="relayhost", value="[new.test]:587", why=""),
        SetParameter(path=str(main), name="myorigin", value="$mydomain", why=""),
        SetParameter(path=str(main), name="mydestination", value="localhost", why=""),
        RemoveParameter(path=str(main), name="mydestination", why=""),
    ]
    for step in steps:
        main.write_text(clean)
        master.write_text(MASTER)
        subprocess.run(["sh", "-c", "\n".join(step.commands())], check=True, capture_output=True)
        assert main.read_bytes() == step.edit(clean.encode()), step
        assert step.edit(step.edit(clean.encode())) == step.edit(clean.encode())
    services: list[FileStep] = [
        MasterService(path=str(master), name="smtp", type="unix", text="smtp unix - - y - - smtp", why=""),
        MasterOption(path=str(master), service="relay", type="unix", name="smtp_tls_wrappermode", value="no", why=""),
    ]
    for step in services:
        main.write_text("compatibility_level = 3.6\n")
        master.write_text(MASTER)
        subprocess.run(["sh", "-c", "\n".join(step.commands())], check=True, capture_output=True)
        by_hand = master.read_text().split()
        assert sorted(step.edit(MASTER.encode()).decode().split()) == sorted(by_hand), step


def test_a_login_is_copied_by_reference(tmp_path: Path) -> None:
    step = TableEntry(path=str(tmp_path / "sasl_passwd"), key="[new.test]:465", same_as="[old.test]:587", why="")
    once = pasted(step, TABLE, tmp_path)
    assert b"[new.test]:465 user:p4ss\\\n" in once
    assert set(step.edit(TABLE.encode()).splitlines()) == set(once.splitlines())
    assert set(pasted(step, once.decode(), tmp_path).splitlines()) == set(once.splitlines())
    port = TableEntry(path=str(tmp_path / "sasl_passwd"), key="[old.test]:465", same_as="[old.test]:587", why="")
    assert "s/:587/:465/" in port.commands()[0]
    assert set(port.edit(TABLE.encode()).splitlines()) == set(pasted(port, TABLE, tmp_path).splitlines())
    asked = TableEntry(path="/x", key="[h]:587", asks=("user", "password"), why="")
    assert asked.commands() == ()
    assert asked.edit(None, {"user": "u", "password": "p:q"}) == b"[h]:587 u:p:q\n"


def test_a_file_that_changed_is_left_alone() -> None:
    with pytest.raises(edits.Changed):
        line("/x", 2, "relayhost = old", "relayhost = new").edit(MAIN.encode())
    with pytest.raises(edits.Changed):
        line("/x", 99, "a", "b").edit(MAIN.encode())
    with pytest.raises(edits.Changed):
        TableEntry(path="/x", key="k", same_as="gone", why="").edit(b"")


def _changed(path: str, name: str, was: str | None, value: str | None) -> FileStep:
    if value is None:
        return RemoveParameter(path=path, name=name, was=was, default=value, why="")
    return SetParameter(path=path, name=name, value=value, was=was, why="")


@pytest.mark.parametrize(
    ("name", "was", "value"),
    [
        ("mynetworks", "127.0.0.0/8", "127.0.0.0/8, 10.0.0.0/8"), ("mynetworks", "10.0.0.5/24", "10.0.0.0/16"),
        ("mynetworks", "127.0.0.1", "127.0.0.0/8"), ("mynetworks", r"127.0.0.0\8", "10.0.0.0/8"), ("mynetworks", "10.0.0.0\\8", "127.0.0.0/8"),
        ("mynetworks", None, "0.0.0.0/0"), ("mynetworks_style", "host", "subnet"), ("inet_interfaces", "loopback-only", "all"),
        ("inet_interfaces", "127.0.0.1", "192.0.2.1"), ("smtpd_relay_restrictions", "reject", "permit"),
        ("smtpd_recipient_restrictions", "reject", ""), ("smtpd_sender_restrictions", "reject_mynetworks", "permit_mynetworks"),
        ("smtpd_relay_restrictions", "reject_unauth_destinatio, reject", "reject_unauth_destination"), ("mynetworks", None, "127.0.0.0/8 10.0.0.0/8"),
        ("smtpd_client_restrictions", "reject", None),
        ("smtp_tls_security_level", "secure", "encrypt"), ("smtp_tls_security_level", "encrypt", "may"),
        ("smtp_tls_security_level", "encrypt", None), ("smtp_tls_security_level", "may", "none"),
        ("smtpd_tls_security_level", "encrypt", "may"), ("smtp_enforce_tls", "yes", "no"), ("smtp_tls_policy_maps", "hash:/x", None),
        ("smtpd_milters", "inet:x:1", ""), ("non_smtpd_milters", "inet:x:1", None), ("milter_default_action", "tempfail", "accept"),
        ("content_filter", "smtp:x", ""), ("smtpd_proxy_filter", "x", None), ("header_checks", "pcre:/x", None),
        ("header_checks", "pcre:/x", "hash:/x"), ("header_checks", "hash:/x", "pcre:/x"), ("body_checks", "regex:/x", "regexp:/y"),
        ("header_checks", "regex:/x, pcre:/y", "regexp:/x"), ("smtpd_milters", "inet:localhost:8891", "inet:192.0.2.1:8891"),
        ("smtpd_milters", "inet:192.0.2.1:8891", "inet:192.0.2.1:8892"), ("smtpd_milters", "inet:localhost:1, unix:/x", "inet:localhost:2"),
        ("smtpd_client_restrictions", "inet:localhost:1", "inet:localhost:2"), ("smtpd_milters", "unix:d/a.sock", "inet:localhost:1"),
        ("receive_override_options", None, "no_milters"), ("authorized_submit_users", "root", "static:all"), ("authorized_submit_users", None, ", web"),
        ("authorized_submit_users", "root", "root, static:anyone"), ("relay_domains", "", "x.test"),
        ("authorized_submit_users", "!root", "root"), ("authorized_submit_users", "www_data, root", "web, root"),
        ("content_filter", "scan:[127.0.0.1]:10042", "scan:[192.0.2.1]:10024"), ("content_filter", "scan:[127.0.0.1]:10042", "smtp:[127.0.0.1]:25"),
    ],
)  # fmt: skip
def test_what_is_never_done_cannot_be_made(name: str, was: str | None, value: str | None) -> None:
    assert not permitted(name, was, value)
    path = "/etc/postfix/main.cf"
    with pytest.raises(Refused):
        _changed(path, name, was, value)
    with pytest.raises(Refused):
        MasterOption(
            path="/etc/postfix/master.cf", service="smtp", type="unix", name=name, value=value, was=was, why=""
        )
    if value is not None and was is not None:
        with pytest.raises(Refused):
            line(path, 1, f"{name} = {was}", f"{name} = {value}")


def test_what_repairs_without_opening_can_be_made() -> None:
    assert line("/etc/postfix/main.cf", 1, "- inet_interfaces += all", "inet_interfaces = all")
    with pytest.raises(Refused):
        line("/etc/postfix/main.cf", 1, "- inet_interfaces += 127.0.0.1", "inet_interfaces = all")
    assert permitted("mynetworks", "192.168.1.10/24 127.0.0.0/8", "192.168.1.10 127.0.0.0/8")
    assert permitted("mynetworks", r"127.0.0.0\8 [::1]/128", "127.0.0.0/8 [::1]/128")
    assert permitted("inet_interfaces", "127.0.0.1, 192.0.2.9", "127.0.0.1")
    assert permitted("smtp_tls_security_level", "on", "encrypt")
    assert permitted("milter_content_timeout", "0", "300s")
    assert not permitted("smtpd_client_message_rate_limit", "10", "0")
    assert permitted("mynetworks", None, "127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128")
    assert permitted("smtpd_relay_restrictions", "permit_mynetwork, reject", "permit_mynetworks, reject")
    assert permitted("header_checks", "/etc/x", "regexp:/etc/x")
    assert permitted("header_checks", "regex:/etc/x, pcre:/y", "regexp:/etc/x, pcre:/y")
    assert permitted("non_smtpd_milters", "inet:localhost:8819, unix:/x", "inet:localhost:8891, unix:/x")
    assert permitted("smtpd_milters", "inet:localhost:1, local:d/a.sock", "inet:localhost:1, local:d/b.sock")
    assert permitted("smtp_tls_security_level", "may", "encrypt")
    assert permitted("content_filter", "scan:[127.0.0.1]:10042", "scan:[127.0.0.1]:10024")
    assert permitted("authorized_submit_users", "root, www_data", "root, www-data")
    with pytest.raises(Refused):
        Mode(path="/x", mode=0o644, was=0o600, why="")
    for argv in (
        ("nft", "delete", "rule", "x"),
        ("iptables", "-F"),
        ("iptables", "-P", "OUTPUT", "ACCEPT"),
        ("nft", "-f", "/x"),
    ):
        with pytest.raises(Refused):
            FirewallAccept(argv=argv, why="")


def test_what_a_plan_sets_right_is_said_and_why() -> None:
    put = SetParameter(path="/etc/postfix/main.cf", name="relayhost", value="[relay.test]:587", why="Port 587 answers.")
    moved = Mode(path="/x", mode=0o600, was=0o644, why="/x holds a password.")
    built = BuildTable(type="hash", path="/t", why="Its text was changed.")
    again = Service(verb="reload", why="Postfix reads its settings.")
    assert summary(Plan(steps=(put, moved, built, again))) == "relayhost: Port 587 answers.\n/x holds a password."
    assert summary(Plan(steps=(built, again))) == "hash:/t: Its text was changed."
    assert summary(Plan(steps=(again,))) == ""
