"""A fleet's reports, varied from those of recorded machines, with causes that come by chance and one that does not."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.report import material

NETWORKS = (
    "Hetzner Online",
    "OVH",
    "IONOS",
    "Amazon EC2",
    "DigitalOcean",
    "STRATO-AS, DE",
    "Comcast / Xfinity",
    "Vultr",
)
RELAYS = ("[smtp.gmail.com]:587", "[email-smtp.us-east-1.amazonaws.com]:587", "[smtp.sendgrid.net]:587", None, None)
SYSTEMS = (
    "Debian GNU/Linux 11 (bullseye)",
    "Debian GNU/Linux 12 (bookworm)",
    "Ubuntu 22.04.5 LTS",
    "Rocky Linux 9.5 (Blue Onyx)",
)
VERSIONS = ("3.4.13", "3.5.25", "3.6.4", "3.7.11", "3.8.6", "3.10.2")
FAULTS = ("blocked-isp", "wrong-key", "app-password")
PLANT = "blocked-isp", "OVH"


def reports(number: int, seed: int, ill: float = 0.02) -> Iterator[dict[str, Any]]:
    """By chance a share `ill` of the hosts has one of FAULTS; of the plant's network nine in ten have the plant's."""
    chance = random.Random(seed)
    bases = {name: material.report(name) for name in ("healthy", *FAULTS)}
    for count in range(number):
        network = chance.choice(NETWORKS)
        name = chance.choice(FAULTS) if chance.random() < ill else "healthy"
        if network == PLANT[1] and chance.random() < 0.9:
            name = PLANT[0]
        yield vary(bases[name], f"host-{count:05}", network, chance)


def vary(base: dict[str, Any], name: str, network: str, chance: random.Random) -> dict[str, Any]:
    report = copy.copy(base)
    system, template = chance.choice(SYSTEMS), chance.randrange(200)
    report["host"] = {
        **base["host"], "name": f"{name}.example.com", "system": system, "config": f"{template:012x}",
        "mta": f"Postfix {chance.choice(VERSIONS)}",
    }  # fmt: skip
    report["target"] = {**base["target"], "relay": chance.choice(RELAYS)}
    report["runs"] = [
        {
            **run,
            "observations": [
                {**seen, "subject": network, "status": "ok", "data": {"network_name": network}}
                if seen.get("gauge") == "network"
                else seen
                for seen in run["observations"]
            ],
        }
        for run in base["runs"]
    ]
    return report


def write(folder: Path, number: int, seed: int) -> None:
    for report in reports(number, seed):
        name = report["host"]["name"]
        (folder / f"{name}.json").write_text(json.dumps(report, indent=2, ensure_ascii=False), encoding="utf-8")
