"""Processes and listening sockets, as far as this user may see them."""

from __future__ import annotations

import os

from diagnose.host.query import Listener, Listeners, ListenersReply, Process, Processes, ProcessesReply
from diagnose.parse.text.masking import KNOWN, STARS, mask


def processes(query: Processes) -> ProcessesReply:
    import psutil

    own = _name_space(os.getpid())
    found = []
    for process in psutil.process_iter(["pid", "ppid", "name", "cmdline", "username", "create_time", "status"]):
        info = process.info
        found.append(
            Process(
                pid=info["pid"],
                parent=info["ppid"] or 0,
                name=info["name"] or "",
                command=_command(info["cmdline"] or []),
                user=info["username"] or "",
                started=info["create_time"] or 0.0,
                state=str(info["status"] or ""),
                here=_name_space(info["pid"]) in (own, None),
            )
        )
    return ProcessesReply(processes=tuple(sorted(found, key=lambda p: p.pid)))


def _command(words: list[str]) -> tuple[str, ...]:
    """Options and their values belong together: what follows `--password` is masked, too."""
    shown = mask(KNOWN.hide("\0".join(words[:20]).replace("\n", " ").replace("\0", "\n"))).split("\n")
    alone = [mask(word)[:200] for word in shown]
    line = mask(" ".join(shown))
    return tuple(word if word in line else STARS for word in alone)


def _name_space(pid: int) -> str | None:
    """The network name space, None where it may not be read: another one's processes are a container's."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return None


def listeners(query: Listeners) -> ListenersReply:
    import psutil

    names: dict[int, str] = {}
    found = set()
    try:
        connections = psutil.net_connections("tcp")
    except (psutil.Error, OSError) as error:
        return ListenersReply(problem=f"cannot list sockets: {type(error).__name__}")
    for connection in connections:
        if connection.status != psutil.CONN_LISTEN or not connection.laddr:
            continue
        pid = connection.pid or 0
        if pid and pid not in names:
            try:
                names[pid] = psutil.Process(pid).name()
            except psutil.Error:
                names[pid] = ""
        found.add(Listener(address=connection.laddr[0], port=connection.laddr[1], pid=pid, process=names.get(pid, "")))
    return ListenersReply(listeners=tuple(sorted(found, key=lambda s: (s.port, s.address, s.pid))))
