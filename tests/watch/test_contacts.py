"""What a watch asks of others, counted."""

from __future__ import annotations

import json
import ssl
import stat
import time
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trustme

from checks.network import network_owner
from diagnose.check import Context, Settings
from diagnose.facts import network
from diagnose.host.live.dial import dial
from diagnose.host.memo import Memo, Recorder
from diagnose.host.query import Dial, Lookup, Query
from diagnose.model import Target
from diagnose.parse.text.masking import Secrets
from diagnose.watch import contacts, machine, passes
from diagnose.watch.contacts import Contacts
from tests.host.caller import LOGIN, NAME, PASSWORD, USER
from tests.host.server import Smtp, serving
from tests.watch import world

R = TypeVar("R")
Seen = tuple[str, str | None]


class Others:
    """Counts the looks at others. `mail`: whether a delivery stands in the log; `seen`: what a look at others shows."""

    def __init__(self) -> None:
        self.mail = True
        self.seen: Seen = world.OK
        self.quiet: Seen = world.OK
        self.asked = self.spared = 0

    def look(self, network: bool, seconds: float) -> tuple[dict[str, Any], bool]:
        report = world.report(*(self.seen if network else self.quiet))
        if network:
            self.asked += 1
        else:
            self.spared += 1
            report["runs"][0] |= {"outcome": "skipped", "observations": []}
        return report, self.mail

    def one_pass(self, directory: Path) -> passes.Outcome:
        def probe(ignores: Any, seconds: float) -> dict[str, Any]:
            kept = Contacts(directory)
            report = kept.look(self.look, seconds)
            kept.keep()
            return report

        options = passes.Options(state_dir=directory, policy=machine.Policy(attempts=1), pauses=())
        return passes.one_pass(options, probe)


def later(directory: Path, seconds: float) -> None:
    path = directory / contacts.NAME
    kept = json.loads(path.read_text())
    kept["looked"] -= seconds
    for each in kept["refused"].values():
        each["at"] -= seconds
    path.write_text(json.dumps(kept))


def test_while_mail_passes_others_are_asked_once_an_hour(tmp_path: Path) -> None:
    others = Others()
    for _ in range(24):  # two hours of passes every five minutes
        others.one_pass(tmp_path)
        later(tmp_path, 300)
    assert (others.asked, others.spared) == (2, 22)


def test_others_are_asked_where_no_mail_is_seen_to_pass(tmp_path: Path) -> None:
    others = Others()
    others.mail = False
    for _ in range(3):
        others.one_pass(tmp_path)
    assert others.asked == 3
    others.mail, others.quiet = True, world.FAILED
    others.one_pass(tmp_path)
    assert others.asked == 4


def test_what_others_showed_stands_until_they_are_asked_again(tmp_path: Path) -> None:
    others = Others()
    others.seen = ("warning", "egress-port-25-blocked")
    told = [line for _ in range(4) for line in others.one_pass(tmp_path).told]
    kept = json.loads((tmp_path / "state.json").read_text())
    assert others.asked == 1
    assert kept["report"]["status"] == "warning"
    assert [each["cause"] for each in kept["report"]["diagnoses"]] == ["egress-port-25-blocked"]
    assert "were last tried at" in kept["report"]["notes"][-1]
    assert len([line for line in told if "egress" in line.lower() or "Title" in line]) <= 2
    others.seen = world.OK
    later(tmp_path, 4000)
    others.one_pass(tmp_path)
    assert json.loads((tmp_path / "state.json").read_text())["report"]["status"] == "ok"


def test_an_outage_is_looked_at_in_every_pass(tmp_path: Path) -> None:
    others = Others()
    others.seen = world.FAILED
    for _ in range(3):
        others.one_pass(tmp_path)
    assert others.asked == 3


@pytest.fixture(scope="module")
def secure() -> tuple[ssl.SSLContext, bytes]:
    ca = trustme.CA()
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(NAME).configure_cert(made)
    return made, ca.cert_pem.bytes()


def test_a_refused_login_is_offered_once_an_hour_or_when_it_changes(
    tmp_path: Path, secure: tuple[ssl.SSLContext, bytes]
) -> None:
    (tmp_path / "ca.pem").write_bytes(secure[1])
    server = Smtp(tls=secure[0], over_tls=("AUTH PLAIN",), replies={"AUTH PLAIN": "535 5.7.8 not accepted"})
    state = tmp_path / "state"
    state.mkdir()

    def login(port: int, password: str = PASSWORD) -> tuple[str, str]:
        kept = Contacts(state)
        query = Dial(
            host="127.0.0.1", port=port, timeout=1.0, helo="client.example.net", tls="starttls", say="auth",
            ca_file=str(tmp_path / "ca.pem"), verify_name=NAME, login=LOGIN,
        )  # fmt: skip
        reply = dial(query, time.monotonic() + 5, lambda _: (USER, password), Secrets(), kept)
        kept.keep()
        return reply.auth, kept.again

    def offered() -> int:
        return sum(line.startswith("AUTH") for line in server.heard)

    with serving(server) as port:
        assert [login(port)[0] for _ in range(3)] == ["535 5.7.8 not accepted"] * 3
        assert offered() == 1
        assert "not tried again within the hour" in login(port)[1]
        login(port, "another-password")
        assert offered() == 2
        later(state, 3700)
        login(port)
        assert offered() == 3
    kept = (state / contacts.NAME).read_text()
    assert PASSWORD not in kept
    assert USER not in kept
    assert stat.S_IMODE((state / contacts.NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"key": "x", "looked": 1, "refused": {}}', '{"key": "", "looked": "z"}']
)
def test_a_damaged_memory_is_begun_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / contacts.NAME).write_text(text)
    kept = Contacts(tmp_path)
    assert kept.looked == 0.0
    assert len(bytes.fromhex(kept.key)) == 32
    assert kept.refused("x:25", "u", "p") is None


class Silent:
    """A host that knows nothing, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Query[Any]] = []

    def answer(self, query: Query[R], deadline: float) -> R:
        self.asked.append(query)
        return query.Reply()  # type: ignore[no-any-return]


@pytest.mark.parametrize("curious", [True, False])
def test_a_watch_asks_nobody_which_address_it_has(curious: bool) -> None:
    host = Silent()
    ctx = Context(Recorder(Memo(host), time.monotonic() + 5), Target(), Settings(curious=curious))
    network.public_address(ctx)
    network_owner._registered(ctx, "192.0.2.1")
    names = [query.name for query in host.asked if isinstance(query, Lookup)]
    assert any("myaddr" in name or "cymru" in name for name in names) is curious
