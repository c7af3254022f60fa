"""Plans for lookup tables other than those of passwords."""

from __future__ import annotations

import re

from diagnose import facts
from diagnose.facts.route import Route
from diagnose.facts.tables import SERVED
from diagnose.model import Observation, Status
from diagnose.nearest import near
from diagnose.parse.postfix import table
from diagnose.remedy import serving, values
from diagnose.remedy.evidence import Evidence, whole
from diagnose.remedy.plan import Plan, plans
from diagnose.remedy.plans.settings import swallowed, taken_up
from diagnose.remedy.plans.table_lines import Entry, edited, entries
from diagnose.remedy.running import StartUnit
from diagnose.remedy.steps import Content, Refused, Step

_PATTERNS = ("regexp", "pcre")
_REWRITES = "postsrsd"  # the program that usually answers for addresses to be rewritten
_DECIDED = re.compile(
    r"(?P<parameter>transport_maps|sender_dependent_(?:default_transport|relayhost)_maps|relocated_maps): (?P<table>\S+)"
    r"(?: has (?P<key>\S+) (?P<value>.+)| has (?P<hop>\S+)| = (?P<way>.+))?"
)


def transport_entry(e: Evidence, way: Route) -> Entry | None:
    """The table line that routes this mail, by the last lookup that decided; None if no single line does."""
    match = next((m for m in map(_DECIDED.fullmatch, reversed(way.reasons)) if m), None)
    found = table.parse(match["table"]) if match else None
    if match is None or found is None:
        return None
    value = match["value"] or match["hop"] or match["way"] or way.nexthop.removeprefix("User has moved to ")
    who = facts.target(e.ctx)
    sender, recipient = (who.sender or "").lower(), (who.recipient or "").lower()
    keys = {match["key"].lower()} if match["key"] else {sender, f"@{sender.rpartition('@')[2]}"}
    if match["parameter"] == "relocated_maps":
        keys = {recipient, way.domain, f"@{way.domain}"}
    for entry in entries(e, match["parameter"], found):
        if entry.whole and entry.value == value and (found.type in _PATTERNS or entry.key.lower() in keys):
            return entry
    return None


def recompiled(e: Evidence, way: Route) -> tuple[Step, ...]:
    """Runs postmap(1) on the table that routes this mail, if its text was changed after the last run; else ()."""
    named = {table.parse(match["table"]).key for match in map(_DECIDED.fullmatch, way.reasons) if match}
    stale = [o for o in e.seen("table.stale") if o.data.get("kind") == "differs" and o.data.get("table") in named]
    why = "Its text was changed, and the compiled table still holds the old entries."
    return tuple(step for o in stale for step in e.build(str(o.data.get("type")), str(o.data.get("path")), why=why))


def around(e: Evidence, way: Route, why: str) -> tuple[Step, ...]:
    """Comments out the entry that routes mail of a domain, as policy, if the domain has MX hosts to send it to
    instead; else ()."""
    entry = transport_entry(e, way)
    ways = facts.exchangers(e.ctx, way.domain) if entry else None
    if entry is None or ways is None or ways.kind != "mx" or way.host in ways.hosts:
        return ()
    whose = "of these senders" if entry.parameter.startswith("sender") else f"to {way.domain}"
    opens = f"mail {whose} take the route of all other mail"
    step, *build = edited(e, entry, why)
    return (e.policy(step, "route", opens), *build)


def _build(e: Evidence, parameter: str, kind: str, path: str, why: str) -> tuple[Step, ...]:
    return e.build(kind, path, why=why, aliases=parameter.startswith("alias"))


def _renamed(e: Evidence, parameter: str, old: str, new: str, why: str) -> list[Step]:
    """Replaces a table's name in a setting of main.cf; [] if it is not there, or the change is refused."""
    value = e.was(parameter)
    if value is None or old not in value:
        return []
    try:
        return [e.put(parameter, value.replace(old, new), why)]
    except Refused:
        return []


def _two_types(e: Evidence) -> list[Step]:
    """Drops the first of a table's two types (cidr:hash:/path), if the file exists."""
    steps: list[Step] = []
    for setting in e.main.settings:
        for match in re.finditer(r"(?<![\w:])(\w+):((\w+):(/[^\s,]+))", setting.value):
            outer, whole, inner, path = match.groups()
            if {outer, inner} <= set(e.mta.map_types) and outer not in ("proxy", "debug") and e.there(path):
                why = f"{match[0]} names two types, and Postfix uses the first."
                steps += [*e.build(inner, path), *_renamed(e, setting.name, match[0], whole, why)]
    return steps


def _unapproved(e: Evidence) -> list[Step]:
    """Adds parameters with proxied tables to a proxy_read_maps that lacks them, if Postfix's default has them; else []."""
    name = "proxy_read_maps"
    written, usual = (re.split(r"[\s,]+", value) for value in (e.was(name) or "", e.mta.defaults.get(name, "")))
    lost = [word for word in usual if "proxy:" in e.value(word.removeprefix("$")) and word not in written]
    why = f"proxymap opens only what {name} names, and the default has {' and '.join(lost)}."
    return [e.put(name, " ".join(filter(None, (*written, *lost))), why)] if lost and e.was(name) is not None else []


def hanging(e: Evidence, seen: Observation) -> Plan:
    """Words for a program of this host that accepts connections at the observation's port and does not answer."""
    port = whole(seen, "port")
    who = e.listening(port) or "The program"
    return Plan(
        text=f"{who} listens on port {port} and does not answer: restart it. The mail is tried again by itself."
    )


@plans("lookup-table-broken")
def broken(e: Evidence) -> Plan | None:
    steps = _two_types(e) + _unapproved(e)
    for seen in e.seen("table.present", "table.readable", "table.works", "table.stale"):
        steps += _mended(e, seen)
    hung = next((o for o in e.seen("table.works") if o.data.get("error") == "timed out"), None)
    return taken_up(e, steps) or (hanging(e, hung) if hung else _unserved(e))


def _unserved(e: Evidence) -> Plan | None:
    """Starts the program that rewrites addresses, or, if this host no longer has it, takes its tables out, as policy;
    words for a table of another program."""
    gone = [o for o in e.seen("table.works") if o.data.get("type") in SERVED]
    steps: list[Step] = []
    manager = e.starter(_REWRITES) if gone else ""
    for seen in gone:
        name, key = seen.text("parameter"), seen.text("table")
        server = serving.unit(e, f"inet:localhost:{seen.data.get('port', 0)}")
        if server and (by := e.starter(server)):
            why, opens = f"{server} answers at {key} when it runs, and nothing does.", f"{server} run"
            steps += (*e.unmasked(server, opens), StartUnit(unit=server, manager=by, why=why, opens=opens))
            continue
        if "canonical" not in name or e.was(name) is None:
            continue
        if manager:
            why, opens = f"{_REWRITES} answers at {key} when it runs.", f"{_REWRITES} run, which rewrites addresses"
            steps.append(StartUnit(unit=_REWRITES, manager=manager, why=why, opens=opens))
            continue
        rest = [word for word in e.mta.words(name) if word != key]
        why = f"Nothing answers at {key}, and {_REWRITES}, which usually does, is not installed."
        step = e.put(name, ", ".join(rest), why) if rest else e.drop(name, why)
        steps.append(e.policy(step, "route", "mail go out with its addresses as they are written"))
    if not steps and gone:
        key, name = gone[0].text("table"), gone[0].text("parameter")
        return Plan(text=f"Start the program that answers at {key}; if it was removed, take {key} out of {name}.")
    return taken_up(e, list(dict.fromkeys(steps)))


def _alone(name: str, paths: list[str]) -> str:
    """The only path of this file name, "" if there is none or several."""
    found = {path for path in paths if path.endswith(f"/{name}")}
    return found.pop() if len(found) == 1 else ""


def _mended(e: Evidence, seen: Observation) -> list[Step]:
    kind, path, parameter = (seen.text(key) for key in ("type", "path", "parameter"))
    if not path.startswith("/"):
        return []
    if seen.sign == "table.readable":
        return _renamed(
            e,
            parameter,
            f"proxy:{kind}:{path}",
            f"{kind}:{path}",
            "proxymap may not read the file; Postfix's own daemons open it as root.",
        )
    written = table.parse(f"{kind}:{path}")
    if written != (meant := table.meant(written)) and e.there(meant.name):
        why = f"Postfix adds {path.removeprefix(meant.name)} by itself, so {path} is looked for under another name."
        named = _renamed(e, parameter, path, meant.name, why)
        return [*named, *_build(e, parameter, kind, meant.name, "Postfix reads the compiled table.")] if named else []
    if seen.sign == "table.present" and not e.there(path):
        folder, _, name = path.rpartition("/")
        places = (f"{folder}/*", f"{e.config}/{name}", f"{e.config}/*/{name}", f"{folder.rpartition('/')[0]}/*/{name}")
        names = [each for place in places for each in e.files(place) if not each.endswith((".db", ".lmdb", ".cdb"))]
        if better := near(path, names, 0.9) or _alone(name, names):
            why = f"{path} does not exist; {better} does."
            return [*_renamed(e, parameter, path, better, why), *_build(e, parameter, kind, better, why)]
        if kind not in (*table.INDEXED, "texthash", table.LIST, *table.PATTERNS):
            return []
        why = f"{parameter} names it, and without it mail is deferred."
        return [
            *e.folder(folder, f"{parameter} names {path}."),
            Content(path=path, text="# No entries yet.\n", why=why),
            *_build(e, parameter, kind, path, "Postfix reads the compiled table."),
        ]
    if seen.status is Status.FAILED or seen.sign == "table.present" or seen.data.get("broken"):
        return [*_build(e, parameter, kind, path, "The compiled table is missing, damaged or older than its text.")]
    return []


def _lost(e: Evidence, parameter: str, kind: str, path: str) -> list[Step]:
    """Takes a table whose type and file are both gone out of a setting, as policy; [] if that is refused."""
    rest = [one.raw for one in table.parse_list(e.was(parameter) or "") if (one.type, one.name) != (kind, path)]
    why = f"This Postfix has no {kind} tables, and {path} is gone as well." if kind else f"{path} is no table."
    try:
        step = e.put(parameter, ", ".join(rest), why) if rest else e.drop(parameter, why)
    except Refused:
        return []
    return [e.policy(step, "route", f"mail go on without the entries of {path or kind}")]


def _spelt(e: Evidence, parameter: str) -> list[Step]:
    """Writes the tables of a setting as type:path where the two stand apart, or the type is missing; [] if a file is not there."""
    written, types = e.was(parameter) or "", "|".join(e.mta.map_types)
    usual = "regexp" if parameter.endswith("_checks") else e.map_type
    made = re.sub(rf"(?<!\S)({types})\s*[:; ]\s*(?=/)", r"\1:", values.plain(written))
    made = re.sub(r"(?<![^\s,])(?=/)", f"{usual}:", made)
    found = [one for one in table.parse_list(made) if not one.raw.startswith("$")]
    if made == written or any(one.problem or not e.there(one.name) for one in found):
        return []
    steps = _renamed(e, parameter, written, made, "Postfix expects the type and the path of a table in one word.")
    for one in found if steps else ():
        steps += _build(e, parameter, one.type, one.name, "Postfix reads the compiled table.")
    return steps


def unsupported(e: Evidence) -> Plan | None:
    """Names the table under a type that this Postfix has, if its text exists; for one of a database's, installs the
    type's package, or takes it out if its file is gone."""
    if inside := swallowed(e, r"\w+_(?:maps|checks|database)"):
        return taken_up(e, inside)
    steps: list[Step] = []
    texts: list[str] = []
    for seen in e.seen("table.supported", "sasl.map-type"):
        kind, path, parameter = (seen.text(key) for key in ("type", "path", "parameter"))
        if apart := _spelt(e, parameter):
            steps += apart
            continue
        better = near(kind, e.mta.map_types, 0.7)
        better = better if better in (*table.INDEXED, "texthash", *table.PATTERNS) else e.map_type
        if not e.there(path):
            steps += _lost(e, parameter, kind, path)
            continue
        if kind in table.BACKENDS:
            steps += e.install((seen.text("package"),), f"This Postfix lacks {kind} tables; its package has them.")
            continue
        if kind in ("pcre", "regexp"):
            better = "regexp" if kind == "pcre" and "regexp" in e.mta.map_types else better
        changed = _renamed(
            e, parameter, f"{kind}:{path}", f"{better}:{path}", f"This Postfix has no {kind} tables; it has {better}."
        )
        if changed:
            steps += [*_build(e, parameter, better, path, "Postfix reads the compiled table."), *changed]
            texts.append(f"This Postfix has no {kind} tables: have it read {path} as {better}:.")
    return taken_up(e, steps, " ".join(dict.fromkeys(texts)))
