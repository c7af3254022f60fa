"""Name servers that loop, flood, truncate and lie: an answer or a reason in time, little of it, nothing raw."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from diagnose.host.live import dns
from diagnose.host.query import DnsReply, Lookup
from diagnose.parse.system.nameservice import resolv_conf

TIMEOUT = 1.5
Answer = Callable[[bytes], list[bytes]]


def head(query: bytes, flags: int = 0x8180, answers: int = 1, questions: int = 1) -> bytes:
    return query[:2] + struct.pack(">HHHHH", flags, questions, answers, 0, 0)


def record(name: bytes, kind: int, data: bytes, ttl: int = 60) -> bytes:
    return name + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def body(query: bytes) -> bytes:
    return query[12:]


HERE = b"\xc0\x0c"  # points at the question's name
A = record(HERE, 1, b"\xc0\x00\x02\x01")
LONG = b"\x3f" + b"a" * 63
WAYS: dict[str, Answer] = {
    "silent": lambda q: [],
    "an empty datagram": lambda q: [b""],
    "two octets": lambda q: [q[:2]],
    "its head alone": lambda q: [head(q)],
    "the question sent back": lambda q: [q],
    "zeros": lambda q: [b"\0" * 512],
    "noise": lambda q: [bytes(range(256)) * 4],
    "another id": lambda q: [b"\xff\xff" + head(q)[2:] + body(q) + A],
    "another question": lambda q: [head(q) + b"\x04evil\x00\x00\x01\x00\x01" + A],
    "no question": lambda q: [head(q, questions=0) + A],
    "a name that points at itself": lambda q: [head(q) + b"\xc0\x0c\x00\x01\x00\x01"],
    "an answer that points at itself": lambda q: [head(q) + body(q) + b"\xc0" + bytes([len(q)]) + A[2:]],
    "pointers in a circle": lambda q: [
        head(q) + body(q) + b"\xc0" + bytes([len(q) + 2]) + b"\xc0" + bytes([len(q)]) + A
    ],
    "a pointer past the end": lambda q: [head(q) + body(q) + b"\xff\xff" + A[2:]],
    "a name of 300 octets": lambda q: [head(q) + body(q) + LONG * 5 + b"\0" + A[2:]],
    "a label of kind 01": lambda q: [head(q) + body(q) + b"\x41aaaa" + A[2:]],
    "a length past the end": lambda q: [head(q) + body(q) + HERE + struct.pack(">HHIH", 1, 1, 60, 60000) + b"x"],
    "an address of three octets": lambda q: [head(q) + body(q) + record(HERE, 1, b"abc")],
    "an address of 400 octets": lambda q: [head(q) + body(q) + record(HERE, 1, b"a" * 400)],
    "records that are not there": lambda q: [head(q, answers=65535) + body(q) + A],
    "four thousand records": lambda q: [head(q, answers=4000) + body(q) + A * 4000],
    "a loop of CNAME": lambda q: [head(q) + body(q) + record(HERE, 5, HERE)],
    "a chain of CNAME": lambda q: [
        head(q, answers=200)
        + body(q)
        + b"".join(record(b"\x04n%03d\0" % i, 5, b"\x04n%03d\0" % (i + 1)) for i in range(200))
    ],
    "truncated, without TCP": lambda q: [head(q, 0x8380, 0) + body(q)],
    "SERVFAIL": lambda q: [head(q, 0x8182, 0) + body(q)],
    "REFUSED": lambda q: [head(q, 0x8185, 0) + body(q)],
    "a code of 15": lambda q: [head(q, 0x818F, 0) + body(q)],
    "NXDOMAIN with an answer": lambda q: [head(q, 0x8183) + body(q) + A],
    "a flood of other ids": lambda q: [struct.pack(">H", i) + head(q)[2:] + body(q) + A for i in range(3000)],
    "the same a thousand times": lambda q: [head(q) + body(q) + A] * 1000,
    "control characters": lambda q: [head(q) + body(q) + record(HERE, 16, b"\x08\x1b[31mre\0\n")],
    "text of 60 kB": lambda q: [head(q) + body(q) + record(HERE, 16, (b"\xff" + b"\xfe" * 255) * 200)],
    "what lies behind the answer": lambda q: [head(q) + body(q) + A + b"x" * 2000],
}


@contextlib.contextmanager
def serving(port: int, host: str, answer: Answer) -> Iterator[None]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, port))
        sock.settimeout(0.2)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                with contextlib.suppress(OSError):
                    data, peer = sock.recvfrom(4096)
                    for part in answer(data):
                        sock.sendto(part[:65000], peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def tried(case: tuple[int, str, int]) -> tuple[str, DnsReply, float]:
    number, how, port = case
    host = f"127.0.7.{number + 1}"
    with serving(port, host, WAYS[how]):
        began = time.monotonic()
        kind = "TXT" if "text" in how or "control" in how else "A"
        reply = dns.lookup(Lookup("www.example.com", kind, host, TIMEOUT), began + TIMEOUT + 1)
        return how, reply, time.monotonic() - began


def test_each_name_server_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as spare:
        spare.bind(("127.0.0.1", 0))
        port = spare.getsockname()[1]
    monkeypatch.setattr(dns, "PORT", port)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(tried, [(number, how, port) for number, how in enumerate(WAYS)]))
    wrong = [
        (how, reply, seconds)
        for how, reply, seconds in done
        if seconds > TIMEOUT + 1.5 or bool(reply.problem) is bool(reply.rcode) or len(str(reply)) > 1_000_000
    ]
    # Nobody knows what one means that says "no such name" and gives its address.
    wrong += [each for each in done if each[0] == "NXDOMAIN with an answer" and not each[1].problem]
    print(f"name servers: {len(done)} tried, {len(wrong)} wrong")
    assert not wrong, "\n".join(map(str, wrong))[:4000]


def test_an_answer_cut_off_over_tcp_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = WAYS["truncated, without TCP"]
    with socket.create_server(("127.0.7.99", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(dns, "PORT", port)

        def serve() -> None:
            for _ in range(2):  # each question is put twice
                conn = listener.accept()[0]
                with conn:
                    reply = b"".join(cut(conn.recv(struct.unpack(">H", conn.recv(2))[0])))
                    conn.sendall(struct.pack(">H", len(reply)) + reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with serving(port, "127.0.7.99", cut):
            reply = dns.lookup(Lookup("www.example.com", "MX", "127.0.7.99", TIMEOUT), time.monotonic() + TIMEOUT)
        thread.join(5)
    assert (reply.rcode, reply.truncated, reply.tells) == (None, True, False)
    assert "over TCP: cut off as well" in (reply.problem or "")


def test_use_vc_asks_by_tcp_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.7.98", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setattr(dns, "PORT", port)
    own = resolv_conf("nameserver 127.0.7.98\noptions use-vc\n")
    monkeypatch.setattr(dns, "_settings", lambda: own)
    with serving(port, "127.0.7.98", lambda q: [head(q) + body(q) + A]):
        reply = dns.lookup(Lookup("www.example.com", "A", "127.0.7.98", TIMEOUT), time.monotonic() + TIMEOUT)
    assert reply.rcode is None
    assert "use-vc" in (reply.problem or "")
