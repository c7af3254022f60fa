"""Plans for an application's own settings."""

from __future__ import annotations

from diagnose.apps import APPLY
from diagnose.remedy.evidence import Evidence
from diagnose.remedy.plan import Plan, plans


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
    """The words of the cause, and by which commands the product takes its edited settings up."""
    applied = " && ".join(APPLY.get(e.text("product"), ()))
    return Plan(text=f"{e.diagnosis.remedy.text}\nTo have it taken up: {applied}") if applied else None
