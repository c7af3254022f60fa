"""A remark about a line of a configuration file; parsers return these instead of raising."""

from diagnose.record import frozen


@frozen
class Finding:
    """`line` counts from 1 (0: no line), `kind` is a fixed word with hyphens, `text` is free of secrets."""

    line: int
    kind: str
    text: str
