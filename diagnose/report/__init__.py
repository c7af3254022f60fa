"""A small file for each format: a function from a Report to text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from diagnose.model import Report


def _text(report: Report, verbose: int = 0, color: bool = False) -> str:
    from diagnose.report.text import render

    return render(report, verbose=verbose, color=color)


def _json(report: Report, verbose: int = 0, color: bool = False) -> str:
    from diagnose.report.json_ import render

    return render(report)


FORMATS: Mapping[str, Callable[..., str]] = {"text": _text, "json": _json}
