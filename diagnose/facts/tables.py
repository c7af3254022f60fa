"""The lookup tables named in Postfix's settings, except password maps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from diagnose.facts.asks import Asks
from diagnose.facts.postfix import Mta
from diagnose.host.query import MapLookup
from diagnose.parse.postfix import table
from diagnose.parse.postfix.postconf import expand
from diagnose.parse.postfix.setting_types import items
from diagnose.parse.postfix.table import Table
from diagnose.record import dataclass

SERVED = ("tcp", "socketmap")  # tables behind a socket
_FILES = (*table.INDEXED, *table.PLAIN)
_LOCAL = re.compile(r"^(?:alias_|local_|mailbox_|forward_|virtual_mailbox_|virtual_uid_|virtual_gid_)")
# Parameters that hold nothing but tables; proxy_read_maps has whatever proxymap may open.
_TABLES = re.compile(
    r"(?<!proxy_read)(?<!proxy_write)_(?:maps?|checks)$|(?:delivery_status|reply|smtpd_command)_filter$"
)
_NAMES = re.compile(r"mydestination|mynetworks|\w+_domains")  # lists that may name a file with more items
_INCOMING = re.compile(r"^(?:smtpd_|postscreen_|local_recipient_maps|relay_recipient_maps)")


@dataclass(frozen=True)
class Use:
    """A table, or a file of a list (type LIST), and the parameter that names it. scope: the mail that needs it: all, local or incoming."""

    parameter: str
    table: Table
    scope: str

    @property
    def data(self) -> dict[str, str]:
        it = self.table
        return {"table": it.key, "parameter": self.parameter, "type": it.type, "path": it.name, "scope": self.scope}


def uses(postfix: Mta) -> Iterator[Use]:
    seen: set[tuple[str, str]] = set()
    views: list[tuple[str, str]] = list(postfix.explicit.items())
    for service in postfix.master.services:
        views += service.overrides.items()
    for parameter, raw in views:
        if "sasl_password_maps" in parameter or parameter == "smtp_tls_session_cache_database":
            continue
        if parameter.endswith(("_cache_database", "_cache_map", "address_verify_map")):
            continue  # created by Postfix itself
        for word in items(expand(raw, {**postfix.settings, parameter: raw})):
            for found in _flat(table.parse(word.strip("{}"))):
                file = (found.type in _FILES and found.name.startswith("/")) or found.type in SERVED
                odd = found.problem in ("unknown-type", "no-type", "empty-name") and _TABLES.search(parameter)
                if found.raw.startswith("/") and _NAMES.fullmatch(parameter):
                    file, found = True, replace(found, type=table.LIST, problem="")
                if (file or odd) and (parameter, found.raw) not in seen:
                    seen.add((parameter, found.raw))
                    yield Use(parameter, found, _scope(parameter))


def _flat(found: Table) -> Iterator[Table]:
    if found.inner:
        for inner in found.inner:
            yield from _flat(inner)
    else:
        yield found


def _scope(parameter: str) -> str:
    if _LOCAL.match(parameter):
        return "local"
    return "incoming" if _INCOMING.match(parameter) else "all"


def hits(ctx: Asks, tables: str, address: str) -> Iterator[tuple[str, str, str]]:
    """(table, key, value) of the first of `tables` and key of the address that answers, a canonical(5) or generic(5) table's;
    key '?…' where one cannot be asked."""
    domain = address.rpartition("@")[2]
    keys = (address, f"@{domain.lower()}")
    for reference in table.parse_list(tables):
        if reference.type == "static":
            yield reference.key, address, reference.name
            return
        for key in keys:
            if key.startswith("@") and reference.type in ("regexp", "pcre"):
                continue
            reply = ctx.ask(MapLookup(reference.raw, key))
            if reply.problem or (reply.error and not reply.found and "main.cf" not in reply.error):
                yield reference.key, "?" + key, reply.problem or reply.error
                break
            if reply.found:
                yield reference.key, key, reply.value
                return
