"""A remark about one line of a configuration file: what every parser returns instead of raising."""

from diagnose.record import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`line` counts from 1 (0: no line), `kind` is a fixed word with hyphens, `text` is free of secrets."""

    line: int
    kind: str
    text: str
