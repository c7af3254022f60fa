"""SMTP AUTH (RFC 4954) with PLAIN (RFC 4616), LOGIN and CRAM-MD5 (RFC 2195); of the exchange only the server's last
reply is kept."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable

from diagnose.host.live.connect import Broken
from diagnose.host.live.smtp import Dialogue, keywords
from diagnose.parse.text import known
from diagnose.parse.text.masking import STARS, Secrets, plain
from diagnose.parse.text.telling import telling
from diagnose.parse.words.smtp_reply import code_of

# Over TLS the simplest that every server and every password store can do; in the clear the one that hides the password.
_OVER_TLS = ("PLAIN", "LOGIN", "CRAM-MD5")
_IN_CLEAR = ("CRAM-MD5", "PLAIN", "LOGIN")
_LONGEST_LINE = 510  # RFC 5321 4.5.3.1.4; longer initial responses wait for the server's go-ahead


def offered(ehlo: str) -> tuple[str, ...]:
    """The mechanisms an EHLO reply offers, in its order."""
    return tuple(dict.fromkeys(word.upper()[:40] for word in keywords(ehlo).get("AUTH", "").split()))[:30]


def choose(mechanisms: Iterable[str], allowed: Iterable[str], encrypted: bool) -> str:
    """The mechanism to use, "" if none is offered, allowed and implemented here."""
    wanted = {name.upper() for name in allowed}
    usable = {name for name in mechanisms if not wanted or name in wanted}
    return next((name for name in (_OVER_TLS if encrypted else _IN_CLEAR) if name in usable), "")


def log_in(dialogue: Dialogue, mechanism: str, user: str, password: str, secrets: Secrets) -> str:
    """The server's verdict, with every form of the secrets replaced by stars. Raises Broken."""
    blob = _encode(f"\0{user}\0{password}")
    forms = [password, _encode(password), blob]
    forms += [password[::-1], password.swapcase(), password.upper(), password.lower(), *known.forms(password)]
    secrets.add(password, f"\0{user}\0{password}")
    notes: list[str] = []
    verdict = ""
    dialogue.private = True
    try:
        if mechanism == "PLAIN":
            reply = _plain(dialogue, blob)
        elif mechanism == "LOGIN":
            reply = _login(dialogue, user, password)
        else:
            reply = _cram_md5(dialogue, user, password, forms)
        if code_of(reply) == 334:
            # One question too many. RFC 7628 servers put their error into it; "*" takes the exchange back.
            notes.append(_challenge(reply))
            reply = dialogue.say("*")
            # 501 answers the "*" (RFC 4954 4), 500 to 504 are of commands: neither judges the credentials.
            if not notes[0] and (code_of(reply) == 334 or 500 <= code_of(reply) <= 504):
                raise Broken("the login never ends")
        verdict = _hidden("\n".join([*filter(None, notes), reply]), forms, secrets)
    except Broken as broken:
        verdict = _hidden(broken.text, forms, secrets)
        raise Broken(broken.error, verdict, broken.late) from None
    finally:
        dialogue.private = False
        dialogue.said += [f"C: AUTH {mechanism} {STARS}", *(f"S: {line}" for line in verdict.split("\n") if line)]
    return verdict


def _plain(dialogue: Dialogue, blob: str) -> str:
    command = f"AUTH PLAIN {blob}"
    if len(command) <= _LONGEST_LINE:
        return dialogue.say(command)
    reply = dialogue.say("AUTH PLAIN")
    return dialogue.say(blob) if code_of(reply) == 334 else reply


def _login(dialogue: Dialogue, user: str, password: str) -> str:
    reply = dialogue.say("AUTH LOGIN")
    for answer in (user, password):
        if code_of(reply) != 334:
            return reply
        reply = dialogue.say(_encode(answer))
    return reply


def _cram_md5(dialogue: Dialogue, user: str, password: str, forms: list[str]) -> str:
    import hmac

    reply = dialogue.say("AUTH CRAM-MD5")
    if code_of(reply) != 334:
        return reply
    try:
        challenge = base64.b64decode(reply[4:].strip(), validate=True)
        digest = hmac.new(password.encode(), challenge, "md5").hexdigest()
    except binascii.Error:
        dialogue.say("*")
        raise Broken("the server's CRAM-MD5 challenge is not base64") from None
    except ValueError:
        dialogue.say("*")
        raise Broken("not tried: CRAM-MD5 needs MD5, which this system's policy forbids") from None
    # A digest and its challenge are enough to guess a password at leisure.
    forms += [digest, _encode(f"{user} {digest}")]
    return dialogue.say(forms[-1])


def _challenge(reply: str) -> str:
    """An RFC 7628 error's own fields ("334 status=400 scope=…"); nothing of a challenge that is not one."""
    try:
        values = json.loads(base64.b64decode(reply[4:].strip(), validate=True)[:2000])
        fields = [f"{key}={plain(str(values[key]))[:80]}" for key in ("status", "schemes", "scope") if key in values]
    except (ValueError, TypeError, RecursionError):
        return ""
    return f"334-{' '.join(fields)}".replace("\n", " ") if fields else ""


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _hidden(text: str, forms: list[str], secrets: Secrets) -> str:
    """The text with short secrets and echoed base64 hidden as well; reply codes stay readable."""
    lines = []
    for line in text.splitlines():
        head, tail = line[:4], line[4:]
        for form in sorted(
            {form for form in forms if len(form) > 5 or (form and form == forms[0])}, key=len, reverse=True
        ):
            tail = tail.replace(form, STARS)
        # However else a server wrote it: of its words those stay that look like no secret.
        tail = " ".join(STARS if telling(word) and "://" not in word else word for word in tail.split(" "))
        lines.append(head + tail)
    return secrets.hide("\n".join(lines))
