"""Frozen dataclasses to plain JSON data and back, by their annotations.

Handles what queries and replies are made of: scalars, tuples, mappings, optional values, nested dataclasses.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Mapping
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
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        if data is None:
            return None
        return from_plain(next(a for a in typing.get_args(kind) if a is not type(None)), data)
    if origin is tuple:
        if not isinstance(data, list):
            raise SnapshotError(f"a list was expected, not {type(data).__name__}")
        kinds = typing.get_args(kind)
        if len(kinds) == len(data) and Ellipsis not in kinds:
            return tuple(from_plain(each, v) for each, v in zip(kinds, data, strict=True))
        return tuple(from_plain(kinds[0], v) for v in data)
    if dataclasses.is_dataclass(kind):
        if not isinstance(data, dict):
            raise SnapshotError(f"an object was expected for {getattr(kind, '__name__', kind)}")
        hints = _hints(typing.cast(type, kind))
        known = {f.name for f in dataclasses.fields(kind)}
        unknown = set(data) - known
        if unknown:
            raise SnapshotError(f"unknown field {min(unknown)!r} in {getattr(kind, '__name__', kind)}")
        return kind(**{name: from_plain(hints[name], value) for name, value in data.items()})  # type: ignore[operator]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        try:
            return kind(data)
        except ValueError:
            raise SnapshotError(f"{data!r} is no {kind.__name__}") from None
    if kind is float and isinstance(data, (int, float)) and not isinstance(data, bool):
        if not -_FAR < data < _FAR:  # NaN as well
            raise SnapshotError(f"{data!r:.30} is no time")
        return float(data)
    if isinstance(kind, type) and kind in (str, int, float, bool) and not isinstance(data, kind):
        raise SnapshotError(f"{kind.__name__} was expected, not {type(data).__name__}")
    return data


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
