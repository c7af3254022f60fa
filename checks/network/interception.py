"""Does something on the way answer for the mail servers, strip STARTTLS or break the TLS handshake?"""

from collections.abc import Iterable
from dataclasses import replace

from diagnose import facts
from diagnose.check import FLAG, Context, DialReply, Observations, SignSpec, ask_all, check, fail, ok, unknown, warn
from diagnose.facts.dialogue import STAGES, broken
from diagnose.facts.dials import Tried, dial_address, near_end
from diagnose.facts.network import Egress, MailPort, egress, helo_name, mail_port
from diagnose.facts.packets import own_tried
from diagnose.model import Scalar
from diagnose.parse.system.outcomes import Greeted, Interception, greeting_name, interception

IMPLICIT = 465  # TLS begins at once (RFC 8314)


@check(
    id="interception",
    title="Interception on the way",
    signs=(
        SignSpec("egress.intercepted", {"mail": FLAG}),
        SignSpec("egress.starttls", {"mail": FLAG, "kind": ("starttls", "tls", "port")}),
    ),
    tags=("network",),
    needs=("network",),
    probes=True,
    timeout=12.0,
)
def check_interception(ctx: Context) -> Observations:
    seen = egress(ctx)
    way = mail_port(ctx)
    stopped = list(_begun(ctx, way, seen))
    yield from stopped
    for port in sorted({25, way.port}):
        greeted = _greeted(seen, port)
        found = interception(greeted)
        if found is None and len({one.operator for one in greeted if greeting_name(one.banner)}) < 2:
            if port == way.port and way.known and not way.private:
                text = f"Too few greetings on TCP {port} to detect interception"
                yield unknown("egress.intercepted", f"TCP {port}", text, port=port)
            continue
        if found is not None or not stopped:
            yield from _judged(port, way, greeted, found)


def _begun(ctx: Context, way: MailPort, seen: Egress) -> Observations:
    """A failure if starting TLS hangs or closes both with the mail's own server and with two unrelated operators'."""
    stuck = ""
    for own in own_tried(ctx, way) if way.known and not way.private else ():
        found = broken(own.reply) if own.open else None
        if found is None or found.stage not in ("starttls", "tls") or found.kind not in ("hangs", "closes"):
            return
        stuck = found.stage
    rows = [t for t in seen.on(way.port) if t.open and t.reply.offers_starttls][:2]
    if not stuck or len({t.operator for t in rows}) < 2:
        return
    if not all((found := broken(reply)) is not None and found.stage == stuck for reply in _in_tls(ctx, rows)):
        return
    text = f"unrelated operators' servers ({', '.join(t.host for t in rows)}) fall silent at {STAGES[stuck]} as well"
    # Large packets would be lost on any port.
    others = [t for t in seen.on(IMPLICIT) if t.open and way.port != IMPLICIT][:2] if stuck == "tls" else []
    kind = stuck
    if any(reply.tls is not None and not reply.tls.error for reply in _in_tls(ctx, others)):
        kind, text = "port", f"{text}, while TLS on port {IMPLICIT} works"
    yield fail("egress.starttls", f"TCP {way.port}", text, kind=kind, port=way.port, relay=way.relay, mail=True)


def _in_tls(ctx: Context, rows: Iterable[Tried]) -> list[DialReply]:
    """The dialogues with these servers, up to the reply within TLS."""
    end = near_end(ctx, facts.route(ctx))
    dials = [
        replace(
            dial_address(t.address, t.port, t.host, helo=helo_name(ctx), **end),
            say="ehlo", tls="implicit" if t.port == IMPLICIT else "starttls", verify=False, timeout=3.0,
        )
        for t in rows
    ]  # fmt: skip
    return ask_all(ctx, dials)


def _greeted(seen: Egress, port: int) -> tuple[Greeted, ...]:
    """The operators' servers that greeted on this port, or refused for good."""
    rows = []
    for t in seen.on(port):
        if t.probe is None or not (t.reply.banner.startswith(("220", "5")) or greeting_name(t.reply.banner)):
            continue
        rows.append(
            Greeted(
                operator=t.operator,
                banner=t.reply.banner,
                starttls=t.reply.offers_starttls if t.reply.ehlo.startswith("250") else None,
                names=t.probe.names,
                offers=t.probe.tls == "starttls",
                certain=t.probe.stated,
            )
        )
    return tuple(rows)


def _judged(port: int, way: MailPort, greeted: tuple[Greeted, ...], found: Interception | None) -> Observations:
    subject = f"TCP {port}"
    on_the_way = way.known and way.port == port and not way.private
    say = fail if on_the_way else warn
    names = ", ".join(f"{one.operator}: {name}" for one in greeted if (name := greeting_name(one.banner)))
    data: dict[str, Scalar] = {"port": port, "relay": way.relay, "host": way.host, "mail": on_the_way}
    if found is None:
        text = f"each operator's server greets by its own name ({names})"
        yield ok("egress.intercepted", subject, text, **data)
        if any(one.starttls for one in greeted):
            yield ok("egress.starttls", subject, "STARTTLS is offered where it should be", **data)
        return
    if found.kind == "starttls":
        text = f"STARTTLS is missing from the replies of {', '.join(found.operators)}, which all offer it"
        yield say("egress.starttls", subject, text, kind="starttls", **data)
        return
    whose = "a greeting masked with asterisks" if found.kind == "masked" else f"the same greeting, {found.by},"
    text = f"{whose} comes from servers of unrelated operators ({', '.join(found.operators)})"
    yield say("egress.intercepted", subject, text, kind=found.kind, by=found.by, **data)
    if any(one.starttls is False for one in greeted) and not any(one.starttls for one in greeted):
        yield say("egress.starttls", subject, "none of them offers STARTTLS", kind="starttls", **data)
