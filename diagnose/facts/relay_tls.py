"""Whether a server's port uses implicit TLS or STARTTLS, whatever Postfix is set to use."""

from __future__ import annotations

from diagnose.facts.asks import Asks
from diagnose.facts.relay import WayIn, begin, first_way, session
from diagnose.facts.route import Route, unheard
from diagnose.host.query import DialReply, TlsInfo
from diagnose.parse.postfix import tls_settings
from diagnose.record import frozen


@frozen
class Spoken:
    """kind: implicit, starttls (also plain SMTP), "" if unknown. dialogue: the one that begins in the clear, None if
    Postfix would hold none; tls: the handshake as Postfix would begin it."""

    kind: str = ""
    dialogue: DialReply | None = None
    tls: TlsInfo | None = None


def tried(way: Route, into: WayIn) -> bool:
    """Whether TLS matters here: opportunistic TLS with a recipient's own server never stops mail."""
    return way.relay or (into.mode.mandatory and bool(into.host))


def spoken(ctx: Asks, way: Route, into: WayIn) -> Spoken:
    reply = session(ctx, way).reply
    if not reply.connected:
        return Spoken()
    if first_way(into) == "implicit":
        return _implicit(ctx, way, into, reply)
    kind = "starttls" if reply.banner else ""
    if reply.stage == "banner" and reply.error in ("timed out", "connection closed", "ECONNRESET") and not kind:
        hidden = ctx.ask(begin(ctx, into, way, "implicit"))
        kind = "implicit" if hidden.tls and hidden.tls.version and hidden.banner else ""
    heard = "starttls" not in unheard(ctx, way, reply.address)[0]
    return Spoken(kind=kind, dialogue=reply, tls=reply.tls if heard else None)


def _implicit(ctx: Asks, way: Route, into: WayIn, reply: DialReply) -> Spoken:
    tls = reply.tls
    if tls and tls.version:
        return Spoken(kind="implicit", tls=tls)
    problem = tls_settings.handshake_problem(tls.error) if tls and tls.error else ""
    if problem in ("wrong-version", "closed", "other", "timeout") and reply.stage == "tls":
        plain = ctx.ask(begin(ctx, into, way, "starttls"))
        if plain.banner[:1] in ("2", "4", "5"):
            return Spoken(kind="starttls", dialogue=None if into.mode.wrapper else plain)
    return Spoken(tls=tls if problem == "mismatch" else None)
