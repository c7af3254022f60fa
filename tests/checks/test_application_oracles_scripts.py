"""What a settings file comes to by our reader is what it comes to by the libraries of PHP, Node and Ruby (`oracle.*`).

Of each file only what is the library's own counts: names of variables, and what stands in for an absent file, are each
program's.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diagnose.record import dataclass

from .test_application_oracles import Way, agree, ours
from .test_application_settings import cases, edited


@dataclass(frozen=True, kw_only=True)
class Oracle:
    """A script of one language. needs: its libraries; asked: what it is given of a path and a text; least: files of a kind."""

    command: str
    needs: tuple[str, ...]
    asked: Callable[[str, str, str], Any]
    least: int = 2

    @property
    def script(self) -> Path:
        return Path(__file__).with_name({"php": "oracle.php", "node": "oracle.js", "ruby": "oracle.rb"}[self.command])


PHP = Oracle(
    command="php",
    needs=("/usr/share/php/Dotenv", "/usr/share/php/Symfony/Component/Mailer", "/usr/share/php/libphp-phpmailer"),
    asked=lambda kind, path, text: ["phpmailer" if kind == "wordpress" else kind, path, text],
)
NODE = Oracle(
    command="node", needs=("/usr/share/nodejs/nodemailer",), asked=lambda kind, path, text: [path, text], least=11
)
RUBY = Oracle(
    command="ruby", needs=("/usr/lib/ruby/vendor_ruby/mail.rb",), asked=lambda kind, path, text: text, least=21
)
# By kind: the oracle, a part of the path, and a style or fault that is not the library's.
KINDS = {
    "laravel": (PHP, ".env", ""),
    "symfony": (PHP, ".env", "swift"),  # Swift Mailer's URL is another library's
    "nextcloud": (PHP, ".php", ""),
    "drupal": (PHP, ".php", ""),
    "matomo": (PHP, ".php", ""),
    "wordpress": (PHP, "smtp.php", ""),
    "nodemailer": (NODE, "", "env"),  # the names of variables are each program's own
    "rails": (RUBY, "", "options-of-a-call"),  # Mail's own, without Rails
}
# Each library takes its default then, and says nothing.
SILENT = {("nodemailer", "port-nan"), ("rails", "misspelt-key")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_library_reaches_the_same_server(kind: str) -> None:
    oracle, place, foreign = KINDS[kind]
    if shutil.which(oracle.command) is None or not all(Path(each).exists() for each in oracle.needs):
        pytest.skip(f"{oracle.command} or its libraries are missing")
    every = [
        (case, name, *edited(case, edits))
        for case in cases()
        if case["kind"] == kind
        and place in case["path"]
        and case["style"] not in (foreign, "json5")  # JSON5 needs a reader of its own
        for name, *edits in [["right"], *case["wrong"]]
    ]
    asked = json.dumps([oracle.asked(kind, case["path"], text) for case, _, text, _ in every])
    argv = [oracle.command, str(oracle.script)]
    said = subprocess.run(argv, input=asked, capture_output=True, text=True, timeout=60, check=True)
    answers = json.loads(said.stdout)
    assert len(answers) == len(every) >= oracle.least
    for (case, name, text, files), answer in zip(every, answers, strict=True):
        theirs: Way | None = tuple(each or "" for each in answer) if answer else None  # type: ignore[assignment]
        read = ours(case["path"], text, files)
        assert (read is None and (kind, name) in SILENT) or agree(read, theirs), (case["style"], name, read, theirs)
