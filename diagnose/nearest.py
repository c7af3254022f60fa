"""What a mistyped name may have meant."""

from __future__ import annotations

from collections.abc import Iterable


def near(word: str, known: Iterable[str], least: float = 0.85) -> str:
    """The one that it is spelled like, "" where there is none, or it is one itself."""
    from difflib import get_close_matches  # 5 ms that a right name need not pay

    found = get_close_matches(word, list(known), 1, least)
    return found[0] if found and found[0] != word else ""


def hint(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """ "did you mean 'x'?" by what holds the word or is spelled alike; `otherwise` where nothing is near."""
    names = {each.lower(): each for each in known}
    wanted = name.strip().lower()
    found = [each for low, each in names.items() if len(wanted) > 2 and wanted in low][:3]
    if not found:
        from difflib import get_close_matches

        found = [names[low] for low in get_close_matches(wanted, names, 2)]
    return f"did you mean {' or '.join(map(repr, found))}?" if found else otherwise
