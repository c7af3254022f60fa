"""The path of a message in one line: its stations, whether mail was seen to pass each, and where it stops."""

from __future__ import annotations

from diagnose.knowledge.mailers import mailers
from diagnose.record import dataclass
from diagnose.report import Plain, digest

STATIONS = ("application", "Postfix", "firewall", "network", "relay", "recipient")
PASSED, BROKEN, OPEN = "passed", "broken", ""
# Which stage of the mail's way proves which station (`diagnose.model.Stage`).
_PROVES = {"next hop": "network", "greeting": "relay", "login": "relay", "delivery": "recipient"}


@dataclass(frozen=True)
class Station:
    """state: PASSED if that was seen, BROKEN where the mail stops, else OPEN."""

    name: str
    state: str


def stations(plain: Plain) -> list[Station]:
    """From the application to the recipient; empty if no cause names a station."""
    first = next(iter(digest.main_diagnoses(plain)), None)
    at = str(first.get("station") or "") if first else ""
    if first is None or at not in STATIONS or first["confidence"] == "possible" or first["impact"] == "latent":
        return []
    passed = {word for word in digest.cleared(plain) if word in STATIONS}
    proofs = {p["stage"]: p["status"] for p in plain.get("proofs", ())}
    passed |= {station for stage, station in _PROVES.items() if proofs.get(stage) == "ok"}
    named = [name for name in STATIONS if name != "relay" or at == "relay" or plain.get("target", {}).get("relay")]
    mailer = _mailer(plain, first)
    if not mailer:
        named.remove("Postfix")
    broken = named.index(at)
    return [
        Station(
            mailer if name == "Postfix" else name,
            BROKEN if name == at else PASSED if name in passed and index < broken else OPEN,
        )
        for index, name in enumerate(named)
    ]


def _mailer(plain: Plain, diagnosis: Plain) -> str:
    """The name of Postfix's station; "" if the program speaks SMTP to a server elsewhere."""
    data = diagnosis.get("data", {})
    if program := str(data.get("program") or ""):
        if known := mailers().get(program):
            return str(known["title"])
        if diagnosis["station"] != "Postfix" and not data.get("local"):
            return ""
    return digest.mailer(plain) if plain["host"]["name"] else "mail server"
