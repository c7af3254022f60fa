"""What signs, by each program's own settings."""

from __future__ import annotations

import pytest

from diagnose.parse.sender.signers import Signer, amavis, logged, opendkim, rspamd

ONE = """\
# one key for one domain
Syslog      yes
Domain      example.org, example.net
Selector    mail
KeyFile     /etc/dkimkeys/mail.private   # 2048 bit
Socket      local:/run/opendkim/opendkim.sock
"""
TABLES = "KeyTable refile:/etc/opendkim/key.table\nSigningTable refile:/etc/opendkim/signing.table\nSocket inet:8891@localhost\n"
KEYS = "mail._domainkey.example.org example.org:mail:/etc/opendkim/keys/example.org/mail.private\nany %:all:/etc/opendkim/keys/%/all.private\n"
PATTERNS = (
    "*@example.org mail._domainkey.example.org\n*@*.example.org mail._domainkey.example.org\n*@other.example any\n"
)


def test_opendkim_with_one_key() -> None:
    conf = opendkim(ONE)
    signer = Signer(program="OpenDKIM", domain="example.org", selector="mail", key="/etc/dkimkeys/mail.private")
    assert conf.signs
    assert list(conf.signers("example.org", "", "")) == [signer]
    assert list(conf.signers("www.example.org", "", "")) == []


def test_opendkim_with_tables() -> None:
    conf = opendkim(TABLES)
    assert (conf.table("KeyTable"), conf.table("SigningTable")) == (
        "/etc/opendkim/key.table",
        "/etc/opendkim/signing.table",
    )
    assert [s.domain for s in conf.signers("www.example.org", KEYS, PATTERNS)] == ["example.org"]
    (other,) = conf.signers("other.example", KEYS, PATTERNS)
    assert (other.domain, other.selector, other.key) == (
        "other.example",
        "all",
        "/etc/opendkim/keys/other.example/all.private",
    )
    assert list(conf.signers("elsewhere.example", KEYS, PATTERNS)) == []


@pytest.mark.parametrize("text", ["", "Syslog yes\n", "Domain example.org\n", ONE + "Mode v\n"])
def test_opendkim_that_signs_nothing(text: str) -> None:
    assert not opendkim(text).signs


@pytest.mark.parametrize(
    ("socket", "endpoint", "same"),
    [
        ("inet:8891@localhost", "inet:127.0.0.1:8891", True),
        ("inet:8891@localhost", "inet:localhost:11332", False),
        ("local:/var/spool/postfix/opendkim/opendkim.sock", "unix:opendkim/opendkim.sock", True),
        ("local:/run/opendkim/opendkim.sock", "unix:/run/clamav/clamav-milter.ctl", False),
        ("", "inet:127.0.0.1:12301", True),
    ],
)
def test_the_milter_that_postfix_asks(socket: str, endpoint: str, same: bool) -> None:
    assert opendkim(f"Socket {socket}" if socket else "").listens(endpoint) is same


RSPAMD = """\
# local.d/dkim_signing.conf
path = "/var/lib/rspamd/dkim/$domain.$selector.key";
selector = "s2026";
domain {
  example.net { path = "/etc/keys/net.key"; selector = "net"; }
}
"""


def test_rspamd() -> None:
    assert rspamd(RSPAMD, "example.org") == Signer(
        program="rspamd", domain="example.org", selector="s2026", key="/var/lib/rspamd/dkim/example.org.s2026.key"
    )
    net = rspamd(RSPAMD, "example.net")
    assert net is not None
    assert (net.selector, net.key) == ("net", "/etc/keys/net.key")
    assert rspamd("enabled = false;", "example.org") is None
    assert rspamd('selector_map = "/etc/rspamd/maps/selectors";', "example.org") is None
    assert rspamd("", "example.org") == Signer(
        program="rspamd", domain="example.org", selector="dkim", key="/var/lib/rspamd/dkim/example.org.dkim.key"
    )


def test_amavis() -> None:
    text = "$enable_dkim_signing = 1;\ndkim_key('example.org', 'am', '/var/db/dkim/am.pem');\n#dkim_key('x.org', 'a', '/b');\n"
    signer = Signer(program="amavis", domain="example.org", selector="am", key="/var/db/dkim/am.pem")
    assert list(amavis(text, "www.example.org")) == [signer]
    assert list(amavis(text.replace("= 1", "= 0"), "example.org")) == []


def test_what_the_log_says_was_signed() -> None:
    line = "Nov 22 14:00:00 app opendkim[77]: 4F1A300001: DKIM-Signature field added (s=mail, d=example.org)"
    assert logged([line, "Nov 22 14:00:00 app opendkim[77]: OpenDKIM Filter v2.11.0 starting"]) == {
        "example.org": "mail"
    }
