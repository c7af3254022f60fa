"""The report for a person at a terminal: the verdict, its proof, the fix, who else could act, and what to do next.

From the plain data of schema 1, so that `run`, `report`, `explain` and an alarm say the same words. `verbose` adds what
the engine knows beside it (`diagnose.report.details`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from diagnose.report import Plain, assurance, digest, strip
from diagnose.report.page import Page, Terminal

PROOFS = 6  # marked lines
FITS = 6  # decibans from which a sign is worth a line
CONSOLE = 25  # rows
FIRST = 15  # row by which the first command stands
# Rows of the proof and of a remedy's words, and whether no line is left blank; the next is taken where a console is too small.
_ROWS = ((12, 9, False), (12, 6, False), (9, 5, False), (7, 4, False), (7, 3, False), (6, 2, False), (5, 2, True))


_OF_ALARM = (7, 4, False)


def render(plain: Plain, terminal: Terminal | None = None, verbose: int = 0, about: Sequence[str] | None = None) -> str:
    """about: lines instead of host and time, for a report that is not of a host. verbose: -1 for the verdict alone."""
    if verbose < 0:
        page = Page(terminal or Terminal())
        _verdict(page, plain, digest.main_diagnoses(plain)[:1])
        return page.text()
    for rows in ((99, 0, False),) if verbose else _ROWS:
        page = Page(terminal or Terminal(), compact=rows[2])
        _whole(page, plain, verbose, about, *rows[:2])
        if len(page.lines) <= CONSOLE and page.begun <= FIRST:
            break
    return page.text()


def _whole(page: Page, plain: Plain, verbose: int, about: Sequence[str] | None, proof: int, words: int) -> None:
    found = digest.main_diagnoses(plain)
    sure = [d for d in found if d["confidence"] != "possible"] or list(found[:1])
    _verdict(page, plain, sure)
    if sure:
        _strip(page, plain)
        page.blank()
        _proof(page, plain, sure[0], proof)
        _fix(page, plain, sure[0], words)
        for other in sure[1:]:
            _also(page, plain, other, sure[0], words)
    else:
        _fine(page, plain)
    _sender(page, plain)
    if verbose:
        from diagnose.report.details import add

        add(page, plain)
    page.blank()
    _rest(page, plain, found, sure, verbose)
    if about is None:
        page.wrap(_host(plain, 0 if verbose else page.terminal.width), "dim", rows=0 if verbose else 1)
    for line in about or ():
        page.wrap(line, "dim")
    _last(page, plain, sure)


def excerpt(plain: Plain, diagnosis: Plain) -> str:
    """Proof and fix of one diagnosis, for an alarm."""
    page = Page(Terminal())
    proof, words, _ = _OF_ALARM
    _proof(page, plain, diagnosis, proof)
    _fix(page, plain, diagnosis, words)
    return page.text().strip("\n")


def render_advice(plain: Plain, terminal: Terminal | None) -> str:
    """The relay advice alone."""
    from diagnose.report.details import relay

    page = Page(terminal or Terminal())
    for advice in plain.get("advice", ()):
        relay(page, advice)
    return page.text().lstrip("\n")


# The verdict -------------------------------------------------------------------------------------------------------


def _verdict(page: Page, plain: Plain, sure: Sequence[Plain]) -> None:
    style = {"ok": "green", "failed": "red"}.get(digest.status(plain), "yellow")
    words = digest.verdict(plain)
    if sure and not digest.as_of(plain):
        tag = f"({sure[0]['confidence']})"
        if len(words) + len(tag) + 2 <= page.terminal.width:
            words = words + " " * (page.terminal.width - len(words) - len(tag) - 1) + tag
            page.lines.append(page.paint(words, "bold", style))
            words = ""
        else:
            words = f"{words} {tag}"
    if words:
        page.wrap(words, "bold", style)
    if kept := digest.lasting(plain):
        page.wrap(kept, "dim")


def _strip(page: Page, plain: Plain) -> None:
    stations = strip.stations(plain)
    if not stations:
        return
    signs = {strip.PASSED: " " + page.sign("ok"), strip.BROKEN: " " + page.sign("bad")}
    words = f" {page.sign('to')} ".join(s.name + signs.get(s.state, "") for s in stations)
    page.wrap(words, "dim")


# The proof ---------------------------------------------------------------------------------------------------------


def _proof(page: Page, plain: Plain, diagnosis: Plain, rows: int) -> None:
    """Marked lines: evidence for the cause, evidence against it, what is fine, the queue."""
    last = [("ok", text) for text in _cleared(plain)]
    waiting = next((digest.statement(o) for o in digest.measured(plain, "queue") if o["status"] == "failed"), "")
    if waiting and all(digest.statement(s) != waiting for s in diagnosis["support"]):
        last.append(("mind", waiting))
    fine = {digest.statement(o) for o in digest.observations(plain) if o["status"] == "ok"}
    told = dict.fromkeys(digest.statement(s) for s in diagnosis["support"] if s["weight"] >= FITS)
    lines = [("ok" if text in fine else "bad", text) for text in told]
    lines = lines or [("bad", digest.statement(s)) for s in diagnosis["support"][:1]]
    if diagnosis["confidence"] != "certain":
        lines = lines[:3] + [("open", f"but: {digest.statement(s)}") for s in diagnosis["against"][:2]]
    begin = len(page.lines)
    for mark, text in [*lines[: PROOFS - len(last)], *last]:
        left = rows - (len(page.lines) - begin)
        page.marked(mark, text, rows=max(1, min(rows // 3, left - len(last))))


def _cleared(plain: Plain) -> list[str]:
    """What is in order, without what the cause is about."""
    lines = []
    ports = {port: open_ for _, port, open_ in digest.ports(plain)}
    if any(not open_ for open_ in ports.values()) and any(ports.values()):
        numbers = [str(port) for port, open_ in sorted(ports.items()) if open_]
        lines.append(f"{_listed(numbers, 'port', 'ports')} {'is' if len(numbers) == 1 else 'are'} open")
    sure = [d for d in digest.main_diagnoses(plain) if d["confidence"] != "possible"]
    said = " ".join(f"{d.get('station')} {d['title']} {[s['summary'] for s in d['support']]}" for d in sure)
    fine = [word for word in assurance.checked(plain) if not re.search(rf"\b{re.escape(word)}\b(?!')", said)]
    if fine:
        words = _listed(fine)
        lines.append(f"{words[0].upper()}{words[1:]} {'is' if len(fine) == 1 else 'are'} fine")
    return lines


def _listed(words: Sequence[str], one: str = "", many: str = "") -> str:
    lead = (one if len(words) == 1 else many) + " " if one else ""
    return lead + (words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}")


def _fine(page: Page, plain: Plain) -> None:
    said = assurance.lines(plain)
    if said:
        page.blank()
    for status, text in said:
        page.marked({"ok": "ok", "warning": "mind"}.get(status, "open"), text)


# The fix -----------------------------------------------------------------------------------------------------------


def _fix(page: Page, plain: Plain, diagnosis: Plain, rows: int) -> None:
    page.blank()
    _remedy(page, plain, diagnosis, "FIX  " if diagnosis["confidence"] != "possible" else "FIX, if it is that:  ", rows)


def _remedy(page: Page, plain: Plain, diagnosis: Plain, lead: str, rows: int) -> None:
    page.wrap(str(diagnosis["remedy"]["text"]), first=lead, hang="     ", rows=rows, lead=("bold",))
    for command in digest.commands(plain, diagnosis):
        page.command(command)
    _others(page, diagnosis)


def _others(page: Page, diagnosis: Plain) -> None:
    """Who else must or could act, with the text to send them."""
    asked = diagnosis["remedy"].get("others", ())
    if asked or diagnosis.get("otherwise"):
        page.blank()
    for other in asked:
        page.wrap(f"{other['who']}: {other['text']}", first="ASK  ", rows=3, lead=("bold",))
        if other["record"]:
            page.record(str(other["record"]))
    if not asked and diagnosis.get("otherwise"):
        page.wrap(str(diagnosis["otherwise"]), first="OR   ", rows=1 if page.compact else 3, lead=("bold",))


def _also(page: Page, plain: Plain, diagnosis: Plain, first: Plain, rows: int) -> None:
    """A further cause that is at least likely, in short; in one line if it keeps no mail from leaving."""
    page.blank()
    words = f"{diagnosis['title']} ({diagnosis['cause']}, {diagnosis['confidence']})"
    page.wrap(words, first="ALSO ", lead=("bold",))
    if diagnosis["impact"] not in ("outage", "partial"):
        return
    for support in diagnosis["support"][:1]:
        page.marked("bad", digest.statement(support))
    if diagnosis["remedy"] == first["remedy"]:
        page.wrap("the same.", first="FIX  ", lead=("bold",))
    else:
        _remedy(page, plain, diagnosis, "FIX  ", rows)


def _sender(page: Page, plain: Plain) -> None:
    """DNS findings on the sender that the user named, and the missing records."""
    rows = [o for o in digest.measured(plain, "sender") if o["data"].get("asked")]
    told = {other["record"] for d in digest.main_diagnoses(plain) for other in d["remedy"].get("others", ())}
    if rows:
        page.blank()
    for row in rows:
        page.marked({"ok": "ok", "warning": "mind", "failed": "bad"}.get(row["status"], "open"), digest.statement(row))
    lacking = [r for r in dict.fromkeys(str(row["data"].get("publish") or "") for row in rows) if r and r not in told]
    if lacking:
        page.wrap(f"{rows[0]['subject']}'s DNS could say:", first="ASK  ", lead=("bold",))
    for record in lacking:
        page.record(record)


# The rest ----------------------------------------------------------------------------------------------------------


def _rest(page: Page, plain: Plain, found: Sequence[Plain], sure: Sequence[Plain], verbose: int) -> None:
    """Other possible causes, what was not checked, notes: a line each."""
    others = [digest.inside(str(d["title"])) for d in found if d not in sure]
    if others and sure[0]["confidence"] != "certain":
        page.wrap(f"Possible too: {'; '.join(others)}.", rows=2)
    for seen in digest.measured(plain, "changes") if sure and sure[0]["confidence"] != "certain" else ():
        page.wrap(digest.statement(seen), rows=2)
    hidden, gaps = digest.hidden(plain), digest.gaps(plain)
    if hidden:
        who = plain["host"].get("user") or "an ordinary user"
        page.wrap(
            f"Not checked, for lack of permission as {who}: {', '.join(hidden)}. Run: sudo mail-diagnose run", rows=3
        )
    elif len(plain.get("runs", ())) > 1 and gaps and not verbose:
        page.wrap(f"Not checked (-v says why): {', '.join(gaps)}.", "dim", rows=1)
    failed = [p for p in plain.get("proofs", ()) if p["status"] == "failed"]
    if sure and failed and digest.status(plain) in ("warning", "unknown"):
        stages = ", ".join(str(p["stage"]) for p in failed)
        page.wrap(f"Mail was not seen to pass: {stages} ({failed[0]['why']}).", "dim", rows=2)
    for seen in digest.measured(plain, "applications"):
        page.wrap(f"{digest.statement(seen)} (see `mail-diagnose app`)", "dim", rows=1)
    for note in (n for n in plain.get("notes", ()) if str(n) not in digest.verdict(plain)):
        page.wrap(f"Note: {note}", "dim", hang="  ")
    for line in digest.watched(plain):
        page.wrap(line, "dim", hang="  ")


def _host(plain: Plain, width: int) -> str:
    """Host, versions and time; the recipient if it fits into so many columns (0: always)."""
    host, target = plain["host"], plain["target"]
    system = " ".join(str(host["system"]).partition(" (")[0].replace("GNU/Linux", "").split())
    facts = [host["name"], system, host["mta"] or "no Postfix", f"as {host['user']}" if host["user"] else ""]
    facts.append(f"{plain['seconds']:.1f} s at {plain['started'][11:16]}")
    line = ", ".join(str(fact) for fact in facts if fact)
    asked = f", to {target['recipient']}" if target.get("recipient") else ""
    return line + asked if not width or len(line + asked) <= width else line


def _last(page: Page, plain: Plain, sure: Sequence[Plain]) -> None:
    """The verdict and the next command once more, above the prompt."""
    if not sure:
        return
    page.wrap(f"=> {sure[0]['title']} ({sure[0]['cause']})", "bold", hang="   ")
    commands = digest.commands(plain, sure[0])
    if not commands:
        return
    line = f"   Next: {commands[0]}"
    if len(commands) > 1 or "\n" in line or len(line) > page.terminal.width:
        line = f"   Next: the command{'' if len(commands) == 1 else 's'} under FIX"
    if len(page.lines[-1]) + len(line) < page.terminal.width and not page.terminal.color:
        line = f"{page.lines.pop()}.{line[2:]}"
    page.wrap(line.strip(), first="   " if line.startswith(" ") else "", hang="     ")
