"""Does this host's own packet filter block outgoing mail, and by which rule?

As root it is seen on the wire during connects as Postfix's user; the rules then show which one did it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from diagnose.check import (
    FLAG,
    Context,
    Data,
    Exec,
    Now,
    Observations,
    Read,
    SignSpec,
    check,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts.dials import WIRE, Tried
from diagnose.facts.filtered import Found, judgements, like, listed, opening
from diagnose.facts.network import FIND, MailPort, mail_port
from diagnose.facts.packets import all_stopped, lost_of_late, own_tried, packets, refusals
from diagnose.parse.system.outcomes import Outcome

# Rules that change packets on their way out, and those that leave them untracked, so that no rule knows the answer as
# established.
_CHANGES = {
    "altered": re.compile(
        r"\b[sd]nat (?:ip6? )?to|\b(?:ttl|hoplimit) set|-j (?:SNAT|DNAT|NETMAP|TTL|HL)\b|\b[sd]addr set|\bmasquerade\b"
    ),
    "answered": re.compile(r"\bnotrack\b|-j (?:NOTRACK|CT\b.*--notrack)"),
}


@check(
    id="firewall",
    title="Firewall of this host",
    signs=(SignSpec("firewall.smtp", {"by_user": FLAG}, clears="firewall"), "firewall.redirect"),
    tags=("network",),
    timeout=9.0,
)
def check_firewall(ctx: Context) -> Observations:
    way = mail_port(ctx)
    if not way.known:
        skip(way.problem)
    made = packets(ctx, way)
    answers = [replace(one, answer=True, uid=None, gid=None) for one in made]
    rules, gap = listed(ctx)
    found = judgements(rules, [*made, *answers])
    subject = f"TCP {way.port}"
    data: Data = {"port": way.port, "host": way.host, "relay": way.relay}
    turned = next((one for one in found if one.verdict.action == "redirect" and not one.packet.answer), None)
    if turned is not None:
        text = f"a NAT rule of this host sends port {way.port} elsewhere: {turned.verdict.rule}"
        yield warn("firewall.redirect", subject, text, fix=opening(ctx, way.port, turned), **data, **_data(turned))
    stops = [one for one in found if one.verdict.stops or one.verdict.action == "queue"]
    own, root = own_tried(ctx, way), ctx.ask(Now()).root
    seen = _seen(own)
    sure = [one for one in stops if one.verdict.certain]
    if seen is not None:
        guilty = (
            None
            if seen.wire == "altered"
            else next((one for one in stops if one.packet.answer == (seen.wire == "answered")), None)
        )
        if guilty is None and seen.wire == "kept":
            guilty = turned
        if guilty is None and seen.wire in _CHANGES:
            guilty = next(like(rules, made, _CHANGES[seen.wire]), None)
        text = f"{_lost(way, seen)}; " + (_rule(guilty) if guilty else _unnamed(ctx))
        yield fail("firewall.smtp", subject, text, wire=seen.wire, **data, **_blame(ctx, way.port, guilty))
    elif _passes(own) and (unlike := _by_group(ctx, way, own, stops)) is not None:
        text = f"{_words(way, unlike)}; it treats control groups differently: this tool's connection passes, Postfix's were lost recently"
        yield fail("firewall.smtp", subject, text, **data, **_blame(ctx, way.port, unlike) | {"by_user": True})
    # An ordinary user's connection is not Postfix's: a rule may treat them differently.
    elif _passes(own) and (any(t.open for t in own) or not sure) and (root or not _unlike_postfix(ctx, way, own)):
        whose = "Postfix's user" if root else "this user"
        how = f"a connection by {whose} passes" if any(t.open for t in own) else "its packets were seen to leave"
        yield ok("firewall.smtp", subject, f"no rule of this host stops port {way.port}: {how}", port=way.port)
    elif sure and all_stopped(made, [one.packet for one in sure]):
        yield fail("firewall.smtp", subject, _words(way, sure[0]), **data, **_blame(ctx, way.port, sure[0]))
    elif stops:
        first = (sure or stops)[0]
        some = "for some of its addresses only: " if sure else "it may be that "
        yield warn("firewall.smtp", subject, some + _words(way, first), **data, **_blame(ctx, way.port, first))
    elif gap:
        text = f"packet filter rules could not be read ({gap}): one of them might stop mail"
        yield unknown("firewall.smtp", subject, text)
    elif turned is None and not refusals(ctx, made)[0]:  # else there is something of this host against it
        yield ok("firewall.smtp", subject, f"no packet filter rule of this host stops port {way.port}", port=way.port)


def _seen(own: Sequence[Tried]) -> Tried | None:
    """The first connect to the mail's own server that was lost on this host, if none of its address family passed;
    else None."""
    lost = [t for t in own if t.outcome is Outcome.LOCAL and t.wire in WIRE and t.wire != "sent"]
    return next((t for t in lost if not any(o.open or o.wire == "sent" for o in own if o.family == t.family)), None)


def _by_group(ctx: Context, way: MailPort, own: Sequence[Tried], stops: Sequence[Found]) -> Found | None:
    """The first stopping rule about control groups, if this tool connects where Postfix, in another group, lately
    did not; else None."""
    rule = next((one for one in stops if "cgroup" in one.verdict.rule), None)
    return rule if rule is not None and _unlike_postfix(ctx, way, own) else None


def _unlike_postfix(ctx: Context, way: MailPort, own: Sequence[Tried]) -> str:
    """An address to which this tool connects and Postfix lately did not; "" if there is none."""
    return next((t.address for t in own if t.open and t.address in lost_of_late(ctx, way.port, t.family)), "")


def _passes(own: Sequence[Tried]) -> bool:
    return bool(own) and all(t.open or t.wire == "sent" for t in own)


def _lost(way: MailPort, seen: Tried) -> str:
    to = f"TCP {way.port} to {seen.address}"
    if seen.wire == "answered":
        return f"the answer from {to} reaches this host (seen on the wire) and is discarded here"
    if seen.wire == "altered":
        return f"{to} leaves this host with another address or hop limit than it started with (seen on the wire)"
    return f"packets of Postfix's user to {to} do not leave this host (seen on the wire)"


def _rule(one: Found) -> str:
    text = one.verdict.rule if one.verdict.certain else f"possibly by {one.verdict.rule}"
    return f"{one.tool}: {text} (in {one.verdict.table} {one.verdict.chain})"


def _unnamed(ctx: Context) -> str:
    """What may lose packets where no rule does: a full connection tracking table, an IPsec policy, or something
    unknown."""
    count, most = (
        ctx.ask(Read(f"/proc/sys/net/netfilter/nf_conntrack_{name}")).text.strip() for name in ("count", "max")
    )
    if count.isdecimal() and most.isdecimal() and int(count) >= 0.98 * int(most):
        return f"the connection tracking table is full ({count} of {most}, net.netfilter.nf_conntrack_max)"
    if " dir out action block" in ctx.ask(Exec(("ip", "xfrm", "policy"))).out:
        return "an IPsec policy of this host blocks packets (listed by: ip xfrm policy)"
    return "no rule of the packet filter that could be read does it: look at tc, control groups, network devices and rp_filter too"


def _blame(ctx: Context, port: int, one: Found | None) -> Data:
    if one is None:
        return {"action": "drop", "by_user": False, "fix": FIND}
    return {"fix": opening(ctx, port, one), **_data(one)}


def _data(one: Found) -> Data:
    verdict = one.verdict
    return {
        "tool": one.tool, "rule": verdict.rule, "table": verdict.table, "chain": verdict.chain, "owner": verdict.owner,
        "action": verdict.action, "by_user": verdict.by_user, "packets": verdict.packets,
    }  # fmt: skip


def _words(way: MailPort, one: Found) -> str:
    verdict = one.verdict
    where = " ".join(part for part in (verdict.table, verdict.chain) if part)
    what = f"the answers from TCP {way.port}" if one.packet.answer else f"TCP {way.port}"
    text = f"{one.tool} {verdict.action}s {what}"
    if one.packet.destination:
        text += f" {'of' if one.packet.answer else 'to'} {one.packet.destination}"
    if verdict.by_user:
        text += " of the user that Postfix runs as"
    text += f": {verdict.rule} (in {where})" if where else f": {verdict.rule}"
    return text + (f", {verdict.packets} packets so far" if verdict.packets else "")
