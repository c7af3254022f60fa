"""Hands a message to the mailer as an application would; the only place that sends mail, for `send` alone."""

from __future__ import annotations

import contextlib
import os
import signal
import smtplib
import subprocess
import time

from diagnose.host.live.dial import Credentials, Session
from diagnose.host.live.quiet import limited
from diagnose.host.live.smtp import Dialogue, positive
from diagnose.host.live.system import decode, environment, find, scratch, why
from diagnose.host.query import Dial
from diagnose.parse.text.masking import Secrets, mask, plain
from diagnose.parse.words.smtp_reply import code_of
from diagnose.record import frozen


@frozen
class Submitted:
    """The result. said: the mailer's words (its reply, or sendmail(1)'s output) or an application's error; late: no
    answer in time."""

    accepted: bool
    said: str = ""
    queue_id: str = ""
    late: bool = False


def by_sendmail(message: bytes, sender: str | None, recipient: str, deadline: float) -> Submitted:
    """Through sendmail(1). deadline: on the monotonic clock; a mailer that takes longer is stopped."""
    program = find("sendmail")
    if program is None:
        return Submitted(accepted=False, said="sendmail is not installed: no mailer offers the sendmail command here")
    argv = [program, "-i", *(["-f", sender] if sender is not None else []), "--", recipient]
    with scratch() as said:
        try:
            child = subprocess.Popen(
                limited(argv, writes=True),
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
                env=environment(),
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            return Submitted(accepted=False, said=f"sendmail: {why(error)}")
        late = False
        with child:
            try:
                child.communicate(message, timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                late = True
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGTERM)
                with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                    child.wait(2)
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
            except OSError:  # it ended without reading: what it said tells why
                pass
        said.seek(0)
        words = mask(plain(decode(said.read(8000)))).strip()
    return Submitted(accepted=child.returncode == 0 and not late, said=words, late=late)


def by_smtp(message: bytes, sender: str, recipient: str, host: str, port: int, deadline: float) -> Submitted:
    """Through an SMTP server, as a program on this host would: without TLS and login."""
    left = max(0.5, deadline - time.monotonic())
    try:
        with smtplib.SMTP(host, port, timeout=left) as server:
            server.ehlo_or_helo_if_needed()
            for code, words in (server.mail(sender), server.rcpt(recipient)):
                if code >= 400:
                    return Submitted(accepted=False, said=_reply(code, words))
            code, words = server.data(message)
            reply = _reply(code, words)
            _, as_, queue_id = reply.rpartition("queued as ")
            return Submitted(accepted=code < 400, said=reply, queue_id=queue_id.split()[0] if as_ and queue_id else "")
    except smtplib.SMTPResponseException as error:
        return Submitted(accepted=False, said=_reply(error.smtp_code, error.smtp_error))
    except smtplib.SMTPServerDisconnected as error:
        return Submitted(accepted=False, said=f"{host}:{port}: {error}")
    except TimeoutError:
        return Submitted(accepted=False, said=f"TimeoutError: no answer from {host}:{port}", late=True)
    except OSError as error:
        return Submitted(accepted=False, said=f"{type(error).__name__}: {error.strerror or error} ({host}:{port})")


class _Handing(Session):
    """A dialogue up to RCPT, followed by the message."""

    message = b""
    answer = ""

    def close_envelope(self, dialogue: Dialogue) -> None:
        if not positive(self.reply.rcpt):
            super().close_envelope(dialogue)
            return
        self.answer = dialogue.say("DATA")
        if code_of(self.answer) == 354:
            self.answer = ""
            self.answer = dialogue.hand_over(self.message)


def by_dialogue(
    message: bytes, query: Dial, deadline: float, credentials: Credentials, secrets: Secrets
) -> tuple[Submitted, tuple[str, ...]]:
    """Through the server of `query`, with its TLS, login, sender and recipient. Returns the dialogue as well
    (`dial.dial`)."""
    session = _Handing(query, deadline, credentials, secrets, None)
    session.message = message
    reply = session.held()
    last = session.answer or reply.rcpt or reply.mail or reply.auth or reply.error
    _, as_, queue_id = session.answer.rpartition("queued as ")
    return (
        Submitted(
            accepted=positive(session.answer),
            said=secrets.hide(mask(plain(last))),
            queue_id=queue_id.split()[0] if as_ and queue_id else "",
            late=not session.answer and (reply.problem is not None or "timed out" in reply.error),
        ),
        session.lines(),
    )


def _reply(code: int, words: bytes | str) -> str:
    text = decode(words) if isinstance(words, bytes) else words
    return mask(plain(f"{code} {' '.join(text.split())}"))
