"""One warning where root runs a tool that others may write."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from diagnose import files, registry


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is warned")
def test_root_is_warned_of_a_tool_that_others_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "diagnose").mkdir()
    monkeypatch.setattr(files, "__file__", str(tmp_path / "diagnose" / "files.py"))
    os.chown(tmp_path / "diagnose", 65534, 65534)
    assert "belongs to nobody" in files.tool_in_doubt()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs what others wrote")
def test_root_loads_no_plug_in_that_others_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs.py").write_text("raise SystemExit(9)\n")
    information = tmp_path / "theirs-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: theirs\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[mail_diagnose.checks]\ntheirs = theirs\n")
    os.chown(tmp_path / "theirs.py", 65534, 65534)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert any("is not trusted" in note and "belongs to nobody" in note for note in registry.discover()[1])
