"""main.cf, master.cf and postconf's output are read as Postfix itself reads them."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from diagnose.parse.postfix import main_cf, master_cf, postconf, setting_types, table
from diagnose.parse.text.finding import Finding

POSTCONF = shutil.which("postconf", path="/usr/sbin:/usr/bin:/sbin:/bin")
needs_postfix = pytest.mark.skipif(POSTCONF is None, reason="postconf is not installed")


def run_postconf(*argv: str) -> tuple[str, str]:
    assert POSTCONF
    done = subprocess.run([POSTCONF, *argv], capture_output=True, text=True, timeout=20, check=False)
    return done.stdout, done.stderr


def kinds(findings: tuple[Finding, ...]) -> list[tuple[int, str]]:
    return [(finding.line, finding.kind) for finding in findings]


@needs_postfix
def test_defaults_expand_as_postconf_expands_them() -> None:
    plain = postconf.parse_settings(run_postconf("-d")[0])
    expanded = postconf.parse_settings(run_postconf("-d", "-x")[0])
    assert len(plain) > 500
    # Those that Postfix leaves to the daemon's own names, and white space in lists, differ by intent.
    odd = {
        "default_rbl_reply",
        "forward_path",
        "postscreen_reject_footer",
        "process_id",
        "proxy_read_maps",
        "proxy_write_maps",
    }
    wrong = {name for name, value in plain.items() if postconf.expand(value, plain) != expanded.get(name)}
    assert wrong <= odd


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$a", "1"),
        ("${a}b$(a)", "1b1"),
        ("$$a", "$a"),
        ("${empty?x}", ""),
        ("${a?x}", "x"),
        ("${empty:y}", "y"),
        ("${a?{x}:{y}}", "x"),
        ("${empty?{x}:{$a}}", "1"),
        ("${{$a} == {1} ? {same} : {other}}", "same"),
        ("${{3.5} <level {3.6} ? {old} : {new}}", "old"),
        ("$nested/x", "1/x"),
        ("$missing-", "-"),
        ("$", "$"),
        ("${a", "${a"),
        ("$loop", "$loop"),
    ],
)
def test_expand(text: str, expected: str) -> None:
    names = {"a": "1", "empty": "", "nested": "$a", "loop": "$loop2", "loop2": "x$loop"}
    assert postconf.expand(text, names) == expected


def test_expand_is_bounded() -> None:
    bomb = {f"v{n}": f"$v{n + 1}$v{n + 1}" for n in range(40)}
    assert postconf.expand("$v0", bomb) == "$v0"


@needs_postfix
@pytest.mark.parametrize(
    "text",
    [
        "relayhost = [a.example]:587\n",
        "maximal_queue_lifetime = 5d\n relayhost = [a.example]:587\n",
        "mynetworks = 127.0.0.0/8\n# a comment\n\n  10.0.0.0/8\n",
        "mynetworks = 127.0.0.0/8\n#relayhost = x\n  [::1]/128\nmyorigin=b.example\n",
        "relayhost = a\nrelayhost=b\n",
        "smtp_use_tls = yes\\\nmyorigin = a\n",
        "smtpd_banner = $myhostname ESMTP\r\nmyorigin = a\r\n",
        "myorigin=a\n\trelayhost = b\n# x\nmydomain = c.example",
        "relayhost = a # no comment\n",
    ],
)
def test_main_cf_gives_what_postconf_gives(tmp_path: Path, text: str) -> None:
    (tmp_path / "main.cf").write_text(text, newline="")
    (tmp_path / "master.cf").write_text("")
    theirs = postconf.parse_settings(run_postconf("-c", str(tmp_path), "-n")[0])
    read = main_cf.parse(text)
    ours = {setting.name: setting.value for setting in read.settings}
    theirs.pop("config_directory", None)
    assert {name: " ".join(value.split()) for name, value in ours.items()} == {
        name: " ".join(value.split()) for name, value in theirs.items()
    }


@needs_postfix
def test_postconf_complaints_are_recognised(tmp_path: Path) -> None:
    (tmp_path / "main.cf").write_text("smtp_sasl_auth_enabled = yes\nrelayhost = a\nrelayhost = b\n")
    (tmp_path / "master.cf").write_text("")
    found = {c.kind: c for c in postconf.complaints(run_postconf("-c", str(tmp_path), "-n")[1])}
    assert (found["unused-parameter"].parameter, found["unused-parameter"].value) == ("smtp_sasl_auth_enabled", "yes")
    assert found["overridden-entry"].parameter == "relayhost"
    (tmp_path / "main.cf").write_text("relayhost = a\nsmtp_tls_loglevel 1\n")
    (fatal,) = postconf.complaints(run_postconf("-c", str(tmp_path), "-n")[1])
    assert (fatal.kind, fatal.fatal, fatal.line) == ("missing-equals", True, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1\n  relayhost = [x]:587\n", (2, "swallowed-setting")),
        ("mynetworks = a\n#mynetworks = b\n  c\n", (3, "continuation-after-comment")),
        ("smtp_use_tls = yes\\\n", (1, "trailing-backslash")),
        ("relayhost = \u201c[x]:587\u201d\n", (1, "smart-quote")),
        ("smtp_sasl_auth_enable\u00a0= yes\n", (1, "nbsp")),
        ("\ufeffmyorigin = a\n", (1, "bom")),
        ("# x\n$ postconf -e 'a = b'\n", (2, "prompt")),
        ("a = 1\na = 2\n", (2, "duplicate")),
        ("smtp_use_tls = yes # on\n", (1, "inline-comment")),
        ('relayhost = "[x]:587"\n', (1, "quoted-value")),
        ("smtp_tls_loglevel 1\n", (1, "missing-equals")),
        ("= 1\n", (1, "missing-name")),
        ("  a = 1\nb = 2\n", (1, "leading-whitespace")),
    ],
)
def test_main_cf_findings(text: str, expected: tuple[int, str]) -> None:
    assert expected in kinds(main_cf.parse(text).findings)


def test_an_ordinary_main_cf_has_no_findings() -> None:
    text = (
        "# See /usr/share/postfix/main.cf.dist\nsmtpd_banner = $myhostname ESMTP (Debian/GNU)\n"
        "smtpd_relay_restrictions =\n    permit_mynetworks\n    permit_sasl_authenticated\n    defer_unauth_destination\n"
        "smtpd_sender_restrictions = check_sender_access inline:{\n  { a@b = REJECT }\n }\n"
        "smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache\nrelayhost =\n"
    )
    assert main_cf.parse(text).findings == ()


@needs_postfix
def test_this_hosts_defaults_are_not_rejected() -> None:
    defaults = postconf.parse_settings(run_postconf("-d")[0])
    assert setting_types.rejected(defaults, defaults) == ()


DEFAULTS = {
    "smtp_use_tls": "no", "smtp_connect_timeout": "30s", "smtp_tls_loglevel": "0", "inet_protocols": "all",
    "smtp_tls_security_level": "", "smtp_sasl_security_options": "noplaintext, noanonymous", "lmtp_tcp_port": "24",
    "mynetworks": "127.0.0.0/8", "myhostname": "a.example", "inet_interfaces": "all", "compatibility_level": "0",
    "default_destination_concurrency_positive_feedback": "1", "default_process_limit": "100",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("smtp_use_tls", "yes\\", "boolean"),
        ("smtp_use_tls", "yes # on", "boolean"),
        ("smtp_use_tls", "YES", ""),
        ("smtp_connect_timeout", "30 s", "time"),
        ("smtp_connect_timeout", "2m", ""),
        ("default_process_limit", "many", "number"),
        ("smtp_tls_loglevel", "debug", ""),
        ("smtp_tls_security_level", "yes", "one-of"),
        ("smtp_tls_security_level", "", ""),
        ("smtp_tls_security_level", "dane-only", ""),
        ("inet_protocols", "ipv4,ipv6", ""),
        ("inet_protocols", "ip4", "list-of"),
        ("smtp_sasl_security_options", "noanonymus", "list-of"),
        ("lmtp_tcp_port", "lmtp", ""),
        ("default_destination_concurrency_positive_feedback", "1/concurrency", ""),
        ("myhostname", "10.99.0.1", "host-name"),
        ("myhostname", "app_host", ""),
        ("mynetworks", "127.0.0.0/8 [::1]/128 10.0.0.0/8, hash:/etc/postfix/nets /etc/nets !10.1.1.1", ""),
        ("mynetworks", "192.168.1.5/24", "network"),
        ("mynetworks", "fe80::/64", "network"),
        ("mynetworks", "cidr:/etc/postfix/nets proxy:hash:/x", ""),
        ("inet_interfaces", "", "interface"),
        ("inet_interfaces", "127.0.0.1, [::1]", ""),
        ("mynetworks", "192.168.1.10/24 127.0.0.0/8", "network"),
        ("mynetworks", "127.0.0.0/33", "network"),
        ("mynetworks", "127.0.0.0/8 [::ffff:127.0.0.0]/104 !10.1.0.0/16 cidr:/etc/postfix/nets example.org", ""),
        ("compatibility_level", "3.6", ""),
        ("compatibility_level", "3,6", "number"),
        ("default_process_limit", "0", "number"),
        ("smtp_connect_timeout", "0", ""),
    ],
)
def test_rejected_values(name: str, value: str, expected: str) -> None:
    found = setting_types.rejected({name: value}, DEFAULTS)
    assert [rejection.expected for rejection in found] == ([expected] if expected else [])


def test_typed_readers() -> None:
    assert [setting_types.seconds(text) for text in ("30s", "5m", "7", "1w", "s", "3x", "")] == [
        30,
        300,
        7,
        604800,
        None,
        None,
        None,
    ]
    assert setting_types.items("a, b{c, d} {e f}\tg") == ("a", "b{c, d}", "{e f}", "g")


@needs_postfix
def test_master_cf_as_this_hosts_postconf_prints_it() -> None:
    out = run_postconf("-M")[0]
    read = master_cf.parse(out)
    assert read.findings == ()
    assert len(read.services) == len(out.splitlines())
    smtp = read.get("smtp")
    assert smtp is not None
    assert (smtp.command, smtp.type) == ("smtp", "unix")


def test_master_cf_continuations_and_overrides() -> None:
    text = (
        "smtp      unix  -       -       -       -       -       smtp\n"
        "  -o smtp_tls_wrappermode=yes -o { smtp_helo_name = a b }\n  # comment\n  -o x=1\n"
        "amavis unix - n y - 2 /usr/lib/postfix/smtp -o name = value\nbroken unix - -\n"
    )
    read = master_cf.parse(text, "3.6")
    smtp, amavis = read.get("smtp"), read.get("amavis")
    assert smtp
    assert amavis
    assert dict(smtp.overrides) == {"smtp_tls_wrappermode": "yes", "smtp_helo_name": "a b", "x": "1"}
    assert not smtp.chroot
    assert amavis.command == "-o" or amavis.maxproc == 2
    assert {kind for _, kind in kinds(read.findings)} >= {"bad-field-count"}
    old = master_cf.parse(text).get("smtp")
    assert old
    assert old.chroot


def test_spaced_override_is_found() -> None:
    read = master_cf.parse("smtp unix - - y - - smtp -o smtp_tls_wrappermode = yes\n")
    assert [finding.kind for finding in read.findings] == ["spaced-override"]
    assert master_cf.parse_overrides("relay/unix/syslog_name = postfix/x\n") == {
        ("relay", "unix"): {"syslog_name": "postfix/x"}
    }


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("hash:/etc/x", ("hash", ("/etc/x.db",), "")),
        ("proxy:lmdb:/etc/x", ("lmdb", ("/etc/x.lmdb",), "")),
        ("texthash:/etc/x", ("texthash", ("/etc/x",), "")),
        ("static:a:b", ("static", (), "")),
        ("/etc/x", ("", (), "no-type")),
        ("hsh:/etc/x", ("hsh", (), "unknown-type")),
        ("hash:/etc/x.db", ("hash", ("/etc/x.db.db",), "suffix-in-path")),
        ("hash:x", ("hash", ("x.db",), "relative-path")),
        ("unionmap:{hash:/a, lmdb:/b}", ("unionmap", ("/a.db", "/b.lmdb"), "")),
    ],
)
def test_tables(reference: str, expected: tuple[str, tuple[str, ...], str]) -> None:
    read = table.parse(reference)
    assert (read.type, table.files(read), read.problem) == expected


@pytest.mark.parametrize(
    "value",
    [
        "static:user:hunter22",
        "static:{user:hun ter22}, hash:/x",
        "inline:{ [h]:587=user:hunter22 }",
        "inline:{{[h]:587 = user:hunter22}, {b = c:hunter22}} static:x:hunter22",
        "proxy:static:hunter22",
        "static:{hunter22",
    ],
)
def test_hidden_values_hold_no_secret(value: str) -> None:
    assert "ter22" not in table.hide(value)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.sampled_from('ab=:{}$() \t\n\r#,\\"[]/-o?!<>\u00a0\ufeff0'), max_size=120))
def test_garbage_gives_findings_not_exceptions(text: str) -> None:
    main_cf.parse(text)
    master_cf.parse(text)
    postconf.complaints(text)
    found = postconf.parse_settings(text)
    postconf.expand(text, {**found, "a": text})
    setting_types.rejected(dict.fromkeys(DEFAULTS, text), DEFAULTS)
    for read in table.parse_list(text):
        table.files(read)
        table.inline_entries(read)
    table.hide(text)


@pytest.mark.parametrize(("text", "wanted"), [("30sec", 30), ("5min", 300), ("5 minutes", None), ("30x", None)])
def test_behind_the_letter_of_a_time_anything_may_stand(text: str, wanted: int | None) -> None:
    """As conv_time() of Postfix has it: `smtp_connect_timeout = 30sec` works, a blank before the unit does not."""
    assert setting_types.seconds(text) == wanted


def test_a_line_is_told_with_the_one_behind_it() -> None:
    assert list(main_cf.followed(["a", " b"])) == [(1, "a", " b"), (2, " b", "")]
    assert list(main_cf.followed([])) == []
