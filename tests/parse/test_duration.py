"""Spans of time as the options and settings take them."""

from __future__ import annotations

import pytest

from diagnose.parse.text import duration


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        *[("90m", 5400), ("24h", 86400), ("7d", 604800), ("1d12h", 129600), ("45s", 45), ("2w", 1209600)],
        *dict.fromkeys(("", "x", "10", "-5m", "0s", "5y", "9999999999999d", "1h?")).items(),
    ],
)
def test_a_span_is_numbers_with_units_and_anything_else_none(text: str, wanted: int | None) -> None:
    assert duration.seconds(text) == wanted
