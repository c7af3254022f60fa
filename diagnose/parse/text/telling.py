"""Judges whether a value by itself looks like a secret: not a word, name, address, path, number, date or reference."""

from __future__ import annotations

import re

from diagnose.patterns import late

JUDGED = 200  # characters of a value that are judged
REFERENCE = late(
    r"(?:(?:proxy|debug):)*(?:hash|lmdb|texthash|btree|cdb|dbm|sdbm|regexp|pcre|cidr|mysql|pgsql|ldap|sqlite|memcache|mongodb|environ|"
    r"unix|tcp|socketmap|static|inline|pipemap|unionmap|randmap|fail|internal|nis)(?::|$)"
    r"|<\S*>|\*{3,}.*|!(?:secret|vault|env|ref|include|file)\b|(?:[\w:]+[.:])?(?:process\.env|(?:os\.)?environ|(?:get)?env|ENV)(?:\.get|\.fetch)?[.(\[\"']{1,3}[A-Z_][A-Z_\d]*[\"'\])};,]*$|\$\{[\w.:-]*\}|\$\([\w.:-]*\)|\$[A-Z_][A-Z_\d]{2,}|\$\w+_\w+(?:$|[\s,])|\{\{.*|<%.*|%[({]?[\w:]+[)}]?s?$|%\w+%$|\.{2,}|…|[xX]{4,}$|CHANGE_ME",
)
# A secret may begin with a slash, too: one in 64 base64 texts does.
PATH = late(
    r"(?:file:)?(?:/(?:etc|var|run|usr|opt|srv|home|root|mnt|tmp|app|data|private|secrets?|vault|config|proc|sys|dev|s?bin|lib\w*)(?:/[\w.-]+)*|(?:/[a-z][a-z\d._-]*){2,})/?(?![\w+=])|[A-Z]:\\\S*|\S+\.(?:pem|key|crt|cf|conf|db|so|py|java|php|txt|json|ya?ml)\b"
)
_FACT = late(
    r"<?[^\s:@]*@[\w.-]+>?|[\w.-]*\[[\da-fA-F.:]+\]|\[[\w.:-]+\](?::\d+)?|[\d:./T+-]+Z?|[\w-]+\(\)?|(?![^/]*\d[^/]*[A-Z])[A-Z][\w+-]*(?:/(?!\w*\d)[\w+-]+)+"
    r"|[a-z]*(?:[A-Z]+[a-z]{2,}){0,6}|[A-Z_]+|[A-Z]?[a-z]+(?:[-_/][A-Z]?[a-z]+)*|(?:SCRAM-)?SHA-?\d+\S*|[A-Z]{2,}-?\d{1,3}|[\w-]+=.*|0x[0-9a-f]+|\W*|\d+[a-z]{0,3}"
)
_PROMPTS = ("UGFzc3dvcmQ6", "VXNlcm5hbWU6")


def random(value: str) -> bool:
    """Whether a value looks like a secret without any context: letters mixed with digits or signs."""
    core = value.strip("\"'.,;:?()[]{}<>")
    digits, signs = any(map(str.isdigit, core)), any(char in "!#$%^&*~" for char in core)
    cases = any(map(str.isupper, core)) and any(map(str.islower, core))
    long = len(core) > 19 and core.isalnum()
    return (signs or (digits and (cases or long))) and telling(value) and core not in _PROMPTS


_NAMED_HOST = late(r"\[?[\w-]+(?:\.[\w-]+)*\.(?:[A-Za-z]{2,}|\d+)\.?\]?(?::\d+)?")
_MIXED = late(r"[a-z]\d{0,9}[A-Z]\w{0,60}\d|\d[A-Z]")  # no host name has this


def telling(value: str) -> bool:
    """Whether a value by itself looks like a secret: not a word, name, address, path, number or date."""
    core = value[:JUDGED].strip("\"'.,;:?()[]{}<>")
    return (
        len(core) >= 4
        and not (core.isalpha() and (core.islower() or core.istitle()))
        and not re.fullmatch(r"\d+/(?:tcp|udp)", core)
        and not _FACT.fullmatch(core)
        and (not _NAMED_HOST.fullmatch(core) or bool(_MIXED.search(core)))
        and not PATH.match(core)
        and not REFERENCE.match(value)
    )
