"""For CI: JUnit's XML, with a test case for each check."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from diagnose.report import Plain, checklines, digest

# What XML 1.0 does not allow, even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(plain: Plain) -> str:
    """A check that supports a diagnosis is a failure, one that crashed or timed out an error, any other one without
    result is skipped. The last case is the verdict, since a stale or empty result has no checks."""
    cases = [_case(line) for line in checklines.lines(plain)]
    status = digest.status(plain)
    verdict = _Case("verdict", 0.0)
    detail = "\n".join(_detail(plain))
    if status in ("failed", "warning"):
        verdict.add("failure", digest.headline(plain), digest.WORDS[status], detail)
    elif status == "unknown":
        verdict.add("error", digest.headline(plain), "UNKNOWN", detail)
    cases.append(verdict)
    count = {kind: sum(case.kind == kind for case in cases) for kind in ("failure", "error", "skipped")}
    totals = f'tests="{len(cases)}" failures="{count["failure"]}" errors="{count["error"]}"'
    seconds = digest.number(plain.get("seconds", 0))
    head = (
        f'<testsuite name="mail-diagnose" hostname={_attribute(plain["host"]["name"])} {totals} '
        f'skipped="{count["skipped"]}" time="{seconds}" timestamp={_attribute(str(plain["started"])[:19])}>'
    )
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="mail-diagnose" {totals} time="{seconds}">',
        head,
        *(case.xml() for case in cases),
        "</testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


class _Case:
    def __init__(self, name: str, seconds: float) -> None:
        self.name, self.seconds = name, seconds
        self.kind = ""
        self._inner = ""

    def add(self, kind: str, message: str, type: str = "", text: str = "") -> None:
        self.kind = kind
        kinds = f" type={_attribute(type)}" if type else ""
        self._inner = f"<{kind} message={_attribute(message)}{kinds}>{escape(_valid(text), quote=False)}</{kind}>"

    def xml(self) -> str:
        head = f'<testcase classname="mail" name={_attribute(self.name)} time="{digest.number(self.seconds)}"'
        return f"{head}>{self._inner}</testcase>" if self._inner else f"{head}/>"


def _case(line: checklines.Line) -> _Case:
    case = _Case(line.check, line.seconds)
    if line.status in ("failed", "warning"):
        case.add("failure", line.text, digest.WORDS[line.status])
    elif line.status == "unknown":
        case.add("error", line.text, line.outcome)
    elif not line.done:
        case.add("skipped", line.text)
    return case


def _detail(plain: Plain) -> list[str]:
    lines = []
    for diagnosis in digest.main_diagnoses(plain):
        lines.append(digest.clean(f"{diagnosis['title']} ({diagnosis['cause']}, {diagnosis['confidence']})"))
        lines += [f"  + {digest.statement(support)}" for support in diagnosis["support"]]
        lines.append("  " + digest.clean_block(diagnosis["remedy"]["text"]))
        lines += [f"    {digest.clean_block(command)}" for command in diagnosis["remedy"]["commands"]]
    return lines


def _valid(text: str) -> str:
    return _FORBIDDEN.sub("?", text)


def _attribute(text: Any) -> str:
    return f'"{escape(_valid(digest.clean(text)), quote=True)}"'
