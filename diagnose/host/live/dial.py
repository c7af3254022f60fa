"""SMTP dialogues as data: the stage reached with a server, and its replies; never DATA, never VRFY."""

from __future__ import annotations

import contextlib
import functools
import re
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from diagnose.host.live import auth, tls
from diagnose.host.live.connect import Address, Broken, in_time, open_first, resolve
from diagnose.host.live.gate import GATE
from diagnose.host.live.opening import heeded
from diagnose.host.live.smtp import Dialogue, keywords, positive
from diagnose.host.live.wire import Whence
from diagnose.host.query import Dial, DialReply, Login, TlsInfo
from diagnose.parse.text.masking import Secrets, plain
from diagnose.parse.words.smtp_reply import code_of

Credentials = Callable[[Login], tuple[str, str] | None]
Heard = Callable[[Dial, DialReply, tuple[str, ...]], None]
_STEPS = ("connect", "banner", "ehlo", "auth", "rcpt")
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})+")
_ADDRESS_LITERAL = re.compile(r"\[[A-Za-z0-9:.]{2,60}\]")


class Refused(Protocol):
    """Remembers refused logins, so that they are not tried again; see `diagnose.watch.contacts`."""

    def refused(self, place: str, user: str, password: str) -> str | None: ...

    def keep_refused(self, place: str, user: str, password: str, reply: str) -> None: ...


def dial(
    query: Dial,
    deadline: float,
    credentials: Credentials,
    secrets: Secrets,
    refused: Refused | None = None,
    heard: Heard | None = None,
) -> DialReply:
    """The result of the dialogue; never raises. `deadline` is on the monotonic clock, in seconds; `heard` is told
    the dialogue itself as well: what was said ("C: …", "S: …", "* …" for what is not a word of it), without secrets.

    `ehlo` is the first EHLO's reply, as it was before STARTTLS; `mechanisms` come from the last one. `problem` is
    "timed out" when the deadline or a reply that drips, not the server's silence, ended it: then nothing is known
    about the server.
    """
    session = Session(query, deadline, credentials, secrets, refused)
    reply = session.held()
    if heard is not None:
        heard(query, reply, session.lines())
    return reply


class Session:
    """One dialogue, up to the stage `query.say`."""

    def __init__(
        self, query: Dial, deadline: float, credentials: Credentials, secrets: Secrets, refused: Refused | None
    ) -> None:
        self.query = query
        self.refused = refused
        self.deadline = deadline
        self.credentials = credentials
        self.secrets = secrets
        self.reply = DialReply(stage="resolve")
        self.dialogue: Dialogue | None = None
        self.address: Address | None = None
        self.ehlo = ""  # the last one's reply
        self.unverified = ""  # why the certificate does not verify
        self.greeted = False
        self.finished = False
        self.far = _STEPS.index(query.say) if query.say in _STEPS else 2
        self.said: list[str] = []

    def held(self) -> DialReply:
        """Runs the dialogue and returns its result; never raises."""
        began = time.monotonic()
        try:
            self.run()
        except Broken as broken:
            self.finished = False
            self.note(error=broken.error, problem="timed out" if broken.late else None)
        except (OSError, ValueError) as error:
            self.finished = False
            self.note(error=tls.describe(error))
        finally:
            self.leave()
        return _hidden(replace(self.reply, seconds=round(time.monotonic() - began, 4)), self.secrets)

    def lines(self) -> tuple[str, ...]:
        """The dialogue as lines, as `dial` passes them to `heard`."""
        told = not self.reply.error or (bool(self.said) and self.said[-1].endswith(f": {self.reply.error}"))
        error = [] if told else [f"* {self.reply.error}"]
        return tuple(self.secrets.hide(plain(line)) for line in [*self.said, *error])

    def note(self, **fields: object) -> None:
        self.reply = replace(self.reply, **fields)  # type: ignore[arg-type]

    def run(self) -> None:
        query = self.query
        if query.say in ("milter", "policy"):
            self.open_service()
            return
        addresses = resolve(query.host, query.port, query.family, query.timeout, self.deadline)
        self.note(stage="connect")
        if not self.connect(addresses):
            return
        if self.far > 0 or query.tls == "implicit":
            try:
                self.begin(verify=query.verify)
            except tls.Unverified as unverified:
                # The handshake ended there. A second session goes on without verification, to hear what the server says.
                self.unverified = unverified.reason
                self.again()
                self.begin(verify=False)
        if self.far >= 2 and self.ehlo_accepted and self.log_in():
            self.envelope()

    def open_service(self) -> None:
        """The opening of a protocol that is not SMTP."""
        query = self.query
        if not query.host.startswith("/"):
            self.note(stage="connect")
            if self.connect(resolve(query.host, query.port, query.family, query.timeout, self.deadline)):
                assert self.dialogue is not None
                self.note(stage="banner")
                heeded(self.dialogue.sock, query.say, query.timeout)
            return
        with socket.socket(socket.AF_UNIX) as sock:
            self.note(stage="connect")
            sock.settimeout(query.connect_timeout)
            sock.connect(query.host)
            self.note(stage="banner", address=query.host)
            heeded(sock, query.say, query.timeout)

    @property
    def whence(self) -> Whence:
        return Whence(user=self.query.user, device=self.query.device, network=self.query.network)

    @property
    def ehlo_accepted(self) -> bool:
        return positive(self.ehlo)

    def connect(self, addresses: list[Address]) -> bool:
        opened = open_first(
            addresses,
            bind=self.query.bind,
            timeout=self.query.connect_timeout,
            deadline=self.deadline,
            whence=self.whence,
        )
        self.note(attempts=tuple(opened.attempts))
        self.said += [
            f"* {each.address} port {self.query.port}: {each.error}" for each in opened.attempts if each.error
        ]
        if opened.sock is None or opened.address is None:
            if opened.late:
                raise Broken("timed out", late=True)
            first = next((attempt.error for attempt in opened.attempts if attempt.error), "")
            raise Broken("timed out" if first == "ETIMEDOUT" else first)
        self.address = opened.address
        self.dialogue = Dialogue(opened.sock, self.query.timeout, self.deadline, self.said)
        self.note(address=opened.address.text)
        self.said.append(f"* connected to {opened.address.text} port {self.query.port}")
        self.finished = self.far == 0
        return True

    def again(self) -> None:
        """Connects once more to the same address, which this session still holds at the gate."""
        assert self.address is not None
        assert self.dialogue is not None
        self.dialogue.close()
        self.greeted = False
        self.ehlo = ""
        opened = open_first(
            [self.address],
            bind=self.query.bind,
            timeout=self.query.connect_timeout,
            deadline=self.deadline,
            entered=True,
            whence=self.whence,
        )
        if opened.sock is None:
            raise Broken("the second connection, without verification, failed", late=opened.late)
        # What was said before is said again.
        self.said[:] = [
            f"* the certificate does not verify: {self.unverified}",
            f"* connected to {self.address.text} port {self.query.port} again, without verifying",
        ]
        self.dialogue = Dialogue(opened.sock, self.query.timeout, self.deadline, self.said)

    def begin(self, verify: bool) -> None:
        """TLS, banner, EHLO and STARTTLS, as far as requested."""
        query = self.query
        if query.tls == "implicit":
            self.note(stage="tls")
            self.handshake(verify)
            if self.far == 0:
                self.finished = True
                return
        self.note(banner=self.step("banner", None))
        self.greeted = True
        if not positive(self.reply.banner) or self.far == 1:
            self.finished = self.far == 1
            return
        self.greet()
        if query.tls == "starttls" and self.ehlo_accepted and "STARTTLS" in keywords(self.ehlo):
            self.note(starttls=self.step("starttls", "STARTTLS"))
            if positive(self.reply.starttls):  # as Postfix takes it
                self.handshake(verify)
                self.greet()
                if not self.ehlo_accepted:
                    raise Broken(f"EHLO in TLS is answered with {self.ehlo[-100:]}")

    def handshake(self, verify: bool) -> None:
        assert self.dialogue is not None
        query = self.query
        unusable = tls.bundle_problem(query.ca_file, query.ca_path)
        name = (query.verify_name or query.host).strip("[]").removeprefix("IPv6:").rstrip(".")
        greeted, self.greeted = self.greeted, False  # no QUIT into a broken handshake
        try:
            sock, info = tls.upgrade(
                self.dialogue.sock,
                name=name,
                ca_file=query.ca_file,
                ca_path=query.ca_path,
                verify=verify and not unusable,
                timeout=query.timeout,
                deadline=self.deadline,
            )
        except Broken as broken:
            self.note(tls=TlsInfo(error=broken.error, verify_error=unusable or self.unverified))
            raise
        except tls.Unverified as unverified:
            # Kept for the case that the second session does not come this far.
            self.note(tls=TlsInfo(verify_error=unverified.reason))
            raise
        self.note(tls=replace(info, verify_error=unusable or self.unverified))
        judged = "verified" if info.verified else "not verified"
        self.said.append(f"* {info.version}, the certificate is for {', '.join(info.names[:3])}, {judged}")
        self.dialogue.upgrade(sock)
        self.greeted = greeted

    def greet(self) -> None:
        """EHLO, or HELO if the server does not know it (RFC 5321 section 3.2)."""
        name = self.helo_name()
        first = not self.reply.ehlo
        self.note(stage="ehlo")
        self.ehlo = self.step("ehlo" if first else "", f"EHLO {name}")
        if 500 <= code_of(self.ehlo) < 600:
            helo = self.step("", f"HELO {name}")
            self.ehlo = helo if positive(helo) else self.ehlo
        if not self.reply.starttls:
            self.note(ehlo=self.ehlo)
        if self.ehlo_accepted:
            self.note(mechanisms=auth.offered(self.ehlo))
        self.finished = self.far == 2 and self.ehlo_accepted

    def log_in(self) -> bool:
        """Logs in. Whether the dialogue may go on to the envelope."""
        query, dialogue = self.query, self.dialogue
        assert dialogue is not None
        if self.far < 3 or (query.login is None and self.far > 3):
            return self.far > 3
        self.note(stage="auth")
        encrypted = bool(self.reply.tls and self.reply.tls.version)
        if not encrypted and not query.trust:
            raise Broken("not tried: the connection is not encrypted")
        if self.reply.tls and not self.reply.tls.verified and not query.trust:
            raise Broken(f"not tried: the certificate is not verified ({self.reply.tls.verify_error or 'unknown'})")
        found = self.found_credentials()
        mechanism = auth.choose(self.reply.mechanisms, query.mechanisms, encrypted)
        if not mechanism:
            raise Broken("no usable mechanism")
        self.note(mechanism=mechanism)
        place = f"{query.host}:{query.port}"
        verdict = self.refused.refused(place, *found) if self.refused else None
        if verdict is None:
            try:
                verdict = auth.log_in(dialogue, mechanism, *found, self.secrets)
            except Broken as broken:
                self.note(auth=broken.text)
                raise
            if self.refused and code_of(verdict) // 100 == 5:
                self.refused.keep_refused(place, *found, self.secrets.hide(verdict))
        self.note(auth=verdict)
        if self.far == 3 and positive(verdict):
            dialogue.say("RSET")  # some servers accept a login, and then close
        self.finished = self.far == 3
        return self.far > 3 and positive(verdict)  # as Postfix takes it

    def found_credentials(self) -> tuple[str, str]:
        try:
            found = self.credentials(self.query.login) if self.query.login else None
        except Exception:  # its message might quote what it read
            found = None
        if found is None:
            raise Broken("no credentials found")
        self.secrets.add(found[1])
        if any("\0" in part for part in found):
            raise Broken("not tried: the credentials contain a NUL character")
        return found

    def envelope(self) -> None:
        """MAIL and RCPT, followed by RSET."""
        query, dialogue = self.query, self.dialogue
        assert dialogue is not None
        for what, address in (("sender", query.sender), ("recipient", query.recipient)):
            if re.search(r"[\x00-\x20\x7f<>]", address):
                raise Broken(f"not tried: {plain(address)!r} is not a {what}'s address")
        utf8 = "" if (query.sender + query.recipient).isascii() else " SMTPUTF8"
        if utf8 and "SMTPUTF8" not in keywords(self.ehlo):
            raise Broken("not tried: the address is not ASCII and the server does not offer SMTPUTF8")
        self.note(mail=self.step("mail", f"MAIL FROM:<{query.sender}>{utf8}"))
        if not positive(self.reply.mail):
            return
        if query.recipient:
            self.note(rcpt=self.step("rcpt", f"RCPT TO:<{query.recipient}>"))
        self.finished = True
        self.close_envelope(dialogue)

    def close_envelope(self, dialogue: Dialogue) -> None:
        with contextlib.suppress(Broken):  # a server that hangs up now has said all that was asked
            dialogue.say("RSET")

    def step(self, field: str, command: str | None) -> str:
        """Sends a command, or only reads; returns the reply, and keeps even a fragment of it in `field`."""
        assert self.dialogue is not None
        if field:
            self.note(stage=field)
        began = time.monotonic()
        try:
            reply = self.dialogue.reply() if command is None else self.dialogue.say(command)
        except Broken as broken:
            if field:
                self.note(**{field: broken.text})
            if broken.error in ("not an SMTP reply", "reply too long", "drips"):
                self.greeted = False
            raise
        self.note(slowest=max(self.reply.slowest, round(time.monotonic() - began, 2)))
        return reply

    def helo_name(self) -> str:
        assert self.dialogue is not None
        for name in (self.query.helo.strip(), own_name(self.deadline)):
            if _HOST_NAME.fullmatch(name.rstrip(".")) or _ADDRESS_LITERAL.fullmatch(name):
                return name.rstrip(".")
        local = str(self.dialogue.sock.getsockname()[0]).partition("%")[0]
        return f"[IPv6:{local}]" if ":" in local else f"[{local}]"

    def leave(self) -> None:
        if self.dialogue is not None:
            if self.greeted:
                self.dialogue.quit()
                if self.finished:
                    self.note(stage="quit")
            else:
                self.dialogue.close()
        if self.address is not None:
            GATE.leave(self.address.peer)


@functools.cache
def _canonical(host_name: str) -> str:
    try:
        found = in_time(
            lambda: socket.getaddrinfo(host_name, None, flags=socket.AI_CANONNAME),
            time.monotonic() + 0.5,
        )
        return next((entry[3] for entry in found if "." in entry[3]), "")
    except (Broken, OSError, UnicodeError):
        return ""


def own_name(deadline: float) -> str:
    """This host's fully qualified name by hosts file or resolver, "" if unknown in time."""
    name = socket.gethostname()
    if "." in name or deadline - time.monotonic() < 1.0:
        return name
    return _canonical(name)


def _hidden(reply: DialReply, secrets: Secrets) -> DialReply:
    """The reply with this run's secrets and all control characters removed from every field."""
    texts = ("error", "banner", "ehlo", "starttls", "auth", "mail", "rcpt")
    clean = replace(reply, **{name: secrets.hide(plain(getattr(reply, name))) for name in texts})  # type: ignore[arg-type]
    if clean.tls is not None:
        shown = {
            name: secrets.hide(getattr(clean.tls, name)) for name in ("subject", "issuer", "verify_error", "error")
        }
        shown_names = tuple(secrets.hide(name) for name in clean.tls.names)
        clean = replace(clean, tls=replace(clean.tls, names=shown_names, **shown))  # type: ignore[arg-type]
    return replace(clean, mechanisms=tuple(secrets.hide(plain(name)) for name in clean.mechanisms))
