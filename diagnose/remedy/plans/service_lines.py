"""Lines in master.cf that master(8) does not accept, and services that it lacks."""

from __future__ import annotations

import itertools
import re

from diagnose import facts
from diagnose.model import Observation
from diagnose.nearest import near
from diagnose.parse.postfix import master_cf, table
from diagnose.remedy import values
from diagnose.remedy.evidence import Evidence
from diagnose.remedy.standard import SERVICES, service_line
from diagnose.remedy.steps import MasterService, Step

_DELIVER = ("smtp", "lmtp", "pipe", "local", "virtual", "error")
_SERVICE = re.compile(rf"\s|[^\s#]+\s+({'|'.join(master_cf.TYPES)})\s")  # its first line, or one that continues it
_FIELDS = dict(zip(range(2, 7), (*["[yn-]"] * 3, r"\d+\??|-", r"\d+|-"), strict=True))


def service_line_repaired(e: Evidence, path: str, number: int, raw: str, made: str) -> list[Step]:
    words = made.split()
    standard = service_line(e, words[0], _type(words)) if len(words) > 1 else ""
    why = "Postfix does not start with a line that it cannot read."
    if re.match(r"-o(\s|\{|\w+=)|\w+=", made) and _SERVICE.match(_above(e, path, number)):
        why = "It continues the service above it, so it must be indented."
        return [e.repair(path, number, raw, f"  {made}", why)]
    if len(words) < 8 and standard and raw[:1] not in " \t#":
        return [e.repair(path, number, raw, standard, why)]
    if len(words) >= 8 and raw[:1] not in " \t#":
        made = _fields(e, made)
    return [e.repair(path, number, raw, made if made != raw and len(words) >= 8 else f"#{raw}", why)]


def _type(words: list[str]) -> str:
    """The type of a service's line; for one that master(8) does not know, the one that is meant, or that Postfix ships."""
    name, type_ = words[:2]
    if type_ in master_cf.TYPES:
        return type_
    if meant := near(type_, master_cf.TYPES, 0.7):
        return meant
    if words[7:8] == ["smtpd"]:
        return "inet"
    return SERVICES[name][0] if name in SERVICES else type_


def _fields(e: Evidence, line: str) -> str:
    """A service's line with each field that master(8) does not accept replaced by the one that Postfix ships, or by
    "-"."""
    parts = re.split(r"(\s+)", line)  # the fields, and the blanks between them
    parts[2] = _type(line.split())
    standard = service_line(e, parts[0], parts[2]).split()
    for at, form in _FIELDS.items():
        if not re.fullmatch(form, parts[2 * at]):
            parts[2 * at] = standard[at] if standard else "-"
    return "".join(parts)


def _above(e: Evidence, path: str, number: int) -> str:
    """The nearest line above that is neither blank nor a comment."""
    lines = e.ask_lines(e.real(path))[: number - 1]
    return next((raw for raw in reversed(lines) if raw.strip() and not raw.lstrip().startswith("#")), "")


def unread_service(e: Evidence, seen: Observation) -> list[Step]:
    """Repairs the line of master.cf at fault, if Postfix's complaint is about that file; else []."""
    if "master.cf" not in f"{seen.data.get('path')} {seen.summary}":
        return []
    for found in e.master.findings:
        if found.kind in master_cf.STOPS:
            raw = e.line(e.master_path, found.line)
            return service_line_repaired(e, e.master_path, found.line, raw, values.plain(raw))
    return []


def service(e: Evidence, name: str) -> list[Step]:
    """Puts a service back into master.cf: switched on, uncommented, as Postfix ships it, or as an earlier copy has
    it; else corrects what names it."""
    postfix = e.mta
    disabled = postfix.words("master_service_disable")
    if any(word.partition(".")[0] in (name, "*") or word.partition("/")[0] == name for word in disabled):
        return [e.drop("master_service_disable", f"It switches the service {name} off.")]
    if postfix.master.get(name) is None and (steps := _uncommented(e, name)):
        return steps
    if name in SERVICES:
        type_, why = SERVICES[name][0], f"Postfix needs the service {name}."
        return [MasterService(path=e.master_path, name=name, type=type_, text=service_line(e, name, type_), why=why)]
    if earlier := _earlier(e, name):
        return earlier
    return [step for p, v in postfix.explicit.items() for step in _instead(e, p, v, name)]


def _instead(e: Evidence, parameter: str, value: str, name: str) -> list[Step]:
    """Names the service that is meant by one that master.cf lacks, in a setting or the entries of its tables. If none is
    near, the entries become comments, and the setting is dropped as policy: other mail takes another way, too."""
    if not parameter.endswith(("transport", "transport_maps")):
        return []
    meant = near(name, (s.name for s in e.mta.master.services if s.command in _DELIVER), 0.75)
    why = f"There is no service {name}; {meant} is one." if meant else f"master.cf has no service {name}."
    alone = rf"inline:\{{\s*\{{?[^{{}},]*=\s*{re.escape(name)}:[^{{}},]*\}}?\s*\}}"
    if re.split(r"[:\s,]", value, maxsplit=1)[0] == name:
        if meant:
            return [e.put(parameter, f"{meant}{value.removeprefix(name)}", why)]
        return [e.policy(e.drop(parameter, why), "route", "mail take the route that it has without this setting")]
    if re.fullmatch(alone, value):
        return [e.drop(parameter, why)]
    steps: list[Step] = []
    for found in table.parse_list(value):
        path = table.source(found)
        for number, raw in e.numbered(path):
            words = raw.split()
            if len(words) == 2 and not raw.startswith("#") and words[1].partition(":")[0] == name:
                line = raw.replace(words[1], f"{meant}{words[1].removeprefix(name)}") if meant else f"#{raw}"
                steps += [e.repair(path, number, raw, line, why), *e.build(found.type, path)]
    return steps


def _uncommented(e: Evidence, name: str) -> list[Step]:
    """Uncomments the service's line and the lines of options that follow it, or unindents the line, which continues the
    one above; [] if neither holds the service."""
    lines = e.ask_lines(e.master_path)
    for number, raw in enumerate(lines, 1):
        if raw[:1].isspace() and _holds(f"#{raw}", name):
            return [e.repair(e.master_path, number, raw, raw.strip(), "Indented, it continues the line above.")]
    first = next((number for number, raw in enumerate(lines, 1) if _holds(raw, name)), 0)
    if not first:
        return []
    raw = lines[first - 1]
    options = itertools.takewhile(lambda line: re.match(r"#\s+-o\s", line), lines[first:])
    marks = [raw[: len(raw) - len(raw[1:].lstrip())], *("#" for _ in options)]
    why = "The service is commented out."
    return [e.repair(e.master_path, at, mark, "", why, at="start") for at, mark in enumerate(marks, first)]


def _holds(raw: str, name: str) -> bool:
    """Whether a comment is a line of master.cf for the service."""
    body = raw.lstrip("# ").split()
    return (
        raw.startswith("#")
        and body[:1] == [name]
        and len(body) >= 8
        and body[1] in master_cf.TYPES
        and (body[1] != "inet" or name not in SERVICES)
    )


def _earlier(e: Evidence, name: str) -> list[Step]:
    """The service as the newest copy beside master.cf has it; [] if none does."""
    for path in facts.earlier(e.ctx, e.master_path):
        lines = e.ask_lines(path)
        found = master_cf.parse("\n".join(lines)).get(name)
        if found is None:
            continue
        text = lines[found.line - 1 : found.line]
        text += itertools.takewhile(lambda raw: raw[:1] in (" ", "\t") and raw.strip(), lines[found.line :])
        why = f"The settings name the service {name}, which {path} still has."
        body = "\n".join(text)
        return [MasterService(path=e.master_path, name=name, type=found.type, text=body, why=why)]
    return []
