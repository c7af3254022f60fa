"""What a settings file comes to by our reader is what it comes to by PHP and its mail libraries (`oracle.php`)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from .test_application_oracles import Way, agree, ours
from .test_application_settings import cases, edited

LIBRARIES = [Path("/usr/share/php", name) for name in ("Dotenv", "Symfony/Component/Mailer", "libphp-phpmailer")]
KINDS = {
    "laravel": r".env", "symfony": r".env", "nextcloud": ".php", "drupal": ".php", "matomo": ".php", "wordpress": "smtp.php",
}  # fmt: skip


@pytest.mark.skipif(
    shutil.which("php") is None or not all(each.exists() for each in LIBRARIES),
    reason="php or its libraries are missing",
)
@pytest.mark.parametrize("kind", KINDS)
def test_php_reaches_the_same_server(kind: str) -> None:
    every = [
        (case, name, *edited(case, edits))
        for case in cases()
        # Swift Mailer's URL is another library's.
        if case["kind"] == kind and KINDS[kind] in case["path"] and case["style"] != "swift"
        for name, *edits in [["right"], *case["wrong"]]
    ]
    oracle = kind if kind != "wordpress" else "phpmailer"
    asked = json.dumps([[oracle, case["path"], text] for case, _, text, _ in every])
    script = Path(__file__).with_name("oracle.php")
    said = subprocess.run(["php", str(script)], input=asked, capture_output=True, text=True, timeout=60, check=True)
    answers = json.loads(said.stdout)
    assert len(answers) == len(every) > 1
    for (case, name, text, files), answer in zip(every, answers, strict=True):
        theirs: Way | None = tuple(each or "" for each in answer) if answer else None  # type: ignore[assignment]
        read = ours(case["path"], text, files)
        assert agree(read, theirs), (case["style"], name, read, theirs)
