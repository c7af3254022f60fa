"""What mail-diagnose knows, as text: the checks, the causes, one cause as a page, the relays."""

from __future__ import annotations

import textwrap

from diagnose.knowledge.causes import all_causes, by_id
from diagnose.model import Sign
from diagnose.registry import discover

WIDTH = 100


def listing() -> str:
    from tabulate import tabulate

    checks, notes = discover()
    rows = [(check.id, check.title, " ".join(check.tags)) for check in checks]
    parts = ["Checks (--only and --skip take an id or a tag)", "", tabulate(rows, ("id", "title", "tags"), "simple")]
    rows = [(cause.id, cause.impact.word, cause.title) for cause in all_causes()]
    parts += ["", "Causes (mail-diagnose cause ID)", "", tabulate(rows, ("id", "impact", "title"), "simple")]
    return "\n".join([*parts, *notes]) + "\n"


def page(id: str) -> str:
    """One cause for reading. Raises UsageError for an unknown id."""
    cause = by_id(id)
    checks, _ = discover()

    def told(sign: Sign) -> str:
        where = ", ".join(f"{key} {_either(value)}" for key, value in sign.where)
        names = [check.id for check in checks if check.declares(sign.id)]
        status = "" if sign.status.word == "failed" else f" is {sign.status.word}"
        by = f"  [{', '.join(names)}]" if names else ""
        return f"  {sign.weight:+4d}  {sign.id}{status}{' (' + where + ')' if where else ''}{by}"

    lines = [cause.title, f"{cause.id} · impact: {cause.impact.word}", "", *_wrap(cause.explanation)]
    speaks = sorted((s for s in cause.signs if s.weight > 0), key=lambda s: -s.weight)
    against = sorted((s for s in cause.signs if s.weight < 0), key=lambda s: s.weight)
    lines += ["", "How it is told (decibans: 3 a hint, 10 ten times likelier, 20 decisive)", *map(told, speaks)]
    if against or cause.rules_out:
        lines += ["", "What rules it out", *_wrap(cause.rules_out), *map(told, against)]
    lines += ["", "The fix", *_wrap(cause.remedy.text)]
    if cause.explains:
        lines += ["", *_wrap("Where it holds, these are its consequences: " + ", ".join(cause.explains))]
    if cause.links:
        lines += ["", *(f"  {link}" for link in cause.links)]
    return "\n".join(lines) + "\n"


def _either(value: object) -> str:
    return " or ".join(str(v) for v in value) if isinstance(value, tuple) else str(value)


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def relays() -> str:
    from tabulate import tabulate

    from diagnose import relay

    rows = [
        (r.id, r.name, r.host, " ".join(map(str, r.starttls)), " ".join(map(str, r.implicit)), r.sign_in)
        for r in relay.listing()
    ]
    return tabulate(rows, ("id", "name", "host", "STARTTLS", "implicit TLS", "sign-in"), "simple") + "\n"
