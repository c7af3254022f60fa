"""What a mistyped name may have meant."""

from __future__ import annotations

from collections.abc import Iterable


def hint(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """ "did you mean 'x'?" by what holds the word or is spelled alike; `otherwise` where nothing is near."""
    names = {each.lower(): each for each in known}
    wanted = name.strip().lower()
    near = [each for low, each in names.items() if len(wanted) > 2 and wanted in low][:3]
    if not near:
        from difflib import get_close_matches  # 5 ms that a right name need not pay

        near = [names[low] for low in get_close_matches(wanted, names, 2)]
    return f"did you mean {' or '.join(map(repr, near))}?" if near else otherwise
