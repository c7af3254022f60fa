"""Why mail failed, read from one text: a status line's reason, a server's reply, a warning, a program's error.

`classify` strips what Postfix and bounce messages wrap around a reply, and looks the rest up in the tables of
`diagnose.parse.words.reply_table`. What a label suggests stands in `diagnose.knowledge.sayings`.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import Lock

from diagnose.parse.system import own_network
from diagnose.parse.text.masking import clean, mask, normalise, without_endless_words
from diagnose.parse.words import reply_table, smtp_reply

__all__ = [
    "Reason",
    "classify",
    "mask",
    "most_telling",
    "normalise",
    "reasons_in",
    "without_endless_words",
]

LONGEST = 2000  # characters of a text that are looked at: no reason is longer, and a hostile line may be

VAGUE = 2  # the weight of texts of which only a code, or the subject, is understood
VAGUE_MOST = 16  # decibans: likely, and not certain by itself
HARDLY_MOST = 9  # possible, whatever else is said

_HOST = r"(?P<name>[^\s\[\]]+)\s?\[(?P<address>[0-9A-Fa-f.:]+|unix:[^\]]*|private/[^\]]*)\](?::(?P<port>\d{1,5}))?"
_SUSPENDED = re.compile(r"^\s*delivery temporarily suspended:\s*", re.IGNORECASE)
_IN_REPLY = re.compile(r"\(?\s*in reply to (?P<command>[A-Za-z][\w -]{2,30}?)(?: command)?\s*\)+\s*$", re.IGNORECASE)
_SAID = re.compile(rf"(?:host|server)\s+{_HOST}\s+said:\s*(?P<rest>.*)", re.DOTALL)
_SAID_BARE = re.compile(
    r"(?:host\s+)?(?P<name>[\w.-]+\.[\w-]+)?\s*(?:\[(?P<address>[0-9A-Fa-f.:]+)\])?:?\s*said:\s*(?P<rest>.*)", re.DOTALL
)
_REFUSED = re.compile(
    r"host\s+(?P<name>[^\s\[\]]+)\s?(?:\[(?P<address>[^\]]+)\])?\s+refused to talk to me:\s*(?P<rest>.*)", re.DOTALL
)
_NOQUEUE = re.compile(
    r"(?:^|: )(?P<kind>(?:milter-)?reject): (?P<command>[A-Z-]+)(?: \S+)? from "
    r"(?P<client>\S+\[[^\]]*\](?::\d+)?|\[[^\]]*\]:\d+):? (?P<rest>.*)",
    re.DOTALL,
)
_TAIL = re.compile(r"; (?:from=<|proto=|to=<|helo=<).*$", re.DOTALL)
_CONNECT = re.compile(rf"connect to {_HOST}: ", re.IGNORECASE)
_WITH = re.compile(
    r"(?:lost connection with|conversation with|offered by host|cannot authenticate to server|but host|SASL "
    r"authentication failed: server|by host|of server|error to|verification failed for) " + _HOST
)
_SMTP_ERROR = re.compile(
    r"SMTP error from remote (?:mail )?server after (?P<command>[A-Za-z .]+?)(?: TO| FROM)?[:<]", re.I
)
_EXIM_HOST = re.compile(r"\bhost (?P<name>[\w.-]+) \[(?P<address>[0-9A-Fa-f.:]+)\]")
_DSN_TYPE = re.compile(r"^(?:#?\d\.\d+\.\d+\s+)?(?:smtp|x-[\w-]+)\s*;\s*", re.IGNORECASE)
_SASL_SAID = re.compile(r"SASL authentication failed[;:]\s*(?=server )", re.IGNORECASE)

_STAGES: tuple[tuple[str, str], ...] = (
    ("end of data", "dot"),
    ("message body", "dot"),
    ("sending data command", "data"),
    ("initial server greeting", "greeting"),
    ("initial connection", "greeting"),
    ("banner", "greeting"),
    ("mail from", "mail"),
    ("rcpt to", "rcpt"),
    ("starttls", "starttls"),
    ("auth", "auth"),
    ("ehlo", "ehlo"),
    ("helo", "ehlo"),
    ("lhlo", "ehlo"),
    ("connect", "connect"),
    ("mail", "mail"),
    ("rcpt", "rcpt"),
    ("data", "data"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What one text says. ``weight``: 9 names a root, 5 is usual, 1 is a mere consequence of another line.

    ``program``: the id of the program (`diagnose.knowledge.programs`) that failed, where it was no mailer."""

    label: str
    text: str
    code: int | None = None
    enhanced: str | None = None
    stage: str | None = None
    peer_name: str | None = None
    peer_address: str | None = None
    peer_port: int | None = None
    harmless: bool = False
    weight: int = 5
    entry: str | None = None
    program: str | None = None

    def scalars(self) -> dict[str, str | int | None]:
        """What an observation's data says of it: ``family`` is 4 or 6; ``near`` whether the server is on this host, ``mailbox``
        whether it keeps this site's mailboxes; ``route`` a guess by the port, which a caller that knows it replaces;
        ``at_most`` the most that a vague text may weigh."""
        return {
            "label": self.label,
            "stage": self.stage,
            "code": self.code,
            "enhanced": self.enhanced,
            "host": self.peer_name,
            "address": self.peer_address,
            "port": self.peer_port,
            "family": None if not self.peer_address else 6 if ":" in self.peer_address else 4,
            "near": _is_near(self),
            "mailbox": _is_mailbox(self),
            "route": {None: None, 25: "direct"}.get(self.peer_port, "relay"),
            "at_most": HARDLY_MOST if self.weight < VAGUE else VAGUE_MOST if self.weight == VAGUE else None,
            "program": self.program,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Core:
    text: str
    code: int | None = None
    enhanced: str | None = None
    stage: str | None = None
    name: str | None = None
    address: str | None = None
    port: int | None = None


def classify(
    text: str,
    *,
    peer: str | None = None,
    service: str | None = None,
    port: int | None = None,
    stage: str | None = None,
    own: bool = False,
) -> Reason | None:
    """Say what a text means, or None when nothing in it is known.

    ``peer`` is the server's name when the caller knows it, ``service`` the Postfix service or program that wrote the
    text, ``port`` the server's port, ``stage`` where in the dialogue it came. All yield to what the text says.
    ``own``: Postfix wrote it; unless it quotes a server, only what Postfix says is looked up.
    """
    text = mask(clean(text[:LONGEST]))
    core = _unwrap(text)
    if not core.text:
        return None
    name = core.name or peer
    where = core.stage or stage
    here = _NOQUEUE.search(text) is not None
    own = own and core.code is None and not here
    entry = _remembered(core.text, name, where, core.code, own)
    if entry is None:
        return None
    label = entry.label
    if service == "lmtp" and label.startswith(("connect-", "greeting-", "session-")):
        label = "backend-down"  # LMTP hands mail to a mailbox server of this very site
    if label == "milter-down" and core.code is not None and core.name:
        label = "server-busy"  # said by another server, whose filters are not ours
    if label == "local-user-unknown" and core.code is not None and not here:
        label = "recipient-unknown"  # said by some server: whether it is this host, the text does not tell
    found = Reason(
        label=label,
        text=core.text,
        code=core.code,
        enhanced=core.enhanced,
        stage=where or entry.stage,
        peer_name=name,
        peer_address=core.address,
        peer_port=core.port if core.port is not None else port,
        harmless=entry.harmless,
        weight=entry.weight,
        entry=entry.id,
    )
    return replace(found, label="near-server-down") if label in _BROKEN_OFF and _is_near(found) else found


def reasons_in(event: object) -> tuple[Reason, ...]:
    """All reasons of an event of a log or a pasted text, the most telling first."""
    several = getattr(event, "reasons", None)
    if several is not None:
        return tuple(several)
    one = getattr(event, "reason", None)
    return (one,) if one is not None else ()


# No answer, or none that lasts: of a server on this host the network is not to blame.
_BROKEN_OFF = frozenset(
    "connect-timeout connect-refused connect-no-route connect-reset greeting-timeout greeting-lost session-lost session-timeout "
    "body-timeout tls-not-offered".split()
)
_MAILBOX_PORTS = frozenset({24, 2003, 2525, 8024})  # LMTP, and what stands before mailboxes on one host


def _is_mailbox(reason: Reason) -> bool:
    """Whether the server keeps this site's mailboxes, rather than a filter before them."""
    return reason.peer_port in _MAILBOX_PORTS or any(
        word in (reason.peer_name or "").lower() for word in ("dovecot", "lmtp", "imap", "mailbox", "mailman", "cyrus")
    )


def _is_near(reason: Reason) -> bool:
    """Whether the server is on this very host, or in the container beside it: no network is in the way."""
    address = reason.peer_address or ""
    if address.startswith(("127.", "private/", "unix:", "/")) or address == "::1":
        return True
    # A neighbouring container has a name of one word and a private address.
    return "." not in (reason.peer_name or ".") and own_network.is_private(address)


# --- unwrapping -----------------------------------------------------------------------------------------------------


def _stage_of(command: str) -> str | None:
    lowered = command.lower()
    for words, stage in _STAGES:
        if words in lowered:
            return stage
    return None


def _unwrap(text: str) -> _Core:
    text = _SUSPENDED.sub("", text.strip())
    stage: str | None = None
    name = address = port = None
    in_reply = _IN_REPLY.search(text)
    if in_reply:
        stage = _stage_of(in_reply.group("command"))
        text = text[: in_reply.start()].rstrip()
    rejected = _NOQUEUE.search(text)
    if rejected:
        reply = _TAIL.sub("", rejected.group("rest"))
        return _reply_core(reply, stage=_stage_of(rejected.group("command")))
    refused = _REFUSED.search(text)
    if refused:
        return _reply_core(
            refused.group("rest"), stage="greeting", name=refused.group("name"), address=refused.group("address")
        )
    said = _SAID.search(text) or (_SAID_BARE.search(text) if "said:" in text else None)
    if said:
        if _SASL_SAID.search(text):
            stage = stage or "auth"
        groups = said.groupdict()
        return _reply_core(said.group("rest"), stage=stage, name=groups["name"], address=groups["address"])
    with_peer = _CONNECT.search(text) or _WITH.search(text)
    if with_peer:
        name, address = with_peer.group("name"), with_peer.group("address")
        port = int(with_peer.group("port")) if with_peer.group("port") else None
        stage = stage or ("connect" if text[with_peer.start() :].lower().startswith("connect to ") else None)
        if " while " in text:
            stage = _stage_of(text[text.rindex(" while ") :]) or stage
    refused_tls = re.search(r"refused to start TLS: (?P<rest>.*)", text)
    if refused_tls:
        return _Core(text=text, stage="starttls", name=name, address=address, port=port)
    exim = _EXIM_HOST.search(text)
    if exim and not name:
        name, address = exim.group("name"), exim.group("address")
    after = _SMTP_ERROR.search(text)
    if after:
        stage = stage or _stage_of(after.group("command"))
    stripped = _DSN_TYPE.sub("", text)
    return _reply_core(stripped, stage=stage, name=name, address=address, port=port)


def _reply_core(
    text: str,
    *,
    stage: str | None,
    name: str | None = None,
    address: str | None = None,
    port: int | None = None,
) -> _Core:
    text = _DSN_TYPE.sub("", text.strip())
    reply = smtp_reply.parse(text) or None
    if reply is None:
        return _Core(text=text, stage=stage, name=name, address=address, port=port)
    return _Core(
        text=reply.canonical,
        code=reply.code,
        enhanced=reply.enhanced,
        stage=stage,
        name=name,
        address=address,
        port=port,
    )


# --- looking up -----------------------------------------------------------------------------------------------------

_memory: OrderedDict[tuple[str, str | None, str | None, bool], reply_table.Entry | None] = OrderedDict()
_memory_lock = Lock()
_MEMORY_SIZE = 4096


def _remembered(
    text: str, peer: str | None, stage: str | None, code: int | None, own: bool
) -> reply_table.Entry | None:
    key = (normalise(text), peer, stage, own)
    with _memory_lock:
        if key in _memory:
            _memory.move_to_end(key)
            return _memory[key]
    entry = _search(text, peer, stage, own=True) if own else _look_up(text, peer, stage, code)
    with _memory_lock:
        _memory[key] = entry
        if len(_memory) > _MEMORY_SIZE:
            _memory.popitem(last=False)
    return entry


def _look_up(text: str, peer: str | None, stage: str | None, code: int | None) -> reply_table.Entry | None:
    """Find the entry of a text, or of the reply that it quotes, whichever tells more."""
    found = _search(text, peer, stage, is_reply=code is not None)
    if code is None:
        quoted = smtp_reply.find(text)
        if quoted is not None and quoted.canonical != text:
            inner = _search(quoted.canonical, peer, stage, is_reply=True)
            if inner is not None and (found is None or inner.weight >= found.weight):
                return inner
    return found


def _search(
    text: str, peer: str | None, stage: str | None, *, is_reply: bool = False, own: bool = False
) -> reply_table.Entry | None:
    lowered = text.lower()
    speaking = reply_table.speaking(peer)
    first: reply_table.Entry | None = None
    for entry in reply_table.entries():
        if (entry.local and is_reply) or (own and not entry.own):
            continue
        if first is not None and entry.peer is None:
            continue
        scoped = entry.peer in speaking
        if (entry.only_peer or first is not None) and not scoped:
            continue
        if entry.at is not None and (stage is None or re.fullmatch(entry.at, stage) is None):
            continue
        if entry.never is not None and stage is not None and re.fullmatch(entry.never, stage):
            continue
        if entry.search(text, lowered):
            if scoped:
                return entry
            first = first or entry
    return first


# --- order ---------------------------------------------------------------------------------------------------------


def most_telling(reasons: list[Reason]) -> tuple[Reason, ...]:
    """Order the reasons of one attempt: the most telling first, each label once (with the first of its texts).

    Among connection errors a time-out over IPv4 tells more than IPv6's missing route, which most hosts live with.
    """
    seen: dict[tuple[str, bool], Reason] = {}
    for each in reasons:
        seen.setdefault((each.label, ":" in (each.peer_address or "")), each)
    return tuple(sorted(seen.values(), key=_rank))


def _rank(reason: Reason) -> tuple[bool, int, bool, int]:
    order = {"connect-timeout": 0, "connect-refused": 1, "connect-no-route": 2, "connect-reset": 2}
    return (
        reason.harmless,
        -reason.weight,
        reason.label.startswith("connect-") and ":" in (reason.peer_address or ""),
        order.get(reason.label, 3),
    )


def without_peer(reason: Reason) -> Reason:
    """The same reason, for grouping: without the server that said it."""
    return replace(reason, peer_name=None, peer_address=None, peer_port=None)
