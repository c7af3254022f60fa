"""Which of this host's Postfix instances (postmulti(1)) a diagnosis is about: the one by which mail leaves.

The first instance often only takes mail, and hands it to the next at a port of this host. What fails is then seen there. Every
command of Postfix is told by MAIL_CONFIG; whoever sets that variable has chosen.
"""

from __future__ import annotations

import functools
import os
import re
import time

from diagnose import files
from diagnose.host.live import queuecount
from diagnose.host.live.system import lock
from diagnose.host.query import Lock
from diagnose.parse.postfix import main_cf, master_cf
from diagnose.parse.postfix.setting_types import items

_FIRST = ("/etc/postfix", "/usr/local/etc/postfix", "/opt/local/etc/postfix")
_LIMIT = 262_144
_NEXT = re.compile(r"\[?(?:127(?:\.\d+){3}|localhost|::1)\]?:(\d+)")
_MOST = 8  # instances that are looked at


@functools.cache
def followed() -> str:
    """The configuration directory of another instance than the first, "" for the first."""
    chosen = os.environ.get("MAIL_CONFIG", "")
    first = next((place for place in _FIRST if os.path.exists(f"{place}/main.cf")), "")
    if chosen or "multi_instance_directories" not in _text(f"{first}/main.cf"):
        return chosen
    others = items(_settings(first).get("multi_instance_directories", ""))[:_MOST]
    place = first
    for _ in range(_MOST):
        following = _next(place, others)
        # What waits there, or cannot be handed on to the next, fails at this one.
        if not following or not _runs(place) or (_waits(place) and _runs(following)):
            break
        place = following
    if place == first and not _waits(first):
        place = next((other for other in others if _runs(other) and _waits(other)), first)
    return "" if place == first else place


def note() -> str:
    """What a report says of another instance than the first, "" for that."""
    place = followed()
    return (
        f"About the Postfix instance in {place}: `export MAIL_CONFIG={place}` before Postfix's commands"
        if place
        else ""
    )


def _text(path: str) -> str:
    try:
        return files.head(path, _LIMIT)[0].decode("utf-8", "replace")
    except OSError:
        return ""


@functools.cache
def _settings(place: str) -> dict[str, str]:
    return {setting.name: setting.value for setting in main_cf.parse(_text(f"{place}/main.cf")).settings}


def _next(place: str, others: tuple[str, ...]) -> str:
    """The instance that listens where this one hands its mail on."""
    settings = _settings(place)
    named = " ".join(settings.get(name, "") for name in ("relayhost", "default_transport", "relay_transport"))
    ports = set(_NEXT.findall(named))
    for other in others:
        services = master_cf.parse(_text(f"{other}/master.cf")).services
        if other != place and any(s.type == "inet" and s.name.rpartition(":")[2] in ports for s in services):
            return other
    return ""


def _queue(place: str) -> str:
    return _settings(place).get("queue_directory") or "/var/spool/postfix"


def _runs(place: str) -> bool:
    return lock(Lock(f"{_queue(place)}/pid/master.pid")).held


def _waits(place: str) -> bool:
    counted = queuecount.count(_queue(place), time.monotonic() + 0.2, enough=1)
    return counted is not None and counted.total > 0
