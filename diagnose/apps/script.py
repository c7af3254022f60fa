"""Shell scripts that start containers: the environment that `docker run` and `podman run` pass to them.

    docker run -e NAME=VALUE --env NAME="VALUE" --env-file FILE --network host IMAGE

Variables assigned earlier in the script are expanded; nothing is executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from diagnose.apps.entry import Entry
from diagnose.patterns import late

STARTS = r"^[ \t]*(?:(?:sudo|exec)[ \t]+)?(?:docker|podman|nerdctl)[ \t]+(?:container[ \t]+)?(?:run|create)\b"
"""A line that starts a container."""
_TOKEN = late(
    r"""(?:[ \t\r]|\\\r?\n)+ | (?P<comment>\#[^\n]*) | (?P<end>[\n;&|()<>])
      | (?P<word>(?:[^\s\\'";&|()<>\#]|(?<=[^\s])\#|\$\([^()\n]*\)|\\[^\n]|'[^']*'|"(?:\\[\s\S]|[^"\\])*")+) | .""",
    re.X,
)
_PIECE = late(
    r"""'(?P<single>[^']*)'|\\(?P<escaped>.)|(?P<quote>")|\$\{?(?P<name>[A-Za-z_]\w*)(?::?-(?P<default>[^{}]*))?\}?|(?P<call>\$\(|`)|(?P<plain>.)""",
    re.S,
)
_ASSIGNED = late(r"(?P<name>[A-Za-z_]\w*)=")
_PREFIXES = ("export", "readonly", "local", "declare")


def read(text: str) -> Iterator[Entry]:
    """The script's own variables (within "shell"), and those passed to containers (within "container.environment")."""
    values: dict[str, str | None] = {}
    for command in _commands(text):
        words = [each[0] for each in command]
        for each in command[words[:1] != [] and words[0] in _PREFIXES :]:
            if not _ASSIGNED.match(each[0]):
                break
            entry = _entry(text, each, values, "shell")
            values[entry.key] = entry.value
            yield entry
        if re.search(STARTS, " ".join(words[:4])):
            yield from _started(text, command, values)


def _commands(text: str) -> Iterator[list[re.Match[str]]]:
    words: list[re.Match[str]] = []
    for found in _TOKEN.finditer(text):
        if found["word"] is not None:
            words.append(found)
        elif found["end"] is not None and words:
            yield words
            words = []
    if words:
        yield words


def _started(text: str, command: list[re.Match[str]], values: Mapping[str, str | None]) -> Iterator[Entry]:
    for at, each in enumerate(command):
        option = re.match(r"(?P<name>-e|--env|--env-file|--network|--net)(?:=|$)|-e(?=\w)", each[0])
        if option is None:
            continue
        name = option["name"] or "-e"
        inside = option.end() < len(each[0])
        where = (
            (each.start() + option.end(), each.end())
            if inside
            else command[at + 1].span()
            if at + 1 < len(command)
            else None
        )
        if where is None:
            return
        word = re.compile(r"[\s\S]*").match(text, *where)
        assert word is not None
        if name in ("-e", "--env"):
            if re.fullmatch(r"\w+", word[0]):  # passed on from the script
                value = values.get(word[0])
                yield _placed(text, word[0], value, where, "container.environment", "" if value else word[0])
            elif _ASSIGNED.match(word[0].lstrip("'\"")):
                yield _entry(text, word, values, "container.environment")
        else:
            value, _ = _value(word[0], values)
            yield _placed(text, "container.network_mode" if "net" in name else "env-file", value, where, "", "")


def _placed(
    text: str, key: str, value: str | None, where: tuple[int, int], within: str, variable: str, quote: str = ""
) -> Entry:
    number = text.count("\n", 0, where[0]) + 1
    return Entry(
        key=key,
        value=value,
        line=number,
        start=where[0],
        end=where[1],
        exact=True,
        within=within,
        variable=variable,
        quote=quote,
    )


def _entry(text: str, word: re.Match[str], values: Mapping[str, str | None], within: str) -> Entry:
    """The entry for NAME=VALUE, with quotes around the value or the whole."""
    name, _, rest = word[0].partition("=")
    outer = name[:1] if name[:1] in ("'", '"') else ""
    start, end = word.start() + len(name) + 1, word.end() - len(outer)
    value, variable = _value(f"{outer}{rest}", values)
    quote = rest[:1] if not outer and rest[:1] in ("'", '"') and rest[-1:] == rest[:1] and len(rest) > 1 else ""
    return _placed(text, name.lstrip("'\""), value, (start, end), within, variable, quote)


def _value(word: str, values: Mapping[str, str | None]) -> tuple[str | None, str]:
    """(the word as the shell expands it, ""); (None, the variable or "") if that is unknown."""
    out: list[str] = []
    quoted = False
    for found in _PIECE.finditer(word):
        if found["quote"]:
            quoted = not quoted
        elif found["name"]:
            known = values.get(found["name"]) or found["default"]
            if known is None:
                return None, found["name"] if found[0] == word.strip('"') else ""
            out.append(known)
        elif found["call"]:
            return None, ""
        elif found["single"] is not None:
            out.append(found[0] if quoted else found["single"])
        elif found["escaped"] is not None:
            out.append(found["escaped"] if not quoted or found["escaped"] in '"\\$`' else found[0])
        else:
            out.append(found["plain"])
    return "".join(out), ""
