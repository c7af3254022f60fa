"""Resolves a recipient to transport and next hop, in the order of trivial-rewrite(8).

Address classes first (local, virtual alias, virtual mailbox, relay, default; ADDRESS_CLASS_README), then the next
hop (relay_transport and default_transport before sender_dependent_relayhost_maps before relayhost), then
transport_maps, which overrides them. Aliases and canonical maps have rewritten the address before (cleanup(8)).
"""

import re
from collections.abc import Callable, Mapping

from diagnose.parse.postfix.nexthop import NO_HOST, NextHop, parse_list, parse_route
from diagnose.parse.postfix.postconf import expand
from diagnose.parse.postfix.setting_types import items
from diagnose.parse.text.address import without_extension
from diagnose.record import frozen

Lookup = Callable[[str, str], str | None]
"""lookup(table reference such as 'hash:/etc/postfix/transport', key): the value, or None for none. May raise LookupError."""

_PARTIAL_EXCLUDED = ("regexp:", "pcre:", "cidr:", "proxy:regexp:", "proxy:pcre:", "static:", "tcp:")


@frozen
class Decision:
    """`address_class`: local, virtual-alias, virtual-mailbox, relay or default. `nexthop` as passed to the delivery
    agent.

    `hops` are its SMTP servers, in order (none for error, local, discard …). `reasons`: the settings that decided,
    in order; `unknown`: the tables that could not be searched, so that the decision may be wrong.
    """

    address_class: str
    transport: str
    nexthop: str
    hops: tuple[NextHop, ...]
    reasons: tuple[str, ...]
    unknown: tuple[str, ...]


class _Asker:
    """One decision: expands settings, searches tables, records those that could not be searched."""

    def __init__(self, settings: Mapping[str, str], lookup: Lookup) -> None:
        self._settings = settings
        self._lookup = lookup
        self.unknown: list[str] = []

    def value(self, name: str) -> str:
        return expand(self._settings.get(name, ""), self._settings).strip()

    def ask(self, parameter: str, key: str, partial: bool = False) -> tuple[str, str] | None:
        """(table, value) of the first table with the key, else None. partial: a part of an address, not tried on
        pattern tables."""
        for table in items(self.value(parameter)):
            if partial and table.startswith(_PARTIAL_EXCLUDED) and not table.startswith("static:"):
                continue
            if (answer := self._one(table, key)) is not None:
                return table, answer
        return None

    def _one(self, table: str, key: str) -> str | None:
        if table.startswith("static:"):
            return table.removeprefix("static:").strip("{} ")
        try:
            return self._lookup(table, key)
        except LookupError:
            if table not in self.unknown:
                self.unknown.append(table)
            return None

    def listed(self, parameter: str, domain: str) -> bool:
        """Whether a domain list contains the domain; the first matching item decides, '!' before it means no."""
        parents = parameter in items(self.value("parent_domain_matches_subdomains"))
        for item in items(self.value(parameter)):
            negated, pattern = item.startswith("!"), item.lstrip("!").lower()
            if pattern.startswith("/"):
                hit = self._in_file(item.lstrip("!"), domain, parents)
            elif re.match(r"[a-z][a-z0-9_]*:", pattern):
                hit = any(self._one(item.lstrip("!"), key) is not None for key in _parents(domain, parents))
            else:
                hit = _matches(domain, pattern, parents)
            if hit:
                return not negated
        return False

    def _in_file(self, path: str, domain: str, parents: bool) -> bool:
        try:
            return any(self._lookup(path, key) is not None for key in _parents(domain, parents))
        except LookupError:
            if path not in self.unknown:
                self.unknown.append(path)
            return False


def _matches(domain: str, pattern: str, parents: bool) -> bool:
    if domain == pattern:
        return True
    if parents:
        return domain.endswith("." + pattern)
    return pattern.startswith(".") and domain.endswith(pattern)


def _parents(domain: str, parents: bool) -> list[str]:
    labels = domain.split(".")
    above = [".".join(labels[i:]) for i in range(1, min(len(labels), 64))]
    return [domain, *(above if parents else ("." + name for name in above))]


def decide(settings: Mapping[str, str], lookup: Lookup, sender: str, recipient: str) -> Decision:
    """Decide for one recipient. `settings` include the defaults; a recipient without a domain gets $myorigin."""
    asker = _Asker(settings, lookup)
    local, at, domain = recipient.strip().strip("<>").rpartition("@")
    if not at:
        local, domain = domain, asker.value("myorigin") or asker.value("myhostname")
    domain = domain.lower().rstrip(".")
    address = f"{local}@{domain}"
    lists = {
        "mydestination": "local",
        "virtual_alias_domains": "virtual-alias",
        "virtual_mailbox_domains": "virtual-mailbox",
        "relay_domains": "relay",
    }
    named = [parameter for parameter in lists if asker.listed(parameter, domain)]
    address_class = lists[named[0]] if named else "default"
    reasons = [f"{named[0]} lists {domain}" if named else f"no list names {domain}"]
    channel, nexthop, more = _class_route(asker, address_class, sender, domain)
    reasons.extend(more)
    if address_class != "virtual-alias" and (found := _transport_entry(asker, address, domain)):
        table, key, answer = found
        channel, nexthop = _override(answer, channel, nexthop, domain)
        reasons.append(f"transport_maps: {table} has {key} {answer or ':'}")
    if hit := asker.ask("relocated_maps", address):
        channel, nexthop = "error", f"User has moved to {hit[1]}"
        reasons.append(f"relocated_maps: {hit[0]}")
    return Decision(
        address_class=address_class,
        transport=channel,
        nexthop=nexthop,
        hops=_hops(channel, nexthop),
        reasons=tuple(reasons),
        unknown=tuple(asker.unknown),
    )


def _hops(channel: str, nexthop: str) -> tuple[NextHop, ...]:
    if channel in NO_HOST or nexthop.startswith(("unix:", "/")):
        return ()
    if nexthop.startswith("inet:"):
        return (parse_route(f"{channel}:{nexthop}"),)
    return parse_list(nexthop, channel)


def _class_route(asker: _Asker, address_class: str, sender: str, domain: str) -> tuple[str, str, list[str]]:
    if address_class == "virtual-alias":
        return "error", "User unknown in virtual alias table", []
    if address_class in ("local", "virtual-mailbox"):
        parameter = "local_transport" if address_class == "local" else "virtual_transport"
        default = "local" if address_class == "local" else "virtual"
        channel, _, destination = (asker.value(parameter) or default).partition(":")
        return channel, destination or domain, [f"{parameter} = {asker.value(parameter) or default}"]
    reasons: list[str] = []
    if address_class == "relay":
        parameter, value = "relay_transport", asker.value("relay_transport") or "relay"
    else:
        parameter, value = "default_transport", asker.value("default_transport") or "smtp"
        if hit := _by_sender(asker, "sender_dependent_default_transport_maps", sender):
            parameter, value = f"sender_dependent_default_transport_maps: {hit[0]}", hit[1]
    reasons.append(f"{parameter} = {value}")
    channel, _, destination = value.partition(":")
    if destination or channel in NO_HOST:
        return channel, destination or domain, reasons
    if hit := _by_sender(asker, "sender_dependent_relayhost_maps", sender):
        reasons.append(f"sender_dependent_relayhost_maps: {hit[0]} has {hit[1]}")
        return channel, hit[1], reasons
    if relayhost := asker.value("relayhost"):
        reasons.append(f"relayhost = {relayhost}")
        return channel, relayhost, reasons
    return channel, domain, [*reasons, "relayhost is empty: the recipient's MX hosts"]


def _by_sender(asker: _Asker, parameter: str, sender: str) -> tuple[str, str] | None:
    """(table, value) for a sender: its address, the address without extension, then @domain. None for DUNNO, an
    empty value or no entry."""
    name = "empty_address_default_transport_maps_lookup_key"
    if parameter.endswith("relayhost_maps"):
        name = "empty_address_relayhost_maps_lookup_key"
    sender = sender or asker.value(name) or "<>"
    keys = _plain(asker, sender)
    if "@" in sender:
        keys.append(f"@{sender.rpartition('@')[2]}")
    for number, key in enumerate(keys):
        hit = asker.ask(parameter, key, partial=number > 0)
        if hit:
            return None if hit[1].strip().upper() in ("DUNNO", "") else hit
    return None


def _plain(asker: _Asker, address: str) -> list[str]:
    """The address, and the address without extension where it has one."""
    local, _, domain = address.rpartition("@")
    cut = without_extension(local, asker.value("recipient_delimiter"))
    return [address] if cut in ("", local) else [address, f"{cut}@{domain}"]


def _transport_entry(asker: _Asker, address: str, domain: str) -> tuple[str, str, str] | None:
    keys = _plain(asker, address)
    parents = "transport_maps" in items(asker.value("parent_domain_matches_subdomains"))
    keys.extend(_parents(domain, parents))
    for number, key in enumerate(keys):
        if hit := asker.ask("transport_maps", key, partial=number > 0):
            return hit[0], key, hit[1]
    if hit := asker.ask("transport_maps", "*"):
        return hit[0], "*", hit[1]
    return None


def _override(answer: str, channel: str, nexthop: str, domain: str) -> tuple[str, str]:
    """Apply `transport:nexthop`: an empty transport keeps the current one; a transport alone resets the next hop to
    the domain."""
    new_channel, _, new_nexthop = answer.strip().partition(":")
    if not new_channel:
        return channel, new_nexthop or nexthop
    if new_nexthop:
        return new_channel, new_nexthop
    return new_channel, "Address is undeliverable" if new_channel == "error" else domain
