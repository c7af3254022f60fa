"""Tries an application's settings on its mail server, from where it runs: dialogue, cause, and a test message if
asked for."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from diagnose.apps.settings import MailSettings
from diagnose.check import Context, Settings
from diagnose.errors import UsageError
from diagnose.facts.application import found
from diagnose.host.live import LiveHost, submit
from diagnose.host.memo import Memo, NoNetwork, Recorder
from diagnose.host.query import Dial, DialReply, Now
from diagnose.mail.explain import explain
from diagnose.mail.send import compose
from diagnose.model import Confidence, Observation, Target
from diagnose.record import frozen
from diagnose.report.json_ import as_plain
from diagnose.sentence import joined
from diagnose.session import Request, Result, diagnose

_CHECKS = ("application", "application-probe")
_OTHERS = ("applications", "php-mail", "puppet", "workers")  # about programs other than the named one
_REACHED = "app.server"
_UNREAD = "could not check how the application sends mail: "
_LINES = 30  # shown of one reply
_WHOLE = 30.0  # seconds for this host's mailer
_AT_HOST = {
    True: ("ok", "nothing wrong was found there"),
    False: (
        "unknown",
        "no fault was found there, and no mail was seen to pass (`mail-diagnose send ADDRESS` shows whether it does)",
    ),
}

Plain = dict[str, Any]
Heard = tuple[Dial, DialReply, tuple[str, ...]]


@frozen
class Asked:
    """path: of the settings file, or the name of a text in `given`; where: the place it is tried from, in words;
    sender: used if the settings have none; away: not on this host itself; timeout: in seconds."""

    path: str
    given: Mapping[str, str]
    where: str = ""
    sender: str | None = None
    send_to: str | None = None
    auth: bool = True
    timeout: float = 15.0
    away: bool = False


def of_url(url: str) -> tuple[str, str]:
    """(user or "", host[:port]) of a URL such as smtp://user@host:587. Raises UsageError if it is invalid or
    contains a password, since every user of the host can see arguments."""
    try:
        parts = urlsplit(url)
        port, host, password = parts.port, parts.hostname or "", parts.password
    except ValueError:
        raise UsageError("the URL is not valid; write it as smtp://user@host:587") from None
    if password is not None:
        raise UsageError(
            "every user of this host can see a password in an argument, and the shell keeps it: leave it out of "
            "the URL, and type it when asked, or use --secret-file FILE"
        )
    if not host or any(ord(char) < 33 for char in url):
        raise UsageError("the URL names no server; write it as smtp://user@host:587")
    return parts.username or "", f"{host}{f':{port}' if port else ''}"


def as_text_of_url(url: str, password: str) -> str:
    """A line of a settings file that sets SMTP_URL to the URL with its password."""
    parts = urlsplit(url)
    login = f"{parts.username}:{quote(password, safe='')}@" if parts.username and password else ""
    return f"SMTP_URL={parts.scheme}://{login}{parts.netloc.rpartition('@')[2]}{parts.path}\n"


def tried(asked: Asked) -> Plain:
    """The report of `run` (schema 1) on this application alone, with these additions:

    app         path, host, port, tls, user, sender, where, verdict
    dialogue    its lines: "C: …", "S: …", and "* …" for remarks
    sent        recipient, accepted and said, if a message was asked for and submitted
    """
    heard: list[Heard] = []
    live = LiveHost(given=asked.given, heard=lambda *each: heard.append(each))
    request = Request(
        target=Target(asked.sender, None),
        settings=Settings(app_config=(asked.path,), auth=asked.auth),
        only=_CHECKS,
        skip=_OTHERS,
        timeout=asked.timeout,
        live=live,
        away=asked.away,
    )
    result = diagnose(request)
    shown = _shown(heard)
    if any(each.sign == _REACHED and each.data.get("host") for each in _seen(result)) and not (
        shown and shown[1].connected
    ):
        # Finds out whether the server or this network is at fault.
        result = diagnose(replace(request, only=(*_CHECKS, "network")))
    # The host's own mailer is not examined here, so its merely possible causes are left out.
    kept = (d for d in result.report.diagnoses if d.cause.station == "application" or d.confidence >= Confidence.LIKELY)
    result = replace(result, report=replace(result.report, diagnoses=tuple(kept)))
    settings = _settings(request, live)
    if settings.program and not shown and not result.report.diagnoses:
        # What becomes of its mail is this host's mailer's matter.
        result = diagnose(replace(request, only=(), timeout=max(asked.timeout, _WHOLE)))
    failed = result.report.status.word == "failed"
    if shown and not failed and shown[0].say == "ehlo" and settings.sender and not settings.auth:
        # For a server on this host, `run` does not send MAIL.
        live.answer(replace(shown[0], say="rcpt", sender=settings.sender), time.monotonic() + asked.timeout)
        shown = heard[-1]
    lines: Sequence[str] = shown[2] if shown else ()
    seen = tuple(_seen(result))
    status, verdict = _judged(result, seen, shown, settings)
    plain: Plain = {}
    if asked.send_to and not failed and status in ("ok", "warning") and shown is not None:
        sent, lines = _sent(asked, shown[0], live)
        status, verdict = (
            ("failed", "The server refuses the message.") if not sent.accepted else (status, _handed(sent))
        )
        plain["sent"] = {"recipient": asked.send_to, "accepted": sent.accepted, "said": sent.said}
        if not sent.accepted:
            words = explain(sent.said.split("\n"), "the server's answer", datetime.now().astimezone(), numbered=False)
            result = replace(result, report=replace(result.report, diagnoses=words.diagnoses))
    plain = {**as_plain(result.report), **plain}
    if not plain["diagnoses"] or "sent" in plain:
        plain["status"] = status
    plain["app"] = {**_about(seen, shown), "path": asked.path, "where": asked.where, "verdict": verdict}
    plain["dialogue"] = list(_cut(lines))
    return result.hide(plain)  # type: ignore[no-any-return]


def _settings(request: Request, live: LiveHost) -> MailSettings:
    context = Context(host=Recorder(Memo(NoNetwork(live)), time.monotonic() + 5), settings=request.settings)
    return found(context).named[0].settings or MailSettings()


def _seen(result: Result) -> Iterable[Observation]:
    return (seen for run in result.report.runs if run.check in _CHECKS for seen in run.observations)


def _shown(heard: Sequence[Heard]) -> Heard | None:
    """The dialogue that the application would hold: the last one with its host beyond EHLO, else the first; None
    without any. The others only look for settings that work."""
    if not heard:
        return None
    own = [each for each in heard[1:] if each[0].say != "ehlo" and each[0].host == heard[0][0].host]
    return own[-1] if own else heard[0]


def _judged(
    result: Result, seen: Sequence[Observation], shown: Heard | None, settings: MailSettings
) -> tuple[str, str]:
    """(status, sentence); the sentence is the first cause's title if one was found."""
    if result.report.diagnoses:
        return result.report.status.word, f"{result.report.diagnoses[0].cause.title}."
    failed = next((each for each in seen if each.sign == _REACHED and each.status.word == "failed"), None)
    if failed is not None:
        return "failed", f"{joined(failed.subject, failed.summary)}."
    unsure = next((each for each in seen if each.status.word == "unknown"), None)
    if unsure is not None:
        return "unknown", f"Could not tell: {joined(unsure.subject, unsure.summary.removeprefix(_UNREAD))}."
    if shown is None:
        why = next((run.reason for run in result.report.runs if run.reason), "nothing was tried")
        if settings.program:
            status, rest = _AT_HOST[result.report.status.word == "ok"]
            return status, f"It hands its mail to {settings.program} on this host; {rest}."
        if settings.api:
            why = f"its mail goes through the API of {settings.api}, which this tool does not speak"
        return "unknown", f"Could not tell: {why}."
    query, reply, _ = shown
    if reply.mail and not reply.mail.startswith("2"):
        return "unknown", f"Could not tell: MAIL FROM:<{query.sender}> is answered with {reply.mail.splitlines()[-1]}."
    taken = ["its login"] * reply.auth.startswith("235") + [f"the sender {query.sender}"] * bool(
        reply.mail and query.sender
    )
    what = f"and accepts {' and '.join(taken)}" if taken else "and asks for no login" if not query.login else ""
    warning = next((each for each in seen if each.status.word == "warning"), None)
    but = f" But: {warning.summary}." if warning is not None else ""
    return "warning" if but else "ok", f"The server answers {what}.".replace(" .", ".") + but


def _about(seen: Sequence[Observation], shown: Heard | None) -> Plain:
    data = next((each.data for each in seen if each.sign == _REACHED and each.data.get("host")), {})
    query = shown[0] if shown else None
    return {
        "product": str(data.get("product", "")),
        "host": query.host if query else str(data.get("host", "")),
        "port": query.port if query else data.get("port", 0),
        "tls": query.tls if query else "",
        "user": str(data.get("user", "")),
        "sender": query.sender if query else "",
    }


def _sent(asked: Asked, query: Dial, live: LiveHost) -> tuple[submit.Submitted, tuple[str, ...]]:
    """Submits a message over the same connection settings to the one address asked for; with the lines of the dialogue."""
    assert asked.send_to is not None
    now = live.answer(Now(), time.monotonic() + 5)
    name = now.fqdn or now.hostname or "localhost"
    login = live.credentials(query.login) if query.login else None
    own = login[0] if login and "@" in login[0] else f"mail-diagnose@{name}"
    sender = query.sender or asked.sender or own
    id = f"<mail-diagnose.{int(time.time())}.{secrets.token_hex(4)}@{name}>"
    message = compose(asked.send_to, sender, id, name, now.user, f"app test --send-to {asked.send_to}")
    longer = replace(query, say="rcpt", sender=sender, recipient=asked.send_to, timeout=20.0)
    return submit.by_dialogue(message, longer, time.monotonic() + 60, live.credentials, live.secrets)


def _handed(sent: submit.Submitted) -> str:
    last = sent.said.rpartition("\n")[2]
    return f"The server has taken the message ({last}): whether it arrives shows at that address."


def _cut(lines: Sequence[str]) -> Iterable[str]:
    """The lines, each run of server lines cut to _LINES."""
    run = 0
    for line in lines:
        run = run + 1 if line.startswith("S: ") else 0
        if run <= _LINES:
            yield line
        elif run == _LINES + 1:
            yield "S: …"
