"""Dialogues with servers that behave and servers that do not."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from diagnose.host.live.connect import Broken, in_time, literal, open_first
from diagnose.host.live.gate import GATE, Gate
from diagnose.host.query import DialReply
from tests.host.caller import ask
from tests.host.server import Smtp, resets, says, serving

# Connecting


def test_a_healthy_server_is_taken_leave_of() -> None:
    server = Smtp()
    with serving(server) as port:
        reply = ask(port)
    assert (reply.stage, reply.error, reply.problem) == ("quit", "", None)
    assert reply.banner == "220 mx.example.org ESMTP"
    assert reply.ehlo == "250-mx.example.org\n250-PIPELINING\n250 8BITMIME"
    assert reply.address == reply.attempts[0].local == "127.0.0.1"
    assert server.heard == ["CONNECT", "EHLO client.example.net", "QUIT"]


def test_a_closed_port_is_an_errno() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    reply = ask(port)
    assert (reply.stage, reply.error, reply.connected) == ("connect", "ECONNREFUSED", False)
    assert [a.error for a in reply.attempts] == ["ECONNREFUSED"]


def test_connect_alone_says_nothing() -> None:
    server = Smtp()
    with serving(server) as port:
        reply = ask(port, say="connect")
    assert (reply.stage, reply.error, reply.banner, reply.connected) == ("connect", "", "", True)


def test_addresses_are_walked_in_their_order() -> None:
    with serving(Smtp(), socket.AF_INET6) as port:
        addresses = [literal("127.0.0.1", port), literal("127.0.0.2", port), literal("[::1]", port)]
        walked = [address for address in addresses if address is not None]
        opened = open_first(walked, bind="", timeout=1.0, deadline=time.monotonic() + 3)
        assert opened.sock is not None
        opened.sock.close()
        GATE.leave(walked[2].peer)
        literally = ask(port, host="::1")
    refused = "ECONNREFUSED"
    assert [(a.address, a.error) for a in opened.attempts] == [
        ("127.0.0.1", refused),
        ("127.0.0.2", refused),
        ("::1", ""),
    ]
    assert (literally.stage, literally.address) == ("quit", "::1")


def test_a_literal_of_the_other_family_is_no_address() -> None:
    assert (ask(25, family=6).stage, ask(25, family=6).error) == ("resolve", "127.0.0.1 is not an IPv6 address")


def test_a_name_that_is_none_is_told_at_resolve() -> None:
    for host in ("no.such.name.invalid", "a" * 70 + ".example", "with\0nul", "", "two words"):
        reply = ask(25, host=host, seconds=3)
        if host:
            assert reply.stage == "resolve"
        assert reply.error
        assert not reply.connected


def test_source_address_of_another_family_or_host() -> None:
    with serving(Smtp()) as port:
        assert ask(port, bind="127.0.0.9").attempts[0].local == "127.0.0.9"
        assert ask(port, bind="203.0.113.9").error == "EADDRNOTAVAIL"
        assert ask(port, bind="::1 127.0.0.9").attempts[0].local == "127.0.0.9"
        assert ask(port, bind="::1").connected  # as smtp_bind_address6 says nothing of IPv4
        assert "not an address" in ask(port, bind="eth0").error


# Dialogue


def test_silence_is_bounded_by_the_step() -> None:
    with serving(says(b"", stay=5)) as port:
        began = time.monotonic()
        reply = ask(port, timeout=0.4)
    assert (reply.stage, reply.error, reply.problem) == ("banner", "timed out", None)
    assert time.monotonic() - began < 1.2


def test_a_deadline_that_comes_first_says_nothing_of_the_server() -> None:
    with serving(says(b"220 slow", stay=5)) as port:
        reply = ask(port, seconds=0.3, timeout=5.0)
    assert (reply.stage, reply.error, reply.problem) == ("banner", "timed out", "timed out")
    assert reply.seconds < 1.0


def test_endless_drops_end_at_the_deadline() -> None:
    def serve(conn: socket.socket) -> None:
        for _ in range(200):
            conn.sendall(b"220-wait\r\n")
            time.sleep(0.05)

    with serving(serve) as port:
        reply = ask(port, seconds=0.6)
    assert (reply.error, reply.problem) == ("timed out", "timed out")
    assert reply.banner.startswith("220-wait\n220-wait")


def test_endless_replies_are_cut() -> None:
    for data in (b"220-more\r\n" * 5000, b"2" * 300_000):
        with serving(says(data, stay=2)) as port:
            reply = ask(port)
        assert reply.error == "reply too long"
        assert len(repr(reply)) < 4000


def test_hanging_up_before_the_banner() -> None:
    with serving(says(b"")) as port:
        assert (ask(port).stage, ask(port).error) == ("banner", "connection closed")
    with serving(resets) as port:
        assert (ask(port).stage, ask(port).error) == ("banner", "ECONNRESET")


def test_hanging_up_within_a_reply_keeps_the_fragment() -> None:
    with serving(says(b"220-first\r\n220-sec")) as port:
        reply = ask(port)
    assert (reply.error, reply.banner) == ("connection closed", "220-first\n220-sec")


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\1\2\xff\n", b"+OK Dovecot\r\n"]
)
def test_foreign_protocols_are_not_smtp(data: bytes) -> None:
    with serving(says(data, stay=1)) as port:
        reply = ask(port)
    assert (reply.stage, reply.error) == ("banner", "not an SMTP reply")
    assert not any(ord(c) < 32 or ord(c) == 127 for c in reply.banner)


def test_a_refusing_banner_is_an_answer_and_ends_it() -> None:
    server = Smtp(banner="554-no\r\n554 blocked using zen.spamhaus.org")
    with serving(server) as port:
        reply = ask(port)
    assert (reply.stage, reply.error) == ("banner", "")
    assert reply.banner == "554-no\n554 blocked using zen.spamhaus.org"
    assert server.heard == ["CONNECT", "QUIT"]


def test_helo_is_said_where_ehlo_is_refused() -> None:
    server = Smtp(replies={"EHLO": "502 what?", "HELO": "250 old.example.org"})
    with serving(server) as port:
        reply = ask(port)
    assert (reply.stage, reply.ehlo, reply.mechanisms) == ("quit", "250 old.example.org", ())
    assert "HELO client.example.net" in server.heard


def test_a_name_unfit_for_helo_is_replaced() -> None:
    server = Smtp()
    with serving(server) as port:
        ask(port, helo="evil\r\nDATA")
    assert not any("DATA" in line for line in server.heard)
    assert "." in server.heard[1]


def test_the_envelope_is_taken_back() -> None:
    server = Smtp(replies={"RCPT": "550 5.1.1 User unknown"})
    with serving(server) as port:
        reply = ask(port, say="rcpt", sender="a@example.org", recipient="b@example.net")
    assert (reply.stage, reply.error, reply.mail) == ("quit", "", "250 2.1.0 Ok")
    assert reply.rcpt == "550 5.1.1 User unknown"
    assert server.heard[2:] == ["MAIL FROM:<a@example.org>", "RCPT TO:<b@example.net>", "RSET", "QUIT"]


def test_a_refused_sender_ends_it() -> None:
    with serving(Smtp(replies={"MAIL": "530 5.7.0 Must issue a STARTTLS command first"})) as port:
        reply = ask(port, say="rcpt", sender="a@example.org", recipient="b@example.net")
    assert (reply.stage, reply.error, reply.rcpt) == ("mail", "", "")


def test_envelope_addresses_cannot_smuggle_commands() -> None:
    server = Smtp()
    with serving(server) as port:
        reply = ask(port, say="rcpt", sender="a@example.org>\r\nDATA", recipient="b@example.net")
    assert reply.error.startswith("not tried")
    assert server.heard == ["CONNECT", "EHLO client.example.net", "QUIT"]


def test_a_resolver_that_hangs_is_left_behind() -> None:
    began = time.monotonic()
    with pytest.raises(Broken, match="timed out"):
        in_time(lambda: time.sleep(3), began + 0.2)
    assert time.monotonic() - began < 1.0


# Manners


def test_one_session_at_a_time_to_one_port() -> None:
    lock, now, most = threading.Lock(), [0], [0]
    server = Smtp()

    def serve(conn: socket.socket) -> None:
        with lock:
            now[0] += 1
        time.sleep(0.05)  # the session before, which the client has left, ends meanwhile
        with lock:
            most[0] = max(most[0], now[0])
        try:
            server(conn)
        finally:
            with lock:
                now[0] -= 1

    with serving(serve) as port:
        replies: list[DialReply] = []
        threads = [threading.Thread(target=lambda: replies.append(ask(port))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert [reply.stage for reply in replies] == ["quit"] * 6
    assert most[0] == 1


def test_who_waited_while_nobody_answered_does_not_wait_again() -> None:
    with socket.socket() as full:  # what it queues is never accepted, and further SYNs are dropped
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        filling = [socket.socket() for _ in range(4)]
        for sock in filling:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        server = literal("127.0.0.1", port)
        assert server is not None
        began = time.monotonic()
        found = []

        def connect() -> None:
            found.append(open_first([server], bind="", timeout=1.0, deadline=began + 9))

        threads = [threading.Thread(target=connect) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        took = time.monotonic() - began
        late = open_first([server], bind="", timeout=0.3, deadline=began + 9)
        for sock in filling:
            sock.close()
    assert [[a.error for a in each.attempts] for each in found] == [["ETIMEDOUT"]] * 4
    assert took < 3  # one after the other they would take four seconds
    assert late.attempts[0].seconds < 0.9  # a connect of its own, not what others had


def test_sockets_are_counted() -> None:
    gate = Gate(sockets=2)
    assert gate.enter(("192.0.2.1", 25))
    assert not gate.enter(("192.0.2.1", 25))
    assert gate.enter(("192.0.2.1", 587))
    assert not gate.enter(("192.0.2.2", 25))
    assert not gate.take(1, time.monotonic() + 0.05)
    gate.leave(("192.0.2.1", 25))
    assert gate.take(1, time.monotonic() + 0.05)


@pytest.mark.parametrize("kind", ["milter", "policy"])
def test_the_openings_of_filters(kind: str, tmp_path: Path) -> None:
    """One that reads and answers is heeded; one that takes the connection and no more is not, by TCP as by a path."""

    def answers(conn: socket.socket) -> None:
        while conn.recv(99):
            conn.sendall(b"\0" if kind == "milter" else b"")

    for serve, error in ((answers, ""), (lambda conn: time.sleep(1.5), "timed out")):
        with serving(serve) as port:
            reply = ask(port, say=kind, timeout=0.4)
        assert (reply.connected, reply.error) == (True, error)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        reply = ask(0, host=str(tmp_path / "s"), say=kind, timeout=0.4)
        assert (reply.connected, reply.error) == (True, "timed out")
