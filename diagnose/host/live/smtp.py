"""The client's side of an SMTP dialogue: whole replies, bounded in time and size (RFC 5321 section 4.2)."""

from __future__ import annotations

import re
import socket
import ssl
import time

from diagnose.host.live.connect import Broken
from diagnose.host.live.tls import describe
from diagnose.parse.text.masking import plain
from diagnose.parse.words.smtp_reply import code_of

MAX_BYTES = 65_536
MAX_LINES = 500
QUIT_SECONDS = 0.5
# A reply may take so many time-outs from its first wait to its last line: one that drips would else use up the time of whoever
# waits for the same server.
DRIP = 1.6
_LAST = re.compile(rb"\d{3}(?: |$)")
_MORE = re.compile(rb"\d{3}-")


class Dialogue:
    """A connected socket on which commands are said and replies read. `timeout` bounds a silence, `deadline` all.

    said: what was said so far, "C: …" and "S: …" line by line; nothing of it while `private`, when secrets pass."""

    def __init__(self, sock: socket.socket, timeout: float, deadline: float, said: list[str] | None = None) -> None:
        self.said = [] if said is None else said
        self.private = False
        self.sock = sock
        self.timeout = timeout
        self.deadline = deadline
        self._buffer = b""

    def say(self, command: str) -> str:
        """Sends a command and reads its reply."""
        self.send(command)
        return self.reply()

    def send(self, command: str) -> None:
        """Raises ValueError for a command that would be several lines."""
        if any(ord(char) < 32 or ord(char) == 127 for char in command):
            raise ValueError("a control character in an SMTP command")
        if not self.private:
            self.said.append(f"C: {command}")
        self._send(command.encode() + b"\r\n")

    def hand_over(self, message: bytes) -> str:
        """Sends a message after the 354 to DATA, and returns the reply."""
        lines = [b"." + line if line.startswith(b".") else line for line in message.splitlines()]
        self.said.append(f"C: (the message, {len(message)} bytes)")
        self._send(b"\r\n".join([*lines, b".", b""]))
        return self.reply()

    def _send(self, data: bytes) -> None:
        limit, late = self._limit()
        self.sock.settimeout(limit)
        try:
            self.sock.sendall(data)
        except TimeoutError:
            raise Broken("timed out", late=late) from None
        except (BrokenPipeError, ConnectionResetError):
            pass  # What the server said before it hung up is still to be read, and reading tells how it hung up.
        except OSError as error:
            raise Broken(describe(error)) from None

    def reply(self) -> str:
        """A whole reply, lines joined by newlines, without control characters; raises Broken with what came."""
        try:
            text = self._reply()
        except Broken as broken:
            self._note(broken.text)
            raise
        self._note(text)
        return text

    def _note(self, text: str) -> None:
        if not self.private:
            self.said += [f"S: {line}" for line in text.split("\n") if line]

    def _reply(self) -> str:
        lines: list[bytes] = []
        size = 0
        until = time.monotonic() + DRIP * self.timeout
        while True:
            line = self._line(lines, until)
            size += len(line)
            lines.append(line.rstrip(b"\r"))
            if _LAST.match(lines[-1]):
                return _text(lines)
            if not _MORE.match(lines[-1]):
                raise Broken("not an SMTP reply", _text(lines))
            if len(lines) >= MAX_LINES or size >= MAX_BYTES:
                raise Broken("reply too long", _cut(lines[:20]))

    def upgrade(self, sock: ssl.SSLSocket) -> None:
        """Starts TLS. Plaintext received after the STARTTLS reply is discarded (RFC 3207)."""
        self.sock = sock
        self._buffer = b""

    def quit(self) -> None:
        """Sends QUIT and closes; never raises."""
        self.deadline = min(self.deadline, time.monotonic() + QUIT_SECONDS)
        try:
            self.say("QUIT")
        except (Broken, OSError, ValueError):
            pass
        self.close()

    def close(self) -> None:
        try:
            self.sock.close()
        except OSError:
            pass

    def _limit(self) -> tuple[float, bool]:
        """(seconds for the next operation, whether the deadline limits it)."""
        left = self.deadline - time.monotonic()
        return max(0.01, min(self.timeout, left)), left < self.timeout

    def _line(self, before: list[bytes], until: float) -> bytes:
        while b"\n" not in self._buffer:
            if time.monotonic() >= until:
                raise Broken("drips", _text([*before, self._buffer]), late=True)
            limit, late = self._limit()
            if time.monotonic() >= self.deadline:
                raise Broken("timed out", _text([*before, self._buffer]), late=True)
            self.sock.settimeout(limit)
            try:
                data = self.sock.recv(4096)
            except TimeoutError:
                reason = "timed out" if _plausible(self._buffer) else "not an SMTP reply"
                raise Broken(reason, _text([*before, self._buffer]), late=late) from None
            except OSError as error:
                raise Broken(describe(error), _text([*before, self._buffer])) from None
            if not data:
                reason = "connection closed" if _plausible(self._buffer) else "not an SMTP reply"
                raise Broken(reason, _text([*before, self._buffer]))
            self._buffer += data
            if len(self._buffer) > MAX_BYTES and b"\n" not in self._buffer:
                raise Broken("reply too long", _cut([*before, self._buffer[:200]]))
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line


def _plausible(data: bytes) -> bool:
    """Whether this may be the beginning of a reply line; an empty text may."""
    return data[:3].isdigit() if data else True


def _text(lines: list[bytes]) -> str:
    shown = [plain(line[:2000].decode("utf-8", "replace")) for line in lines if line]
    return "\n".join(line.rstrip() for line in shown)


def _cut(lines: list[bytes]) -> str:
    """The beginning of an unfinished reply, marked so that it is not read as a whole one."""
    return f"{_text(lines)}\n..."


def positive(reply: str) -> bool:
    return 200 <= code_of(reply) < 300


def keywords(ehlo: str) -> dict[str, str]:
    """An EHLO reply's extensions in upper case with their parameters. "AUTH=LOGIN" (old servers) counts as AUTH."""
    found: dict[str, str] = {}
    for line in ehlo.splitlines()[1:]:
        word, _, rest = line[4:].replace("AUTH=", "AUTH ", 1).strip().partition(" ")
        key = word.upper()
        found[key] = f"{found[key]} {rest}".strip() if key in found else rest.strip()
    return found
