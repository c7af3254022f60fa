"""Unwraps a reply or error from the text of Postfix and other mailers: the bare text, its server, and the stage."""

from __future__ import annotations

import re
from dataclasses import replace

from diagnose.parse.words import smtp_reply
from diagnose.patterns import late
from diagnose.record import frozen

_HOST = r"(?P<name>[^\s\[\]]+)\s?\[(?P<address>[0-9A-Fa-f.:]+|unix:[^\]]*|private/[^\]]*)\](?::(?P<port>\d{1,5}))?"
_SUSPENDED = late(r"^\s*delivery temporarily suspended:\s*", re.IGNORECASE)
_IN_REPLY = late(r"\(?\s*in reply to (?P<command>[A-Za-z][\w -]{2,30}?)(?: command)?\s*\)+\s*$", re.IGNORECASE)
_SAID = late(rf"(?:host|server)\s+{_HOST}\s+said:\s*(?P<rest>.*)", re.DOTALL)
_SAID_BARE = late(
    r"(?:host\s+)?(?P<name>[\w.-]+\.[\w-]+)?\s*(?:\[(?P<address>[0-9A-Fa-f.:]+)\])?:?\s*said:\s*(?P<rest>.*)", re.DOTALL
)
_REFUSED = late(
    r"(?:host|connect to)\s+(?P<name>[^\s\[\]]+)\s?(?:\[(?P<address>[^\]]+)\])?(?::(?: server)?)?\s+refused to talk to me:\s*(?P<rest>.*)",
    re.DOTALL,
)
NOQUEUE = late(
    r"(?:^|: )(?P<kind>(?:milter-)?reject): (?P<command>[A-Z-]+)(?: \S+)? from "
    r"(?P<client>\S+\[[^\]]*\](?::\d+)?|\[[^\]]*\]:\d+):? (?P<rest>.*)",
    re.DOTALL,
)
_TAIL = late(r"; (?:from=<|proto=|to=<|helo=<).*$", re.DOTALL)
_CONNECT = late(rf"connect to {_HOST}: ", re.IGNORECASE)
_WITH = late(
    r"(?:lost connection with|conversation with|offered by host|cannot authenticate to server|but host|SASL "
    r"authentication failed: server|by host|of server|error to|verification failed for) " + _HOST
)
_SMTP_ERROR = late(r"SMTP error from remote (?:mail )?server after (?P<command>[A-Za-z .]+?)(?: TO| FROM)?[:<]", re.I)
_EXIM_HOST = late(r"\bhost (?P<name>[\w.-]+) \[(?P<address>[0-9A-Fa-f.:]+)\]")
_DSN_TYPE = late(r"^(?:#?\d\.\d+\.\d+\s+)?(?:smtp|x-[\w-]+)\s*;\s*", re.IGNORECASE)
_SASL_SAID = late(r"SASL authentication failed[;:]\s*(?=server )", re.IGNORECASE)

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


@frozen
class Core:
    """The bare text (a reply as `SmtpReply.canonical`), its codes, and the wrapping's stage, server and port.
    quoted: a server said it."""

    text: str
    code: int | None = None
    enhanced: str | None = None
    stage: str | None = None
    name: str | None = None
    address: str | None = None
    port: int | None = None
    quoted: bool = False


def _stage_of(command: str) -> str | None:
    lowered = command.lower()
    for words, stage in _STAGES:
        if words in lowered:
            return stage
    return None


def unwrap(text: str) -> Core:
    text = _SUSPENDED.sub("", text.strip())
    stage: str | None = None
    name = address = port = None
    in_reply = _IN_REPLY.search(text)
    if in_reply:
        stage = _stage_of(in_reply["command"])
        text = text[: in_reply.start()].rstrip()
    rejected = NOQUEUE.search(text)
    if rejected:
        reply = _TAIL.sub("", rejected["rest"])
        return _reply_core(reply, stage=_stage_of(rejected["command"]))
    refused = _REFUSED.search(text)
    if refused:
        return _reply_core(refused["rest"], stage="greeting", name=refused["name"], address=refused["address"])
    said = _SAID.search(text) or (_SAID_BARE.search(text) if "said:" in text else None)
    if said:
        if _SASL_SAID.search(text):
            stage = stage or "auth"
        groups = said.groupdict()
        if text.startswith("Protocol error: "):  # not a valid reply to the command, whatever it says
            return Core(text=text, stage=stage, name=groups["name"], address=groups["address"])
        core = _reply_core(said["rest"], stage=stage, name=groups["name"], address=groups["address"])
        return replace(core, quoted=core.code is not None)
    with_peer = _CONNECT.search(text) or _WITH.search(text)
    if with_peer:
        name, address = with_peer["name"], with_peer["address"]
        port = int(with_peer["port"]) if with_peer["port"] else None
        stage = stage or ("connect" if text[with_peer.start() :].lower().startswith("connect to ") else None)
        if " while " in text:
            stage = _stage_of(text[text.rindex(" while ") :]) or stage
    refused_tls = re.search(r"refused to start TLS: (?P<rest>.*)", text)
    if refused_tls:
        return Core(text=text, stage="starttls", name=name, address=address, port=port)
    exim = _EXIM_HOST.search(text)
    if exim and not name:
        name, address = exim["name"], exim["address"]
    after = _SMTP_ERROR.search(text)
    if after:
        stage = stage or _stage_of(after["command"])
    stripped = _DSN_TYPE.sub("", text)
    return _reply_core(stripped, stage=stage, name=name, address=address, port=port)


def _reply_core(
    text: str,
    *,
    stage: str | None,
    name: str | None = None,
    address: str | None = None,
    port: int | None = None,
) -> Core:
    text = _DSN_TYPE.sub("", text.strip())
    reply = smtp_reply.parse(text) or None
    if reply is None:
        return Core(text=text, stage=stage, name=name, address=address, port=port)
    return Core(
        text=reply.canonical,
        code=reply.code,
        enhanced=reply.enhanced,
        stage=stage,
        name=name,
        address=address,
        port=port,
    )
