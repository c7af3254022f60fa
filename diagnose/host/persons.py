"""Replaces mail addresses in a recording by pseudonyms, one per person."""

from __future__ import annotations

import re
from typing import Any

from diagnose.patterns import late

_ADDRESS = late(
    r"(?<![\w.+~'-])(?<!inet:)(?P<local>\w[\w.+~'-]{0,63})(?<!~)@(?=[\w-])(?![\w.-]*\.(?:service|socket|timer|slice|scope|mount|target)\b)"
)
_ALONE = late(r"(?<=<)[\w.+~'-]{1,64}(?=>)|(?<=user=)[\w.+~'-]{1,64}|(?<=username=)[\w.+~'-]{1,64}")
# Accounts of nobody, by which mail is told apart.
_ROLES = frozenset(
    "abuse apache daemon double-bounce hostmaster mailer-daemon no-reply nobody noreply postfix postmaster root webmaster www-data".split()
)


class Persons:
    """One recording's pseudonyms: `person1@example.com` for the first local part in it, whatever its domain.
    Questions are renamed like answers, so that the recording still answers them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def data(self, data: Any) -> Any:
        """Plain data with all its texts, keys included, renamed."""
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, dict):
            return {self.text(key): self.data(value) for key, value in data.items()}
        if isinstance(data, list):
            return [self.data(value) for value in data]
        return data

    def text(self, text: str) -> str:
        """The text renamed; a lone local part, too, if an address had it before."""
        if "@" in text:
            text = _ADDRESS.sub(lambda found: f"{self._named(found['local'])}@", text)
        return _ALONE.sub(self._known, text) if "<" in text or "user" in text else text

    def _named(self, local: str) -> str:
        if local.lower() in _ROLES:
            return local
        return f"person{self._numbers.setdefault(local.lower(), len(self._numbers) + 1)}"

    def _known(self, found: re.Match[str]) -> str:
        number = self._numbers.get(found[0].lower())
        return found[0] if number is None else f"person{number}"
