"""The report for a person at a terminal: the verdict first, then its proof, then what to do."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from diagnose.model import RIGHTS, Advice, Confidence, Diagnosis, Impact, Outcome, Report, Status, Support
from diagnose.parse.text.masking import plain
from diagnose.rank import fill

WIDTH = 100
_VERDICTS = {
    Status.OK: ("green", "Nothing wrong found."),
    Status.WARNING: ("yellow", "Mail may well flow, but look at this."),
    Status.FAILED: ("red", "Found why mail does not arrive."),
    Status.UNKNOWN: ("yellow", "Could not tell."),
}
NOT_ASKED = ("network probes are switched off", "not recorded")
_CODES = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}
_IMPACTS = {
    Impact.OUTAGE: "nothing leaves",
    Impact.PARTIAL: "some mail fails",
    Impact.PLACEMENT: "mail is late, throttled or lands in spam",
    Impact.LATENT: "will break later, or is unsafe today",
    Impact.NONE: "the fault is not this mail server's",
}


class _Page:
    def __init__(self, color: bool) -> None:
        self.color = color
        self.lines: list[str] = []

    def paint(self, text: str, *styles: str) -> str:
        if not self.color or not text:
            return text
        return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"

    def add(self, text: str = "", *styles: str) -> None:
        self.lines.append(self.paint(plain(text), *styles))

    def wrap(self, text: str, indent: str, hang: str | None = None) -> None:
        for paragraph in plain(text).split("\n"):
            self.lines += textwrap.wrap(
                paragraph,
                WIDTH,
                initial_indent=indent,
                subsequent_indent=indent if hang is None else hang,
                break_long_words=False,
                break_on_hyphens=False,
            ) or [""]


def render(report: Report, verbose: int = 0, color: bool = False, about: Sequence[str] | None = None) -> str:
    """`about`: the head's lines, where the report is not of this host."""
    page = _Page(color)
    for line in _head(report) if about is None else about:
        page.add(line, "dim")
    page.add()
    style, verdict = _VERDICTS[report.status]
    if report.status is Status.OK and about is None and report.unchecked:
        verdict = f"No fault found; not checked: {', '.join(report.unchecked)}."
    page.add(verdict, "bold", style)
    if about is None:
        _without_rights(page, report)
    if not report.diagnoses:
        _all_clear(page, report)
    if report.status in (Status.WARNING, Status.UNKNOWN):
        for proof in report.proofs:
            if proof.status is Status.FAILED:
                page.wrap(f"Mail was not seen to pass ({proof.stage}): {proof.why}", "  ", "    ")
    main = [d for d in report.diagnoses if d.explained_by is None]
    for number, diagnosis in enumerate(main):
        page.add()
        if number == 0 or diagnosis.confidence >= Confidence.LIKELY:
            _full(page, diagnosis, report, verbose)
        else:
            page.wrap(f"Possibly also: {diagnosis.cause.title} ({diagnosis.cause.id})", "", "  ")
            if verbose:
                _arithmetic(page, diagnosis)
    for advice in report.advice:
        _relay(page, advice)
    _not_checked(page, report, verbose)
    if verbose:
        _checks(page, report)
    for note in report.notes:
        page.wrap(f"Note: {note}", "", "  ")
    return "\n".join(page.lines).rstrip() + "\n"


def _head(report: Report) -> tuple[str, str]:
    host = report.host
    facts = [host.name, host.system, host.mta or "no Postfix", f"as {host.user}" if host.user else ""]
    to = [f"to {report.target.recipient}"] if report.target.recipient else []
    to += [f"from {report.target.sender}"] if report.target.sender else []
    when = f"{report.started:%Y-%m-%d %H:%M:%S %z} · {report.seconds:.1f} s"
    return " · ".join(part for part in facts if part), " · ".join([when, *to])


def _without_rights(page: _Page, report: Report) -> None:
    """What an ordinary user could not see, before anything is read into the rest, and how to have it seen."""
    if report.host.privileged:
        return
    hidden = [
        run.title or run.check
        for run in report.runs
        if any(o.status is Status.UNKNOWN and RIGHTS.search(o.summary) for o in run.observations)
    ]
    if hidden:
        who = report.host.user or "an ordinary user"
        text = f"Not checked, since {who} may not look there: {'; '.join(dict.fromkeys(hidden))}."
        page.wrap(text, "  ", "    ")
        page.add("  To have that checked too, run it as root: sudo mail-diagnose run")


def _all_clear(page: _Page, report: Report) -> None:
    """On what the good news rests: mail that was seen to flow, the queue, and how much was looked at."""
    for run in report.runs:
        for observation in run.measured("flow", "view"):
            if observation.status is Status.OK:
                page.wrap(f"{observation.subject}: {observation.summary}", "  ", "    ")
    done = sum(run.outcome is Outcome.COMPLETED for run in report.runs)
    if len(report.runs) > 1:
        page.add(f"  {done} of {len(report.runs)} checks looked at this host; -v shows all of it", "dim")


def render_advice(report: Report, color: bool = False) -> str:
    """The relay advice alone."""
    page = _Page(color)
    for advice in report.advice:
        _relay(page, advice)
    return "\n".join(page.lines).strip("\n") + "\n"


def _full(page: _Page, diagnosis: Diagnosis, report: Report, verbose: int) -> None:
    cause = diagnosis.cause
    page.add(f"{cause.title}", "bold")
    page.add(f"  {cause.id} · {diagnosis.confidence.word} · {_IMPACTS[cause.impact]}", "dim")
    page.wrap(fill(cause.explanation, diagnosis.data), "  ")
    page.add()
    page.add("  Evidence", "bold")
    for support in diagnosis.support:
        page.wrap(_statement(support), "    + ", "      ")
    for support in diagnosis.against:
        page.wrap(_statement(support), "    - ", "      ")
    for gap in diagnosis.unknown:
        page.wrap(f"not checked: {gap}", "    ? ", "      ")
    if verbose:
        _arithmetic(page, diagnosis)
    page.add()
    page.add("  What to do", "bold")
    page.wrap(diagnosis.remedy.text, "    ")
    for command in diagnosis.remedy.commands:
        page.add(f"      {command}")
    for link in cause.links:
        page.add(f"    see {link}", "dim")
    folded = [d.cause.title for d in report.diagnoses if d.explained_by == cause.id]
    if folded:
        page.wrap("It also explains: " + "; ".join(folded), "  ", "    ")


def _statement(support: Support) -> str:
    """The summary, with its subject before it where it does not name it itself."""
    known = support.subject.lower() in support.summary.lower()
    return support.summary if known else f"{support.subject}: {support.summary}"


def _arithmetic(page: _Page, diagnosis: Diagnosis) -> None:
    page.add(f"    score {diagnosis.score} dB (certain from 20, likely from 10, possible from 3)", "dim")
    if diagnosis.cause.prior:
        page.add(f"      {diagnosis.cause.prior:+4d}  how common it is", "dim")
    for support in (*diagnosis.support, *diagnosis.against):
        page.add(f"      {support.weight:+4d}  {support.sign} [{support.subject}]", "dim")


def _relay(page: _Page, advice: Advice) -> None:
    page.add()
    seen = "seen open from this host" if advice.verified else "NOT seen open from this host"
    page.add(f"A relay to use: {advice.provider}, {advice.host} port {advice.port} ({seen})", "bold")
    page.wrap(advice.why, "  ")
    for file in advice.files:
        page.add(f"  {file.path}  (mode {file.mode}, {file.owner})")
        for line in file.text.rstrip("\n").split("\n"):
            page.add(f"      {line}")
    page.add("  Commands, in this order")
    for command in advice.commands:
        for line in command.split("\n"):
            page.add(f"      {line}")
    for note in advice.notes:
        page.wrap(note, "  * ", "    ")


def _not_checked(page: _Page, report: Report, verbose: int) -> None:
    """What could not be looked at. Checks that do not apply to this host are no gap: they stand under -v."""
    lines: dict[str, list[str]] = {}
    for run in report.runs:
        gap = run.outcome in (Outcome.TIMED_OUT, Outcome.CRASHED) or run.reason.startswith(NOT_ASKED)
        if run.outcome is not Outcome.COMPLETED and (gap or verbose):
            lines.setdefault(run.reason, []).append(run.title or run.check)
        for observation in run.observations:
            if observation.status is Status.UNKNOWN:
                lines.setdefault(observation.summary, []).append(observation.subject)
    if lines:
        page.add()
        page.add("Could not check", "bold")
        for reason, subjects in lines.items():
            page.wrap(f"{', '.join(dict.fromkeys(subjects))}: {reason}", "  ? ", "    ")


def _checks(page: _Page, report: Report) -> None:
    page.add()
    page.add("All that was looked at", "bold")
    marks = {Status.OK: "ok", Status.UNKNOWN: "??", Status.WARNING: "!", Status.FAILED: "X"}
    for run in report.runs:
        page.add(f"  {run.title or run.check}  ({run.check}, {run.outcome.value}, {run.seconds:.2f} s)")
        for observation in run.observations:
            page.wrap(
                f"{observation.subject}: {observation.summary}", f"    {marks[observation.status]:>2} ", "       "
            )
