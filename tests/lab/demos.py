"""Makes the recordings that `mail-diagnose demo` ships: python -m tests.lab.demos [NAME ...], as root."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from .faults import every
from .machine import CHECKOUT, SECRET, Machine

PLACE = CHECKOUT / "diagnose" / "data" / "demos"
# Name of the demo: the lab's case, and what the newcomer is told.
DEMOS = {
    "blocked-isp": ("isp-drops-25", "the provider drops outgoing port 25"),
    "blocked-firewall": ("nft-host-drops-25", "the host's own firewall drops port 25"),
    "document-pasted": ("cafile-of-red-hat", "settings from another distribution's manual"),
    "wrong-key": ("sasl-key-no-port", "the relay's password under the wrong key"),
    "app-password": ("gmail-app-password", "Gmail requires an application password"),
    "healthy": ("healthy-relay-587", "mail goes through a relay, nothing wrong"),
}


def record(name: str) -> None:
    """Breaks the machine, records it, and keeps the recording beside its line in the index."""
    case, about = DEMOS[name]
    with Machine(every()[case]) as machine:
        machine.prepare()
        done = machine.diagnose("record", "-o", "/tmp/demo.json.gz")
        if done.returncode:
            raise SystemExit(f"{name}: {done.stderr}")
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "demo.json.gz"
            copy.write_bytes(machine.path("/tmp/demo.json.gz").read_bytes())
            import gzip

            if SECRET in gzip.decompress(copy.read_bytes()).decode():
                raise SystemExit(f"{name}: the recording shows a secret")
            (PLACE / f"{name}.json.gz").write_bytes(copy.read_bytes())
    index = json.loads((PLACE / "index.json").read_text("utf-8"))
    index[name] = about
    kept = {key: index[key] for key in DEMOS if key in index}
    (PLACE / "index.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    for wanted in sys.argv[1:] or DEMOS:
        record(wanted)
        print(wanted)
