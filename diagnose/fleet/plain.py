"""A fleet as plain data, which all its formats are made from.

schema, kind ("fleet"), version; status and counts as in the hosts' own reports; hosts: how many were read; causes: by how many
hosts have them, each with its hosts' names, since (ISO 8601, null), half (when half of the dated ones had it), shared: group,
value, hit and size (hosts of the group that have the cause, and all), spared (names, of a few), elsewhere and outside (the same two
of all other hosts), log10_p (decimal logarithm of the chance, times the questions), same (pairs: groups that hold the same hosts);
remedy; asks (who else must act); odd: host and text; unread: file and why; questions; alpha.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from diagnose import __version__
from diagnose.fleet.shared import ALPHA, CauseSeen, Finding, Fleet
from diagnose.knowledge.causes import all_causes
from diagnose.rank import fill

_SPARED = 20


def as_plain(fleet: Fleet) -> dict[str, Any]:
    remedies = {cause.id: fill(cause.remedy, {}) for cause in all_causes()}
    return {
        "schema": 1,
        "kind": "fleet",
        "version": __version__,
        "status": fleet.status,
        "hosts": len(fleet.members),
        "counts": {status: fleet.counts[status] for status in ("ok", "warning", "failed", "unknown")},
        "causes": [_cause(seen, remedies.get(seen.id, "")) for seen in fleet.causes],
        "odd": [{"host": member.name, "text": text} for member, text in fleet.odd],
        "unread": [{"file": each.file, "why": each.why} for each in fleet.unread],
        "questions": fleet.questions,
        "alpha": ALPHA,
    }


def _cause(seen: CauseSeen, remedy: str) -> dict[str, Any]:
    asks = dict.fromkeys(ask for member in seen.hosts for ask in member.asks)
    return {
        "cause": seen.id,
        "title": seen.title,
        "hosts": [member.name for member in seen.hosts],
        "since": _iso(seen.since),
        "half": _iso(seen.half),
        "shared": [_finding(each) for each in seen.shared],
        "remedy": remedy,
        "asks": [{"who": who, "text": text} for who, text in asks],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    name, value = finding.group
    return {
        "group": name,
        "value": value,
        "hit": len(finding.hit),
        "size": len(finding.hit) + len(finding.spared),
        "spared": [member.name for member in finding.spared[:_SPARED]],
        "elsewhere": finding.elsewhere,
        "outside": finding.outside,
        "log10_p": round(finding.log10_p, 1),
        "same": [list(group) for group in finding.same],
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
