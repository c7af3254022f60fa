"""What a settings file comes to by our reader is what it comes to by nodemailer (`oracle.js`)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from .test_application_oracles import Way, agree, ours
from .test_application_settings import cases, edited


@pytest.mark.skipif(
    shutil.which("node") is None or not Path("/usr/share/nodejs/nodemailer").exists(),
    reason="node or nodemailer is missing",
)
def test_nodemailer_reaches_the_same_server() -> None:
    every = [
        (case, name, *edited(case, edits))
        for case in cases()
        # The names of variables are each program's own.
        if case["kind"] == "nodemailer" and case["style"] != "env"
        for name, *edits in [["right"], *case["wrong"]]
        if name != "port-nan"  # it takes the usual port then, and says nothing
    ]
    asked = json.dumps([[case["path"], text] for case, _, text, _ in every])
    script = Path(__file__).with_name("oracle.js")
    said = subprocess.run(["node", str(script)], input=asked, capture_output=True, text=True, timeout=60, check=True)
    answers = json.loads(said.stdout)
    assert len(answers) == len(every) > 10
    for (case, name, text, files), answer in zip(every, answers, strict=True):
        theirs: Way | None = tuple(answer) if answer else None
        read = ours(case["path"], text, files)
        assert agree(read, theirs), (case["style"], name, read, theirs)
