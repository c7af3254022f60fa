"""Builds the index of `diagnose/knowledge`, for wheels and for editable installs."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Index(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        sys.path.insert(0, self.root)
        from diagnose.knowledge import documents

        place = f"diagnose/knowledge/{documents.INDEX}"
        (Path(self.root) / place).write_text(documents.index(), "utf-8")
        build_data["artifacts"].append(place)
