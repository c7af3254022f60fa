"""SMTP servers on every address: usual for the name and port that was dialled, or with the manner a fault asks for."""

from __future__ import annotations

import base64
import contextlib
import fnmatch
import os
import re
import socket
import ssl
import struct
import tempfile
import threading
import time
from dataclasses import replace
from email.utils import formatdate

from .dns import Names, plain
from .names import operator_of, role_of
from .tls import Contexts
from .world import Manner, World

PORTS = (25, 465, 587, 2525, 2465, 2587, 8025)
IMPLICIT = (465, 2465)

# operator: (banner after 220, first line of the EHLO reply, reply to MAIL without a login)
_WORDS = {
    "google": (
        "mx.google.com ESMTP 5b1f17b1804b1-47799768a2dsi12345f8f.121 - gsmtp",
        "mx.google.com at your service, [{ip}]",
        "530-5.7.0 Authentication Required. For more information, go to\n"
        "530 5.7.0  https://support.google.com/accounts/troubleshooter/2402620. ffacd0b85a97d - gsmtp",
    ),
    "microsoft": (
        "{name} Microsoft ESMTP MAIL Service ready at {now}",
        "{name} Hello [{ip}]",
        "530 5.7.57 Client not authenticated to send mail.",
    ),
    "yahoo": ("{name} ESMTP ready", "{name}", "530 5.7.1 Authentication required"),
    "sendgrid": (
        "SG ESMTP service ready at geopod-ismtpd-3",
        "smtp.sendgrid.net",
        "550 Unauthenticated senders not allowed",
    ),
    "amazon": ("{name} ESMTP SimpleEmailService-d-ABCDEF123 abcDEF", "{name}", "530 Authentication required"),
    "mandrill": ("{name} ESMTP", "{name}", "530 5.7.0 Authentication required"),
    "mailgun": ("Mailgun Influx ready", "{name}", "530 5.7.0 Authentication required"),
    "": ("{name} ESMTP Postfix", "{name}", "530 5.7.0 Authentication required"),
}
_NEEDS_TLS = "530 5.7.0 Must issue a STARTTLS command first"


class Hang(Exception):
    """The server says nothing more."""


class Servers:
    """Listens on the mail ports, and on 80 and 443 of every address of this namespace."""

    def __init__(self, world: World, names: Names, contexts: Contexts) -> None:
        self.world, self.names, self.contexts = world, names, contexts
        self.lock = threading.Lock()
        self.connections: dict[str, int] = {}
        self.first_seen: dict[str, float] = {}

    def serve(self) -> None:
        for port in (*PORTS, 80, 443):
            listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
            threading.Thread(target=self._accept, args=(listener, port), daemon=True).start()

    def _accept(self, listener: socket.socket, port: int) -> None:
        while True:
            connection, peer = listener.accept()
            threading.Thread(target=self._one, args=(connection, plain(peer[0]), port), daemon=True).start()

    def _one(self, connection: socket.socket, client: str, port: int) -> None:
        with contextlib.suppress(OSError, Hang, UnicodeError), connection:
            connection.settimeout(120)
            local = plain(connection.getsockname()[0])
            name = self.names.by_address.get(local, f"host-{local.replace('.', '-').replace(':', '-')}.example.net")
            if port in (80, 443):
                self._web(connection, name, port)
            else:
                Session(self, connection, client, name, port).run()

    def _web(self, connection: socket.socket, name: str, port: int) -> None:
        if port == 443:
            connection = self.contexts.get(name, "good").wrap_socket(connection, server_side=True)
        connection.recv(4096)
        date = formatdate(usegmt=True)
        connection.sendall(
            f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n".encode()
        )
        connection.close()

    def manner(self, name: str, port: int) -> Manner:
        for server in self.world.servers:
            if fnmatch.fnmatchcase(name, server.host) and (not server.ports or port in server.ports):
                found = server.manner
                break
        else:
            found = Manner()
        submission = role_of(name, dict(self.world.roles)) == "submission"
        return replace(
            found,
            starttls=(port not in IMPLICIT) if found.starttls is None else found.starttls,
            auth=(("PLAIN", "LOGIN") if submission else ()) if found.auth is None else found.auth,
            needs_auth=submission if found.needs_auth is None else found.needs_auth,
            needs_tls=(submission and port not in IMPLICIT) if found.needs_tls is None else found.needs_tls,
        )

    def count(self, key: str) -> int:
        with self.lock:
            self.connections[key] = self.connections.get(key, 0) + 1
            return self.connections[key]

    def keep(self, recipients: list[str]) -> None:
        """Note whose mail was taken, where the machine can count it."""
        with self.lock, open(os.path.join(tempfile.gettempdir(), "received"), "a") as file:
            file.writelines(f"{recipient}\n" for recipient in recipients)

    def age(self, key: str) -> float:
        with self.lock:
            now = time.monotonic()
            return now - self.first_seen.setdefault(key, now)


class Session:
    """One connection, from banner to QUIT."""

    def __init__(self, servers: Servers, connection: socket.socket, client: str, name: str, port: int) -> None:
        self.servers, self.connection, self.client, self.name, self.port = servers, connection, client, name, port
        self.manner = servers.manner(name, port)
        self.words = _WORDS.get(operator_of(name)[0], _WORDS[""])
        self.buffer = b""
        self.secure = self.signed_in = False
        self.sender: str | None = None
        self.recipients: list[str] = []

    def run(self) -> None:
        manner = self.manner
        if manner.connect == "silence":
            self.act("SILENCE")
        if manner.connect in ("reset", "close"):
            self.act(manner.connect.upper())
            return
        if self.port in IMPLICIT:
            self.encrypt()
        time.sleep(manner.stall)
        if manner.connections and self.servers.count(self.name) > manner.connections:
            self.say("421 4.7.0 Too many connections from your host, try again later")
            return
        banner = manner.banner or self.words[0]
        self.say(banner if re.match(r"[2-5]\d\d[ -]", banner) else "220 " + banner)
        if not banner.startswith(("4", "5")) or not re.match(r"[45]\d\d", banner):
            while self.command():
                pass

    def encrypt(self) -> None:
        context = self.servers.contexts.get(self.name, self.manner.tls)
        try:
            self.connection = context.wrap_socket(self.connection, server_side=True)
        except ssl.SSLError as problem:
            raise OSError from problem
        self.secure, self.buffer = True, b""

    def act(self, what: str) -> bool:
        """Misbehave; True when the connection is over."""
        if what == "SILENCE":
            with contextlib.suppress(OSError):
                while self.connection.recv(65536):
                    pass
            raise Hang
        if what == "RESET":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        raise Hang

    def say(self, reply: str) -> None:
        """Send a reply; a code at its start is repeated on each line that has none."""
        if reply in ("SILENCE", "RESET", "CLOSE"):
            self.act(reply)
        reply = reply.replace("{ip}", self.client).replace("{name}", self.name).replace("{now}", formatdate())
        lines = reply.split("\n")
        code = lines[0][:3]
        out = []
        for number, line in enumerate(lines):
            text = re.sub(rf"^{code}[ -]", "", line)
            out.append(f"{code}{'-' if number < len(lines) - 1 else ' '}{text}\r\n")
        self.connection.sendall("".join(out).encode())

    def line(self) -> str:
        while b"\n" not in self.buffer:
            got = self.connection.recv(65536)
            if not got:
                raise Hang
            self.buffer += got
        text, self.buffer = self.buffer.split(b"\n", 1)
        return text.decode("utf-8", "replace").rstrip("\r")

    def command(self) -> bool:
        text = self.line()
        verb, _, rest = text.partition(" ")
        verb = verb.upper()
        time.sleep(self.manner.stall)
        stage = {"HELO": "EHLO"}.get(verb, verb)
        given = self.manner.replies.get(stage, "")
        if verb == "QUIT":
            self.say("221 2.0.0 Bye")
            return False
        if given and not (stage == "DATA" and not self.recipients):
            if stage == "AUTH":
                self.credentials(rest)
            if stage == "DATA" and given[0] == "3":
                return self.data()
            self.say(given)
            if stage == "STARTTLS" and given[0] == "2":
                self.encrypt()
            return not given.startswith("421")
        handler = getattr(self, "do_" + verb.lower(), None)
        if handler is None:
            self.say("250 2.0.0 OK" if verb in ("NOOP", "RSET") else "502 5.5.2 Error: command not recognized")
            return True
        return bool(handler(rest))

    def do_helo(self, rest: str) -> bool:
        self.say("250 " + self.words[1])
        return True

    def do_ehlo(self, rest: str) -> bool:
        manner = self.manner
        features = [self.words[1], f"SIZE {manner.size}", "8BITMIME", "ENHANCEDSTATUSCODES", "PIPELINING", "SMTPUTF8"]
        if manner.features is not None:
            features = [self.words[1], *manner.features]
        if manner.starttls and not self.secure:
            features.append("STARTTLS")
        if manner.auth and (self.secure or not manner.needs_tls):
            features.append("AUTH " + " ".join(manner.auth))
        self.say("250 " + "\n".join(features))
        return True

    def do_starttls(self, rest: str) -> bool:
        if not self.manner.starttls or self.secure:
            self.say("502 5.5.1 Error: command not implemented")
            return True
        self.say("220 2.0.0 Ready to start TLS")
        self.encrypt()
        return True

    def credentials(self, rest: str) -> tuple[str, str]:
        """User and password of an AUTH command, asking for what is missing."""
        mechanism, _, initial = rest.partition(" ")
        if mechanism.upper() == "LOGIN":
            answers = [initial] if initial else []
            for prompt in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6")[len(answers) :]:
                self.say("334 " + prompt)
                answers.append(self.line())
            return decode(answers[0]), decode(answers[1])
        if mechanism.upper() == "PLAIN":
            if not initial:
                self.say("334 ")
                initial = self.line()
            parts = decode(initial).split("\0")
            return (parts[1], parts[2]) if len(parts) == 3 else ("", "")
        return "", ""

    def do_auth(self, rest: str) -> bool:
        if not self.manner.auth:
            self.say("503 5.5.1 Error: authentication not enabled")
            return True
        if self.manner.needs_tls and not self.secure:
            self.say(_NEEDS_TLS)
            return True
        if rest.partition(" ")[0].upper() not in self.manner.auth:
            self.say("504 5.7.4 Unrecognized authentication type")
            return True
        self.signed_in = self.credentials(rest) == self.servers.world.account
        self.say(
            "235 2.7.0 Authentication successful"
            if self.signed_in
            else "535 5.7.8 Error: authentication failed: authentication failure"
        )
        return True

    def do_mail(self, rest: str) -> bool:
        if self.manner.needs_tls and not self.secure:
            self.say(_NEEDS_TLS)
            return True
        if self.manner.needs_auth and not self.signed_in:
            self.say(self.words[2])
            return True
        size = re.search(r"SIZE=(\d+)", rest)
        if size and int(size[1]) > self.manner.size:
            self.say("552 5.3.4 Message size exceeds fixed limit")
            return True
        found = re.search(r"<(.*?)>", rest)
        self.sender, self.recipients = found[1] if found else "", []
        self.say("250 2.1.0 Ok")
        return True

    def do_rcpt(self, rest: str) -> bool:
        found = re.search(r"<(.*?)>", rest)
        address = found[1].lower() if found else ""
        given = self.manner.recipients.get(address) or self.manner.recipients.get("@" + address.rpartition("@")[2])
        if self.sender is None:
            self.say("503 5.5.1 Error: need MAIL command")
        elif given:
            self.say(given)
        elif self.manner.grey and self.servers.age(f"{self.client} {self.sender} {address}") < self.manner.grey:
            self.say(f"450 4.2.0 <{address}>: Recipient address rejected: Greylisted, see http://postgrey.example/help")
        else:
            self.recipients.append(address)
            self.say("250 2.1.5 Ok")
        return True

    def do_data(self, rest: str) -> bool:
        if not self.recipients:
            self.say("554 5.5.1 Error: no valid recipients")
            return True
        return self.data()

    def data(self) -> bool:
        self.say("354 End data with <CR><LF>.<CR><LF>")
        if self.manner.replies.get("BODY"):
            self.say(self.manner.replies["BODY"])
        while self.line() != ".":
            pass
        reply = self.manner.replies.get("DOT", "250 2.0.0 Ok: queued as 4XyZ8k2QmPz1")
        if reply.startswith("2"):
            self.servers.keep(self.recipients)
        self.recipients, self.sender = [], None
        self.say(reply)
        return True


def decode(text: str) -> str:
    with contextlib.suppress(ValueError):
        return base64.b64decode(text).decode("utf-8", "replace")
    return ""
