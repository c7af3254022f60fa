"""Every parser survives mutated input, in bounded time and memory.

MUTATIONS=10000 gives each parser as many inputs as the project promises; without it a share.
"""

from __future__ import annotations

import os
import resource
from types import ModuleType

import pytest

from diagnose import apps, parse
from tests.bench import mutations
from tests.pace import pace

COUNT = int(os.environ.get("MUTATIONS", "600"))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", sorted(mutations.parsers()))
def test_a_parser_survives(name: str) -> None:
    """No traceback, and no input that takes long: the long ones have a megabyte."""
    got = mutations.survive(name, COUNT)
    assert not got.error, (got.error, got.input)
    assert got.worst < 3.0 * pace()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1_000_000  # kilobytes


def test_no_parser_is_forgotten() -> None:
    """A module that reads text is tried; those named read nothing that comes from outside, or are read through another."""
    import pkgutil

    other = {
        "current", "finding", "labels", "mail_event", "mailhead", "own_network", "packet", "paste", "path",
        "ruleset", "sasl_flaws", "sasl_options", "setting_types", "settled", "traffic", "trivial_rewrite",
        # Applications' files are read through their formats.
        "asked", "branches", "codenvy", "entry", "grammars", "kinds", "lines", "logins", "profiles", "reading", "remarks", "script", "settings", "tokens", "trees", "wider", "writing",
        "blocks", "bounded", "bounds", "brought", "calls", "concepts", "exchanges", "publish", "spf_record", "way", "fields", "known", "literals", "named", "prose", "shapes", "spelled", "telling", "ordinary", "queue_id", "reference", "said", "senders", "sense", "subject", "wrapped",
    }  # fmt: skip
    modules = [
        info.name
        for package in (parse, apps)
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not info.ispkg
    ]
    tried = {each.__name__ for each in vars(mutations).values() if isinstance(each, ModuleType)}
    assert {name.rpartition(".")[2] for name in modules if name not in tried} - other == set()
