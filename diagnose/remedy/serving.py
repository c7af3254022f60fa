"""Which unit of this host starts the program that answers at an endpoint."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from diagnose.facts.asks import globbed
from diagnose.facts.filter_services import address, here
from diagnose.host.query import Read
from diagnose.remedy.evidence import Evidence

_UNITS = (
    "/etc/systemd/system/*.service",
    "/etc/systemd/system/*.target.wants/*.service",
    "/etc/init.d/*",
)
_MOST = 200  # units whose text is read
_OWN = 64 * 1024  # bytes of a unit, script or configuration that are read
_RUNS = re.compile(r"(?m)^\s*(?:ExecStart|EnvironmentFile|DAEMON|DAEMON_ARGS|command|command_args)\s*=\s*(\S.*)")


def unit(e: Evidence, endpoint: str) -> str:
    """The only enabled unit or init script that names the endpoint's port of this host, or its socket, itself or in a
    file that its command names; "" if there is none, or several. endpoint: inet:HOST:PORT, or unix:PATH."""
    host, port = address(endpoint)
    if endpoint.startswith("inet:") and not (here(host) and port):
        return ""
    path = endpoint.removeprefix("unix:").removeprefix("local:")
    named = re.compile(rf"(?i)(?:port\W{{1,6}}|[:@]){port}(?!\d)" if endpoint.startswith("inet:") else re.escape(path))
    files = list(globbed(e.ctx, _UNITS))[:_MOST]
    found = {
        re.sub(r"\.service$", "", file.rpartition("/")[2])
        for file in files
        if "postfix" not in file and any(named.search(text) for text in _texts(e, file))
    }
    return found.pop() if len(found) == 1 else ""


def _texts(e: Evidence, file: str) -> Iterator[str]:
    text = e.ask(Read(file, secret="settings", limit=_OWN)).text
    yield text
    for line in _RUNS.findall(text):
        try:
            words = shlex.split(line)
        except ValueError:
            continue
        for word in words[:8]:
            if (path := re.search(r"/\S+", word)) and not path[0].startswith(("/bin/", "/usr/bin/", "/dev/")):
                yield e.ask(Read(path[0], secret="settings", limit=_OWN)).text
