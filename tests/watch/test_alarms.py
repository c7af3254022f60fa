"""Alarms that do not travel by mail: shapes, failures, and the secrets in their addresses."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import trustme

from diagnose.errors import UsageError
from diagnose.host.live import web
from diagnose.watch import state, target
from tests.watch import world

SECRET = world.SECRET


def _posted(got: list[tuple[str, dict[str, str], bytes]]) -> Any:
    assert len(got) == 1
    return json.loads(got[0][2])


def test_a_webhook_is_told_the_problem_and_then_the_recovery(tmp_path: Path) -> None:
    with world.web() as server:
        assert world.one(tmp_path, world.FAILED, f"{server.url}/hook").status == 2
        assert world.one(tmp_path, world.FAILED, f"{server.url}/hook").told == []
        assert world.one(tmp_path, world.OK, f"{server.url}/hook").status == 0
        notes = [json.loads(body) for _, _, body in server.got]
    assert [note["kind"] for note in notes] == ["problem", "recovery"]
    assert notes[0]["title"] == "mail.example.com: FAILED: Title of egress-port-25-blocked"
    assert "TCP 25: times out" in notes[0]["text"]
    assert "postqueue -f" in notes[0]["text"]
    assert notes[0]["cause"] == "egress-port-25-blocked"
    assert len({note["id"] for note in notes}) == 2
    assert [n["delivered"] for n in state.last(tmp_path)["watch"]["notifications"]] == [True, True]


@pytest.mark.parametrize(
    ("kind", "path", "sent_to"),
    [
        ("slack", "/services/T/B/x", "/services/T/B/x"),
        ("teams", "/flows/1?sig=s", "/flows/1?sig=s"),
        ("ntfy", "/my%20topic", "/"),
        ("gotify", "/message?token=t", "/message?token=t"),
        ("gotify", "?token=t", "/message?token=t"),
    ],
)
def test_each_service_gets_its_own_shape(tmp_path: Path, kind: str, path: str, sent_to: str) -> None:
    with world.web() as server:
        assert world.one(tmp_path, world.FAILED, f"{kind}:{server.url}{path}").warnings == []
        place, headers, _ = server.got[0]
        data = _posted(server.got)
    assert place == sent_to
    assert headers["Content-Type"] == "application/json"
    title = "mail.example.com: FAILED: Title of egress-port-25-blocked"
    if kind == "slack":
        assert set(data) == {"text"}
        assert data["text"].startswith(title)
    elif kind == "teams":
        card = data["attachments"][0]["content"]
        assert data["type"] == "message"
        assert card["type"] == "AdaptiveCard"
        assert card["body"][0]["text"] == title
    elif kind == "ntfy":
        assert (data["topic"], data["title"], data["priority"]) == ("my topic", title, 5)
        assert "times out" in data["message"]
    else:
        assert (data["title"], data["priority"]) == (title, 8)


def test_slack_takes_no_markup_from_a_banner(tmp_path: Path) -> None:
    with world.web() as server:
        world.one(tmp_path, ("failed", "<!channel> & <http://evil|click>"), f"slack:{server.url}/x")
        text = _posted(server.got)["text"]
    assert "<" not in text
    assert "&lt;!channel&gt; &amp;" in text


def test_a_hook_gets_the_report_on_its_input_and_no_shell(tmp_path: Path) -> None:
    script = "import os,sys,json; d=json.load(sys.stdin); print(json.dumps([d['status'], d['watch']['event']['kind'], os.environ['MAIL_DIAGNOSE_STATUS'], sys.argv[1]]), file=open(sys.argv[2],'w'))"
    command = f'exec:{sys.executable} -c "{script}" "$HOME; true" {tmp_path}/out'
    assert world.one(tmp_path / "s", world.FAILED, command).warnings == []
    assert json.loads((tmp_path / "out").read_text()) == ["failed", "problem", "failed", "$HOME; true"]


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("/nowhere/hook", "cannot be started: No such file or directory"),
        ("sh -c 'exit 3'", "exit status 3"),
        ("sh -c 'kill -9 $$'", "ended by signal 9"),
        ("true", ""),
    ],
)
def test_what_becomes_of_a_hook_is_seen(tmp_path: Path, command: str, problem: str) -> None:
    outcome = world.one(tmp_path, world.FAILED, f"exec:{command}")
    name = command.split(maxsplit=1)[0].rpartition("/")[2]
    assert outcome.warnings == ([f"alarm not delivered to exec:{name}: {problem}"] if problem else [])


def test_a_hook_that_hangs_ends_with_its_children(tmp_path: Path) -> None:
    began = time.monotonic()
    outcome = world.one(tmp_path, world.FAILED, f"exec:sh -c 'sleep 300 & echo $! > {tmp_path}/child; wait'", timeout=1)
    assert time.monotonic() - began < 6
    assert "not finished" in outcome.warnings[0]
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        if not Path(f"/proc/{child}").exists() or ") Z " in Path(f"/proc/{child}/stat").read_text():
            break
        time.sleep(0.02)
    else:
        os.kill(child, 9)
        pytest.fail("the hook's child outlived it")


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_syslog_gets_one_line_of_the_right_severity(tmp_path: Path, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_UNIX, kind) as link:
        link.bind(f"{tmp_path}/log")
        if kind == socket.SOCK_STREAM:
            link.listen()
        assert world.one(tmp_path / "s", world.FAILED, f"syslog:{tmp_path}/log").warnings == []
        line = (link.accept()[0] if kind == socket.SOCK_STREAM else link).recv(9000).decode()
    assert line.startswith(f"<{3 * 8 + 3}>mail-diagnose[{os.getpid()}]: mail.example.com: FAILED: Title")


def test_the_journal_gets_fields(tmp_path: Path) -> None:
    with world.journal(tmp_path) as drain:
        world.one(tmp_path / "s", world.FAILED, f"journal:{tmp_path}/journal")
        (entry,) = drain()
    assert entry["PRIORITY"] == "3"
    assert entry["MESSAGE"].startswith("mail.example.com: FAILED")
    assert "\n" in entry["MAIL_DIAGNOSE_TEXT"]
    assert entry["MAIL_DIAGNOSE_CAUSE"] == "egress-port-25-blocked"


def test_a_webhook_that_is_down_is_seen_and_told_once_it_is_up(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    outcome = world.one(tmp_path, world.FAILED, f"http://127.0.0.1:{port}/{SECRET}", pauses=(0.01, 0.02))
    assert outcome.status == 2
    assert outcome.warnings == [f"alarm not delivered to http://127.0.0.1:{port}/********: Connection refused"]
    (waiting,) = state.last(tmp_path)["watch"]["notifications"]
    assert (waiting["delivered"], waiting["tries"], waiting["problem"]) == (False, 3, "Connection refused")
    outcome = world.one(tmp_path, world.OK, f"http://127.0.0.1:{port}/{SECRET}")
    assert outcome.status == 1, "mail is well, but nobody was told"
    assert SECRET not in world.everything(tmp_path, outcome)


def test_a_service_that_was_away_is_told_all_of_it_in_order(tmp_path: Path) -> None:
    with world.web(status=503) as server:
        hook = f"{server.url}/{SECRET}"
        assert world.one(tmp_path, world.FAILED, hook).warnings[0].endswith("HTTP 503")
        assert world.one(tmp_path, world.OK, hook).status == 1
        server.status = 204
        server.got.clear()
        assert world.one(tmp_path, world.OK, hook).status == 0
        notes = [json.loads(body) for _, _, body in server.got]
        assert world.one(tmp_path, world.OK, hook).status == 0
        assert len(server.got) == 2
    assert [(note["kind"], note["try"]) for note in notes] == [("problem", 3), ("recovery", 1)]


def test_one_dead_target_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    with world.web(answer=world.slowly) as dead, world.web() as well:
        began = time.monotonic()
        outcome = world.one(tmp_path, world.FAILED, f"{dead.url}/a", f"{well.url}/b", timeout=2)
        assert time.monotonic() - began < 8
        assert len(well.got) == 1
    assert [w.rpartition(": ")[2] for w in outcome.warnings] == ["no answer in time"]


def test_a_slow_server_cannot_hold_a_pass(tmp_path: Path) -> None:
    with world.web(answer=world.slowly) as server:
        began = time.monotonic()
        answer = web.send(f"{server.url}/{SECRET}", b"{}", {}, 1.0)
    assert time.monotonic() - began < 3
    assert answer.problem == "no answer in time"


def test_ten_megabytes_of_answer_are_not_read() -> None:
    with world.web(answer=world.endless) as server:
        answer = web.send(server.url, b"{}", {}, 5.0)
    assert (answer.status, answer.problem) == (200, "")
    assert len(answer.text) == web.LIMIT


def test_no_redirect_leads_to_another_host() -> None:
    with world.web() as other:
        port = other.url.rpartition(":")[2]
        with world.web(status=302, headers={"Location": f"http://localhost:{port}/"}) as server:
            answer = web.send(f"{server.url}/{SECRET}", b"{}", {}, 5.0)
        assert other.got == []
    assert answer.problem == "HTTP 302 leads to another host: not followed"


@pytest.mark.parametrize("place", ["http://[::1", "//[", "gopher://127.0.0.1/", "\x00", "http://127.0.0.1:99999/"])
def test_a_redirect_to_nowhere_is_a_line(place: str) -> None:
    with world.web(status=302, headers={"Location": place}) as server:
        answer = web.send(server.url, b"{}", {}, 5.0)
    assert answer.problem.startswith(("HTTP 302", "no proper HTTP"))


def test_redirects_within_the_host_end_somewhere() -> None:
    with world.web(status=307, headers={"Location": "/again"}) as server:
        answer = web.send(f"{server.url}/first", b"{}", {}, 5.0)
        assert [path for path, _, _ in server.got] == ["/first", "/again", "/again", "/again"]
    assert answer.problem == "HTTP 307: more than 3 redirects"


def test_a_server_that_talks_no_http_is_a_line(tmp_path: Path) -> None:
    with world.web(answer=lambda handler: handler.wfile.write(b"220 mail ESMTP\r\n") and None) as server:
        assert web.send(f"{server.url}/{SECRET}", b"{}", {}, 5.0).problem.startswith("no proper HTTP answer")


@pytest.mark.parametrize(
    "address",
    [
        f"https://user:{SECRET}@hooks.example.com/{SECRET}?token={SECRET}",
        f"slack:https://hooks.example.com/services/{SECRET}",
        f"gotify:https://hooks.example.com/message?token={SECRET}",
        f"ntfy:https://:{SECRET}@hooks.example.com/{SECRET}",
        f"exec:/usr/bin/true --token {SECRET}",
    ],
)
def test_the_name_of_a_target_holds_no_secret(address: str) -> None:
    parsed = target.parse(address)
    assert SECRET not in parsed.label + parsed.key
    assert SECRET in parsed.place


@pytest.mark.parametrize(
    "address",
    [
        f"ftp://example.com/{SECRET}",
        f"https:///{SECRET}",
        f"https://example.com:99999/{SECRET}",
        f"https://[::1/{SECRET}",
        f"slack:{SECRET}",
        f"https://example.com/{SECRET} x",
        f"exec:'{SECRET}",
        "exec:",
        f"pager:{SECRET}",
        f"apprise:{SECRET}",
        f"syslog:{SECRET}",
        "",
    ],
)
def test_a_bad_target_is_refused_without_printing_it(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        target.parse(address)
    assert SECRET not in str(caught.value)
    assert "--notify" in str(caught.value)


def test_a_user_in_an_address_logs_in() -> None:
    with world.web() as server:
        web.send(server.url.replace("//", "//u:p%20q@"), b"{}", {}, 5.0)
        assert server.got[0][1]["Authorization"] == "Basic dTpwIHE="


def test_targets_on_one_host_are_told_apart_without_their_secrets() -> None:
    """By marks that stay theirs when the list changes."""
    addresses = [f"https://h.example.com/{SECRET}/{n}" for n in range(3)]
    labels = {each.place: each.label for each in target.several([*addresses, "syslog"])}
    assert len(set(labels.values())) == 4
    assert labels[""] == "syslog"
    assert all(re.fullmatch(r"https://h\.example\.com/\*{8} #[0-9a-f]{4}", labels[place]) for place in addresses)
    fewer = target.several(["syslog", *reversed(addresses[1:])])
    assert all(labels[each.place] == each.label for each in fewer)


def test_an_alarm_for_a_target_no_longer_named_is_dropped(tmp_path: Path) -> None:
    world.one(tmp_path, world.FAILED, "exec:false")
    assert len(state.last(tmp_path)["watch"]["notifications"]) == 1
    assert world.one(tmp_path, world.FAILED, "exec:true").warnings == []
    assert state.last(tmp_path)["watch"]["notifications"] == []


def test_a_webhook_with_an_untrusted_certificate_is_told_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    with world.web() as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        server.secure(context)
        url = server.url.replace("http://", "https://")
        assert "certificate is not trusted" in web.send(f"{url}/{SECRET}", b"{}", {}, 5.0).problem
        assert server.got == []
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert web.send(f"{url}/{SECRET}", b"{}", {}, 5.0).status == 200


def test_apprise_delivers_or_says_only_that_it_could_not(tmp_path: Path) -> None:
    pytest.importorskip("apprise")
    with world.web() as server:
        place = server.url.removeprefix("http://")
        assert world.one(tmp_path, world.FAILED, f"apprise:json://{place}/{SECRET}").warnings == []
        assert _posted(server.got)["title"].startswith("mail.example.com: FAILED")
        server.status = 500
        outcome = world.one(tmp_path, world.OK, f"apprise:json://{place}/{SECRET}")
    assert outcome.warnings == ["alarm not delivered to apprise:json://********: Apprise could not deliver it"]
    assert SECRET not in world.everything(tmp_path, outcome)
    outcome = world.one(tmp_path / "b", world.FAILED, f"apprise:nosuch://{SECRET}")
    assert outcome.warnings[0].endswith("Apprise does not know this address")


def test_where_only_a_proxy_leads_out_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with world.web() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//u:p@"))
        assert web.send("http://hooks.example.com/x?y=1", b"{}", {}, 5.0).status == 200
        ((path, headers, body),) = proxy.got
        assert (path, body) == ("http://hooks.example.com/x?y=1", b"{}")
        assert (headers["Host"], headers["Proxy-Authorization"]) == ("hooks.example.com", "Basic dTpw")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with world.web() as near:
            assert web.send(f"{near.url}/x", b"{}", {}, 5.0).status == 200
            assert len(near.got) == 1
        monkeypatch.setenv("https_proxy", proxy.url)
        # The test's proxy opens no tunnels; that it was asked for one, and nothing was sent beside it, is what counts.
        answer = web.send(f"https://hooks.example.com/{SECRET}", b"{}", {}, 5.0)
        assert (answer.status, answer.text) == (0, "")
        assert "501" in answer.problem
        assert SECRET not in answer.problem


@pytest.mark.skipif(os.geteuid() != 0, reason="a network and a resolver of its own need root")
def test_a_resolver_that_never_answers_cannot_hold_an_alarm(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    code = (
        "import socket,time; from diagnose.host.live import web; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);"
        "s.bind(('127.0.0.1',53)); b=time.monotonic(); a=web.send('https://hooks.example.com/x', b'', {}, 1.0);"
        "print(a.problem, time.monotonic()-b < 4)"
    )
    script = 'ip link set lo up && mount --bind "$1" "$(readlink -f /etc/resolv.conf)" && exec "$2" -c "$3"'
    done = subprocess.run(
        ["unshare", "-nm", "sh", "-c", script, "sh", tmp_path / "resolv.conf", sys.executable, code],
        capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2], check=False,
    )  # fmt: skip
    if "mount:" in done.stderr:
        pytest.skip("no mount name space here")
    assert done.stdout == "no answer in time True\n", done.stderr
