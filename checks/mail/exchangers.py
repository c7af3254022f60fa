"""Does the recipient's domain exist, and does it accept mail?

By RFC 5321 5.1 (MX, else the domain's own address) and RFC 7505 (null MX); NXDOMAIN, no such record, a failing name server
and silence are kept apart.
"""

from __future__ import annotations

import ipaddress

from diagnose import facts
from diagnose.check import Context, Lookup, Observations, SignSpec, ask_all, check, fail, ok, skip, unknown, warn
from diagnose.facts.network import private_view
from diagnose.parse.system.own_network import is_address, is_private

_KINDS = ("servfail", "nxdomain", "no-exchanger", "null-mx", "some", "private", "loopback", "no-address")


@check(
    id="exchangers",
    title="The recipient's MX hosts",
    signs=(SignSpec("dns.recipient-domain", {"kind": _KINDS}),),
    tags=("dns", "network"),
    needs=("network",),
    probes=True,
    timeout=8.0,
)
def exchangers(ctx: Context) -> Observations:
    recipient = facts.target(ctx).recipient
    if not recipient:
        skip("no recipient is known; name one with --to")
    way = facts.route(ctx) if facts.mta(ctx).installed else None
    if way is not None and way.address_class in ("local", "virtual-alias", "virtual-mailbox"):
        skip(f"mail to {way.domain} stays on this host")
    domain = recipient.rpartition("@")[2].lower()
    if domain.startswith("["):
        skip(f"{domain} is an address, not a name")
    via = "relay" if way is not None and way.relay else "direct"
    yield from _domain(ctx, domain, via, recipient)


def _domain(ctx: Context, domain: str, via: str, recipient: str) -> Observations:
    found = facts.exchangers(ctx, domain)
    data = {"domain": domain, "via": via, "recipient": recipient}
    sign = "dns.recipient-domain"
    if found.kind == "unknown":
        if found.rcode:
            yield fail(
                sign, domain, f"its name servers fail: {found.problem}", kind="servfail", rcode=found.rcode, **data
            )
        else:
            yield unknown(sign, domain, f"could not check whether the domain accepts mail: {found.problem}", **data)
        return
    if found.kind == "none":
        nothing = found.rcode == "NXDOMAIN"
        text = "the domain does not exist" if nothing else "the domain has neither an MX nor an address"
        yield fail(sign, domain, text, kind="nxdomain" if nothing else "no-exchanger", **data)
        return
    if found.kind == "null":
        yield fail(sign, domain, "publishes a null MX (RFC 7505): it accepts no mail", kind="null-mx", **data)
        return
    good, bad = [], []
    hosts = found.hosts[:6]
    queries = [Lookup(host, kind) for host in hosts for kind in ("A", "AAAA")]
    replies = dict(zip(queries, ask_all(ctx, queries), strict=True))
    silent, kinds = 0, set[str]()
    for host in hosts:
        pair = [replies[Lookup(host, kind)] for kind in ("A", "AAAA")]
        addresses = [a for reply in pair for a in reply.answers if is_address(a)]
        silent += any(reply.problem or not reply.tells for reply in pair)
        # Private ones are valid inside a company: only an MX host without any other is unfit.
        usable = [a for a in addresses if not is_private(a)]
        if usable:
            good.append(host)
        elif addresses:
            itself = ipaddress.ip_address(addresses[0]).is_loopback
            kinds.add("loopback" if itself else "private")
            bad.append(
                f"{host} is {addresses[0]}, {'which is this host itself' if itself else 'which is not a public address'}"
            )
        elif not silent:
            kinds.add("no-address")
            bad.append(f"{host} has no address")
    if good and bad:
        yield warn(
            sign,
            domain,
            f"{len(good)} of {len(hosts)} MX hosts are usable; {'; '.join(bad[:3])}",
            kind="some",
            **data,
        )
    elif good:
        listed = ", ".join(good[:3])
        yield ok(sign, domain, f"mail goes to {listed}", host=good[0], **data)
    elif silent:
        yield unknown(sign, domain, "the addresses of its MX hosts could not be looked up", **data)
    else:
        kind = "private" if "private" in kinds else "loopback" if kinds == {"loopback"} else "no-address"
        text = f"no MX host can accept mail: {'; '.join(bad[:3])}"
        if kind == "private" and private_view(ctx):
            yield warn(sign, domain, f"{text}; but here other Internet names lead there too", kind=kind, **data)
            return
        yield fail(sign, domain, text, kind=kind, **data)
