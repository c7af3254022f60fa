"""The reason why mail failed, from one text: a status line, a server's reply, a warning, a program's error.

`classify` unwraps a reply from the text of Postfix or a bounce message and looks it up in
`diagnose.knowledge.phrases`. What a label suggests is in `diagnose.knowledge.sayings`.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import replace
from threading import Lock

from diagnose.knowledge import phrases
from diagnose.knowledge.phrases import Grip, Phrase
from diagnose.parse.system import own_network
from diagnose.parse.text.masking import clean, mask, normalise, without_endless_words
from diagnose.parse.words import smtp_reply
from diagnose.parse.words.wrapped import NOQUEUE, Core, unwrap
from diagnose.patterns import late
from diagnose.record import frozen

__all__ = [
    "Reason",
    "classify",
    "clean",
    "mask",
    "most_telling",
    "normalise",
    "reasons_in",
    "without_endless_words",
]

LONGEST = 2000  # characters of a text that are read: no reason is longer, but a hostile line may be

# Maximum weight in decibans of a text that is understood only so far.
_MOST = {Grip.HINT: 9, Grip.TOPIC: 9, Grip.SENSE: 16, Grip.CODE: 16, Grip.WORD: 16}


@frozen
class Reason:
    """The meaning of one text; `grip`: how much of it is understood.

    program: the id of the program (`diagnose.knowledge.programs`) that failed, if not a mailer. quoted: another server
    said it. bare: a receiver's words without a reply code."""

    label: str
    text: str
    code: int | None = None
    enhanced: str | None = None
    stage: str | None = None
    peer_name: str | None = None
    peer_address: str | None = None
    peer_port: int | None = None
    harmless: bool = False
    grip: Grip = Grip.PHRASE
    entry: str | None = None
    program: str | None = None
    quoted: bool = False
    bare: bool = False

    def may_be(self, label: str) -> bool:
        """Whether the codes of the text allow that label."""
        coded = phrases.code(self.code, self.enhanced, self.stage) if self.code or self.enhanced else None
        return coded is None or not coded.allows or label in coded.allows

    def label_for(self, sender: str | None, recipient: str | None) -> str:
        """The label for an envelope: a vague reply that contains the sender's address but not the recipient's is
        about the sender."""
        said = self.text.lower()
        vague = self.label in ("policy-refused", "relay-account-restricted") and self.grip <= Grip.SENSE
        named = bool(sender) and str(sender).lower() in said and not (recipient and recipient.lower() in said)
        return "sender-not-allowed" if vague and named else self.label

    def scalars(self) -> dict[str, str | int | None]:
        """The reason as an observation's data: ``family`` is 4 or 6; ``near``: the server is on this host; ``lan``:
        its address is private, so no provider is in between; ``mailbox``: it keeps this site's mailboxes; ``route``:
        a guess by address and port, which a caller that knows the route replaces; ``at_most``: maximum weight of a
        vague text."""
        at = self.peer_address or self.peer_name
        lan = own_network.is_private(at) if at and at != "0.0.0.0" else None  # 0.0.0.0 stands for an unknown address
        return {
            "label": self.label,
            "stage": self.stage,
            "code": self.code,
            "enhanced": self.enhanced,
            "host": self.peer_name,
            "address": self.peer_address,
            "port": self.peer_port,
            "family": None if not self.peer_address else 6 if ":" in self.peer_address else 4,
            "near": _is_near(self) if self.peer_name or self.peer_address else False if self.quoted else None,
            "lan": lan,
            "mailbox": _is_mailbox(self),
            # Recipients' exchangers have public addresses.
            "route": "relay" if lan else {None: None, 25: "direct"}.get(self.peer_port, "relay"),
            "at_most": _MOST.get(self.grip),
            "program": self.program,
        }


def classify(
    text: str,
    *,
    peer: str | None = None,
    service: str | None = None,
    port: int | None = None,
    stage: str | None = None,
    own: bool = False,
) -> Reason | None:
    """The meaning of a text, or None if nothing in it is known.

    ``peer`` is the server's name if known, ``service`` the Postfix service or program that wrote the text, ``port`` the
    server's port, ``stage`` the stage of the dialogue. What the text says takes precedence over these. ``own``: Postfix
    wrote it; unless it quotes a server, only Postfix's own phrases are looked up.
    """
    text = clean(text[:LONGEST])
    if not phrases.CODED.search(text) and not phrases.possible(text.lower()):
        return None
    text = mask(text)
    core = unwrap(text)
    if not core.text:
        return None
    name = core.name or peer
    where = core.stage or stage
    here = NOQUEUE.search(text) is not None
    own = own and core.code is None and not here
    said = _remembered(core, name, where, own)
    if said is None:
        return None
    label, phrase, grip = said
    if service == "lmtp" and label.startswith(("connect-", "greeting-", "session-", "dns-")):
        label = "backend-down"  # LMTP delivers to a mailbox server of this site
    if label == "system-storage" and here:
        label = "disk-full"
    if label == "server-failing" and here and core.enhanced == "4.3.5":
        label, grip = "postfix-config-error", Grip.CODE  # an earlier warning names the setting
    # A server's words: it is named, or a program quotes its reply.
    quoted = smtp_reply.find(core.text) if core.code is None else None
    a_servers = core.name is not None if core.code is not None else quoted is not None and quoted.code is not None
    theirs = label in _INSIDE and a_servers and not here
    if label == "local-user-unknown" and core.code is not None and not here:
        label = "recipient-unknown"  # said by some server; the text does not tell whether it is this host
    coded = quoted if quoted is not None and not core.enhanced and not _is_wrapped(said) else core
    found = Reason(
        label=label,
        text=core.text if own or core.code is not None else _telling_part(core, said, name, where),
        code=coded.code,
        enhanced=coded.enhanced,
        stage=where or (phrase.stage if phrase is not None else None),
        peer_name=name,
        peer_address=core.address,
        peer_port=core.port if core.port is not None else port,
        harmless=phrase is not None and phrase.harmless,
        quoted=core.quoted,
        bare=phrase is not None and not phrase.speaker and (core.code, core.enhanced, quoted) == (None, None, None),
        grip=grip,
        entry=phrase.id if phrase is not None else None,
    )
    if theirs and not _is_near(found):
        return replace(found, label="server-failing")  # its filters, tables and disks are not ours
    return replace(found, label="near-server-down") if label in _BROKEN_OFF and _is_near(found) else found


_IN_BRACKETS = late(r"\s*\([^()\n]+\)|\s*\{[^{}\n]+\}|\s*\[(?![\da-fA-F.:]+\])[^\[\]\n]*\]")


def _telling_part(core: Core, said: _Found, peer: str | None, stage: str | None) -> str:
    """The part to quote of a program's or person's text: the server's reply, if that alone has the meaning found,
    else the text without meaningless brackets. The rest may be anything, such as a call's arguments or the login
    tried."""
    text = core.text
    quoted = smtp_reply.find(text)
    if quoted is not None and quoted.canonical != text:
        inner = _remembered(Core(text=quoted.canonical, code=quoted.code, enhanced=quoted.enhanced), peer, stage, False)
        if inner is not None and inner[0] == said[0] and inner[2] >= said[2]:
            return quoted.canonical
    begin, end = said[1].span(text, text.lower()) if said[1] is not None else (0, 0)

    def kept(found: re.Match[str]) -> str:
        tells = (found.start() < end and begin < found.end()) or smtp_reply.find(found[0]) is not None
        return found[0] if tells else ""

    return _IN_BRACKETS.sub(kept, text).strip() or text


def reasons_in(event: object) -> tuple[Reason, ...]:
    """All reasons of an event of a log or a pasted text, the most specific first."""
    several = getattr(event, "reasons", None)
    if several is not None:
        return tuple(several)
    one = getattr(event, "reason", None)
    return (one,) if one is not None else ()


# No answer, or a broken connection: with a server on this host, the network is not the cause.
_BROKEN_OFF = frozenset(
    "connect-timeout connect-refused connect-no-route connect-reset greeting-timeout greeting-lost session-lost session-timeout "
    "body-timeout tls-not-offered".split()
)
# Faults inside the server that reports them.
_INSIDE = frozenset(
    "milter-down content-filter-down lookup-table-broken local-data-error table-unavailable disk-full queue-no-space "
    "queue-permissions postfix-config-error backend-down".split()
)
# The last is SendGrid's reply to an unknown key.
_SENT = late(r"\b(?:password|user|user ?name|credentials?)\b|: could not authenticate$", re.IGNORECASE)
REJECTED = ("relay-credentials-rejected", "app-credentials-rejected")
_MAILBOX_PORTS = frozenset({24, 2003, 2525, 8024})  # LMTP, and filters before mailboxes on the same host


def _is_mailbox(reason: Reason) -> bool:
    """Whether the server, by its name or port, keeps this site's mailboxes, rather than filters mail for them."""
    return reason.peer_port in _MAILBOX_PORTS or any(
        word in (reason.peer_name or "").lower() for word in ("dovecot", "lmtp", "imap", "mailbox", "mailman", "cyrus")
    )


def _is_near(reason: Reason) -> bool:
    """Whether the server is on this host or in a neighbouring container, without a network in between."""
    address = reason.peer_address or ""
    if address.startswith(("127.", "private/", "unix:", "/")) or address == "::1":
        return True
    # A neighbouring container has a name of one word and a private address.
    return "." not in (reason.peer_name or ".") and own_network.is_private(address)


# --- looking up -----------------------------------------------------------------------------------------------------

_Found = tuple[str, Phrase | None, Grip]  # label, the phrase that says so (None for a code), how much is understood
_memory: OrderedDict[tuple[str, str | None, str | None, bool], _Found | None] = OrderedDict()
_memory_lock = Lock()
_MEMORY_SIZE = 4096


def _remembered(core: Core, peer: str | None, stage: str | None, own: bool) -> _Found | None:
    key = (normalise(core.text), peer, stage, own)
    with _memory_lock:
        if key in _memory:
            _memory.move_to_end(key)
            return _memory[key]
    found = _look_up(core, peer, stage, own)
    with _memory_lock:
        _memory[key] = found
        if len(_memory) > _MEMORY_SIZE:
            _memory.popitem(last=False)
    return found


def _look_up(core: Core, peer: str | None, stage: str | None, own: bool) -> _Found | None:
    """The meaning of a text or of the reply that it quotes, whichever is more specific."""
    if own:
        lowered = core.text.lower()
        fitting = (p for p in phrases.possible(lowered) if p.own and p.comes_at(stage) and p.search(core.text, lowered))
        said = next(fitting, None)
        return (said.label, said, said.grip) if said is not None else None
    found = _put_off(_understood(core, peer, stage), core)
    if core.code is None:
        quoted = smtp_reply.find(core.text)
        if quoted is not None and quoted.canonical != core.text:
            reply = Core(text=quoted.canonical, code=quoted.code, enhanced=quoted.enhanced)
            inner = _put_off(_understood(reply, peer, stage), reply)
            bound = found is not None and not _is_wrapped(found) and _of_another(found[0], reply, stage)
            if inner is not None and (found is None or bound or inner[2] >= found[2] + _is_wrapped(found)):
                return inner
            return _put_off(found, reply)
    return found


def _of_another(label: str, reply: Core, stage: str | None) -> bool:
    """Whether a label from the words around a reply is of another subject (its first word) than the reply's code
    allows."""
    coded = phrases.code(reply.code, reply.enhanced, stage)
    allows = coded.allows if coded is not None else ()
    return bool(allows) and label.partition("-")[0] not in {each.partition("-")[0] for each in allows}


def _put_off(found: _Found | None, reply: Core) -> _Found | None:
    """Relabel a login rejected by 4xx (RFC 4954 section 6) as server-busy, unless enhanced code or words blame the
    credentials."""
    if found is None or found[0] not in REJECTED or (reply.code or 0) // 100 != 4:
        return found
    final = (reply.enhanced or "").startswith(("4.7.8", "5."))  # Exchange: 451 5.7.3
    return found if final or _SENT.search(reply.text) else ("server-busy", found[1], Grip.WORD)


# Without a reply code, words of a topic count only if the text also says that something went wrong.
_HAPPENED = late(
    r"reject|refus|fail|error|den(?:y|ied)|block|bounc|undeliver|unable|can(?:not|.t)|couldn.t|not?\b|n't\b|without|invalid|inactive|un(?:a|k|rout)|exceed|insufficient|full\b|"
    r"over|larger|bigger|too |limit|suspend|disabl|expir|return|drop|defer|delay|bad\b|illegal|missing|prohibit|forbid|violat|listed|infected|problem|"
    r"must\b|requir|throttl|\bspam\b|abuse|lost|closed|locked",
    re.IGNORECASE,
)


def _is_wrapped(found: _Found) -> bool:
    """Whether the phrase found is a program's or Postfix's own, rather than anybody's."""
    return found[1] is not None and found[1].by != "anybody"


def _understood(core: Core, peer: str | None, stage: str | None) -> _Found | None:
    """The meaning by phrases of the known server, else of any speaker, else of anybody, else by the code alone.

    A known code restricts what words of anybody may mean.
    """
    coded = phrases.code(core.code, core.enhanced, stage) if core.code or core.enhanced else None
    speaking = phrases.speaking(peer)
    lowered = core.text.lower()
    chosen: Phrase | None = None
    words = phrases.possible(lowered)
    for phrase in words:
        if not phrase.speaker:
            break
        scoped = phrase.peer is not None and phrase.peer in speaking
        # Of a program's phrases the first counts that says more than that something failed.
        taken = chosen is not None and (chosen.grip > Grip.HINT or phrase.grip == Grip.HINT or chosen.by != "program")
        if (phrase.only_peer or taken) and not scoped:
            continue
        if not _may_say(phrase, core, stage) or not (scoped or _allowed(phrase, coded)):
            continue
        if phrase.search(core.text, lowered):
            chosen = phrase
            if scoped:
                return phrase.label, phrase, phrase.grip
    if chosen is None:
        best = (Grip.HINT, 0)
        for phrase in words:
            if phrase.speaker or not (_may_say(phrase, core, stage) and _allowed(phrase, coded)):
                continue
            length = phrase.search(core.text, lowered)
            if length and (phrase.grip, length) > best and (coded is not None or _HAPPENED.search(core.text)):
                best, chosen = (phrase.grip, length), phrase
    if coded is not None and chosen is not None and chosen.label == coded.label and coded.grip >= Grip.CODE:
        return chosen.label, chosen, max(chosen.grip, Grip.PHRASE)  # the code and the words say the same
    if coded is not None and (chosen is None or (chosen.grip < coded.grip and not chosen.harmless)):
        return coded.label, None, coded.grip
    return (chosen.label, chosen, chosen.grip) if chosen is not None else None


def _may_say(phrase: Phrase, core: Core, stage: str | None) -> bool:
    """Whether a phrase applies at this stage; a program's never applies to a server's reply."""
    return (phrase.by == "anybody" or core.code is None) and phrase.comes_at(stage)


def _allowed(phrase: Phrase, coded: phrases.Code | None) -> bool:
    return coded is None or not coded.allows or phrase.label in coded.allows


# --- order ---------------------------------------------------------------------------------------------------------


def most_telling(reasons: list[Reason]) -> tuple[Reason, ...]:
    """Order the reasons of one attempt: the most specific first, each label once per IP version (with its first text).

    Among connection errors, a timeout over IPv4 is more relevant than a missing IPv6 route, which is common.
    """
    seen: dict[tuple[str, bool], Reason] = {}
    for each in reasons:
        seen.setdefault((each.label, ":" in (each.peer_address or "")), each)
    return tuple(sorted(seen.values(), key=_rank))


def _rank(reason: Reason) -> tuple[bool, int, bool, int]:
    order = {"connect-timeout": 0, "connect-refused": 1, "connect-no-route": 2, "connect-reset": 2}
    return (
        reason.harmless,
        -reason.grip,
        reason.label.startswith("connect-") and ":" in (reason.peer_address or ""),
        order.get(reason.label, 3),
    )
