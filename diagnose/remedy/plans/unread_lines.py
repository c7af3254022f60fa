"""Lines of main.cf and master.cf that Postfix cannot read, as they were meant."""

from __future__ import annotations

import re

from diagnose.model import Observation
from diagnose.parse.postfix import main_cf, setting_types
from diagnose.remedy import values
from diagnose.remedy.evidence import Evidence, whole
from diagnose.remedy.plans.service_lines import service_line_repaired
from diagnose.remedy.steps import Step

_QUOTES = "'\""


def line_as_meant(e: Evidence, seen: Observation, why: str) -> list[Step]:
    """Rewrites a line of main.cf or master.cf as it was meant; one that means nothing becomes a comment."""
    path, number = seen.text("path"), whole(seen, "line")
    raw = e.line(e.real(path), number) if path.endswith(("main.cf", "master.cf")) and number else ""
    if not raw.strip():
        return []
    made = values.plain(raw)
    if path.endswith("master.cf"):
        return service_line_repaired(e, path, number, raw, made)
    name, equals, rest = (part.strip() for part in made.partition("="))
    known = e.mta.defaults
    if not equals:
        words = made.split(None, 1)
        if len(words) == 2 and words[0].rstrip(":") in known:
            name, rest = words[0].rstrip(":"), words[1].lstrip(": ")
            made = f"{name} = {rest}"
        elif number > 1 and re.match(r"\w+\s*=\s*$", e.line(e.real(path), number - 1)) and raw.isprintable():
            made = f"    {raw}"  # the value that the line before lacks
        else:
            made = f"#{raw}" if raw.isprintable() else f"#{made}"
    elif raw[:1] in " \t" and number > 1:
        made = made.strip()
    elif " " in name and (joined := re.sub(r"[\s-]+", "_", name)) in known:
        made = f"{joined} = {rest}"
    elif (last := re.search(r"(\w+)\s*\+?$", name)) and last[1] in known:
        made = f"{last[1]} = {rest.rstrip(_QUOTES) if set(name) & set(_QUOTES) else rest}"  # a list's mark, a number, a command
    setting = main_cf.parse(made).settings
    if setting and (judged := setting_types.rejected({setting[0].name: setting[0].value}, known)):
        better = values.value(setting[0].name, setting[0].value, judged[0].expected, known)
        made = f"{setting[0].name} = {better}" if better else made
    return [e.repair(path, number, raw, made, why)] if made != raw else []


def marks(e: Evidence) -> list[Step]:
    """Comments out lines of punctuation alone (a page's fence), and of an aborted merge the markers and what it would
    have brought; what this host had before stays."""
    why = "A merge, or a page from which it was copied, left this there."
    steps: list[Step] = []
    for path in (e.main_path, e.master_path):
        lines = list(e.numbered(path))
        ours, theirs = 0, range(0)
        for number, raw in lines:
            mark = raw[:7] if re.match(r"(<{7}|={7}|>{7}|\|{7})(\s|$)", raw) else ""
            if mark == "<<<<<<<":
                ours = number
            if ours and mark in ("=======", "|||||||") and number not in theirs:
                theirs = range(number, next((n for n, each in lines if n > number and each[:7] == ">>>>>>>"), 0))
            alone = mark or re.match(r"[^\w\s#]{3,}\w*$", raw)
            if (alone or (number in theirs and raw.strip() and raw[0] != "#")) and raw.isprintable():
                steps.append(e.repair(path, number, raw, f"#{raw}", why))
    return steps


def references(e: Evidence) -> list[Step]:
    """Closes a reference to a parameter that lacks its end; drops settings whose references mean nothing."""
    steps: list[Step] = []
    for setting in e.main.unexpanded(" ".join(c.text for c in e.mta.complaints if "macro" in c.text)):
        name = re.search(r"\$([{(])(\w+)$", setting.value)
        if name and name[2] in e.mta.defaults:
            closed = setting.value + {"{": "}", "(": ")"}[name[1]]
            steps.append(e.put(setting.name, closed, "The reference lacks its end."))
        else:
            steps.append(e.drop(setting.name, "Postfix cannot read the reference to a parameter in its value."))
    return steps
