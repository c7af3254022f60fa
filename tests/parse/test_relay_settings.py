"""Password tables, next hops and the route of a recipient are read as smtp(8) and trivial-rewrite(8) read them."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from diagnose.host.secretfile import mask_read
from diagnose.parse.postfix import nexthop, sasl_flaws, sasl_passwd, trivial_rewrite
from diagnose.parse.text.masking import KNOWN, Secrets
from diagnose.parse.text.secret import shape

POSTMAP = shutil.which("postmap", path="/usr/sbin:/usr/bin:/sbin:/bin")
SECRET = "Geheimnis77"


def kinds(text: str) -> set[str]:
    return {finding.kind for finding in sasl_passwd.parse(text).findings}


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (f"[h.example]:587 user:{SECRET}\\", "trailing-backslash"),
        (f'[h.example]:587 "user:{SECRET}"', "quoted-value"),
        (f'"[h.example]:587 user:{SECRET}"', "whole-line-quoted"),
        (f"[h.example]:587:user:{SECRET}", "no-key-separator"),
        (f"[h.example]:587=user:{SECRET}", "equals-sign"),
        (f"[h.example]:587 = user:{SECRET}", "equals-sign"),
        (f"[h.example]:587: user:{SECRET}", "colon-after-key"),
        (f"[h.example]:587 {SECRET}", "no-colon"),
        ("[h.example]:587", "key-without-value"),
        (f"[h.example]:587 :{SECRET}", "empty-user"),
        ("[h.example]:587 user:", "empty-password"),
        (f" [h.example]:587 user:{SECRET}", "indented"),
        (f"[h.example]:587\u00a0user:{SECRET}", "nbsp"),
        (f"[h.example]:587 \u201cuser:{SECRET}\u201d", "smart-quote"),
        (f"\ufeff[h.example]:587 user:{SECRET}", "bom"),
        (f"$ [h.example]:587 user:{SECRET}", "prompt"),
        (f"smtp://h.example:587 user:{SECRET}", "url-key"),
        ("[h.example]:587 USERNAME:APIKEY", "placeholder"),
        (f"[h.example]:587 user:{SECRET}\n[H.example]:587 user:{SECRET}2", "duplicate"),
    ],
)
def test_malformed_lines_are_found_and_masked(line: str, kind: str) -> None:
    read = sasl_passwd.parse(line + "\n")
    assert kind in {finding.kind for finding in read.findings}
    assert SECRET not in repr(read)
    assert SECRET not in mask_read(line, "sasl", Secrets())


def test_a_byte_order_mark_hides_the_relay_and_no_more() -> None:
    shown = mask_read(f"\ufeff[h.example]:587 user:{SECRET}\n", "sasl", KNOWN)
    assert SECRET not in shown
    found = sasl_flaws.lost(sasl_passwd.parse(shown), "h.example")
    assert found is not None
    assert (found.kind, found.line) == ("bom", 1)


@pytest.mark.parametrize(
    "line",
    [
        f"[h.example]:587 user:{SECRET}",
        f"h.example user@d.example:{SECRET}:more",
        f"@d.example\tapikey:SG.{SECRET}abcdef.ghijklmnopqrs",
        f"me@d.example me:{SECRET} with # blanks",
        f"[h.example]:submission user:{SECRET}\r",
        "[h.example]:587 user:password",
    ],
)
def test_good_lines_have_no_findings(line: str) -> None:
    read = sasl_passwd.parse(f"# a comment\n\n{line}\n")
    assert {finding.kind for finding in read.findings} <= {"cr"}
    assert len(read.entries) == 1
    assert SECRET not in repr(read) + mask_read(line, "sasl", Secrets())


@pytest.mark.skipif(POSTMAP is None, reason="postmap is not installed")
def test_keys_are_those_of_postmap(tmp_path: Path) -> None:
    text = (
        f"# x y\n[a.example]:587 u:{SECRET}\n\tb c\nB.example  u:{SECRET}\n indented u:p\n\n"
        "lone\nc.example:25\tu:p \r\nb.example u:2\n@d.example u:p\\\n"
    )
    source = tmp_path / "sasl_passwd"
    source.write_text(text, newline="")
    (tmp_path / "main.cf").write_text("")
    assert POSTMAP
    subprocess.run([POSTMAP, "-c", str(tmp_path), f"hash:{source}"], check=False, capture_output=True, timeout=20)
    done = subprocess.run(
        [POSTMAP, "-c", str(tmp_path), "-s", f"hash:{source}"], capture_output=True, text=True, timeout=20, check=False
    )
    theirs = sorted(line.split("\t", 1)[0] for line in done.stdout.splitlines())
    ours = sorted({entry.key.lower() for entry in sasl_passwd.parse(text).entries})
    assert ours == theirs


def test_keys_in_postfix_order() -> None:
    assert sasl_passwd.keys_tried("[h.example]:587") == ("h.example", "[h.example]:587")
    assert sasl_passwd.keys_tried("h.example:587", hosts=("mx1.h.example",)) == ("mx1.h.example", "h.example:587")
    tried = sasl_passwd.keys_tried("[H.example]:587", sender="a+x@d.example", sender_dependent=True, delimiter="+")
    assert tried == ("a+x@d.example", "a@d.example", "@d.example", "h.example", "[h.example]:587")


@pytest.mark.parametrize(
    ("key", "difference"),
    [
        ("[h.example]", "port"),
        ("h.example:587", "brackets"),
        ("[h.example]:465", "port"),
        ("h.example:25", "brackets-and-port"),
        ("[h.exmaple]:587", "spelling"),
        ("mail.h.example", "domain"),
        ("[other.test]:587", ""),
        ("H.example", ""),
        ("[H.EXAMPLE]:587", ""),
    ],
)
def test_near_misses(key: str, difference: str) -> None:
    read = sasl_passwd.parse(f"{key} user:x\n")
    wanted = sasl_passwd.keys_tried("[h.example]:587")
    found = sasl_passwd.near_misses(read.entries, wanted)
    assert [miss.difference for miss in found] == ([difference] if difference else [])


@pytest.mark.parametrize(
    ("secret", "trait"),
    [
        ("abcd efgh ijkl mnop", "app-password"),
        ("abcdefghijklmnop", "app-password"),
        ("APIKEY\\", "placeholder"),
        ("YOUR_GMAIL_PASSWORD", "placeholder"),
        ("<%= @x %>", "unrendered"),
        ("'x1y2'", "quoted"),
        ("x1y2 ", "trailing-blank"),
        ("xoxb-1", "slack-token"),
        ("p\u00e4ss", "non-ascii"),
    ],
)
def test_shapes(secret: str, trait: str) -> None:
    assert shape(secret).has(trait)


@pytest.mark.parametrize("secret", ["password", "secret", "user", "Tr0ub4dor&3", "********", "x"])
def test_a_weak_password_is_no_placeholder(secret: str) -> None:
    assert not shape(secret).has("placeholder")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[h.example]:587", ("h.example", "587", True, ())),
        ("[h.example]", ("h.example", "", True, ())),
        ("h.example:submission", ("h.example", "submission", False, ())),
        ("[192.0.2.1]:25", ("192.0.2.1", "25", True, ())),
        ("[ipv6:2001:db8::1]:25", ("2001:db8::1", "25", True, ())),
        ("[h.example:587]", ("h.example", "587", True, ("port-in-brackets",))),
        ("[h.example:587", ("h.example", "587", True, ("missing-bracket",))),
        ("h.example]:587", ("h.example", "587", True, ("missing-bracket",))),
        ("[h.example] :587", ("h.example", "587", True, ("blank-inside",))),
        ("smtp://h.example:587", ("h.example", "587", False, ("url",))),
        ("smtp:[h.example]:587", ("h.example", "587", True, ("transport-in-relayhost",))),
        ('"[h.example]:587"', ("h.example", "587", True, ("quoted",))),
        ("[h.example]:587\\", ("h.example", "587", True, ("trailing-backslash",))),
        ("[h.example]:587 # relay", ("h.example", "587", True, ("inline-comment",))),
        ("[h.example]:58700000", ("h.example", "58700000", True, ("bad-port",))),
        ("[]:587", ("", "587", True, ("empty-host",))),
        ("[h_1.example]:587", ("h_1.example", "587", True, ())),
    ],
)
def test_next_hops(text: str, expected: tuple[str, str, bool, tuple[str, ...]]) -> None:
    (hop,) = nexthop.parse_list(text)
    assert (hop.host, hop.port, hop.bracketed, hop.problems) == expected


def test_lists_and_routes() -> None:
    assert [hop.host for hop in nexthop.parse_list("[a.example]:587, b.example")] == ["a.example", "b.example"]
    assert nexthop.parse_list("") == ()
    route = nexthop.parse_route("relay:[h.example]:587")
    assert (route.transport, route.destination, route.port_number()) == ("relay", "[h.example]:587", 587)
    assert nexthop.parse_route("error:no: mail").host == ""
    assert nexthop.parse_route("lmtp:unix:private/dovecot-lmtp").host == ""
    assert nexthop.parse_route("lmtp:inet:h.example:24").port_number() == 24


BASE = {
    "mydestination": "$myhostname, localhost",
    "myhostname": "host.example",
    "default_transport": "smtp",
    "relay_transport": "relay",
    "local_transport": "local:$myhostname",
    "virtual_transport": "virtual",
    "parent_domain_matches_subdomains": "relay_domains,mynetworks",
    "recipient_delimiter": "+",
}
TABLE = {
    "t": {
        "special@far.example": "smtp:[one.example]:2525",
        "far.example": ":[two.example]",
        ".far.example": "smtp:",
        "gone.example": "error:5.1.2 gone",
        "drop.example": "discard:",
        "lmtp.example": "lmtp:unix:private/x",
    },
    "star": {"*": "relay:[star.example]:587"},
    "senders": {"@d.example": "[sender.example]:587", "none@d.example": "DUNNO"},
}


def look(spec: str, key: str) -> str | None:
    if spec == "hash:broken":
        raise LookupError
    return TABLE.get(spec.partition(":")[2], {}).get(key)


@pytest.mark.parametrize(
    ("more", "recipient", "expected"),
    [
        ({}, "u@far.example", ("default", "smtp", "far.example")),
        ({"relayhost": "[r.example]:587"}, "u@far.example", ("default", "smtp", "[r.example]:587")),
        ({}, "u@HOST.example", ("local", "local", "host.example")),
        ({"relay_domains": "far.example"}, "u@sub.far.example", ("relay", "relay", "sub.far.example")),
        ({"virtual_mailbox_domains": "hash:t"}, "u@gone.example", ("virtual-mailbox", "virtual", "gone.example")),
        ({"virtual_alias_domains": "far.example", "transport_maps": "hash:t"}, "u@far.example",
         ("virtual-alias", "error", "User unknown in virtual alias table")),
        ({"transport_maps": "hash:t", "relayhost": "r"}, "special+x@far.example", ("default", "smtp", "[one.example]:2525")),
        ({"transport_maps": "hash:t"}, "u@far.example", ("default", "smtp", "[two.example]")),
        ({"transport_maps": "hash:t", "relayhost": "r"}, "u@x.far.example", ("default", "smtp", "x.far.example")),
        ({"transport_maps": "hash:t"}, "u@gone.example", ("default", "error", "5.1.2 gone")),
        ({"transport_maps": "hash:star"}, "u@host.example", ("local", "relay", "[star.example]:587")),
        ({"default_transport": "smtp:[d.example]", "relayhost": "r"}, "u@far.example", ("default", "smtp", "[d.example]")),
        ({"sender_dependent_relayhost_maps": "hash:senders", "relayhost": "r"}, "u@far.example",
         ("default", "smtp", "[sender.example]:587")),
        ({"sender_dependent_default_transport_maps": "static:{relay:[s.example]}"}, "u@far.example",
         ("default", "relay", "[s.example]")),
        ({"mydestination": "!far.example, static:all"}, "u@far.example", ("default", "smtp", "far.example")),
    ],
)  # fmt: skip
def test_decide(more: dict[str, str], recipient: str, expected: tuple[str, str, str]) -> None:
    decision = trivial_rewrite.decide({**BASE, **more}, look, "me@d.example", recipient)
    assert (decision.address_class, decision.transport, decision.nexthop) == expected
    assert decision.unknown == ()
    assert decision.reasons


def test_decide_says_what_it_could_not_ask() -> None:
    decision = trivial_rewrite.decide({**BASE, "transport_maps": "hash:broken"}, look, "", "u@far.example")
    assert decision.unknown == ("hash:broken",)
    dunno = {**BASE, "sender_dependent_relayhost_maps": "hash:senders", "relayhost": "[r.example]"}
    assert trivial_rewrite.decide(dunno, look, "none@d.example", "u@far.example").nexthop == "[r.example]"


GARBAGE = st.text(alphabet=st.sampled_from("ab.:@[]{}=\"'\\ \t\n\r#,/!$\u00a0\ufeff\u201c9+*"), max_size=100)


@settings(max_examples=80, deadline=None)
@given(GARBAGE, GARBAGE)
def test_garbage_gives_findings_not_exceptions(text: str, other: str) -> None:
    read = sasl_passwd.parse(text)
    mask_read(text, "sasl", Secrets())
    sasl_passwd.near_misses(
        read.entries, sasl_passwd.keys_tried(other, sender=text, sender_dependent=True, delimiter="+")
    )
    nexthop.parse_list(text)
    nexthop.parse_route(text)
    mixed = {**BASE, "mydestination": text, "transport_maps": other, "default_transport": text, "relayhost": other}
    trivial_rewrite.decide(mixed, lambda spec, key: None, text, other)


@settings(max_examples=100, deadline=None)
@given(
    st.text(alphabet=st.sampled_from("ab.:[]\"' \t\\=#"), max_size=30),
    st.sampled_from((" ", ":", "=", "\t", " = ", ": ")),
)
def test_a_password_behind_a_user_is_never_shown(before: str, separator: str) -> None:
    line = f"[h.example]:587{separator}{before}user:{SECRET}"
    assert SECRET not in mask_read(line, "sasl", Secrets()) + repr(sasl_passwd.parse(line))
