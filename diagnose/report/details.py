"""What -v adds: each diagnosis with its weights, the relay's configuration, what was not checked, and all observations."""

from __future__ import annotations

from diagnose.report import Plain, digest
from diagnose.report.page import Page

_MARKS = {"ok": "ok", "unknown": "open", "warning": "mind", "failed": "bad"}


def add(page: Page, plain: Plain) -> None:
    for diagnosis in digest.main_diagnoses(plain):
        _diagnosis(page, plain, diagnosis)
    for advice in plain.get("advice", ()):
        relay(page, advice)
    _not_checked(page, plain)
    _seen(page, plain)


def _diagnosis(page: Page, plain: Plain, diagnosis: Plain) -> None:
    page.blank()
    page.wrap(str(diagnosis["title"]), "bold")
    impact = digest.IMPACTS.get(str(diagnosis["impact"]), str(diagnosis["impact"]))
    page.wrap(f"{diagnosis['cause']}, {diagnosis['confidence']}: {impact}", "dim", first="  ")
    if diagnosis.get("explanation"):
        page.wrap(str(diagnosis["explanation"]), first="  ")
    for mark, signs in (("bad", diagnosis["support"]), ("ok", diagnosis["against"])):
        for support in signs:
            page.wrap(digest.statement(support), first=f"    {page.sign(mark)} ")
    for gap in diagnosis["unknown"]:
        page.wrap(f"not checked: {gap}", first=f"    {page.sign('open')} ")
    page.wrap(f"score {diagnosis['score']} dB (certain from 20, likely from 10, possible from 3)", "dim", first="    ")
    for support in (*diagnosis["support"], *diagnosis["against"]):
        page.wrap(f"{support['weight']:+4d}  {support['sign']} [{support['subject']}]", "dim", first="      ")
    shown = digest.main_diagnoses(plain)[0]
    if diagnosis is shown or diagnosis["remedy"]["text"] == shown["remedy"]["text"]:
        page.wrap("To do: see FIX above.", first="  ")
    else:
        page.wrap(str(diagnosis["remedy"]["text"]), first="  To do: ", hang="    ")
        for command in diagnosis["remedy"]["commands"]:
            page.command(command, "    ")
    for link in diagnosis["links"]:
        page.wrap(f"see {link}", "dim", first="  ")
    if folded := digest.explained(plain, diagnosis):
        page.wrap(f"It also explains: {folded}", first="  ")


def relay(page: Page, advice: Plain) -> None:
    """A relay with its configuration and commands."""
    page.blank()
    seen = "seen open from this host" if advice["verified"] else "NOT seen open from this host"
    page.wrap(f"A relay to use: {advice['provider']}, {advice['host']} port {advice['port']} ({seen})", "bold")
    page.wrap(str(advice["why"]), first="  ")
    for file in advice["files"]:
        page.wrap(f"{file['path']}  (mode {file['mode']}, {file['owner']})", first="  ")
        page.command(str(file["text"]).rstrip("\n"), "      ")
    if advice["commands"]:
        page.wrap("Commands, in this order", first="  ")
    for command in advice["commands"]:
        page.command(str(command), "      ")
    for note in advice["notes"]:
        page.wrap(str(note), first="  * ")


def _not_checked(page: Page, plain: Plain) -> None:
    lines: dict[str, list[str]] = {}
    for run in plain.get("runs", ()):
        if run["outcome"] != "completed":
            lines.setdefault(run["reason"], []).append(run.get("title") or run["check"])
        for observation in run["observations"]:
            if observation["status"] == "unknown":
                lines.setdefault(observation["summary"], []).append(observation["subject"])
    if lines:
        page.blank()
        page.wrap("Not checked", "bold")
    for reason, subjects in lines.items():
        page.wrap(f"{', '.join(dict.fromkeys(subjects))}: {reason}", first=f"  {page.sign('open')} ")


def _seen(page: Page, plain: Plain) -> None:
    page.blank()
    page.wrap("All checks and what they found", "bold")
    for run in plain.get("runs", ()):
        title = run.get("title") or run["check"]
        page.wrap(f"{title}  ({run['check']}, {run['outcome']}, {run['seconds']:.2f} s)", first="  ")
        for observation in run["observations"]:
            page.wrap(digest.statement(observation), first=f"    {page.sign(_MARKS[observation['status']])} ")
