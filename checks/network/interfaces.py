"""Do inet_interfaces, smtp_bind_address and inet_protocols name addresses that this host has?"""

from __future__ import annotations

import ipaddress
import re

from diagnose.check import (
    FLAG,
    Context,
    Data,
    Lookup,
    Observations,
    Read,
    Resolve,
    SignSpec,
    check,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts import ANYBODY, Mta, exchangers, mta, route
from diagnose.facts.dials import interface_addresses
from diagnose.parse.system.own_network import is_address


@check(
    id="interfaces",
    title="Addresses set in Postfix",
    signs=("host.interface", SignSpec("host.address-family", {"none": FLAG})),
    tags=("postfix", "config"),
    needs=("postfix",),
)
def interfaces(ctx: Context) -> Observations:
    postfix = mta(ctx)
    own = {one.address: one.scope for one in interface_addresses(ctx)}
    if not own:
        skip("the addresses of this host could not be listed (no ip command)")
    problems = [
        *_loopback(ctx, own),
        *_listening(ctx, postfix, own),
        *_endpoints(postfix, own),
        *_binding(ctx, postfix, own),
    ]
    yield from problems
    if not problems:
        yield ok("host.interface", "addresses", "inet_interfaces and smtp_bind_address name addresses of this host")
    yield from _families(ctx, postfix, own)


def _loopback(ctx: Context, own: dict[str, str]) -> Observations:
    """A failure if the loopback device is down (IFF_UP, 1, is not set) or lacks its address."""
    flags = re.match(r"0x[0-9a-f]{1,8}$", ctx.ask(Read("/sys/class/net/lo/flags")).text.strip())
    down = flags is not None and not int(flags[0], 16) & 1
    if down or (flags and "127.0.0.1" not in own):
        text = "is down" if down else "has no address 127.0.0.1"
        text += ": programs of this host reach no server on it, neither Postfix nor a resolver"
        yield fail("host.interface", "lo", text, kind="loopback", down=down, apart=True)


def _listening(ctx: Context, postfix: Mta, own: dict[str, str]) -> Observations:
    families = postfix.words("inet_protocols")
    for word in postfix.words("inet_interfaces"):
        if word in ("all", "loopback-only"):
            continue
        name = word.strip("[]")
        data = {"parameter": "inet_interfaces", "value": word}
        if is_address(name):
            if name not in own:
                text = f"inet_interfaces names {name}, which no interface of this host has: Postfix does not start"
                yield fail("host.interface", word, text, address=name, **data)
            continue
        reply = ctx.ask(Resolve(name))
        if reply.problem:
            yield unknown("host.interface", word, f"inet_interfaces names {name}: {reply.problem}", **data)
        elif not reply.addresses:
            text = f"inet_interfaces names {name}, which has no address here: Postfix does not start"
            yield fail("host.interface", word, text, **data)
        elif not _usable(reply.addresses, families) & own.keys():
            text = f"inet_interfaces names {name} ({reply.addresses[0]}), an address that no interface of this host has"
            yield fail("host.interface", word, text, address=reply.addresses[0], **data)


def _endpoints(postfix: Mta, own: dict[str, str]) -> Observations:
    """Services of master.cf with an address of their own: the master ends at start where it cannot listen there."""
    for service in postfix.master.services:
        host = service.name.rpartition(":")[0].strip("[]") if service.type == "inet" else ""
        if host and is_address(host) and host not in own and not ipaddress.ip_address(host).is_unspecified:
            text = f"master.cf listens on {host}, which no interface of this host has: Postfix does not start"
            yield fail(
                "host.interface", service.name, text, parameter="master.cf", value=service.name, address=host,
                path=f"{postfix.config_directory}/master.cf",
            )  # fmt: skip


def _usable(addresses: tuple[str, ...], families: tuple[str, ...]) -> set[str]:
    every = "all" in families
    return {a for a in addresses if every or (("ipv6" if ":" in a else "ipv4") in families)}


def _binding(ctx: Context, postfix: Mta, own: dict[str, str]) -> Observations:
    way = route(ctx)
    if way is None:
        return
    for parameter in ("smtp_bind_address", "smtp_bind_address6"):
        value = way.value(parameter).strip("[]")
        if value and is_address(value) and value not in own:
            # smtp_connect_addr() warns and uses another address, unless smtp_bind_address_enforce (3.7) is on.
            enforced = way.value("smtp_bind_address_enforce").lower() == "yes"
            does = "no connection can be made from it" if enforced else "Postfix warns, and uses another of this host's"
            text = f"{parameter} = {value}: no interface of this host has that address, so {does}"
            say = fail if enforced else warn
            yield say("host.interface", parameter, text, parameter=parameter, value=value, address=value)
    if (
        way.value("smtp_bind_address").startswith("127.")
        and way.remote
        and not way.host.startswith(("127.", "localhost"))
    ):
        text = "smtp_bind_address is a loopback address: nothing beyond this host can be reached from it"
        yield fail(
            "host.interface",
            "smtp_bind_address",
            text,
            parameter="smtp_bind_address",
            value=way.value("smtp_bind_address"),
        )


def _families(ctx: Context, postfix: Mta, own: dict[str, str]) -> Observations:
    wanted = {word.lower() for word in postfix.words("inet_protocols")}
    has4 = any(":" not in a and scope == "global" for a, scope in own.items())
    has6 = any(":" in a and scope == "global" for a, scope in own.items())
    if wanted == {"ipv6"} and has4 and not has6:
        none = not any(":" in a for a in own)
        text = "inet_protocols = ipv6, and this host has no " + (
            "IPv6 address: no program of Postfix starts" if none else "global IPv6 address"
        )
        yield fail("host.address-family", "inet_protocols", text, parameter="inet_protocols", value="ipv6", none=none)
    elif wanted == {"ipv4"} and has6 and not has4:
        text = "inet_protocols = ipv4, and this host has no IPv4 address"
        yield fail("host.address-family", "inet_protocols", text, parameter="inet_protocols", value="ipv4", none=False)
    elif len(wanted) == 1 and (hosts := _out_of_reach(ctx, wanted == {"ipv6"})):
        (value,) = wanted
        text = f"inet_protocols = {value}, of which {', '.join(hosts)} have no address"
        more: Data = {"parameter": "inet_protocols", "value": value, "none": False, "use": "all"}
        yield fail("host.address-family", "inet_protocols", text, **more)
    elif wanted == {"ipv6"} and has4:
        text = "inet_protocols = ipv6: servers that have only IPv4 addresses cannot be reached"
        yield warn("host.address-family", "inet_protocols", text, parameter="inet_protocols", value="ipv6", use="all")
    else:
        yield ok(
            "host.address-family",
            "inet_protocols",
            f"{', '.join(sorted(wanted)) or 'default'} fits this host's addresses",
        )


def _out_of_reach(ctx: Context, six: bool) -> tuple[str, ...]:
    """The MX hosts of direct mail, if all have addresses, but none of the family in use; else ()."""
    way = route(ctx)
    if not ctx.settings.network or way is None or not way.remote or way.relay or way.recipient == ANYBODY:
        return ()
    hosts = exchangers(ctx, way.host).hosts[:3]
    used, other = ("AAAA", "A") if six else ("A", "AAAA")
    lacking = all(ctx.ask(Lookup(host, used)).rcode == "NODATA" for host in hosts)
    return hosts if lacking and all(ctx.ask(Lookup(host, other)).answers for host in hosts) else ()
