"""Where and how an SMTP dialogue broke off, or was deferred, before mail could pass."""

from __future__ import annotations

from diagnose.host.query import DialReply
from diagnose.model import Stage
from diagnose.record import dataclass

STAGES = {
    "banner": "the greeting",
    "ehlo": "EHLO",
    "starttls": "STARTTLS",
    "tls": "the TLS handshake",
    "auth": "AUTH",
    "mail": "MAIL",
    "rcpt": "RCPT",
}
KINDS = ("hangs", "closes", "nonsense", "endless", "broken", "later", "refused")
PASSED = {
    "starttls": Stage.TLS,
    "tls": Stage.TLS,
    "auth": Stage.LOGIN,
    "mail": Stage.DELIVERY,
    "rcpt": Stage.DELIVERY,
}  # at any other stage no more than the greeting was reached
_ERRORS = {
    "timed out": ("hangs", "connects, but then says nothing more"),
    "connection closed": ("closes", "closes the connection"),
    "ECONNRESET": ("closes", "resets the connection"),
    "EPIPE": ("closes", "closes the connection"),
    "not an SMTP reply": ("nonsense", "answers with something that is not an SMTP reply"),
    "the login never ends": ("nonsense", "asks for more after the complete login"),
    "reply too long": ("endless", "never ends its reply"),
}
# Errors by this tool's own choice, which say nothing about the server.
_OWN_CHOICE = ("not tried", "no usable mechanism", "no credentials found")
# The first digits that a final reply may have (RFC 5321 4.2.1, RFC 4954 4).
_DIGITS = "245"


@dataclass(frozen=True)
class Break:
    """stage: a key of STAGES; kind: one of KINDS; text: what the server does, to be read after its name."""

    stage: str
    kind: str
    text: str


def unfinished(reply: DialReply) -> str:
    """Why a dialogue could not be completed, and at which stage, in words; it then says nothing about the server."""
    at = STAGES.get(reply.stage, reply.stage)
    return (
        f"its reply at {at} trickles in, and is not complete yet"
        if reply.error == "drips"
        else f"{reply.problem} at {at}"
    )


def broken(reply: DialReply, mandatory: bool = True) -> Break | None:
    """What stops mail in this dialogue; None if nothing does. mandatory: no mail goes without TLS; otherwise Postfix
    continues in the clear if STARTTLS is refused or the handshake fails. Refusals of sender or recipient are left to
    the caller."""
    for name in STAGES:
        said = getattr(reply, name).rpartition("\n")[2] if name != "tls" else ""
        # If an error occurred, the text of its stage may be an incomplete reply.
        if said and (name != reply.stage or not reply.error) and said[:1] not in _DIGITS:
            return Break(name, "nonsense", f"answers with {said[:60]!r}")
    if reply.error.startswith(_OWN_CHOICE):
        return None
    stage = reply.stage if reply.stage in STAGES else ""
    if reply.error and stage:
        if reply.tls is not None and reply.tls.error:
            text = f"fails: {reply.error}"
            return Break("tls", _ERRORS.get(reply.error, ("broken",))[0], text) if mandatory else None
        kind, text = _ERRORS.get(reply.error, ("broken", f"breaks off ({reply.error})"))
        return Break(stage, kind, text)
    for name in ("banner", "ehlo", "starttls", "auth"):
        last = getattr(reply, name).rpartition("\n")[2]
        if last and not last.startswith("2") and (mandatory or name != "starttls"):
            return Break(name, "later" if last.startswith("4") else "refused", f"answers with {last[:120]!r}")
    return None
