"""Do the recipient's MX hosts answer?"""

import ipaddress

from diagnose import facts
from diagnose.check import FLAG, Context, Observations, SignSpec, check, fail, ok, skip, unknown, warn
from diagnose.facts.dialogue import PASSED, STAGES, Break, broken, unfinished
from diagnose.facts.dials import Tried
from diagnose.facts.network import egress, mail_port
from diagnose.facts.packets import DIALLED, exchangers_tried
from diagnose.model import Scalar, Stage
from diagnose.parse.postfix.setting_types import integer
from diagnose.parse.system.outcomes import WORDS, Outcome

_OUTCOMES = (*(outcome.value for outcome in Outcome), "silent", "closed", "broken", "refusing")


@check(
    id="destination",
    title="The recipient's mail servers",
    signs=(
        SignSpec("destination.reachable", {"loopback": FLAG, "outcome": _OUTCOMES}, proves=Stage.NEXT_HOP),
        SignSpec("config.throttle", {"kind": ("reach",)}),
    ),
    tags=("network",),
    needs=("network", "mta"),
    probes=True,
    timeout=11.0,
)
def check_destination(ctx: Context) -> Observations:
    way = mail_port(ctx)
    if not way.known:
        skip(way.problem)
    if way.relay:
        skip("mail goes to a relay, which then delivers it")
    route = facts.route(ctx)
    if route is not None and way.port != 25 and str(way.port) == route.value("smtp_tcp_port"):
        skip(f"smtp_tcp_port sends mail to port {way.port}, where MX hosts do not listen")
    if not way.hosts:
        skip("neither the recipient nor its MX hosts are known")
    domain = route.domain if route else ""
    # Only as many as Postfix itself tries.
    limit = integer(facts.mta(ctx).value("smtp_mx_address_limit")) or DIALLED
    hosts = way.hosts[: min(DIALLED, limit)]
    rows = exchangers_tried(ctx, hosts, way.port)
    if not rows:
        skip(f"no address of {', '.join(hosts)} is known")
    data: dict[str, Scalar] = {"domain": domain, "host": rows[0].host, "address": rows[0].address, "port": way.port}
    mandatory = route is not None and facts.tls_mode(ctx, route).mandatory
    breaks = {t: broken(t.reply, mandatory) for t in rows if t.open and not t.reply.problem}
    greeted = [t for t, found in breaks.items() if found is None]
    if greeted:
        itself = all(ipaddress.ip_address(t.address).is_loopback for t in greeted)
        text = f"{greeted[0].host} greets on port {way.port}"
        yield ok("destination.reachable", domain, text, loopback=itself, **data)
        return
    untried = exchangers_tried(ctx, way.hosts[limit:DIALLED], way.port)
    if spare := next((t for t in untried if _serves(t, mandatory)), None):
        name = "smtp_mx_address_limit"
        text = f"is {limit}: {spare.host} answers on port {way.port}, and Postfix does not try it"
        yield fail(
            "config.throttle", name, text, kind="reach", parameter=name, value=str(limit), **facts.stands(ctx, name)
        )
    listed = "; ".join(f"{t.host}[{t.address}] {_words(t, breaks.get(t))}" for t in rows)
    # One domain of many, unless the user named the recipient.
    data |= {"one_of_many": ctx.target.recipient is None}
    if first := next(iter(breaks.values()), None):
        kind = {"hangs": "silent", "closes": "closed", "later": "refusing", "refused": "refusing"}.get(
            first.kind, "broken"
        )
        text = f"no MX host of {domain} completes the SMTP dialogue ({listed})"
        # A server that refuses this host has been reached.
        say = warn if kind == "refusing" else fail
        data |= {
            "stage": STAGES[first.stage],
            "proof": "tried",
            "passes": PASSED.get(first.stage, Stage.GREETING).value,
        }
        yield say("destination.reachable", domain, text, outcome=kind, **data)
        return
    tried_rows = [t for t in rows if t.outcome is not Outcome.UNKNOWN]
    if not tried_rows or any(t.reply.problem for t in rows if t.reply.connected):
        text = f"could not check whether its mail servers answer: {rows[0].reply.problem or 'no time'} ({listed})"
        yield unknown("destination.reachable", domain, text, proof="tried", **data)
        return
    others = egress(ctx)
    if not any(t.open for t in others.on(way.port)):
        text = f"no MX host answers ({listed}), but neither does any other server on port {way.port}"
        yield unknown("destination.reachable", domain, text, proof="tried", **data)
        return
    yield fail(
        "destination.reachable",
        domain,
        f"no MX host of {domain} answers ({listed}), while other operators' do on port {way.port}",
        outcome=tried_rows[0].outcome.value,
        **data,
    )


def _serves(attempt: Tried, mandatory: bool) -> bool:
    return attempt.open and not attempt.reply.problem and broken(attempt.reply, mandatory) is None


def _words(attempt: Tried, found: Break | None) -> str:
    reply = attempt.reply
    if reply.connected and reply.problem:
        return unfinished(reply)
    return f"{found.text} at {STAGES[found.stage]}" if found else WORDS[attempt.outcome]
