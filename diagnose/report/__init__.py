"""A small file for each format: a function from a Report to text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diagnose.model import Report


def _text(report: Report, verbose: int = 0, color: bool = False) -> str:
    from diagnose.report.text import render

    return render(report, verbose=verbose, color=color)


def _json(report: Report, verbose: int = 0, color: bool = False) -> str:
    from diagnose.report.json_ import render

    return render(report)


FORMATS: Mapping[str, Callable[..., str]] = {"text": _text, "json": _json}


def _plain_text(plain: Mapping[str, Any]) -> str:
    from diagnose.report.plain_text import render

    return render(plain)


def _plain_json(plain: Mapping[str, Any]) -> str:
    import json

    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


# From the plain data of schema 1 (`report --last`): these load neither the engine nor the model.
PLAIN_FORMATS: Mapping[str, Callable[..., str]] = {"text": _plain_text, "json": _plain_json}
