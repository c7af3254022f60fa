"""Frozen dataclasses to plain JSON data and back, by their annotations.

Handles what queries and replies are made of: scalars, tuples, mappings, optional values, nested dataclasses.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from diagnose.errors import SnapshotError

_FAR = 6e10  # seconds, some 1900 years: what is a float in a recording is a time or a span


def to_plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list, frozenset)):
        return [to_plain(v) for v in value]
    return value


def from_plain(kind: Any, data: Any) -> Any:
    """Builds a `kind` from plain data; raises SnapshotError where they do not fit (a recording is untrusted)."""
    return _reader(kind)(data)


@functools.cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """The reader for an annotation, built once: a recording holds thousands of values of a few hundred kinds."""
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        inner = _reader(next(a for a in typing.get_args(kind) if a is not type(None)))
        return lambda data: None if data is None else inner(data)
    if origin is tuple:
        return _tuples(typing.get_args(kind))
    if dataclasses.is_dataclass(kind):
        return _records(typing.cast(type, kind))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return lambda data: _member(kind, data)
    if kind is float:
        return _seconds
    if kind in (str, int, bool):
        return lambda data: data if isinstance(data, kind) else _refuse(kind.__name__, data)
    return lambda data: data


def _tuples(kinds: tuple[Any, ...]) -> Callable[[Any], Any]:
    first = _reader(kinds[0])
    fixed = () if Ellipsis in kinds else tuple(map(_reader, kinds))

    def read(data: Any) -> Any:
        if not isinstance(data, list):
            _refuse("a list", data)
        if len(fixed) == len(data):
            return tuple(each(v) for each, v in zip(fixed, data, strict=True))
        return tuple(map(first, data))

    return read


def _records(kind: type) -> Callable[[Any], Any]:
    def read(data: Any) -> Any:
        if not isinstance(data, dict):
            raise SnapshotError(f"an object was expected for {kind.__name__}")
        fields = _fields(kind)
        if unknown := data.keys() - fields.keys():
            raise SnapshotError(f"unknown field {min(unknown)!r} in {kind.__name__}")
        return kind(**{name: fields[name](value) for name, value in data.items()})

    return read


@functools.cache
def _fields(kind: type) -> dict[str, Callable[[Any], Any]]:
    """The readers of a record's fields, built on first use because a record may contain its own kind."""
    hints = typing.get_type_hints(kind)
    return {field.name: _reader(hints[field.name]) for field in dataclasses.fields(kind)}


def _member(kind: type[enum.Enum], data: Any) -> Any:
    try:
        return kind(data)
    except ValueError:
        raise SnapshotError(f"{data!r} is no {kind.__name__}") from None


def _seconds(data: Any) -> float:
    if not isinstance(data, (int, float)) or isinstance(data, bool):
        _refuse("float", data)
    if not -_FAR < data < _FAR:  # NaN as well
        raise SnapshotError(f"{data!r:.30} is no time")
    return float(data)


def _refuse(wanted: str, data: Any) -> typing.NoReturn:
    raise SnapshotError(f"{wanted} was expected, not {type(data).__name__}")
