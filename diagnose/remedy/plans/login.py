"""Plans for the login at a relay: the table of passwords, its keys and lines, and what Postfix may use of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose import facts
from diagnose.facts.relay import sasl
from diagnose.facts.route import Route
from diagnose.host.query import Dial, Lookup, Read, Resolve, Stat
from diagnose.model import Observation, Status, measured
from diagnose.parse.postfix import sasl_passwd, table
from diagnose.parse.postfix.table import Table
from diagnose.parse.text.masking import STARS
from diagnose.remedy.evidence import Evidence, whole
from diagnose.remedy.plan import Ask, Plan, plans
from diagnose.remedy.plans.network import relay_port
from diagnose.remedy.plans.relays import (
    directly,
    keys,
    meant_hop,
    moved_key,
    near_key,
    password_table,
    set_hop,
    usable_type,
)
from diagnose.remedy.plans.settings import changes, swallowed, taken_up
from diagnose.remedy.plans.tables import around, recompiled, transport_entry, unsupported
from diagnose.remedy.plans.tls import hear
from diagnose.remedy.running import Mode, Ownership
from diagnose.remedy.steps import Step, TableEntry

_ODD = re.compile(r"[^\x20-\x7e]+")


def asks(way: Route, user: str = "") -> tuple[Ask, ...]:
    console = "from the provider's console"
    return (
        Ask(name="user", what=f"the user name at {way.host}", where=console, known=user),
        Ask(
            name="password",
            what=f"the password or key of {user or 'that user'} at {way.host}",
            where=console,
            secret=True,
        ),
    )


def given(e: Evidence, way: Route, user: str = "") -> tuple[tuple[Step, ...], tuple[Ask, ...]]:
    """(steps, asks) that write a login from a person into the table that is set, or a new one, and switch it on."""
    listed = map(table.meant, table.parse_list(way.value("smtp_sasl_password_maps")))
    set_ = (one for one in listed if table.source(one))
    found = password_table(e) or next(set_, None) or table.parse(f"{e.map_type}:{e.config}/sasl_passwd")
    kind, path = usable_type(e, found), e.real(table.source(found) or f"{e.config}/sasl_passwd")
    hit = sasl(e.ctx, way).hit
    key = hit.key if hit and "@" in hit.key else way.nexthop  # a sender's entry comes first
    why = f"Postfix looks the login up under {key}."
    entry = TableEntry(path=path, key=key, asks=("user", "password"), mode=0o600, why=why)
    return (entry, *e.build(kind, path, key), *switched_on(e, way, f"{kind}:{path}")), asks(way, user)


def switched_on(e: Evidence, way: Route, reference: str) -> list[Step]:
    """Steps that let smtp(8) log in with that table."""
    found: list[Step] = []
    if not way.flag("smtp_sasl_auth_enable"):
        found.append(e.client(way, "smtp_sasl_auth_enable", "yes", f"{way.host} accepts mail after a login."))
    value = way.value("smtp_sasl_password_maps")
    if reference not in [one.raw for one in table.parse_list(value)]:
        with_suffix = [one.raw for one in table.parse_list(value) if table.meant(one).raw == reference != one.raw]
        value = value.replace(with_suffix[0], reference) if with_suffix else reference
        found.append(e.client(way, "smtp_sasl_password_maps", value, "It holds the login."))
    tls = way.value("smtp_tls_security_level")
    if tls in ("", "none"):
        found.append(e.client(way, "smtp_tls_security_level", "encrypt", "The password must not go in the clear."))
    if "noplaintext" in way.value("smtp_sasl_security_options"):
        name = "smtp_sasl_tls_security_options" if tls == "may" else "smtp_sasl_security_options"
        if "noplaintext" in way.value("smtp_sasl_tls_security_options"):
            found.append(
                e.client(way, name, "noanonymous", "The relay accepts a plain-text login, which TLS protects.")
            )
    return found + hear(e, way, "auth")


@plans(
    "relay-auth-not-attempted", "sasl-map-missing", "sasl-key-mismatch", "sasl-map-stale", "lookup-table-unsupported"
)
def login(e: Evidence) -> Plan | None:
    way = e.way
    if e.diagnosis.cause.id == "lookup-table-unsupported" and not (e.seen("sasl.map-type") and way and _alone(way)):
        return unsupported(e)
    if way is None or not way.relay:
        return None
    found = password_table(e)
    held = keys(e, found) if found else ()
    source = table.source(found) if found else ""
    if found is not None and way.nexthop in held:
        steps = _made(e, way, found)
        return taken_up(e, steps)
    comma = re.fullmatch(r"(\[[^\]\s]+\]),\s*(\d+)", e.was("relayhost") or "")
    if comma and f"{comma[1]}:{comma[2]}" in held:
        why = "A comma begins another relay; the port follows a colon."
        return taken_up(e, [e.put("relayhost", f"{comma[1]}:{comma[2]}", why)])
    whose = (facts.target(e.ctx).sender or "").lower()
    if found is not None and whose and {whose, f"@{whose.rpartition('@')[2]}"} & {key.lower() for key in held}:
        why = f"The password map holds a login for the sender {whose}, which Postfix looks up only with this setting."
        switch = e.client(way, "smtp_sender_dependent_authentication", "yes", why)
        return taken_up(e, [switch, *_made(e, way, found)])
    near = near_key(held, way.nexthop)
    if near and e.failed("relay.reachable") and (moved := relay_port(e)):
        return moved
    if found is not None and near and e.ask(Read(source, secret="sasl")).problem is None:
        kind = usable_type(e, found)
        entry = moved_key(
            e, found, near, way.nexthop, f"Postfix looks up {way.nexthop}; the login is stored under {near}."
        )
        more = switched_on(e, way, f"{kind}:{found.name}")
        return taken_up(e, [entry, *e.build(kind, found.name, way.nexthop), *more])
    lines, wanted = given(e, way)
    return taken_up(e, lines, asks=wanted)


def _alone(way: Route) -> bool:
    return len(table.parse_list(way.value("smtp_sasl_password_maps"))) == 1


def _made(e: Evidence, way: Route, found: Table) -> list[Step]:
    """Compiles the table, whose text holds the login, with a type that this Postfix has, and names it in the
    settings."""
    kind, path = usable_type(e, found), table.source(found)
    steps: list[Step] = [*e.build(kind, path, way.nexthop)]
    set_ = table.parse_list(way.value("smtp_sasl_password_maps"))
    named = next((one for one in set_ if table.source(one) == path and one.type == kind), None)
    hidden = [o for o in e.seen("sasl.map") if o.data.get("kind") == "unreadable"]
    if named is not None and not (named.proxied and hidden):
        return steps + switched_on(e, way, named.raw)
    return steps + switched_on(e, way, f"{kind}:{path}")


@plans("relay-credentials-rejected", "relay-app-password-required")
def rejected(e: Evidence) -> Plan | None:
    way = e.way
    if way is None or not way.relay or e.text("program"):
        return None
    if e.failed("sasl.stale"):
        return login(e)
    if (corrected := malformed(e)) and not corrected.asks:  # a password may really stand in quotes: this is tried first
        return corrected
    found = password_table(e)
    if found is not None and (twice := _first_of_two(e, way, found)):
        text = f"{way.nexthop} occurs more than once in {table.source(found)}, of which postmap takes the first; the last is tried instead."
        return taken_up(e, twice, text)
    steps, wanted = given(e, way, e.text("user"))
    return taken_up(e, steps, asks=wanted)


def _first_of_two(e: Evidence, way: Route, found: Table) -> list[Step]:
    """Comments out all but the last entry of the next hop's key: a new login was put below the old one, which hides
    it. [] if there is only one."""
    path = e.real(table.source(found)) if table.source(found) else ""
    text = sasl_passwd.parse(e.ask(Read(path, secret="sasl")).text) if path else None
    same = [entry for entry in text.entries if entry.key == way.nexthop] if text else []
    if len(same) < 2 or same[0].line == same[-1].line:
        return []
    why = f"The relay refuses this login; another one for the same key is in line {same[-1].line}."
    steps: list[Step] = [e.repair(path, entry.line, entry.key, f"#{entry.key}", why, "start") for entry in same[:-1]]
    return [*steps, *e.build(usable_type(e, found), found.name, way.nexthop)]


@plans("sasl-passwd-malformed")
def malformed(e: Evidence) -> Plan | None:
    way = e.way
    if way is None or not way.relay:
        return None
    steps: list[Step] = []
    for seen in e.failed("sasl.line"):
        made = _line(e, way, seen)
        if made is None:
            lines, wanted = given(e, way, seen.text("user"))
            return taken_up(e, lines, asks=wanted)
        steps += made
    found = password_table(e)
    if not steps or found is None:
        return None
    kind = usable_type(e, found)
    return taken_up(e, [*steps, *e.build(kind, found.name, way.nexthop)])


def _line(e: Evidence, way: Route, seen: Observation) -> list[Step] | None:
    """Corrects the line without reading its password; None if that takes the password itself."""
    kind, number = seen.text("kind"), whole(seen, "line")
    path = e.real(seen.text("path"))
    raw = e.line(path, number, secret="sasl")
    if not raw or not number:
        return None
    split = re.match(r"(\s*\S+)([ \t]*)(.*)", raw)
    key, gap, value = split.groups() if split else ("", "", raw)
    why = f"The line {seen.summary.removeprefix('the entry ').removeprefix('the line ')}."

    def edit(find: str, put: str, at: str) -> Step:
        return e.repair(path, number, find, put, why, at)

    if kind == "trailing-backslash":
        return [edit(raw[len(raw.rstrip("\\ \t\r")) :], "", "end")]
    if kind in ("quoted-value", "whole-line-quoted", "quoted"):
        quote = raw.rstrip()[-1]
        begin = raw if kind == "whole-line-quoted" else value
        if kind == "quoted":
            user, _, rest = value.partition(":")
            if rest[:1] != quote:
                return None
            return [edit(f"{user}:{quote}", f"{user}:", "within"), edit(quote, "", "end")]
        at = key + gap if kind != "whole-line-quoted" else ""
        head = begin.split(STARS)[0].split(":")[0] + (":" if ":" in begin else "")
        return [
            edit(f"{at}{head}", f"{at}{head.lstrip(quote)}" if at else head.replace(quote, "", 1), "start"),
            edit(quote, "", "end"),
        ]
    if kind == "no-colon" and re.fullmatch(r"\S+[ \t]+\S+", value):
        return [edit("2", ":", "gap")]
    if kind == "leading-blank" and re.match(r"[^\s:]+:[ \t]", value):
        return [edit("2", "", "gap")]
    if kind == "inline-comment":
        return [edit("", "", "comment")]
    if kind == "equals-sign":
        sign = re.match(r"(\s*\S+?)[ \t]*=[ \t]*", raw)
        return [edit(sign[0], f"{sign[1]} ", "start")] if sign else None
    if kind == "colon-after-key":
        return [edit(f"{key}", key.rstrip(":"), "start")]
    if kind == "no-key-separator":
        head = re.match(r"\[?[\w.-]+\]?(:\d+)?[:=]", raw)
        return [edit(head[0], f"{way.nexthop} ", "start")] if head else None
    if kind == "indented":
        blank = re.match(r"\s+", raw)
        return [edit(blank[0], "", "start")] if blank else None
    if kind in ("url-key", "prompt"):
        host = raw.find(f"[{way.host}]") if f"[{way.host}]" in raw else raw.find(way.host)
        head = re.match(r"\S+", raw[host:]) if host >= 0 else None
        return [edit(raw[:host] + head[0], way.nexthop, "start")] if head else None
    if kind in ("smart-quote", "nbsp", "zero-width", "bom"):
        return [edit(odd, "", "all") for odd in dict.fromkeys(_ODD.findall(raw))] or None
    return None


@plans("sasl-passwd-exposed")
def exposed(e: Evidence) -> Plan | None:
    steps: list[Step] = []
    for seen in e.seen("sasl.exposed"):
        path = e.real(seen.text("file"))
        stat = e.ask(Stat(path))
        if stat.owner not in ("root", "postfix"):
            steps.append(
                Ownership(path=path, owner="root", group="root", why="Its owner may read and change the password.")
            )
        if stat.mode & 0o137:
            steps.append(
                Mode(
                    path=path,
                    mode=stat.mode & 0o640 or 0o600,
                    was=stat.mode,
                    why="Other users of this host can read the password.",
                )
            )
    text = "Postfix opens the files as root. Change the password at the relay if somebody else had access."
    return Plan(steps=tuple(steps), text=text) if steps else None


@plans("sasl-mechanism-missing")
def mechanism(e: Evidence) -> Plan | None:
    if e.seen("sasl.type"):
        why = "This Postfix's SMTP client does not support that type."
        steps = (e.drop("smtp_sasl_type", why), *e.restart("The client could not start with it."))
        return Plan(
            steps=steps,
            text=f"Remove smtp_sasl_type: this Postfix's SMTP client does not support {e.value('smtp_sasl_type')}.",
        )
    family = e.family
    if family is None or not e.seen("sasl.plugins", "relay.mechanism"):
        return None  # words of a log alone install nothing
    install = e.install(family.sasl_packages, "They contain the login mechanisms PLAIN and LOGIN.")
    return Plan(steps=(*install, *e.restart("Postfix loads the plug-ins when it starts.")))


@changes("sasl-options-exclude-all")
def options(e: Evidence) -> Iterator[Step]:
    way = e.way
    for seen in e.seen("relay.mechanism"):
        kind, name = seen.data.get("kind"), seen.text("parameter")
        if way is None:
            continue
        if kind == "filter":
            yield e.drop("smtp_sasl_mechanism_filter", "It excludes all of the relay's mechanisms.")
        elif kind == "options" and name:
            yield e.client(way, name, "noanonymous", "It forbids all of the relay's mechanisms, which TLS protects.")
            if name == "smtp_sasl_security_options" and way.value("smtp_tls_security_level") in ("", "none", "may"):
                yield e.client(way, "smtp_tls_security_level", "encrypt", "The password must not go in the clear.")


@plans("relay-name-not-found")
def name(e: Evidence) -> Plan | None:
    way = e.way
    seen = next(iter(e.seen("relay.name")), None)
    if way is None or not way.relay:
        return None
    if compiled := recompiled(e, way):
        return taken_up(e, compiled)
    if inside := swallowed(e, "relayhost"):
        return taken_up(e, inside)
    lookup = way.value("smtp_host_lookup")
    if (
        lookup == "native"
        and e.ask(Lookup(way.host, "A")).rcode == "NOERROR"
        and not e.ask(Resolve(way.host)).addresses
    ):
        why = f"DNS has {way.host}, but this host's own lookup does not use DNS."
        return taken_up(e, [e.client(way, "smtp_host_lookup", "dns, native", why)])
    if seen is None:
        return None
    native = "native" in lookup
    if native and e.copies() and e.ask(Resolve(way.host)).addresses:
        return Plan(steps=e.restart("The chroot's copies lack the relay's entry in this host's own files."))
    if seen.data.get("kind") == "hosts-only":
        if not any(way.host in line.partition("#")[0].split()[1:] for line in e.ask_lines("/etc/hosts")):
            return None  # a search list's answer may be anybody's
        why = "The relay's name is in the hosts file only."
        return taken_up(e, [e.put("smtp_host_lookup", "dns, native", why)])
    if seen.text("kind") == "family":
        if not e.ask(Dial(host=way.host, port=way.port, say="connect")).connected:
            return None
        switch = e.put("inet_protocols", "all", f"{way.host} answers at its address of the other family.")
        return Plan(steps=(switch, *e.restart("The master reads inet_protocols when it starts.")))
    better = meant_hop(e, way, seen.text("kind"))
    if better is None:
        text = _stale(e, way)
        steps = around(e, way, f"{way.host} does not exist.") or _without(e, way)
        return taken_up(e, steps, text) or (Plan(text=text) if text else None)
    return taken_up(e, set_hop(e, way, better, f"{way.nexthop or way.hops[0].raw} does not resolve."))


def _without(e: Evidence, way: Route) -> list[Step]:
    """Drops a relay that does not exist, as policy, if this host has no login for any and port 25 was seen open."""
    found = password_table(e)
    open_ = any(o.data.get("port") == 25 and o.status is Status.OK for o in measured(e.runs, "port"))
    if not open_ or (found and keys(e, found)):
        return []
    return directly(e, f"{way.host} does not exist, and port 25 is open from here.")


def _stale(e: Evidence, way: Route) -> str:
    """Words for a next hop of which it is not known what was meant: where it is written, "" if that is not known."""
    entry = transport_entry(e, way)
    if entry:
        what = "which a template writes that has no value" if way.hops[0].unfilled else "a name that does not exist"
        return (
            f"{entry.path} line {entry.number} sends this mail to {way.host}, {what}: correct the entry, or remove it."
        )
    if not way.hops[0].unfilled:
        return ""
    return (
        f"relayhost = {way.hops[0].raw} is what a template writes that has no value: give it the relay's [name]:port, or "
        "an empty relayhost if this host is to deliver its mail itself."
    )
