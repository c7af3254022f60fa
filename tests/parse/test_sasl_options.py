"""Which login mechanisms are left."""

import pytest

from diagnose.parse.postfix.sasl_options import allowed_by_options, installed, left, passes_filter

DEBIAN = frozenset(("PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "NTLM", "ANONYMOUS"))


@pytest.mark.parametrize(
    ("offered", "mechanism_filter", "options", "plugins", "kind"),
    [
        (("PLAIN", "LOGIN"), "", ("noanonymous",), DEBIAN, ""),
        (("plain", "login"), "", ("noanonymous",), DEBIAN, ""),
        (("PLAIN", "LOGIN"), "", ("noplaintext", "noanonymous"), DEBIAN, "options"),
        (("PLAIN", "LOGIN", "CRAM-MD5"), "", ("noplaintext", "noanonymous"), DEBIAN, ""),
        # A token method passes the options, but the plug-in that would do is held back by them.
        (("PLAIN", "LOGIN", "XOAUTH2"), "", ("noplaintext",), DEBIAN, "options"),
        (("PLAIN", "LOGIN"), "cram-md5", ("noanonymous",), DEBIAN, "filter"),
        (("PLAIN", "LOGIN"), "!gssapi, !login, static:all", ("noanonymous",), DEBIAN, ""),
        (("PLAIN", "LOGIN"), "", ("noanonymous",), frozenset(), "plug-in"),
        (("PLAIN", "LOGIN"), "", ("noanonymous",), frozenset({"CRAM-MD5"}), "plug-in"),
        (("XOAUTH2",), "", ("noanonymous",), DEBIAN, "token-only"),
        (("XOAUTH2", "OAUTHBEARER"), "", (), DEBIAN | {"XOAUTH2"}, ""),
        (("PLAIN",), "", ("noanonymous",), None, ""),
        ((), "", (), DEBIAN, "none-offered"),
    ],
)
def test_what_takes_the_last_mechanism_away(
    offered: tuple[str, ...], mechanism_filter: str, options: tuple[str, ...], plugins: frozenset[str] | None, kind: str
) -> None:
    assert left(offered, mechanism_filter=mechanism_filter, options=options, plugins=plugins).kind == kind


def test_plug_in_files() -> None:
    paths = (
        "/usr/lib/x86_64-linux-gnu/sasl2/libplain.so",
        "/usr/lib/x86_64-linux-gnu/sasl2/libplain.so.2.0.25",
        "/usr/lib64/sasl2/liblogin.so.3",
        "/usr/lib/sasl2/libcrammd5.so",
        "/usr/lib/sasl2/readme.txt",
        "/usr/lib/sasl2/libsasl-xoauth2.so",
    )
    assert installed(paths) == {"PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"}


def test_filter_takes_the_first_item_that_matches() -> None:
    assert passes_filter("PLAIN", "")
    assert passes_filter("PLAIN", "plain, login")
    assert not passes_filter("PLAIN", "!plain, plain")
    assert not passes_filter("NTLM", "plain, login")
    assert passes_filter("NTLM", "/etc/postfix/mechanisms")


def test_options() -> None:
    assert not allowed_by_options("PLAIN", ("noplaintext",))
    assert allowed_by_options("SCRAM-SHA-256", ("noplaintext", "noanonymous"))
    assert not allowed_by_options("CRAM-MD5", ("nodictionary",))
    assert not allowed_by_options("ANONYMOUS", ("NoAnonymous",))
    assert not allowed_by_options("PLAIN", ("mutual_auth",))
