"""What plans for a relay share: which it is, the table of passwords, and the place where its name is written."""

from __future__ import annotations

import re

from diagnose.facts.route import Route
from diagnose.host.query import MapCompare, Read
from diagnose.knowledge.labels import relays
from diagnose.model import Advice
from diagnose.nearest import near
from diagnose.parse.postfix import nexthop, sasl_passwd, table
from diagnose.parse.postfix.table import Table
from diagnose.remedy import senders, values
from diagnose.remedy.evidence import Evidence
from diagnose.remedy.permitted import permitted
from diagnose.remedy.plan import Ask, Plan
from diagnose.remedy.plans.table_lines import edited, entries
from diagnose.remedy.steps import Step, TableEntry

_FILES = ("sasl_passwd", "sasl/passwd", "sasl/sasl_passwd", "sasl_password", "saslpass")
_PORTS = {
    "submission": "587",
    "smtps": "465",
    "submissions": "465",
    "smtp": "25",
    "starttls": "587",
    "tls": "587",
    "ssl": "465",
}


def password_table(e: Evidence) -> Table | None:
    """The password table that is set and of which a file exists, else one in a usual place; None if there is none."""
    for found in map(table.meant, table.parse_list(e.value("smtp_sasl_password_maps"))):
        source = table.source(found)
        if found.type in (*table.PATTERNS, *table.BACKENDS):
            continue
        if source and (e.there(source) or any(e.there(path) for path in table.files(found))):
            return found
    for name in _FILES:
        path = f"{e.config}/{name}"
        if e.there(path):
            return table.parse(f"{e.map_type}:{path}")
    return None


def usable_type(e: Evidence, found: Table) -> str:
    """The table's type if this Postfix has it, else one that it can make."""
    return found.type if not e.mta.map_types or found.type in e.mta.map_types else e.map_type


def keys(e: Evidence, found: Table) -> tuple[str, ...]:
    """The keys of the table's text, or of the compiled table if the text cannot be read."""
    text = e.ask(Read(table.source(found), secret="sasl"))
    if text.problem is None:
        return tuple(entry.key for entry in sasl_passwd.parse(text.text).entries)
    return e.ask(MapCompare(found.key)).keys


def near_key(held: tuple[str, ...], hop: str) -> str:
    """The key under which the login for this next hop evidently stands, "" where there is none."""
    entries = [sasl_passwd.parse_value(key, "") for key in held]
    found = sasl_passwd.near_misses(entries, (hop,))
    return found[0].key if found else ""


def hops(held: tuple[str, ...]) -> list[str]:
    """Keys that name a relay, not a sender."""
    return list(
        dict.fromkeys(key for key in held if "@" not in key and re.fullmatch(r"\[?[\w.-]+\.[\w.-]+\]?(:\w+)?", key))
    )


def by_login(e: Evidence) -> list[Step]:
    """Sends mail through the only relay with a stored login: for the whole host as policy; if several domains send,
    for this sender's alone. [] if there is no such relay, or several."""
    found = password_table(e)
    known = hops(keys(e, found)) if found else []
    if found is None or len(known) != 1:
        return []
    hop = known[0]
    why = f"The password map holds a login for {hop}, and for no other relay."
    names = senders.domains(e.ctx)
    host = nexthop.parse(hop).host
    more: list[Step] = []
    if len(names) > 1 and not e.value("sender_dependent_relayhost_maps"):
        path = f"{e.config}/sender_relay"
        more.append(
            TableEntry(
                path=e.real(path),
                key=f"@{names[0]}",
                value=hop,
                mode=0o644,
                why=f"{why} Only {names[0]} is sent that way.",
            )
        )
        more += e.build(e.map_type, path, f"@{names[0]}")
        more.append(e.put("sender_dependent_relayhost_maps", f"{e.map_type}:{path}", senders.said(e.ctx, names, host)))
    else:
        opens = f"all mail of this host go through {host}. {senders.said(e.ctx, names, host)}".strip()
        more.append(e.policy(e.put("relayhost", hop, why), "relay", opens.rstrip(".")))
    if not e.mta.flag("smtp_sasl_auth_enable"):
        more.append(e.put("smtp_sasl_auth_enable", "yes", "The relay accepts mail after a login."))
    if not e.value("smtp_sasl_password_maps"):
        more += e.build(found.type, found.name, hop)
        more.append(e.put("smtp_sasl_password_maps", found.key, "It holds the login."))
    if "noplaintext" in e.mta.words("smtp_sasl_security_options"):
        more.append(e.put("smtp_sasl_security_options", "noanonymous", "The login is in plain text, inside TLS."))
    implicit = hop.endswith((":465", ":smtps", ":submissions"))
    if implicit:
        more.append(e.put("smtp_tls_wrappermode", "yes", "That port starts with TLS."))
    if e.value("smtp_tls_security_level") in ("", "none") or (implicit and e.value("smtp_tls_security_level") == "may"):
        more.append(e.put("smtp_tls_security_level", "encrypt", "The password must not go in the clear."))
    return more


def directly(e: Evidence, why: str) -> list[Step]:
    """Drops relayhost, as policy; [] if main.cf does not set it."""
    if e.was("relayhost") is None:
        return []
    return [e.policy(e.drop("relayhost", why), "route", "mail go directly to the recipients' servers")]


def by_advice(e: Evidence, advice: Advice) -> Plan:
    """Sends mail through the relay that the report names, with a login that a person gives: for the whole host as
    policy; if several domains send, for this sender's alone."""
    hop = f"[{advice.host}]:{advice.port}"
    names = senders.domains(e.ctx)
    said = senders.said(e.ctx, names, advice.host)
    found = password_table(e)
    kind = usable_type(e, found) if found else e.map_type
    path = e.real(table.source(found)) if found else f"{e.config}/sasl_passwd"
    held = keys(e, found) if found else ()
    steps: list[Step] = []
    if hop not in held:
        steps.append(
            TableEntry(
                path=path,
                key=hop,
                asks=("user", "password"),
                mode=0o600,
                why=f"Postfix looks the login up under {hop}.",
            )
        )
    steps += e.build(kind, path, hop)
    narrow = (
        len(names) > 1
        and advice.tls != "implicit"
        and not e.value("sender_dependent_relayhost_maps")
        and not e.value("smtp_tls_policy_maps")
    )
    if narrow:
        for name, key, value in (
            ("sender_dependent_relayhost_maps", f"@{names[0]}", hop),
            ("smtp_tls_policy_maps", hop, "encrypt"),
        ):
            file = f"{e.config}/{'sender_relay' if key[0] == '@' else 'tls_policy'}"
            why = f"Only mail of {names[0]} takes {advice.host}, in TLS."
            steps.append(TableEntry(path=e.real(file), key=key, value=value, mode=0o644, why=why))
            steps += e.build(e.map_type, file, key)
            steps.append(e.put(name, f"{e.map_type}:{file}", why))
    opens = f"all mail of this host go through {advice.host}. {said}".rstrip(". ")
    for name, value in advice.main_cf.items():
        if name == "relayhost":
            if not narrow:
                steps.append(e.policy(e.put(name, hop, advice.why), "relay", opens))
        elif name == "smtp_sasl_password_maps":
            if not e.value(name):
                steps.append(e.put(name, f"{kind}:{path}", "It holds the login."))
        elif (
            e.value(name) != value
            and permitted(name, e.was(name), value)
            and not (narrow and "_tls_" in name and name != "smtp_tls_CAfile")
        ):
            steps.append(e.put(name, value, f"{advice.host} needs it."))
    console = "from the provider's console"
    wanted = (
        Ask(name="user", what=f"the SMTP user name at {advice.host}", where=console),
        Ask(name="password", what=f"the SMTP password or key at {advice.host}", where=console, secret=True),
    )
    text = f"Send through a relay: {advice.host} on port {advice.port}{' (open from here)' if advice.verified else ''}. {said}"
    return Plan(steps=(*steps, *e.reload()), asks=wanted if hop not in held else (), text=text.strip())


def by_table(e: Evidence) -> list[Step]:
    """Comments out the entry of transport_maps that sends all mail past the relay; [] if there is none."""
    for found in table.parse_list(e.value("transport_maps")):
        for entry in entries(e, "transport_maps", found):
            if entry.key == "*" and entry.value in ("smtp:", "smtp", "relay:", ":"):
                return edited(e, entry, "It sends all mail past the relay that relayhost names.")
    return []


def meant_hop(e: Evidence, way: Route, kind: str) -> str | None:
    """The next hop that was meant by one that does not resolve, None if that is not known or no other: a name
    that is nearly the same, or for one that cannot be read the only relay with a stored login."""
    raw = way.hops[0].raw
    bare = values.plain(raw).strip(" '\"")
    bare = re.sub(r"^(?:\w+://|(?:smtp|relay|lmtp)(?=:[\[\w]))[:/]*", "", bare).rstrip("/")
    match = re.fullmatch(r"\[?\s*([\w.-]+)\s*\]?(?:\s*:\s*(\w+)|\s+(\d+))?\]?", bare)
    found = password_table(e)
    known = hops(keys(e, found)) if found else []
    if match is None or way.hops[0].unfilled:
        return known[0] if len(known) == 1 else None
    host, port = match[1], match[2] or match[3] or ""
    if not port.isdecimal():
        word = port.lower()
        port = _PORTS.get(word) or ("465" if re.search("ssl|smtps", word) else "587" if word else "")
    if kind in ("nxdomain", "no-data"):
        theirs = {nexthop.parse(key).host: key for key in known}
        names = [*theirs, *(one.name for relay in relays() for one in relay.hosts)]
        host = near(host, (name for name in names if name != host))
        if not host:
            return None
        if host in theirs and not port:
            return theirs[host]
    made = f"[{host}]:{port}" if port else f"[{host}]"
    return made if made != raw else None


def set_hop(e: Evidence, way: Route, hop: str, why: str) -> list[Step]:
    """Replaces the next hop in relayhost or a table's entry, and stores the login under it; [] if it is in neither."""
    raw = way.hops[0].raw
    steps: list[Step] = []
    if (e.was("relayhost") or "").strip() == raw or e.value("relayhost") == raw:
        steps.append(e.put("relayhost", hop, why))
    else:
        for name in ("transport_maps", "sender_dependent_relayhost_maps"):
            if "inline:" in (e.was(name) or "") and raw in str(e.was(name)):
                steps.append(e.put(name, str(e.was(name)).replace(raw, hop), why))
            for found in table.parse_list(e.value(name)):
                path = table.source(found)
                for number, line in e.numbered(path):
                    if raw in line and not line.lstrip().startswith("#"):
                        steps += [e.repair(path, number, raw, hop, why, at="within"), *e.build(found.type, path)]
    return [*steps, *follow_key(e, raw, hop)] if steps else []


def follow_key(e: Evidence, old: str, hop: str) -> list[Step]:
    """Stores the old next hop's login under the new one as well; [] if it is there, or the table cannot be read."""
    found = password_table(e)
    held = keys(e, found) if found else ()
    if found is None or hop in held:
        return []
    near = old if old in held else near_key(held, hop)
    if not near or e.ask(Read(table.source(found), secret="sasl")).problem:
        return []
    step = moved_key(e, found, near, hop, f"Postfix will look up {hop}; the login is stored under {near}.")
    return [step, *e.build(usable_type(e, found), found.name, hop)]


def moved_key(e: Evidence, found: Table, near: str, hop: str, why: str) -> Step:
    """Stores the login under the next hop too. A key that is shown abridged, since it may hold more, is replaced
    instead."""
    source = e.real(table.source(found))
    if "\u2026" not in near:
        return TableEntry(path=source, key=hop, same_as=near, why=why)
    text = sasl_passwd.parse(e.ask(Read(source, secret="sasl")).text)
    line = next(entry.line for entry in text.entries if entry.key == near)
    return e.repair(source, line, "", hop, why, at="key")
