"""The proof behind "nothing wrong found", or why there is no result: the same lines for terminal and HTML page."""

from __future__ import annotations

from diagnose.report import Plain, digest

LINES = 6
DELIVERIES = 3
STAGES = 2  # of the mail's way whose failed proofs are told


def checked(plain: Plain) -> list[str]:
    """What was checked and is in order; the mailer under its own name."""
    return [digest.mailer(plain) if word == "Postfix" else word for word in digest.cleared(plain)]


def lines(plain: Plain) -> list[tuple[str, str]]:
    """One pair a line: status ("ok", "warning" or "unknown") and text."""
    seen = [o for o in digest.measured(plain, "flow", "view") if o["status"] in ("ok", "warning")]
    said = [(str(o["status"]), digest.statement(o)) for o in seen[:DELIVERIES]]
    if digest.status(plain) == "ok":
        fine = checked(plain)
        return said + ([("ok", f"checked and fine: {', '.join(fine)}")] if fine else [])
    failed = [p for p in plain.get("proofs", ()) if p["status"] == "failed"]
    said += [("unknown", f"mail was not seen to pass the {p['stage']}: {p['why']}") for p in failed[:STAGES]]
    if not any(o["status"] == "ok" for o in seen):
        unknown = [("unknown", digest.statement(o)) for o in digest.observations(plain) if o["status"] == "unknown"]
        said += unknown[: LINES - len(said)]
    return said
