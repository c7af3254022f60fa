"""YAML and JSON: values by their path, with the conventions of compose files and Kubernetes."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from diagnose.apps.entry import Entry, Malformed, settled, tail
from diagnose.parse.text.masking import STARS

_ENVIRONMENT = re.compile(r"(?:^|\.)(?:environment|env)$")
_FILE = re.compile(r"^[\w.-]+\.(?:ya?ml|properties|ini|json|conf|env|php|rb|py)$")
_DEEPEST = 40
NUMBER = "setting-odd: YAML takes it for a number, which loses the 0 at the beginning"


def read(text: str) -> Iterator[Entry]:
    """Every scalar. Items NAME=VALUE and {name, value} of a list count as in a mapping; in an environment the key is
    the name alone, and `within` its path. Raises Malformed."""
    import yaml

    from diagnose.apps import grammars

    try:
        documents = [each for one in yaml.compose_all(_json(text), Loader=yaml.SafeLoader) for each in _objects(one)]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise Malformed(f"{where}{getattr(error, 'problem', None) or 'not valid YAML'}") from None
    except RecursionError:
        raise Malformed("nested too deep") from None
    for part, document in enumerate(documents):
        kind = _scalar_at(document, "kind")
        for entry in _nodes(document, "", part, kind, 0):
            name = entry.key.removeprefix("stringData.").removeprefix("data.")
            grammar = "code" if name == "GITLAB_OMNIBUS_CONFIG" else ""
            if _FILE.match(name):
                grammar = grammars.grammar_of(name, "") or ""
            source = text[entry.start : entry.end]
            if grammar and source[:1] in "|>":
                # A whole file in a YAML block.
                first = source.find("\n") + 1
                for own in grammars.entries(source[first:], grammar):
                    place = (own.start + entry.start + first, own.end + entry.start + first)
                    yield replace(own, start=place[0], end=place[1], line=own.line + entry.line, part=part)
            elif entry.quote and STARS not in tail(text, entry.end):
                yield entry
            else:
                # Unquoted, or masked, in which case the quotes were added.
                yield replace(entry, tail=tail(text, entry.end))


def _objects(document: Any) -> list[Any]:
    """The items of a Kubernetes List, as kubectl shows several objects; otherwise the document itself."""
    if not _scalar_at(document, "kind").endswith("List"):
        return [document]
    items = next((getattr(value, "value", None) for key, value in document.value if key.value == "items"), None)
    return items if isinstance(items, list) else [document]


def _json(text: str) -> str:
    """JSON with comments and trailing commas, which many programs allow, replaced by blanks; places do not change."""
    comment = r"//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/"  # which ends at the first mark: several are never one
    if not re.match(rf"(?:[\ufeff\s]|{comment})*\{{", text):
        return text
    pattern = rf"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\\n])*')|{comment}|,(?=\s*(?:(?:{comment})\s*)*[}}\]])"""
    return re.sub(pattern, lambda found: found[1] or re.sub(r"[^\n]", " ", found[0]), text)


def _merged(node: Any, seen: dict[int, list[tuple[Any, Any]]]) -> list[tuple[Any, Any]]:
    """(key node, value node) of a mapping's pairs, those merged by `<<` before its own, which override them. seen:
    results by mapping, since one may occur in many places, or in itself."""
    import yaml

    if id(node) in seen:
        return seen[id(node)]
    seen[id(node)] = []
    own: list[tuple[Any, Any]] = []
    taken: dict[str, tuple[Any, Any]] = {}
    for key, value in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            several = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for each in reversed(several):
                if isinstance(each, yaml.MappingNode):
                    taken.update({name.value: (name, what) for name, what in _merged(each, seen)})
        elif isinstance(key, yaml.ScalarNode):
            own.append((key, value))
    names = {key.value for key, _ in own}
    inside = range(
        node.start_mark.index, node.end_mark.index
    )  # merged pairs written inside the mapping occur nowhere else
    kept = [pair for name, pair in taken.items() if name not in names or pair[1].start_mark.index in inside]
    seen[id(node)] = [*kept, *own]
    return seen[id(node)]


def _scalar_at(node: Any, key: str) -> str:
    for name, value in getattr(node, "value", ()) if type(node).__name__ == "MappingNode" else ():
        if name.value == key and isinstance(value.value, str):
            return str(value.value)
    return ""


def _nodes(node: Any, path: str, part: int, kind: str, depth: int) -> Iterator[Entry]:
    import yaml

    if depth > _DEEPEST:
        return
    if isinstance(node, yaml.MappingNode):
        named = _scalar_at(node, "name")
        for key, value in _merged(node, {}):
            if key.value == "value" and named and isinstance(value, yaml.ScalarNode):
                yield _entry(value, named, part, kind, path)
            elif key.value == "valueFrom" and named:
                place = value.start_mark.index
                line = value.start_mark.line + 1
                also = tuple(
                    f"{_scalar_at(each, 'name')}.{_scalar_at(each, 'key')}"
                    for what, each in getattr(value, "value", ())
                    if what.value in ("secretKeyRef", "configMapKeyRef")
                )
                yield Entry(key=named, value=None, line=line, start=place, end=place, part=part, within=path, also=also)
                yield from _nodes(value, f"{path}.valueFrom", part, kind, depth + 1)
            elif _FILE.match(key.value) and isinstance(value, yaml.MappingNode):
                yield from _nodes(value, "", part, kind, depth + 1)  # a whole file, as in Helm's values
            elif _ENVIRONMENT.search(path) and isinstance(value, yaml.ScalarNode):
                yield _entry(value, str(key.value), part, kind, path)
            else:
                yield from _nodes(value, f"{path}.{key.value}".lstrip("."), part, kind, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            if isinstance(each, yaml.ScalarNode) and (pair := re.match(r"([A-Za-z_][A-Za-z0-9_]*)=", each.value)):
                edge = 1 if each.style in ("'", '"') else 0
                start, end = each.start_mark.index + edge + pair.end(), each.end_mark.index - edge
                value, variable = settled(each.value[pair.end() :], templates=True)
                line = each.start_mark.line + 1
                yield Entry(
                    key=pair[1], value=value, line=line, start=start, end=end, part=part,
                    exact=True, variable=variable, within=path,
                )  # fmt: skip
            elif path.startswith("services.") and _ENVIRONMENT.search(path) and isinstance(each, yaml.MappingNode):
                for entry in _nodes(each, path, part, kind, depth + 1):
                    yield replace(
                        entry, remark="setting-wrong: a list of the environment takes NAME=value, not NAME: value"
                    )
            else:
                yield from _nodes(each, path, part, kind, depth + 1)
    elif isinstance(node, yaml.ScalarNode):
        data = re.match(r"(?:data|stringData)\.(?=[A-Za-z_])", path)
        yield _entry(node, path[data.end() :] if data and kind else path, part, kind, path)


def _entry(node: Any, name: str, part: int, kind: str, path: str) -> Entry:
    encoded = kind == "Secret" and path.startswith("data.")
    value, variable = (_decoded(node.value), "") if encoded else settled(node.value, templates=True)
    remark = ""
    if encoded and value is None:
        value, encoded, remark = (
            node.value,
            False,
            "setting-wrong: it is not base64, as a Secret's data must be (stringData is not)",
        )
    elif (
        not node.style
        and node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:float")
        and ((kind == "ConfigMap" and path.startswith("data.")) or (kind and re.search(r"(?:^|\.)env$", path)))
    ):
        remark = "setting-wrong: Kubernetes accepts only strings here: put the value in quotes"
    elif not node.style and node.tag == "tag:yaml.org,2002:int" and re.match(r"0[0-9_]", node.value):
        remark = f"{NUMBER}: put it in quotes"
    if node.tag.startswith("!") and len(node.tag) > 1:
        value = None  # !secret, !vault, !reference
    if node.tag == "tag:yaml.org,2002:null" and not node.style:
        value = ""
    return Entry(
        key=name,
        value=value,
        line=node.start_mark.line + 1,
        start=node.start_mark.index,
        end=node.end_mark.index,
        quote=node.style if node.style in ("'", '"') else "",
        encoded=encoded,
        part=part,
        within=path if name != path else "",
        variable=variable,
        remark=remark,
        also=(f"secrets.yaml.{node.value}",) if node.tag == "!secret" and STARS not in node.value else (),
    )


def _decoded(value: str) -> str | None:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
