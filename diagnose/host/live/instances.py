"""Selects the Postfix instance (postmulti(1)) to diagnose: the one that sends mail out.

The first instance often only takes mail, and hands it to the next at a port of this host. What fails is then seen
there. MAIL_CONFIG passes the selected configuration directory to every Postfix command; if the user set it, that
instance is diagnosed.
"""

from __future__ import annotations

import functools
import glob
import itertools
import os
import re
import socket
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
_GREETING = 1.5  # seconds
# What the next instance did with mail that it was handed, in the words of a deferral of this one.
_TAKEN_AMISS = re.compile(
    rb"\[(?:127\.[\d.]+|::1)\](?::\d+)?:? (?:said: |refused to talk|(?:Connection )?timed out)|lost connection with \S+\[(?:127\.|::1)"
)


@functools.cache
def followed() -> str:
    """The configuration directory of the selected instance, "" for the first one."""
    chosen = os.environ.get("MAIL_CONFIG", "")
    first = next((place for place in _FIRST if os.path.exists(f"{place}/main.cf")), "")
    if chosen or "multi_instance_directories" not in _text(f"{first}/main.cf"):
        return chosen
    others = items(_settings(first).get("multi_instance_directories", ""))[:_MOST]
    place = first
    for _ in range(_MOST):
        following, port = _next(place, others)
        # What waits here although the next would take it fails at this one.
        if not following or not _runs(place) or (_waits(place) and _runs(following) and _takes(place, port)):
            break
        place = following
    if place == first and not _waits(first):
        place = next((other for other in others if _runs(other) and _waits(other)), first)
    return "" if place == first else place


def note() -> str:
    """The report's note on the selected instance, "" for the first one."""
    place = followed()
    return (
        f"About the Postfix instance in {place}: `export MAIL_CONFIG={place}` before Postfix's commands"
        if place
        else ""
    )


def _bytes(path: str) -> bytes:
    try:
        return files.head(path, _LIMIT)[0]
    except OSError:
        return b""


def _text(path: str) -> str:
    return _bytes(path).decode("utf-8", "replace")


@functools.cache
def _settings(place: str) -> dict[str, str]:
    return {setting.name: setting.value for setting in main_cf.parse(_text(f"{place}/main.cf")).settings}


def _next(place: str, others: tuple[str, ...]) -> tuple[str, int]:
    """The instance that listens where this one forwards its mail, and its port; "" for none."""
    settings = _settings(place)
    named = " ".join(settings.get(name, "") for name in ("relayhost", "default_transport", "relay_transport"))
    ports = set(_NEXT.findall(named))
    for other in others:
        services = master_cf.parse(_text(f"{other}/master.cf")).services
        port = next((p for s in services if s.type == "inet" and (p := s.name.rpartition(":")[2]) in ports), "")
        if other != place and port:
            return other, int(port)
    return "", 0


def _takes(place: str, port: int) -> bool:
    """Whether the next instance greets at its port, and rejected none of this one's mail."""
    try:
        with socket.create_connection(("127.0.0.1", port), _GREETING) as link:
            link.settimeout(_GREETING)
            greets = link.recv(4).startswith(b"220")
            link.sendall(b"QUIT\r\n")
    except OSError:
        return False
    deferrals = itertools.islice(glob.iglob(f"{_queue(place)}/defer/**/*", recursive=True), 50)
    return greets and not any(_TAKEN_AMISS.search(_bytes(path)) for path in deferrals if os.path.isfile(path))


def _queue(place: str) -> str:
    return _settings(place).get("queue_directory") or "/var/spool/postfix"


def _runs(place: str) -> bool:
    return lock(Lock(f"{_queue(place)}/pid/master.pid")).held


def _waits(place: str) -> bool:
    counted = queuecount.count(_queue(place), time.monotonic() + 0.2, enough=1)
    return counted is not None and counted.total > 0
