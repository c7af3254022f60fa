"""The grammars of settings files: the values in a text, with name, line and place.

entries(text, grammar)   every value in a text, without executing it
grammar_of(path, text)   the grammar of a file, by its name, else by its contents

A name is the path to the value, parts joined by dots (`spring.mail.host`, `[smtp] host` is `smtp.host`).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from diagnose.apps import lines, literals, script, trees
from diagnose.apps.entry import Entry, Malformed, settled, tail

MOST = 5000  # values read of a file
LARGEST = 100_000  # characters of a file: PyYAML needs seconds for more


def entries(text: str, grammar: str) -> tuple[Entry, ...]:
    """All values in a text, in order: of two with the same name the last applies. At most MOST. Raises Malformed."""
    if len(text) > LARGEST:
        raise Malformed(f"it is larger than any settings file ({len(text) // 1000} kB)")
    found: list[Entry] = []
    for entry in _READERS[grammar](text):
        # Spring's map keys: properties[mail.smtp.auth] is properties.mail.smtp.auth.
        key = re.sub(r"\.?\[([a-z][\w.-]*)\]", r".\1", entry.key) if grammar in ("yaml", "properties") else entry.key
        found.append(entry if key == entry.key else replace(entry, key=key))
        if len(found) == MOST:
            break
    return tuple(found)


def grammar_of(path: str, text: str) -> str | None:
    """The grammar's name (a key of _READERS); None if the file resembles none."""
    for pattern, grammar in _NAMES:
        if re.search(pattern, f"/{path}", re.I):
            return grammar
    head = text.lstrip("\ufeff \t\r\n")[:4000]
    for pattern, grammar in _LOOKS:
        if re.search(pattern, head, re.M):
            return grammar
    return None


_NAMES = (
    (r"/\.?msmtprc|/msmtp/config$|/remotes$|/dma\.conf$", "words"),
    (r"/passwd\.client$|/dma/auth\.conf$", "logins"),
    (r"\.url$", "url"),
    (r"\.properties$", "properties"),
    (r"\.ya?ml(?:\.\w+)?$", "yaml"),
    (r"\.json5?$", "yaml"),
    (r"\.ini\.php$", "ini"),
    (r"\.(?:php|rb|py|c?js|mjs|ts)$", "code"),
    (r"\.xml$|/(?:web|app)\.config$", "xml"),
    (r"\.(?:service|container)$|/override\.conf$|\.(?:service|container)\.d/[^/]+\.conf$", "unit"),
    (r"/\.env[^/]*$|\.env(?:\.[\w-]+)*$|/update-exim4\.conf\.conf$|/ssmtp\.conf$", "dotenv"),
    (r"\.(?:ini|toml|cfg|cnf)$|/odoo[^/]*\.conf$", "ini"),
    (r"^//?etc/(?:default|sysconfig|conf\.d)/", "environment"),
)
_LOOKS = (
    (script.STARTS, "script"),
    (r"\A\s*(?:smtps?|submissions?)(?:\+\w+)?://\S*\s*\Z", "url"),
    (r"^\s*<\?xml|^\s*<[\w.]+>", "xml"),
    (r"^<\?php", "code"),
    (r"\A\s*\{", "yaml"),
    (r"^\[[\w.@ -]+\]\s*$", "ini"),
    (r"^(?:export )?[A-Z][A-Z0-9_]+=", "dotenv"),
    (r"^\s*[\w.-]+:(?:\s|$)", "yaml"),
    (r"^[a-z_][\w.]* *= *\S", "ini"),
)


_REFERENCE = re.compile(r"\$\{(\w+)(?::?-[^{}]*)?\}")


# --- the readers ---------------------------------------------------------------------------------------------------


def _dotenv(text: str) -> Iterator[Entry]:
    """python-dotenv's grammar, with ${VARIABLES} of the same file expanded."""
    from dotenv.parser import parse_stream

    raw: dict[str, str] = {}
    at = 0
    for one in parse_stream(io.StringIO(text, newline="")):
        source, begins = one.original.string, at
        at += len(source)
        if one.error and source.strip():
            # Ignored by programs, but perhaps half of a password.
            yield Entry(key="unreadable.password", value=source.strip(), line=one.original.line, start=begins, end=at)
        if one.error or not one.key or one.value is None:
            continue
        raw[one.key] = one.value
        value, variable = settled(_REFERENCE.sub(lambda m: raw.get(m[1], m[0]), one.value))
        where = source.find("=") + 1
        body = source[where:].strip()
        quote = body[:1] if body[:1] in ("'", '"') else ""
        start = begins + where + source[where:].find(body) if body else begins + where
        end = start + (body.rfind(quote) + 1 if quote else len(one.value) if body.startswith(one.value) else len(body))
        line = one.original.line + source[: len(source) - len(source.lstrip("\r\n"))].count("\n")
        yield Entry(
            key=one.key,
            value=value,
            variable=variable,
            line=line,
            start=start,
            end=end,
            quote=quote,
            bare=not quote,
            tail="" if quote else tail(text, end),
        )


_INI = re.compile(
    r"""^[ \t]*(?:\[(?P<section>[^\]\n]*)\][^\n]*|(?P<key>[\w.\\-]+(?:\[[\w.-]*\])?)[ \t]*[=:][ \t]*"""
    r"""(?P<value>\"{3}[\s\S]*?\"{3}|(?P<quote>["'`])(?:(?!(?P=quote))[^\n])*(?P=quote)(?=[ \t]*(?:[;#]|$))|[^\n]*))""",
    re.M,
)


def _ini(text: str) -> Iterator[Entry]:
    """The INI grammar common to Go's, PHP's and Python's readers. They differ on where a comment ends a bare value,
    so the value includes the rest of its line."""
    section, line, counted = "", 1, 0
    for found in _INI.finditer(text):
        if found["section"] is not None:
            section = found["section"].strip()
            continue
        start, raw = found.start("value"), found["value"].rstrip()
        line, counted = line + text.count("\n", counted, start), start
        quote = '"""' if raw.startswith('"""') else found["quote"] or ""
        yield Entry(
            # php_admin_value[sendmail_path] of a pool of PHP-FPM.
            key=f"{section}.{re.sub(r'[][]+', '.', found['key']).rstrip('.')}".lstrip("."),
            value=raw[len(quote) : len(raw) - len(quote)],
            line=line,
            start=start,
            end=start + len(raw),
            quote=quote,
            bare=not quote,
        )


_ESCAPE = re.compile(r"\\(?:u(?P<code>[0-9A-Fa-f]{4})|(?P<sign>.))")


def _unescaped(found: re.Match[str]) -> str:
    """The character for an escape in java.util.Properties.load, where an unknown escape drops the backslash."""
    if found["code"]:
        return chr(int(found["code"], 16))
    return {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}.get(found["sign"], found["sign"])


def _properties(text: str) -> Iterator[Entry]:
    """Java's .properties: like INI without sections, quotes and trailing comments; trailing blanks belong to the value."""
    part = 0
    for number, found in enumerate(
        re.finditer(r"^[ \t]*(?P<key>[^\s=:#!]*)[ \t]*[=:]?[ \t]*(?P<value>[^\n]*)$", text, re.M), 1
    ):
        part += re.fullmatch(r"[#!]---\s*", found[0]) is not None  # Spring's documents
        if found["key"]:
            start, end = found.span("value")
            value, variable = settled(_ESCAPE.sub(_unescaped, found["value"].removesuffix("\r")))
            yield Entry(
                key=found["key"],
                value=value,
                line=number,
                start=start,
                end=end,
                exact=True,
                variable=variable,
                part=part,
            )


_ATTRIBUTE = re.compile(r"([\w.:-]+)=\"([^\"<>]*)\"")


def _xml(text: str) -> Iterator[Entry]:
    """The values of <name>value</name> and <tag name="value">, unexpanded. Raises Malformed."""
    _well_formed(text)
    for found in re.finditer(
        r"<(?P<key>[\w.:-]+)(?:\s[^<>]*)?>(?P<value>[^<>\n]*)</(?P=key)>|<(?P<tag>[\w.:-]+)(?P<attributes>\s[^<>]*)>",
        text,
    ):
        if found["key"]:
            parts = [(found["key"], *found.span("value"))]
        else:
            at = found.start("attributes")
            parts = [
                (f"{found['tag']}.{one[1]}", at + one.start(2), at + one.end(2))
                for one in _ATTRIBUTE.finditer(found["attributes"])
            ]
        for key, start, end in parts:
            line = text.count("\n", 0, start) + 1
            yield Entry(key=key, value=text[start:end], line=line, start=start, end=end, exact=True)


def _well_formed(text: str) -> None:
    from xml.parsers import expat

    if "<!DOCTYPE" in text or "<%" in text:
        return
    try:
        # Jenkins writes version 1.1, which expat does not support.
        sound = re.sub(r"(<\?xml\s+version=.)1\.1", r"\g<1>1.0", text.lstrip("\ufeff"))
        expat.ParserCreate("utf-8").Parse(sound.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise Malformed(f"line {error.lineno}: {expat.ErrorString(error.code)}") from None


_READERS: Mapping[str, Callable[[str], Iterator[Entry]]] = {
    "dotenv": _dotenv,
    "yaml": trees.read,
    "ini": _ini,
    "properties": _properties,
    "code": literals.read,
    "words": lines.words,
    "unit": lines.unit,
    "environment": lines.environment,
    "literal": lines.literal,
    "script": script.read,
    "url": lines.url,
    "logins": lines.logins,
    "xml": _xml,
}
