"""Queue ids of Postfix.

A short id is five hexadecimal digits of microseconds, then the inode number, up to sixteen digits. A long one
(postconf(5), enable_long_queue_ids) is the time in base 52, which has no vowels, then "z" and the inode in base 51,
which has no "z".
"""

from __future__ import annotations

from diagnose.patterns import late

PATTERN = r"(?:[0-9A-F]{6,21}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,24}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]{1,13})"
_WHOLE = late(PATTERN)


def is_queue_id(text: str) -> bool:
    """Whether a word is a short or long queue id."""
    return _WHOLE.fullmatch(text) is not None
