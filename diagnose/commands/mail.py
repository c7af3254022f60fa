"""explain, trace, queue and send: what the log, the queue and a reply say."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
