"""The index says what the documents say, and only as long as they do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import diagnose

_SAY = """
from diagnose.knowledge import documents, labels, phrases, programs, sayings
print(bool(documents._index()))
print(phrases.every(), sayings.sayings(), programs.programs(), phrases.code(550, "5.1.1", None))
print([each.id for each in phrases.possible("550 5.1.1 user unknown")])
print(labels.relays() == labels.relays.__wrapped__(), labels.relays(), labels.networks(), labels.probes())
"""


def _run(root: Path, code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": "0"},
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()


def test_the_index_is_used_while_it_is_of_these_documents(tmp_path: Path) -> None:
    package = tmp_path / "diagnose"
    shutil.copytree(Path(diagnose.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "index.json"))
    read = _run(tmp_path, _SAY)
    write = "Path('diagnose/knowledge/index.json').write_text(documents.index(), 'utf-8')"
    _run(tmp_path, f"from pathlib import Path; from diagnose.knowledge import documents; {write}")
    indexed = _run(tmp_path, _SAY)
    assert (read[0], indexed[0]) == ("False", "True")
    tuples, lists = (side[1].translate(str.maketrans("[]", "()")).replace(",)", ")") for side in (read, indexed))
    assert tuples == lists  # JSON has no tuples
    assert read[3] == indexed[3]
    assert indexed[3].startswith("True ")  # reading a document again, nobody has taken anything out of it
    assert read[2] == indexed[2] != "[]"
    with (package / "knowledge" / "codes.toml").open("a") as file:
        file.write("# edited\n")
    assert _run(tmp_path, _SAY)[0] == "False"
