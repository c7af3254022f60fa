"""This host's secret values, and the encodings in which they may appear."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from diagnose.patterns import late

STARS = "********"
SHORTEST = 6  # characters: a shorter value, masked everywhere, would blank the report and so reveal itself
_MOST = 20_000  # values; a table with more accounts is not a relay's
_BASE64 = late(r"[A-Za-z0-9+/_-]*={0,2}")
# Words of configuration and of documents: masked in their own field only.
_WORDS = frozenset(
    """account address always apikey api_key api-key changeme change_me client config credential default delivery disabled domain
    enabled encrypt example external google hostname internal localhost mail_password mailer mailhost maildrop mailgun message
    monitor network nobody noreply no-reply optional outlook passphrase passwd password permit placeholder plaintext postfix
    postmaster private program protocol provider public receive recipient reject release relayhost remote
    required sample-password secret secure sender sendgrid sendmail server service smarthost smtp-relay smtp_password
    smtp_username smtpauth standard starttls submission submissions system testing token transport unknown username user_name
    verify version virtual webmaster your-api-key your-password your_api_key your_password""".split()
)
_NAME = late(r"\[?(?:[a-z\d](?:[a-z\d-]*[a-z\d])?\.)+[a-z]{2,}\]?\.?(?::\d+)?", re.I)  # a host's
_HARMLESS = late(r"[\W_]*|\d{1,3}(?:\.\d{1,3}){3}|/(?:[a-z][\w.-]*/)*[\w.-]+|(?:yes|no|true|false)+", re.I)


def ordinary(value: str) -> bool:
    """Whether a value is indistinguishable from ordinary report text: too short, a word, a host name, a path."""
    core = value.strip("<>{}[]\\\"' \t\r\n").lower()
    return len(core) < SHORTEST or core in _WORDS or bool(_NAME.fullmatch(core) or _HARMLESS.fullmatch(core))


def forms(value: str) -> Iterator[str]:
    """A value itself, and as encoded in URLs, JSON, XML, shells, regular expressions and programs."""
    import html
    import json
    import shlex
    from urllib.parse import quote, quote_plus

    yield value
    yield from (value[:-1], value[1:]) if len(value) > 3 * SHORTEST else ()
    for coded in (quote(value, safe=""), quote(value), quote_plus(value), "".join(f"%{o:02X}" for o in value.encode())):
        yield coded
        yield re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), coded)
    for ascii_only in (True, False):
        escaped = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield from (escaped, escaped.replace("/", "\\/"), json.dumps(escaped)[1:-1])
        yield re.sub(r"[<>&']", lambda char: f"\\u{ord(char[0]):04x}", escaped)
    for single in ("&#x27;", "&#39;", "&apos;", "'"):
        yield html.escape(value, quote=False).replace('"', "&quot;").replace("'", single)
        yield html.escape(value, quote=False).replace("'", single)
    yield shlex.quote(value)[1:-1] if shlex.quote(value) != value else value
    yield re.sub(r"([^\w@%+=:,./-])", r"\\\1", value)
    yield re.sub(r"(\W)", r"\\\1", value)
    yield value.replace("\\", "\\\\").replace("'", "\\'")
    yield value.replace("'", "''")
    yield value.replace('"', '""')
    yield value.replace("$", "$$")
    yield repr(value)[1:-1]
    yield "".join(char if char.isascii() else f"\\x{char.encode().hex()}" for char in value)
    yield value.encode().hex()
    yield value.encode().hex().upper()
    octets = value.encode()
    try:
        yield octets.decode("latin-1")
        yield value.encode("latin-1").decode("utf-8", "replace")
    except UnicodeError:
        pass


def cores(value: str) -> Iterator[str]:
    """The base64 text common to all encodings that contain the value, for each of the three alignments."""
    for text in dict.fromkeys((value.encode(), value.encode("utf-16-le"))):
        for lead in range(3):
            coded = base64.b64encode(b"\0" * lead + text).decode().rstrip("=")
            first = (lead * 8 + 5) // 6
            core = coded[first : len(coded) - (1 if (lead + len(text)) % 3 else 0)]
            if len(core) >= SHORTEST:
                yield core
                yield core.replace("+", "-").replace("/", "_")


def _within(index: dict[str, set[str]], text: str) -> list[str]:
    """The indexed forms that may occur in a text, the longest first. The time does not grow with the size of the index."""
    if len(index) < 100:
        heads = [head for head in index if head in text]
    else:
        heads = [*(index.keys() & {text[at : at + SHORTEST] for at in range(len(text) - SHORTEST + 1)})]
    return sorted((form for head in heads for form in index[head]), key=len, reverse=True)


class Secrets:
    """The secrets found in this run: `hide` replaces them in text, in every common form."""

    def __init__(self) -> None:
        self.source: Callable[[Secrets], None] | None = None  # called once, before the first text is masked
        self.public: frozenset[str] = frozenset()
        self.vocabulary: Callable[[], frozenset[str]] = frozenset
        self._values: set[str] = set()
        self._plain: dict[str, set[str]] = {}  # by their first characters
        self._coded: dict[str, set[str]] = {}
        self._lock = threading.Lock()
        self._gathering = threading.RLock()

    def add(self, *values: str) -> None:
        """Add values. Those too short or too ordinary to be told from other text are ignored."""
        for value in values:
            value = value.strip(" \t\r\n")
            if value in self._values or STARS in value or len(self._values) >= _MOST or self._ordinary(value):
                continue
            try:
                plain = {form for form in forms(value) if len(form) >= SHORTEST}
                coded = set(cores(value))
            except UnicodeError:  # octets that are no text
                plain, coded = {value}, set()
            with self._lock:
                self._values.add(value)
                for index, forms_ in ((self._plain, plain), (self._coded, coded)):
                    for form in forms_:
                        index.setdefault(form[:SHORTEST], set()).add(form)

    def _ordinary(self, value: str) -> bool:
        core = value.lower()
        return ordinary(value) or core in self.public or (core.isalpha() and core in self.vocabulary())

    def gather(self) -> None:
        """Call the source, once; concurrent callers wait."""
        with self._gathering:
            source, self.source = self.source, None
            if source is not None:
                source(self)

    def values(self) -> frozenset[str]:
        with self._lock:
            return frozenset(self._values)

    def hide(self, text: str) -> str:
        """The text with the values and their forms replaced; a base64 text that contains one is replaced as a whole."""
        if self.source is not None:
            self.gather()
        if not self._values:
            return text
        with self._lock:
            coded, plain = _within(self._coded, text), _within(self._plain, text)
        for core in coded:
            while (at := text.find(core)) >= 0:
                begin = at
                while begin and (text[begin - 1].isalnum() or text[begin - 1] in "+/_-") and text[begin - 1].isascii():
                    begin -= 1
                found = _BASE64.match(text, at)
                text = text[:begin] + STARS + text[found.end() if found else at + len(core) :]
        for form in plain:
            if form in text:
                text = text.replace(form, STARS)
        return text

    def hide_data(self, data: Any) -> Any:
        """Like `hide`, for the strings in plain data; keys are unchanged."""
        if isinstance(data, str):
            return self.hide(data)
        if isinstance(data, dict):
            return {key: self.hide_data(value) for key, value in data.items()}
        if isinstance(data, (list, tuple)):
            return [self.hide_data(value) for value in data]
        return data

    def within(self, words: Iterable[str]) -> bool:
        """Whether any of the words contains a secret. Arguments for another process must not."""
        return any(self.hide(word) != word for word in words)


KNOWN = Secrets()
"""Those of this host, for whatever leaves this process. Kept until it ends."""
