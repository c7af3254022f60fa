"""What mail-diagnose knows, as text: the checks, the causes, one cause as a page, the relays."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from diagnose.knowledge.causes import all_causes, by_id
from diagnose.model import Impact, Sign
from diagnose.rank import fill, worded
from diagnose.registry import discover
from diagnose.report.digest import IMPACTS

WIDTH = 80


def listing(width: int | None = None) -> str:
    """Checks and causes, one per line; width: columns to wrap at, None for no wrapping, as for grep."""
    checks, notes = discover()
    lines = ["Checks: id, title, [tags] (--only and --skip take an id or a tag)", ""]
    lines += _columns([(check.id, f"{check.title} [{' '.join(check.tags)}]") for check in checks], width)
    lines += ["", "Causes, by what they do to the mail (mail-diagnose cause ID explains one)"]
    for impact in reversed(Impact):
        rows = [(cause.id, worded(cause, {}).title) for cause in all_causes() if cause.impact is impact]
        lines += ["", f"{IMPACTS[impact.word][0].upper()}{IMPACTS[impact.word][1:]}:", *_columns(rows, width)]
    return "\n".join([*lines, *notes]) + "\n"


def _columns(rows: Sequence[tuple[str, str]], width: int | None) -> list[str]:
    indent = max(len(id) for id, _ in rows) + 4
    lines = []
    for id, text in rows:
        head = f"  {id:<{indent - 2}}"
        lines += textwrap.wrap(head + text, width or 1000, subsequent_indent=" " * indent, break_on_hyphens=False)
    return lines


def page(id: str, verbose: int = 0) -> str:
    """One cause as text; verbose: with its signs and weights. Raises UsageError for an unknown id."""
    cause = worded(by_id(id), {})

    lines = [f"{cause.title} ({cause.id})", "", *_wrap(cause.explanation)]
    if cause.rules_out:
        lines += ["", "What rules it out", *_wrap(cause.rules_out)]
    lines += ["", "The fix", *_wrap(fill(cause.remedy, {}))]
    if cause.otherwise:
        lines += ["", "Who else could act", *_wrap(cause.otherwise)]
    if cause.explains:
        lines += ["", *_wrap("It also causes: " + ", ".join(cause.explains))]
    if cause.links:
        lines += ["", *(f"  {link}" for link in cause.links)]
    if verbose:
        lines += ["", "Its signs, in decibans (3: a hint, 10: ten times as likely, 20: decisive)"]
        lines += map(_sign, sorted(cause.signs, key=lambda s: -s.weight))
    return "\n".join(lines) + "\n"


def _sign(sign: Sign) -> str:
    where = ", ".join(f"{key} {_either(value)}" for key, value in sign.where)
    names = [check.id for check in discover()[0] if check.declares(sign.id)]
    status = "" if sign.status.word == "failed" else f" is {sign.status.word}"
    by = f"  [{', '.join(names)}]" if names else ""
    return f"  {sign.weight:+4d}  {sign.id}{status}{' (' + where + ')' if where else ''}{by}"


def _either(value: object) -> str:
    return " or ".join(str(v) for v in value) if isinstance(value, tuple) else str(value)


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def relays() -> str:
    from diagnose import relay

    text = ""
    for r in relay.listing():
        ports = {"STARTTLS": r.starttls, "TLS": r.implicit}
        facts = [r.host, *(f"{how} {' '.join(map(str, numbers))}" for how, numbers in ports.items() if numbers)]
        facts += [] if r.sign_in == "password" else [f"sign-in: {r.sign_in}"]
        text += f"{r.id}: {r.name}\n    {'; '.join(facts)}\n"
    return text
