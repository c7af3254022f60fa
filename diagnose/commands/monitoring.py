"""watch, report, ignore, history and install-units: for timers and monitoring systems."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
