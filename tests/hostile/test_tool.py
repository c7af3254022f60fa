"""One warning where root runs a tool that others may write."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from diagnose import files


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is warned")
def test_root_is_warned_of_a_tool_that_others_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "diagnose").mkdir()
    monkeypatch.setattr(files, "__file__", str(tmp_path / "diagnose" / "files.py"))
    os.chown(tmp_path / "diagnose", 65534, 65534)
    assert "belongs to nobody" in files.tool_in_doubt()
