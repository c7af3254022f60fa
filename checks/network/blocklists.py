"""Is this host's address on a blocklist that receivers use?

Queried only if mail goes directly to the receivers, and never by `watch`: each list learns the address.
"""

from __future__ import annotations

import ipaddress

from diagnose.check import (
    Context,
    DnsReply,
    Lookup,
    Observation,
    Observations,
    SignSpec,
    ask_all,
    check,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts import route
from diagnose.facts.sender import own_addresses
from diagnose.knowledge.labels import Blocklist, blocklists

_SECONDS = 2.5
# Test entries: a list that works has the first and never the second (RFC 5782 section 5).
_ALWAYS, _NEVER = "127.0.0.2", "127.0.0.1"


@check(
    id="blocklists",
    title="Blocklists",
    signs=(SignSpec("blocklist.listed", {"kind": ("listed", "policy")}),),
    tags=("dns", "network"),
    needs=("network", "postfix"),
    probes=True,
    timeout=9.5,
)
def check_blocklists(ctx: Context) -> Observations:
    if not ctx.settings.curious:
        skip("only `run` and `record` query blocklists")
    way = route(ctx)
    if way is None or not way.remote or way.relay:
        skip("mail does not go directly to the receivers: they see another host's address")
    addresses = own_addresses(ctx)
    if not addresses:
        yield unknown("blocklist.listed", "this host's public address", "not known, so no blocklist could be queried")
    asked = [(address, one) for address in addresses for one in blocklists() if one.ipv6 or ":" not in address]
    names = [_name(address, one) for address, one in asked] + [_name(_ALWAYS, one) for one in blocklists()]
    replies = ask_all(ctx, [Lookup(name, "A", timeout=_SECONDS) for name in dict.fromkeys(names)])
    by_name = dict(zip(dict.fromkeys(names), replies, strict=True))
    for address in addresses:
        clear, open_ = [], []
        for one in (one for whose, one in asked if whose == address):
            why = _silent(by_name[_name(_ALWAYS, one)], one)
            reply = by_name[_name(address, one)]
            if why := _silent(reply, one) if reply.rcode == "NOERROR" else why:
                open_.append(f"{one.name} ({why})")
            elif reply.rcode != "NOERROR":
                clear.append(one.name)
            elif ctx.ask(Lookup(_name(_NEVER, one), "A", timeout=_SECONDS)).rcode == "NOERROR":
                open_.append(f"{one.name} (it lists every address)")
            else:
                yield _listed(address, one, reply)
        # Lists without a usable answer leave no gap if others answered.
        untold = f"no usable answer from {', '.join(open_)}" if open_ else ""
        if clear:
            text = "; ".join(filter(None, (f"not on {', '.join(clear)}", untold)))
            yield ok("blocklist.listed", address, text, address=address)
        elif untold:
            yield unknown("blocklist.listed", address, untold, address=address)


def _name(address: str, one: Blocklist) -> str:
    pointer = ipaddress.ip_address(address).reverse_pointer
    return f"{pointer.removesuffix('.in-addr.arpa').removesuffix('.ip6.arpa')}.{one.zone}"


def _silent(reply: DnsReply, one: Blocklist) -> str:
    """Why an answer for a listed address, or for the test entry, proves nothing; "" if it can be used."""
    if reply.problem or not reply.tells:
        return reply.problem or f"the name server answered {reply.rcode}"
    if any(answer.startswith("127.255.255.") for answer in reply.answers):
        return "it refuses this host's resolver, as it does public and busy ones"
    if not {*one.codes, *one.policy} & set(reply.answers):
        return "it does not answer this host's resolver as it should"
    return ""


def _listed(address: str, one: Blocklist, reply: DnsReply) -> Observation:
    known = [answer for answer in reply.answers if answer in one.codes or answer in one.policy]
    kind = "listed" if any(answer in one.codes for answer in known) else "policy"
    words = "; ".join({**one.policy, **one.codes}[answer] for answer in known)
    say = fail if one.refuses else warn
    text = f"is on {one.name} ({words})"
    return say("blocklist.listed", address, text, address=address, kind=kind, list=one.name, url=one.url, zone=one.zone)
