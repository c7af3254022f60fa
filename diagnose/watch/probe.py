"""The run of a pass, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from diagnose.errors import UsageError
from diagnose.model import Observation
from diagnose.record import frozen

Ignores = Callable[[Observation], bool] | None
Probe = Callable[[Ignores, float], dict[str, Any]]  # what weighs nothing, seconds: the report of schema 1


@frozen
class Wish:
    """What to diagnose, named as the options of `run`; state_dir: where `diagnose.watch.contacts` keeps its file."""

    to: str | None = None
    sender: str | None = None
    app_config: Sequence[Path] = ()
    only: Sequence[str] = ()
    skip: Sequence[str] = ()
    network: bool = True
    auth: bool = True
    snapshot: Path | None = None
    state_dir: Path | None = None


def prepare(wish: Wish) -> Probe:
    """Validates the wish (UsageError) and returns the function that carries it out."""
    from diagnose import registry
    from diagnose.check import Settings
    from diagnose.host.snapshot import load
    from diagnose.model import Target
    from diagnose.parse.text.address import check_address
    from diagnose.session import Request, of_recording

    for path in wish.app_config:
        if wish.snapshot is None and not path.is_file():
            raise UsageError(f"--app-config {path}: no such file")
    registry.select(registry.discover()[0], wish.only, wish.skip)
    recording = load(wish.snapshot) if wish.snapshot else None
    target = Target(
        check_address(wish.sender, "--from", empty=True) if wish.sender is not None else None,
        check_address(wish.to, "--to") if wish.to is not None else None,
    )
    settings = Settings(
        app_config=tuple(str(path.absolute()) for path in wish.app_config), auth=wish.auth, network=wish.network
    )
    request = Request(target=target, settings=settings, only=tuple(wish.only), skip=tuple(wish.skip))
    if recording is not None:
        request = of_recording(recording, request)

    def probe(ignores: Ignores, timeout: float) -> dict[str, Any]:
        from diagnose.report.json_ import as_plain
        from diagnose.session import diagnose
        from diagnose.watch import trend
        from diagnose.watch.contacts import Contacts

        # What was left out by the user's own wish needs no sparing.
        contacts = Contacts(wish.state_dir if wish.network and recording is None else None)

        def look(network: bool, seconds: float) -> tuple[dict[str, Any], bool]:
            asked = replace(
                request, settings=replace(settings, network=network and wish.network, curious=False), refused=contacts
            )
            result = diagnose(replace(asked, timeout=seconds, ignores=ignores))
            plain = {**as_plain(result.report), "traffic": trend.counted(result.recording)}
            return result.hide(plain), result.report.flows and result.report.passed_within(3600)

        plain = contacts.look(look, timeout)
        if contacts.again:
            plain["notes"] = [*plain["notes"], contacts.again]
        contacts.keep()
        if any(run["reason"] == "interrupted" for run in plain["runs"]):
            raise KeyboardInterrupt
        return plain

    return probe
