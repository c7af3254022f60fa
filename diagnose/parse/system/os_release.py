"""Parses os-release(5), and selects a distribution family's names of packages and files for mail."""

import re
import shlex
from dataclasses import replace

from diagnose.knowledge.distributions import FAMILIES, Family
from diagnose.record import frozen


@frozen
class Distribution:
    """`family`: debian, rhel, suse, alpine, arch or ''. `version` as printed, e.g. '12' or '22.04'."""

    id: str
    family: str
    version: str
    name: str

    @property
    def major(self) -> int:
        """The version's first number, 0 without one."""
        match = re.match(r"\d{1,6}", self.version)
        return int(match[0]) if match else 0


LONGEST = 1000  # characters of a value: splitting by the shell's rules takes quadratic time


def parse(text: str) -> Distribution:
    """Parse /etc/os-release; the family is '' for an unknown distribution or empty text."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            try:
                values[name] = "".join(shlex.split(value[:LONGEST])[:1])
            except ValueError:
                values[name] = value.strip("\"'")
    identity = values.get("ID", "").lower()
    likes = (identity, *values.get("ID_LIKE", "").lower().split())
    family = next((name for like in likes for name, each in FAMILIES.items() if like in each.ids), "")
    return Distribution(
        id=identity, family=family, version=values.get("VERSION_ID", ""), name=values.get("PRETTY_NAME", identity)
    )


def mail_support(distribution: Distribution, map_types: tuple[str, ...] = ()) -> Family:
    """The names for this distribution; an unknown one is treated as Debian.

    `map_types` (from `postconf -m`) overrides the default map type if that is not built in.
    """
    support = FAMILIES.get(distribution.family, FAMILIES["debian"])
    since, newer = support.newer.get(distribution.id, (0, ""))
    map_type = newer if newer and distribution.major >= since else support.map_type
    if map_types and map_type not in map_types:
        map_type = next((name for name in ("lmdb", "hash", "cdb", "texthash") if name in map_types), map_type)
    return replace(support, map_type=map_type)
