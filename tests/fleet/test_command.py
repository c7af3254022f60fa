"""`mail-diagnose fleet`, as it is called."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from diagnose.commands.fleet import every
from diagnose.fleet.member import Member, Unread
from tests.fleet import made
from tests.report import material


def called(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "diagnose", "fleet", str(folder), *options],
        cwd=material.ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("fleet")
    made.write(place, 120, 3)
    hostile = {**material.report("blocked-isp"), "host": {**material.report()["host"], "name": material.HOSTILE}}
    hostile["diagnoses"] = [{**hostile["diagnoses"][0], "title": material.HOSTILE, "cause": material.HOSTILE}]
    (place / "hostile.json").write_text(json.dumps(hostile), "utf-8")
    (place / "broken.json").write_text("{", "utf-8")
    shutil.copy(material.ROOT / "diagnose/data/demos/app-password.json.gz", place / "recording.json.gz")
    return place


def test_the_table(folder: Path) -> None:
    done = called(folder)
    assert (done.returncode, done.stderr) == (2, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Outgoing port 25 is blocked: ")
    assert max(map(len, lines)) <= 80
    assert "  broken.json: not JSON (Expecting" in done.stdout
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout


def test_the_data(folder: Path) -> None:
    done = called(folder, "--json")
    data = json.loads(done.stdout)
    assert data["hosts"] == 122
    assert sum(data["counts"].values()) == 122
    assert [each["file"] for each in data["unread"]] == ["broken.json"]
    shared = [(seen["cause"], each["group"], each["value"]) for seen in data["causes"] for each in seen["shared"]]
    assert shared == [("egress-port-25-blocked", "network", "OVH")]


def test_the_page_has_nothing_of_a_hosts_own(folder: Path) -> None:
    found: list[tuple[str, str]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, str(dict(attrs))))

    Reader().feed(called(folder, "--format", "html").stdout)
    assert {"html", "table", "h1"} <= {tag for tag, _ in found}
    assert not {"script", "img", "svg", "a"} & {tag for tag, _ in found}
    assert not [words for _, words in found if "onerror" in words]


def test_the_ticket_is_words_alone(folder: Path) -> None:
    text = called(folder, "--format", "markdown").stdout
    page = MarkdownIt().render(text)
    assert "<script" not in page
    assert "<img" not in page
    assert "<h4>" in page
    assert "shared: network OVH" in page


def test_a_wrong_directory_is_a_line(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere", Path(__file__)):
        done = called(place)
        assert done.returncode == 3
        assert len(done.stderr.splitlines()) == 1


def _deadly(path: Path) -> Member | Unread:
    if "kill" in path.name:
        os._exit(9)  # as the kernel ends a process for its memory
    return Unread(path.name, "read")


def test_a_file_that_ends_its_process_costs_no_other() -> None:
    names = [f"kill{n}.json" if n in (3, 40, 41) else f"{n}.json" for n in range(60)]
    found = list(every([Path(name) for name in names], _deadly))
    assert [each.file for each in found if isinstance(each, Unread)] == names
    assert [each.file for each in found if isinstance(each, Unread) and each.why != "read"] == [
        "kill3.json",
        "kill40.json",
        "kill41.json",
    ]
