"""The product out of a zip."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zip") / "product.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        for package in ("diagnose", "checks"):
            for file in sorted((ROOT / package).rglob("*")):
                if file.is_file() and "__pycache__" not in file.parts:
                    zipped.write(file, file.relative_to(ROOT))
    return path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list"], "egress-port-25-blocked"),
        (["relay", "list"], "SendGrid"),
        (["cause", "tls-ca-bundle-missing"], "smtp_tls_CAfile"),
        (["install-units", "--print"], "[Timer]"),
        (["demo", "blocked-isp", "--format", "html"], "<style>"),
    ],
)
def test_it_runs_out_of_a_zip(archive: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    code = "import sys; from diagnose.cli import entry; import diagnose; assert '.zip' in diagnose.__file__; entry()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(archive)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said in done.stdout, done.stderr[-2000:]
