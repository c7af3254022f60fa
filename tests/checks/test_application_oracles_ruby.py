"""What a settings program comes to by our reader is what it comes to by Action Mailer's transport (`oracle.rb`)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from .test_application_oracles import Way, agree, ours
from .test_application_settings import cases, edited


@pytest.mark.skipif(
    shutil.which("ruby") is None or not Path("/usr/lib/ruby/vendor_ruby/mail.rb").exists(),
    reason="ruby or its mail library is missing",
)
def test_action_mailer_reaches_the_same_server() -> None:
    every = [
        (case, name, *edited(case, edits))
        for case in cases()
        if case["kind"] == "rails" and case["style"] != "options-of-a-call"  # Mail's own, without Rails
        for name, *edits in [["right"], *case["wrong"]]
    ]
    asked = json.dumps([text for _, _, text, _ in every])
    script = Path(__file__).with_name("oracle.rb")
    said = subprocess.run(["ruby", str(script)], input=asked, capture_output=True, text=True, timeout=60, check=True)
    answers = json.loads(said.stdout)
    assert len(answers) == len(every) > 20
    for (case, name, text, files), answer in zip(every, answers, strict=True):
        theirs: Way | None = tuple(answer) if answer else None
        read = ours(case["path"], text, files)
        if name == "misspelt-key" and read is None:
            continue  # the library takes its default, and says nothing
        assert agree(read, theirs), (case["style"], name, read, theirs)
