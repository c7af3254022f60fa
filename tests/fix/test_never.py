"""What a fix never does, whatever a plan says: each step of any kind, made of hostile values, on a host of every kind."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from diagnose.parse.postfix import main_cf
from diagnose.remedy import journal, never, proposal, transaction
from diagnose.remedy.edits import Changed
from diagnose.remedy.make import pasteable
from diagnose.remedy.plan import Plan
from diagnose.remedy.running import Command, FirewallAccept, Mode, ReleaseHeld, Requeue
from diagnose.remedy.steps import (
    Content,
    MasterOption,
    MasterService,
    Refused,
    RemoveParameter,
    RepairLine,
    SetParameter,
    Step,
)

LEVELS = ("none", "may", "encrypt", "dane", "dane-only", "fingerprint", "verify", "secure")
WHY = "It is a test."
NETWORKS = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "0.0.0.0/0",
    "[::1]/128",
    "[::]/0",
    "192.0.2.7",
    "10.1.0.0/16",
    "!10.0.0.0/8",
    "hash:/x",
)
VALUES = {
    "mynetworks": st.lists(st.sampled_from(NETWORKS), max_size=3).map(" ".join),
    "mynetworks_style": st.sampled_from(("host", "subnet", "class")),
    "inet_interfaces": st.sampled_from(("all", "loopback-only", "127.0.0.1", "127.0.0.1, 192.0.2.7")),
    "smtp_tls_security_level": st.sampled_from(LEVELS),
    "smtpd_tls_security_level": st.sampled_from(LEVELS),
    "smtpd_milters": st.sampled_from(("", "inet:localhost:8891", "inet:localhost:8891, unix:/run/clamav")),
    "non_smtpd_milters": st.sampled_from(("", "inet:localhost:8891")),
    "content_filter": st.sampled_from(("", "smtp-amavis:[127.0.0.1]:10024")),
    "smtpd_relay_restrictions": st.sampled_from(("permit", "permit_mynetworks, reject", "reject")),
    "smtpd_recipient_restrictions": st.sampled_from(("", "permit", "reject_unauth_destination")),
    "smtpd_client_restrictions": st.sampled_from(("", "permit", "reject")),
    "relay_domains": st.sampled_from(("", "*", "example.org")),
    "relayhost": st.sampled_from(("", "[relay.lan]:587")),
}  # fmt: skip
NAMES = sorted(VALUES)


@st.composite
def setting(draw: st.DrawFn) -> tuple[str, str]:
    name = draw(st.sampled_from(NAMES))
    return name, draw(VALUES[name])


FILES = st.lists(setting(), max_size=6).map(lambda pairs: "".join(f"{name} = {value}\n" for name, value in pairs))


@st.composite
def step(draw: st.DrawFn, main: str) -> Callable[[], Step]:
    """What makes a step; it may be refused. `was` may be a lie."""
    name, value = draw(setting())
    was = draw(st.none() | VALUES[name])
    line = draw(st.integers(1, 4))
    find, put = (" = ".join(draw(setting())) for _ in range(2))
    at = draw(st.sampled_from(("whole", "start", "end", "within", "all", "comment")))
    part = draw(st.sampled_from((name, value or "x", "#", "", f"{name} = ")))
    other = draw(st.sampled_from((put, name, value, "#", "")))
    return draw(
        st.sampled_from(
            (
                lambda: SetParameter(path=main, name=name, value=value, was=was, why=WHY),
                lambda: RemoveParameter(path=main, name=name, was=was, default=value, why=WHY),
                lambda: RepairLine(path=main, line=line, find=find, put=put, why=WHY),
                lambda: RepairLine(path=main, line=line, find=part, put=other, at=at, why=WHY),
            )
        )
    )


def networks(value: str) -> set[str]:
    return set(value.replace(",", " ").split())


def inside(word: str, others: set[str]) -> bool:
    if word in others:
        return True
    try:
        net = ipaddress.ip_network(re.sub(r"[\[\]]", "", word))
        return any(
            str(net) != "" and net.version == o.version and net.subnet_of(o)  # type: ignore[arg-type]
            for o in (ipaddress.ip_network(re.sub(r"[\[\]]", "", each)) for each in others if each[0] not in "!h")
        )
    except ValueError:
        return False


def opened(before: str, after: str) -> list[str]:
    """The test's own opinion of what became more open."""
    old, new = ({s.name: s.value for s in main_cf.parse(text).settings} for text in (before, after))
    worse = []
    for name in old.keys() | new.keys():
        was, now = old.get(name), new.get(name)
        if was == now or name == "relayhost":
            continue
        if name in ("mynetworks", "inet_interfaces"):
            # Without a value Postfix trusts these by itself.
            held = "127.0.0.0/8 [::1]/128" if name == "mynetworks" and was is None else was
            if held is None or now is None or not all(inside(w, networks(held)) for w in networks(now)):
                worse.append(name if now != "loopback-only" else "")
        elif name.endswith("tls_security_level") and was in LEVELS:
            if now not in LEVELS or LEVELS.index(now) < LEVELS.index(was):
                worse.append(name)
        elif name.endswith("tls_security_level"):
            worse.append(name if now == "none" else "")
        elif name in VALUES:
            worse.append(name)
    return [name for name in worse if name]


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_no_steps_on_any_main_cf_open_the_host(tmp_path: Path, data: st.DataObject) -> None:
    main = tmp_path / "main.cf"
    before = data.draw(FILES)
    main.write_text(before)
    made: list[Step] = []
    for make in data.draw(st.lists(step(str(main)), min_size=1, max_size=3)):
        try:
            made.append(make())
        except Refused:
            continue
    with journal.opened(tmp_path / "undo") as store:
        work = transaction.Transaction(store, store.begin("c", "t", len(made)), {})
        for each in made:
            try:
                work.apply(each)
            except (transaction.Failed, Changed):
                continue
            assert opened(before, main.read_text()) == [], each
        store.forget(work.journal.change.id)
    shown = proposal.propose(Plan(steps=tuple(made)))
    assert shown.obstacle or not opened(before, main.read_text())


WORDS = st.sampled_from((
    "-d", "-dALL", "-H", "-h", "-r", "-f", "-F", "-D", "-X", "-P", "-A", "-I", "ALL", "all", "OUTPUT", "delete", "flush", "add", "rule", "--flush",
    "ACCEPT", "--remove-service=smtp", "disable", "4ABC12DEF", "deferred", "-i", "0", "-e", "mynetworks=0.0.0.0/0", "/etc/passwd", "-rf", "/",
))  # fmt: skip
PROGRAMS = st.sampled_from((
    "postsuper", "postqueue", "/usr/sbin/postsuper", "iptables", "ip6tables-nft", "nft", "ufw", "firewall-cmd", "rm", "/bin/rm", "setenforce",
    "aa-complain", "sh", "bash", "env", "postconf", "iptables-restore", "dd",
))  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(argv=st.tuples(PROGRAMS, WORDS, WORDS, WORDS), kind=st.sampled_from((Command, FirewallAccept)))
def test_no_command_deletes_mail_rules_or_files(argv: tuple[str, ...], kind: Callable[..., Step]) -> None:
    try:
        made = kind(argv=argv, why=WHY)
    except Refused:
        return
    if proposal.propose(Plan(steps=(made,))).obstacle:
        return
    program, words = argv[0].rpartition("/")[2], set(argv[1:])
    assert program in ("postsuper", "postqueue", "iptables", "ip6tables-nft", "nft", "ufw", "firewall-cmd")
    if program.startswith("post"):
        assert not words & {"-d", "-dALL", "-f", "ALL", "all"}
    else:
        assert not words & {
            "-D",
            "-F",
            "-X",
            "-P",
            "delete",
            "flush",
            "--flush",
            "disable",
            "--remove-service=smtp",
            "-f",
        }


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(now=st.integers(0, 0o7777), was=st.integers(0, 0o7777), wanted=st.integers(0, 0o7777))
def test_no_mode_is_wider_than_the_file_really_has(tmp_path: Path, now: int, was: int, wanted: int) -> None:
    path = tmp_path / "file"
    path.touch()
    path.chmod(now)
    try:
        made = Mode(path=str(path), mode=wanted, was=was, why=WHY)
    except Refused:
        return
    with journal.opened(tmp_path / "undo") as store:
        work = transaction.Transaction(store, store.begin("c", "t", 1), {})
        try:
            work.apply(made)
        except transaction.Failed:
            pass
        store.forget(work.journal.change.id)
    assert not path.stat().st_mode & 0o7777 & ~now


@pytest.mark.parametrize("ids", [("ALL",), ("4ABC", "all"), ("deferred",)])
def test_the_queue_is_never_tried_or_let_go_as_a_whole(ids: tuple[str, ...]) -> None:
    for made in (Requeue(ids=ids, why=WHY), ReleaseHeld(ids=ids, why=WHY)):
        found = list(never.reasons(made))
        assert found or ids == ("deferred",)


def test_master_cf_keeps_its_filters_and_restrictions() -> None:
    before = b"smtp inet n - y - - smtpd\n  -o content_filter=amavis:[127.0.0.1]:10024\n  -o smtpd_client_restrictions=reject\n"
    for made in (
        lambda: MasterOption(path="/etc/postfix/master.cf", service="smtp", type="inet", name="content_filter", value=None, why=WHY),
        lambda: MasterService(path="/etc/postfix/master.cf", name="smtp", type="inet", text="smtp inet n - y - - smtpd", why=WHY),
    ):  # fmt: skip
        try:
            after = made().edit(before)
        except Refused:
            continue
        assert never.effect("/etc/postfix/master.cf", before, after)


@pytest.mark.parametrize("name", ["x\\x1b[2J", "x\\u202ey"])
def test_a_name_that_is_shown_by_codes_is_not_written_to(tmp_path: Path, name: str) -> None:
    made = Content(path=str(tmp_path / name), text="x", why=WHY)
    assert "another file's name" in proposal.propose(Plan(steps=(made,))).obstacle
    assert not any(map(pasteable, made.commands()))


def test_a_repair_of_what_was_meant_is_no_opening() -> None:
    for before, after in (
        (b'mynetworks = "127.0.0.0/8"\n', b"mynetworks = 127.0.0.0/8\n"),
        (b"smtpd_milters = inet:localhost:8891 # dkim\n", b"smtpd_milters = inet:localhost:8891\n"),
        (b"smtpd_relay_restrictions = reject\n relayhost = x\n", b"smtpd_relay_restrictions = reject\nrelayhost = x\n"),
        (b"smtp_tls_security_level = may\n", b"smtp_tls_security_level = encrypt\n"),
    ):
        assert never.effect("/etc/postfix/main.cf", before, after) == ""
    assert never.effect("/etc/postfix/main.cf", b"smtpd_milters = a, b\n", b"smtpd_milters = a\n")
