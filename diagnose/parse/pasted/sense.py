"""Guesses the meaning of a text without a known phrase, by the concepts of its words and whether it is about mail at
all."""

from __future__ import annotations

from dataclasses import replace

from diagnose.knowledge.phrases import Grip
from diagnose.knowledge.sayings import suggested
from diagnose.model import Strength
from diagnose.parse.pasted import subject
from diagnose.parse.words import concepts, reason as reasons_of
from diagnose.parse.words.reason import Reason

# Labels that only say that no mail was sent.
_VAGUE = frozenset({"app-connect-failed", "app-send-failed", "message-expired", "tls-handshake-failed"})
# Labels that say what did not happen, but not why.
_BARELY = frozenset({"app-send-failed", "mailbox-unavailable"})
_SAID = 5  # most blanks in a text that is a server's only
# Labels that any program's network or login errors may get.
_ANYBODYS = (
    *("connect-", "dns-", "session-", "greeting-", "rate-", "resolver-", "relay-name-", "relay-credentials-"),
    *("app-connect-", "app-host-", "app-smtp-", "app-session-", "app-read-", "app-credentials-"),
)


def improved(
    text: str, reason: Reason | None, host: str | None, port: int | None, of_mail: bool = False
) -> Reason | None:
    """The reason, relabelled by concepts if the text is about mail and its phrases and codes are vague or unrelated.
    None if a receiver's phrase is in a sentence about something else. of_mail: what stands around the text is."""
    vague = reason is None or reason.grip <= Grip.TOPIC or (reason.label in _VAGUE and reason.code is None)
    timed_out = reason is not None and reason.label == "connect-timeout"  # it may have been a lookup
    if reason is not None and (reason.harmless or not (vague or reason.bare or timed_out)):
        return reason
    if not (of_mail or subject.is_of_mail(text)):  # a receiver's words in such a sentence may be any program's
        if reason is not None and reason.bare and text.count(" ") > _SAID:
            return reason if reason.grip == Grip.NAMES and not is_anybodys(reason) else None
        return reason
    text = reasons_of.clean(text[: reasons_of.LONGEST])
    said = dict.fromkeys((text, text.replace("\n", " ")))  # by line, then as a whole
    label = next(filter(None, map(concepts.meaning, said)), None)
    if label is None or (reason is not None and not reason.may_be(label)):
        return reason
    adds = reason is None or reason.label == "message-expired" or (reason.label == label and reason.grip <= Grip.SENSE)
    if (label in _VAGUE and not adds) or (label in _BARELY and reason is not None and reason.code):
        return reason
    if timed_out and not (label == "dns-try-again" or "certificate" in label):
        return reason
    if reason is not None and not (vague or timed_out or _disagree(label, reason.label)):
        return reason
    if label.startswith("connect-") and port != 25:
        label = "app-smtp-unreachable"
    found = reason or Reason(label=label, text=reasons_of.mask(text), peer_name=host, peer_port=port)
    return replace(found, label=label, grip=Grip.HINT if label in _BARELY else Grip.SENSE, entry=None)


def _disagree(label: str, other: str) -> bool:
    """Whether two labels suggest different causes, hints disregarded."""
    return suggested((label,), Strength.FITS).isdisjoint(suggested((other,), Strength.FITS))


def is_anybodys(reason: Reason) -> bool:
    """Whether a program that sends no mail may report this reason."""
    return not (reason.code or reason.enhanced) and reason.label.startswith(_ANYBODYS)
