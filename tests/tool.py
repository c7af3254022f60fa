"""What every test needs that runs the tool as a user does: where it is, its report's schema, and no network."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

ROOT = Path(__file__).parent.parent
SCHEMA = json.loads((ROOT / "diagnose" / "data" / "report.schema.json").read_text(encoding="utf-8"))


def validate(report: Any) -> None:
    """Raises ValidationError unless it is a report of the documented shape."""
    jsonschema.validate(report, SCHEMA)


def isolated() -> list[str]:
    """The beginning of a command without a network. In CI a machine that cannot do so is a failure, elsewhere a loud skip."""
    for command in (["unshare", "-n"], ["unshare", "-rn"]):
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return command
    if os.environ.get("CI"):
        pytest.fail("neither root nor user name spaces: nothing can be kept off the network")
    pytest.skip("NOT TESTED: neither root nor user name spaces")
