"""A small file for each format: a function from a report's plain data (`json_.as_plain`) to text.

`text` takes the terminal as well, and `verbose`.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from typing import Any

Plain = Mapping[str, Any]


def _plain_json(plain: Plain) -> str:
    import json

    # Levels are this call's own; what they say stands in the status and the notes.
    kept = {key: value for key, value in plain.items() if key != "levels"}
    return json.dumps(kept, indent=2, ensure_ascii=False) + "\n"


def _late(module: str, plain: Plain, **options: Any) -> str:
    render: Callable[..., str] = importlib.import_module(f"diagnose.report.{module}").render
    return render(plain, **options)


# From the plain data of schema 1, with the key "watch" where it comes from there (`report --last`): these load neither
# the engine nor the model. nagios and checkmk take `warning` and `critical` (`diagnose.report.levels`).
PLAIN_FORMATS: Mapping[str, Callable[..., str]] = {
    "text": functools.partial(_late, "text"),
    "json": _plain_json,
    **{
        name: functools.partial(_late, name)
        for name in ("jsonl", "nagios", "checkmk", "prometheus", "zabbix", "markdown", "html", "junit")
    },
    "checkmk-all": functools.partial(_late, "checkmk", every=True),
}
