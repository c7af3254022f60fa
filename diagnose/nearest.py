"""The known name that a mistyped one probably means."""

from __future__ import annotations

from collections.abc import Iterable


def near(word: str, known: Iterable[str], least: float = 0.85) -> str:
    """The known name of the same letters in another order, else with the most similar spelling; "" if there is none, or if the name is known."""
    from difflib import get_close_matches  # 5 ms, spared if the name is right

    names = list(known)
    found = [one for one in names if sorted(one) == sorted(word)] or get_close_matches(word, names, 1, least)
    return found[0] if found and found[0] != word else ""


def hint(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """ "did you mean 'x'?" for names that contain the word or are spelled like it; `otherwise` if there is none."""
    names = {each.lower(): each for each in known}
    wanted = name.strip().lower()
    found = [each for low, each in names.items() if len(wanted) > 2 and wanted in low][:3]
    if not found:
        from difflib import get_close_matches

        found = [names[low] for low in get_close_matches(wanted, names, 2)]
    return f"did you mean {' or '.join(map(repr, found))}?" if found else otherwise
