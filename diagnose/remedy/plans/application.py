"""Plans for an application's own settings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose.apps import APPLY
from diagnose.model import Observation, Status
from diagnose.parse.text.masking import STARS
from diagnose.remedy.evidence import Evidence
from diagnose.remedy.plan import Plan, plans
from diagnose.remedy.properties import SetProperty
from diagnose.remedy.steps import Step

_PAIR = re.compile(r"([\w.-]+)=([\w.:@/+-]+)")
_FORMATS = (".properties", ".env")


@plans(
    "app-certificate-untrusted",
    "app-config-invalid",
    "app-config-not-applied",
    "app-credentials-rejected",
    "app-smtp-unreachable",
    "app-tls-mismatch",
    "app-tls-too-old",
)
def settings(e: Evidence) -> Plan | None:
    """The lines set right, where the file is the application's own and is no template's; then by which commands it takes them up."""
    applied = " && ".join(APPLY.get(e.text("product"), ()))
    seen = [*e.seen("app.settings"), *e.seen("app.tls"), *e.seen("app.server")]
    steps = list(dict.fromkeys(step for each in seen for step in _steps(e, each)))
    text = e.diagnosis.remedy.text + (f"\nTo have it taken up: {applied}" if applied else "")
    return Plan(steps=tuple(steps), text=text) if steps or applied else None


def _steps(e: Evidence, seen: Observation) -> Iterator[Step]:
    path = str(seen.data.get("path") or "")
    if seen.status is not Status.FAILED or not path.endswith(_FORMATS) or "puppet" in str(seen.data.get("product")):
        return
    file, number, kind = e.real(path), int(str(seen.data.get("line") or 0)), seen.data.get("problem")
    raw = e.line(path, number, secret="properties" if path.endswith(".properties") else "settings")
    why = f"{seen.summary[:1].upper()}{seen.summary[1:]}."
    value = re.match(r"\s*[\w.-]+\s*[=:]\s*(.*)", raw)
    if kind in ("trailing-blank", "blank-in-boolean", "host-has-blank") and raw != raw.rstrip() and raw:
        yield e.repair(path, number, raw[len(raw.rstrip()) :], "", why, "end")
        return
    if kind == "inline-comment" and value and "#" in value[1]:
        yield e.repair(path, number, "", "", why, "comment")
        return
    if kind == "quoted-value" and value and STARS not in raw and value[1][:1] == value[1][-1:] and len(value[1]) > 1:
        yield e.repair(path, number, value[1], value[1][1:-1], why, "within")
        return
    for word in re.sub(r"^It should say |\.$", "", str(seen.data.get("setting") or "")).split("; "):
        if pair := _PAIR.fullmatch(word):
            yield SetProperty(path=file, key=pair[1], value=pair[2], why=why)
