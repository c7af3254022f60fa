"""The grammars of settings files: which values a text holds, under which name, on which line, and at which place.

entries(text, grammar)   every value of a text; a text is never executed
grammar_of(path, text)   the grammar of a file, by its name and else by its looks

A name is the path to the value, parts joined by dots (`spring.mail.host`, `[smtp] host` is `smtp.host`).
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from diagnose.parse.text.masking import STARS

MOST = 5000  # values of a file that are looked at
LARGEST = 100_000  # characters of one: PyYAML needs seconds for more


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One value. value: None where it comes from elsewhere (the environment, a call). start, end: its place in the text, quotes
    included. quote: the quotes around it. exact: blanks at its ends are part of it. encoded: it is base64 there. bare: without quotes, where
    programs differ in what begins a comment. tail: what the grammar takes for a comment behind it. part: which document of several."""

    key: str
    value: str | None
    line: int
    start: int
    end: int
    quote: str = ""
    exact: bool = False
    encoded: bool = False
    bare: bool = False
    tail: str = ""
    part: int = 0


class Malformed(ValueError):
    """The application cannot load this file; the message says why, with the line."""


def entries(text: str, grammar: str) -> tuple[Entry, ...]:
    """All values of a text, the later of two of the same name last. Raises Malformed."""
    if len(text) > LARGEST:
        raise Malformed(f"it is larger than settings are ({len(text) // 1000} kB)")
    found: list[Entry] = []
    for entry in _READERS[grammar](text):
        found.append(entry)
        if len(found) == MOST:
            break
    return tuple(found)


def grammar_of(path: str, text: str) -> str | None:
    """The grammar's name, None where a file looks like none of them."""
    name = path.rpartition("/")[2]
    for pattern, grammar in _NAMES:
        if re.search(pattern, name, re.I):
            return grammar
    head = text.lstrip("\ufeff \t\r\n")[:4000]
    for pattern, grammar in _LOOKS:
        if re.search(pattern, head, re.M):
            return grammar
    return None


_NAMES = (
    (r"^\.?msmtprc|^remotes$|^dma\.conf$", "words"),
    (r"\.properties$", "properties"),
    (r"\.ya?ml(?:\.\w+)?$", "yaml"),
    (r"\.json5?$", "yaml"),
    (r"\.(?:php|rb|py|c?js|mjs|ts)$", "code"),
    (r"\.xml$|^(?:web|app)\.config$", "xml"),
    (r"\.service$|^override\.conf$", "unit"),
    (r"^\.env|\.env(?:\.[\w-]+)*$|^update-exim4\.conf\.conf$|^ssmtp\.conf$", "dotenv"),
    (r"\.(?:ini|toml|cfg|cnf)$|^odoo\S*\.conf$", "ini"),
)
_LOOKS = (
    (r"^\s*<\?xml|^\s*<[\w.]+>", "xml"),
    (r"^<\?php", "code"),
    (r"\A\s*\{", "yaml"),
    (r"^\[[\w.@ -]+\]\s*$", "ini"),
    (r"^(?:export )?[A-Z][A-Z0-9_]+=", "dotenv"),
    (r"^\s*[\w.-]+:(?:\s|$)", "yaml"),
    (r"^[a-z_][\w.]* *= *\S", "ini"),
)


# --- the readers ---------------------------------------------------------------------------------------------------


def _dotenv(text: str) -> Iterator[Entry]:
    """python-dotenv's grammar, ${VARIABLES} of the same file filled in. The last of two counts."""
    from dotenv.parser import parse_stream

    raw: dict[str, str] = {}
    at = 0
    for one in parse_stream(io.StringIO(text, newline="")):
        source, begins = one.original.string, at
        at += len(source)
        if one.error and source.strip():
            # Read by nobody, and perhaps half of a password.
            yield Entry(key="unreadable.password", value=source.strip(), line=one.original.line, start=begins, end=at)
        if one.error or not one.key or one.value is None:
            continue
        raw[one.key] = one.value
        value = _VARIABLE.sub(lambda m: raw.get(m[1], m[0]), one.value)
        where = source.find("=") + 1
        body = source[where:].strip()
        quote = body[:1] if body[:1] in ("'", '"') else ""
        start = begins + where + source[where:].find(body) if body else begins + where
        end = start + (body.rfind(quote) + 1 if quote else len(one.value) if body.startswith(one.value) else len(body))
        line = one.original.line + source[: len(source) - len(source.lstrip("\r\n"))].count("\n")
        yield Entry(
            key=one.key,
            value=None if _VARIABLE.search(value) else value,
            line=line,
            start=start,
            end=end,
            quote=quote,
            bare=not quote,
            tail="" if quote else _tail(text, end),
        )


def _tail(text: str, end: int) -> str:
    """The comment behind a bare value; one whose sign no blank follows may be the value's own rest."""
    found = re.compile(r"[ \t]+#[^\n]*").match(text, end)
    return found[0] if found else ""


_VARIABLE = re.compile(r"\$\{(\w+)(?::?-[^{}]*)?\}")


def _yaml(text: str) -> Iterator[Entry]:
    """YAML and JSON. A list of NAME=VALUE and of {name, value} gives names as a mapping does."""
    import yaml

    try:
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise Malformed(f"{where}{getattr(error, 'problem', None) or 'not valid YAML'}") from None
    except RecursionError:
        raise Malformed("nested too deep") from None
    for part, document in enumerate(documents):
        kind = _scalar_at(document, "kind")
        for entry in _nodes(document, "", part, encoded=kind == "Secret", depth=0):
            if entry.key == "GITLAB_OMNIBUS_CONFIG":
                # Ruby in a block of YAML.
                for own in _code(text[entry.start : entry.end]):
                    shifted = (own.start + entry.start, own.end + entry.start, own.line + entry.line - 1)
                    yield replace(own, start=shifted[0], end=shifted[1], line=shifted[2], part=part)
            else:
                tail = _tail(text, entry.end)
                # A masked value is quoted, so that it is read at all.
                yield entry if entry.quote and STARS not in tail else replace(entry, tail=tail)


def _scalar_at(node: object, key: str) -> str:
    for name, value in getattr(node, "value", ()) if type(node).__name__ == "MappingNode" else ():
        if name.value == key and isinstance(value.value, str):
            return value.value
    return ""


def _nodes(node: object, path: str, part: int, encoded: bool, depth: int) -> Iterator[Entry]:
    import yaml

    if depth > 40:
        return
    if isinstance(node, yaml.MappingNode):
        named = _scalar_at(node, "name")
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            inside = "" if re.search(r"(?:^|\.)(?:environment|env)$", path) else path
            below = named if key.value == "value" and named else f"{inside}.{key.value}".lstrip(".")
            yield from _nodes(value, below, part, encoded, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            if isinstance(each, yaml.ScalarNode) and (pair := re.match(r"([A-Z][A-Za-z0-9_]+)=", each.value)):
                start = each.start_mark.index + (1 if each.style in ("'", '"') else 0) + pair.end()
                end = each.end_mark.index - (1 if each.style in ("'", '"') else 0)
                value = _settled(each.value[pair.end() :])
                yield Entry(key=pair[1], value=value, line=each.start_mark.line + 1, start=start, end=end, part=part)
            else:
                yield from _nodes(each, path, part, encoded, depth + 1)
    elif isinstance(node, yaml.ScalarNode):
        hidden = encoded and path.startswith("data.")
        value = _decoded(node.value) if hidden else _settled(node.value)
        yield Entry(
            key=path.removeprefix("data.").removeprefix("stringData.")
            if re.match(r"(?:data|stringData)\.[A-Za-z]", path)
            else path,
            value=value,
            line=node.start_mark.line + 1,
            start=node.start_mark.index,
            end=node.end_mark.index,
            quote=node.style if node.style in ("'", '"') else "",
            encoded=hidden,
            part=part,
        )


def _settled(value: str) -> str | None:
    """The value, with the default of ${NAME:-default} and Spring's ${NAME:default}; None where only a variable has it."""
    known = re.sub(r"\$\{\w[\w.]*:-?([^{}]*)\}", r"\1", value)
    return None if re.search(r"\$\{[\w.]+\}|\{\{.*\}\}", known) else known


def _decoded(value: str) -> str | None:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return value


_INI = re.compile(
    r"""^[ \t]*(?:\[(?P<section>[^\]\n]*)\][^\n]*|(?P<key>[\w.\\-]+)[ \t]*[=:][ \t]*"""
    r"""(?P<value>\"{3}[\s\S]*?\"{3}|(?P<quote>["'`])(?:(?!(?P=quote))[^\n])*(?P=quote)(?=[ \t]*(?:[;#]|$))|[^\n]*))""",
    re.M,
)


def _ini(text: str) -> Iterator[Entry]:
    """INI as Go's, PHP's and Python's readers have in common. Where a comment ends a bare value, the programs differ: it is
    left to the end of its line."""
    section, line, counted = "", 1, 0
    for found in _INI.finditer(text):
        if found["section"] is not None:
            section = found["section"].strip()
            continue
        start, raw = found.start("value"), found["value"].rstrip()
        line, counted = line + text.count("\n", counted, start), start
        quote = '"""' if raw.startswith('"""') else found["quote"] or ""
        yield Entry(
            key=f"{section}.{found['key']}".lstrip("."),
            value=raw[len(quote) : len(raw) - len(quote)],
            line=line,
            start=start,
            end=start + len(raw),
            quote=quote,
            bare=not quote,
        )


def _properties(text: str) -> Iterator[Entry]:
    """Java's: as INI without sections, quotes and comments behind a value, whose blanks at the end count."""
    for number, found in enumerate(
        re.finditer(r"^[ \t]*(?P<key>[^\s=:#!]*)[ \t]*[=:]?[ \t]*(?P<value>[^\n]*)$", text, re.M), 1
    ):
        if found["key"]:
            start, end = found.span("value")
            value = found["value"].removesuffix("\r")
            yield Entry(key=found["key"], value=_settled(value), line=number, start=start, end=end, exact=True)


_CODE = re.compile(
    r"""(?P<comment>/\*[\s\S]*?\*/|(?m:^)[ \t]*(?:\#|//|\*)[^\n]*|(?<=[\s,;)])(?:\#|//)[^\n'"]*$)
      | (?P<open>\b\w+['"]?\]?\s*(?:=>|=|:)\s*[\[{(])
      | (?:define\(\s*)?['"]?(?P<key>[A-Za-z_$][\w.$>-]*)['"]?\s*\]?\s*(?:=>|=(?!=|>|~)|:(?!:)|,)\s*
        (?P<value>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|[:\w.-]+(?![\w.(\[-]|::|\s*=>)|(?P<call>[A-Za-z_][\w.:>-]*\s*[\[(][^\n]*))""",
    re.X | re.M,
)


_DEFAULT = re.compile(
    r"""[(\[][^()\n]*?,\s*(?:default\s*=\s*)?(?:'(?P<s>[^'\n]*)'|"(?P<d>[^"\n]*)"|(?P<w>[\w.]+))\s*[)\]]"""
)


def _code(text: str) -> Iterator[Entry]:
    """Assignments of literals in PHP, Ruby, Python and JavaScript: NAME = "x", 'name' => 'x', name: "x", define('NAME', 'x')."""
    line, counted = 1, 0
    for found in _CODE.finditer(text):
        if found["key"] is None:
            continue
        start = found.start("value")
        line, counted = line + text.count("\n", counted, start), start
        raw = found["value"]
        if found["call"]:
            # What the environment does not have, the call's second argument gives.
            default = _DEFAULT.search(raw)
            group = next((name for name in ("s", "d", "w") if default and default[name] is not None), None)
            first, last = (start + each for each in (default.span(group) if default and group else (0, 0)))
            value = default[group] if default and group else None
            yield Entry(key=found["key"].lstrip("$"), value=value, line=line, start=first, end=last, quote="")
            continue
        quote = raw[:1] if raw[:1] in "'\"" else ""
        value = re.sub(r"\\(.)", r"\1", raw[1:-1]) if quote else raw.lstrip(":")
        yield Entry(
            key=found["key"].lstrip("$:"),
            value=None if quote == '"' and re.search(r"[#$]\{", value) else value,
            line=line,
            start=start,
            end=found.end("value"),
            quote=quote,
        )


def _words(text: str) -> Iterator[Entry]:
    """`name value` on a line, of msmtp's accounts those that count for the default one; a host and `--name=value` behind it on a
    line of nullmailer's remotes."""
    blocks: dict[str, list[Entry]] = {}
    block, default, at = "", "", 0
    for number, line in enumerate(text.split("\n"), 1):
        begins, at = at, at + len(line) + 1
        found = re.match(r"\s*(?P<key>[A-Za-z_][\w.-]*)(?:[ \t]*=[ \t]*|[ \t]+|$)(?P<value>.*?)\s*$", line)
        if found is None:
            continue
        key, value, start = found["key"], found["value"], begins + found.start("value")
        if key in ("account", "defaults"):
            block = value.partition(":")[0].strip() if key == "account" else "defaults"
            default = (value.partition(":")[2].strip() or block) if block == "default" else default
            yield Entry(key=key, value=value, line=number, start=start, end=start + len(value))
            continue
        options = list(re.finditer(r"(?<=\s)--([\w-]+)(?:=(?P<v>\"[^\"]*\"|'[^']*'|\S*))?", line))
        if "." in key and (options or re.match(r"smtp\b|$", value)):
            where = begins + found.start("key")
            yield Entry(key="remote.host", value=key, line=number, start=where, end=where + len(key))
            for one in options:
                given = one["v"] if one["v"] is not None else "yes"
                first = begins + (one.start("v") if one["v"] is not None else one.end())
                last = begins + one.end()
                yield Entry(key=f"remote.{one[1]}", value=given.strip("\"'"), line=number, start=first, end=last)
            continue
        quote = value[:1] if value[:1] in ("'", '"') and value[-1:] == value[:1] and len(value) > 1 else ""
        bare = value[1:-1] if quote else value or "yes"  # dma's flags
        entry = Entry(key=key.lower(), value=bare, line=number, start=start, end=start + len(value), quote=quote)
        blocks.setdefault(block, []).append(entry)
    named = [name for name in blocks if name not in ("", "defaults")]
    counting = ("", "defaults", default if default in blocks else named[0] if named else "default")
    for name, found_here in blocks.items():
        for entry in found_here:
            yield entry if name in counting else replace(entry, key=f"other.{entry.key}")


def _unit(text: str) -> Iterator[Entry]:
    """Environment= of a systemd unit, each assignment by itself."""
    for line in re.finditer(r"^[ \t]*Environment=(?P<all>[^\n]*)", text, re.M):
        number = text.count("\n", 0, line.start()) + 1
        for found in _ASSIGNED.finditer(line["all"]):
            group = next(name for name in ("double", "single", "bare") if found[name] is not None)
            name, _, value = found[group].partition("=")
            if not re.fullmatch(r"[A-Za-z_]\w*", name):
                continue
            start = line.start("all") + found.start(group) + len(name) + 1
            bare = value[1:-1] if value[:1] in ("'", '"') and value[-1:] == value[:1] and len(value) > 1 else value
            yield Entry(key=name, value=bare, line=number, start=start, end=start + len(value))


_ASSIGNED = re.compile(
    r"""(?<!\S)(?:"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>(?:\\.|[^'\\])*)'|(?P<bare>[^\s"']+(?:"[^"]*"|'[^']*')?\S*))"""
)


_ATTRIBUTE = re.compile(r"([\w.:-]+)=\"([^\"<>]*)\"")


def _xml(text: str) -> Iterator[Entry]:
    """<name>value</name>, and <tag name="value">; nothing is expanded."""
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
            yield Entry(key=key, value=text[start:end], line=text.count("\n", 0, start) + 1, start=start, end=end)


_READERS: Mapping[str, Callable[[str], Iterator[Entry]]] = {
    "dotenv": _dotenv,
    "yaml": _yaml,
    "ini": _ini,
    "properties": _properties,
    "code": _code,
    "words": _words,
    "unit": _unit,
    "xml": _xml,
}
