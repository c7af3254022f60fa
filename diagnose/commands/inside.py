"""A diagnosis inside a container, asked from the host: with what must be loaded before, since nothing can be there."""

from __future__ import annotations

import dis
import importlib
import importlib.util
import json
import pkgutil
import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import CodeType, ModuleType
from typing import Any

from diagnose.errors import UsageError
from diagnose.host.live import namespaces
from diagnose.parse.text.known import KNOWN
from diagnose.parse.text.masking import clean
from diagnose.report import digest
from diagnose.report.digest import Plain

_PACKAGES = ("diagnose", "checks", "dns", "yaml", "javaproperties", "dotenv", "encodings")
_OF_PYTHON = ("stringprep", "unicodedata", "_strptime", "zoneinfo")
_IMPORT = dis.opmap["IMPORT_NAME"]
_SLACK = 20.0  # seconds beyond the run's own time


def place(asked: int | None) -> namespaces.Container | None:
    """The container of the process that was asked for; else the only one with Postfix, None if there is none. Raises
    UsageError."""
    if asked is not None:
        return namespaces.Container(asked, "")
    found = namespaces.with_postfix()
    if len(found) > 1:
        every = ", ".join(f"--inside {each.pid} ({each.name or 'no name'})" for each in found)
        raise UsageError(f"Postfix runs in {len(found)} containers or chroots of this host, choose one: {every}")
    return found[0] if found else None


def done(where: namespaces.Container, work: Callable[[], Any], timeout: float) -> Any:
    """What the work makes in there, as JSON has it. Raises UsageError."""
    _load()
    made = namespaces.inside(where.pid, lambda: json.dumps(work()).encode(), timeout + _SLACK)
    return json.loads(made)


def note(where: namespaces.Container) -> str:
    if root := namespaces.chroot_of(where.pid):
        return f"About the chroot of process {where.pid}: run its commands with `chroot {shlex.quote(clean(root))}`"
    name = f", host name {where.name}" if where.name else ""
    return f"About the container of process {where.pid}{name}: run its commands with `nsenter -t {where.pid} -a -r`"


def dropped_here(plain: Plain) -> str:
    """A note if the container's packets vanish at its gateway and that is this host; else ""."""
    lost = (o["data"] for o in digest.measured(plain, "hops") if o["status"] == "failed")
    place = next((data["last_hop"] for data in lost if data.get("where") == "gateway" and data.get("hop") == 1), "")
    if not place or not namespaces.owned(place):
        return ""
    return f"{place}, where packets vanish, is this host: a rule in the forward chain of `nft list ruleset` or `iptables-save` may drop them"


def _load() -> None:
    """Every module of ours with what it imports late, and what is read from files when first asked for."""
    wanted = [*_OF_PYTHON]
    for name in _PACKAGES:
        package = importlib.import_module(name)
        names = [name, *(info.name for info in pkgutil.walk_packages(package.__path__, f"{name}."))]
        for each in names:
            if each.endswith(("__main__", ".cli")):  # dotenv's ends the program where click is missing
                continue
            with suppress(Exception):  # what an optional package is wanted for
                module = importlib.import_module(each)
                if name in ("diagnose", "checks"):
                    wanted += _imported(_code(module))
    for each in wanted:
        with suppress(Exception):
            importlib.import_module(each)
    from diagnose import demos, registry, session
    from diagnose.apps import formats
    from diagnose.facts import applications, workers
    from diagnose.host.gather import vocabulary
    from diagnose.knowledge import labels
    from diagnose.remedy.plan import maker

    (
        labels.relays(),
        labels.networks(),
        labels.probes(),
        formats.applications(),
        applications.places(),
        workers.workers(),
        vocabulary(),
        maker(""),
        registry.built_in(),
    )
    # A recording's diagnosis, with none of this host's secrets, which are nothing to take along.
    own, KNOWN.source = KNOWN.source, None
    session.diagnose(demos.request("blocked-isp"))
    KNOWN.source = own


def _code(module: ModuleType) -> CodeType | None:
    """Of a module that may have no source beside it (`singlefile.compiled`)."""
    loader: Any = module.__spec__.loader if module.__spec__ else None
    return loader.get_code(module.__name__) if loader else None


def _imported(code: CodeType | None) -> Iterator[str]:
    """The modules that its functions import."""
    for inner in code.co_consts if code else ():
        if isinstance(inner, CodeType):
            if _IMPORT in inner.co_code[::2]:  # disassembling all of them takes a second
                yield from (each.argval for each in dis.get_instructions(inner) if each.opcode == _IMPORT)
            yield from _imported(inner)
