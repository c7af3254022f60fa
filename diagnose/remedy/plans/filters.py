"""Plans for the programs beside Postfix: milters, content filters and policy services, which every message is shown to, and backends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from diagnose import facts
from diagnose.facts.filter_services import address, here, open_to_group
from diagnose.host.query import Listeners, Read
from diagnose.remedy import serving
from diagnose.remedy.evidence import Evidence
from diagnose.remedy.plan import Plan, plans
from diagnose.remedy.plans.tables import hanging
from diagnose.remedy.running import Command, Mode, Requeue, StartUnit
from diagnose.remedy.steps import Step, postfix_tool

# Unit, the file that says where it listens, the pattern that finds it there, and where it listens else. Each from the program's own
# manual, or the configuration that Debian ships.
_SOCKET = r"(?mi)^[ \t]*Socket[ \t]+(\S+)"
_DAEMONS = (
    ("opendkim", "/etc/opendkim.conf", _SOCKET, ""),
    ("opendmarc", "/etc/opendmarc.conf", _SOCKET, ""),
    ("clamav-milter", "/etc/clamav/clamav-milter.conf", r"(?m)^[ \t]*MilterSocket[ \t]+(\S+)", ""),
    ("rspamd", "/etc/rspamd/worker-proxy.inc", "(?!)", "inet:11332"),
    ("spamass-milter", "/etc/default/spamass-milter", r'(?m)^SOCKET="?([^"\s]+)', ""),
    ("amavis", "/etc/amavis/conf.d/20-debian_defaults", r"(?m)^\$inet_socket_port\s*=\s*(\d+)", "inet:10024"),
    ("postgrey", "/etc/default/postgrey", r"--inet=(\S+?)[\"\s]", "inet:10023"),
    ("dovecot", "/etc/dovecot/conf.d/10-master.conf", r"(?m)^[ \t]*unix_listener[ \t]+(/\S+)", ""),
)


_SIGNS = ("filter.milter", "filter.content", "filter.policy")


@plans("milter-down", "content-filter-down", "backend-down")
def filters(e: Evidence) -> Plan | None:
    """Corrects the address if the program's settings name another one; else starts the program's unit."""
    steps: list[Step] = []
    put = False
    backend = e.diagnosis.cause.id == "backend-down"
    signs = ("filter.backend",) if backend else _SIGNS
    for seen in e.seen(*signs):
        endpoint, parameter = seen.text("endpoint"), seen.text("parameter")
        if seen.data.get("error") == "EACCES" and not backend:
            return _closed(e, seen.text("path"))
        correct = {"filter.milter": _corrected, "filter.content": _misnumbered}.get(seen.sign)
        corrected = correct(e, endpoint, parameter) if correct else None
        if corrected is not None:
            steps.append(corrected)
            put = True
            continue
        if seen.data.get("kind") == "missing" and e.stat(endpoint.removeprefix("unix:")).kind == "socket":
            steps += _unchrooted(e, endpoint)
            put = True
            continue
        for unit in [one for one, place in _places(e) if _same(endpoint, place)] or [serving.unit(e, endpoint)]:
            if manager := e.starter(unit) if unit else "":
                steps += _key(e) if unit == "opendkim" else ()
                why = f"{unit} listens at {endpoint} when it runs, and nothing does."
                opens = f"{unit} run{'' if backend else ', which every message is shown to'}"
                steps += (*e.unmasked(unit, opens), StartUnit(unit=unit, manager=manager, why=why, opens=opens))
    if not steps:
        hung = next((o for o in e.failed(*signs) if o.data.get("error") == "timed out" and o.data.get("port")), None)
        return hanging(e, hung) if hung else None if backend else _program(e)
    if not put:
        return Plan(steps=tuple(dict.fromkeys((*steps, *_picked_up(e), *e.retry()))))
    # The daemons connect to the milter for each message, at the address that they read when they started; waiting mail names its filter.
    after = (replace(step, through_cleanup=True) if isinstance(step, Requeue) else step for step in e.reload())
    return Plan(steps=tuple(dict.fromkeys((*steps, *after))))


def _program(e: Evidence) -> Plan | None:
    """Words for a filter program that cannot be run: which interpreter it gets, or whether it is wanted, only a person
    decides."""
    for seen in e.failed("filter.content"):
        back = (int(port) for port in re.findall(r"(?:127\.0\.0\.1|localhost)\]?:(\d+)", seen.summary))
        if seen.data.get("kind") == "turns-away" and (
            gone := next((port for port in back if not e.listening(port)), 0)
        ):
            text = f"The filter runs; it hands mail back to port {gone} of this host, where nothing listens: give master.cf the service 127.0.0.1:{gone} inet (smtpd, with -o content_filter=), and reload Postfix."
            return Plan(text=text)
    for seen in e.failed("filter.program"):
        path, stat = seen.text("path"), e.stat(seen.text("path"))
        if interpreter := seen.text("interpreter"):
            text = f"Install {interpreter}, or name an interpreter that this host has in the first line of {path}."
        elif not stat.exists:
            text = f"Install the program {path} again, or take {seen.text('parameter')} out if no filter is wanted."
        elif not stat.mode & 0o111:
            text = f"Make {path} executable: chmod a+x {path}"
        else:
            continue
        return Plan(text=f"{text} Waiting mail then passes.")
    return None


def _picked_up(e: Evidence) -> Iterator[Step]:
    """Wakes pickup(8) if mail is in the maildrop, where what cleanup(8) refused otherwise waits for up to a minute."""
    waiting = facts.queue(e.ctx)
    if waiting is not None and waiting.messages.get("maildrop"):
        argv = (*postfix_tool("postkick", e.config), "public", "pickup", "W")
        yield Command(argv=argv, why="Mail that the filter kept out is taken in now, not within a minute.")


def _closed(e: Evidence, path: str) -> Plan:
    """Has Postfix's account join the group that may use the socket, as policy, if that is its program's own; else words:
    who joins a group of more than that only a person decides."""
    socket, user, place = e.stat(path), e.value("mail_owner"), path.rpartition("/")[0]
    group, folder = socket.group, e.stat(place)
    if socket.kind == "socket" and group == socket.owner != "root" and open_to_group(socket, folder):
        why = f"Only the group {group} may use {path}."
        join = Command(argv=("usermod", "-aG", group, user), changes=("/etc/group", "/etc/gshadow"), why=why)
        step = e.policy(join, "account", f"{user} use what the group {group} may")
        text = f"The milter's socket is for the group {group}: let {user} join it."
        return Plan(steps=(step, *e.restart("A daemon gets its account's groups when it starts.")), text=text)
    if socket.kind == "socket" and socket.mode & 0o002:
        text = f"The socket is open to all, its directory is not: let {user} enter it (chmod a+x {place})."
        return Plan(text=text)
    if group == "root":
        text = f"Have the program make {path} for a group of its own, add {user} to that group, and restart both."
        return Plan(text=text)
    text = (
        f"Let the group {group} write to {path} (the program's umask 007; OpenDKIM: `UMask 007`), add {user} to that group"
        f" (usermod -aG {group} {user}), and restart the program and Postfix."
    )
    return Plan(text=text)


def _key(e: Evidence) -> Iterator[Step]:
    """Narrows the mode of OpenDKIM's key: by default OpenDKIM does not use one that others may read
    (RequireSafeKeys)."""
    said = re.search(r"(?mi)^[ \t]*KeyFile[ \t]+(/\S+)", e.ask(Read("/etc/opendkim.conf")).text)
    stat = e.stat(said[1]) if said else None
    if said and stat is not None and stat.kind == "file" and stat.mode & 0o077:
        why = "OpenDKIM does not use a key that others than its owner may read or write."
        yield Mode(path=e.real(said[1]), mode=stat.mode & 0o700, was=stat.mode, why=why)


def _places(e: Evidence) -> Iterator[tuple[str, str]]:
    """(unit, where it listens: `inet:PORT` or a path) of each of the programs that is here."""
    for unit, path, pattern, usual in _DAEMONS:
        text = e.ask(Read(path))
        if text.problem and not e.unit(unit):
            continue
        for place in re.findall(pattern, text.text) or [usual]:
            if port := re.fullmatch(r"(?:inet6?:)?(?:[\w.\[\]:]*:)?(\d+)(?:@\S+)?", place):
                yield unit, f"inet:{port[1]}"
            elif place:
                yield unit, re.sub(r"^(?:unix|local):", "", place)


def _same(endpoint: str, place: str) -> bool:
    if endpoint.startswith("inet:"):
        host, port = address(endpoint)
        return here(host) and place == f"inet:{port}"
    return place.endswith(endpoint.removeprefix("unix:"))


def _corrected(e: Evidence, endpoint: str, parameter: str) -> Step | None:
    """Corrects the milter's port or socket, if just one milter of this host listens at a place that Postfix does not
    name; else None."""
    value = e.was(parameter) or ""
    if value.startswith("$"):
        parameter, value = value.strip("${}"), e.was(value.strip("${}")) or ""
    milters = [(unit, place) for unit, place in _places(e) if unit not in ("amavis", "postgrey", "dovecot")]
    if any(_same(endpoint, place) for _, place in milters):
        return None
    if endpoint.startswith("unix:"):
        return _other_socket(e, endpoint.removeprefix("unix:"), parameter, value, [place for _, place in milters])
    if not endpoint.startswith("inet:") or endpoint not in value:
        return None
    host, silent = address(endpoint)
    open_ = {one.port for one in e.ask(Listeners()).listeners}
    found = [
        (unit, int(port))
        for unit, place in milters
        if (port := place.removeprefix("inet:")).isdecimal() and int(port) in open_ and port not in value
    ]
    if not here(host) or len(found) != 1:
        return None
    unit, other = found[0]
    why = f"{unit} listens on port {other} of this host; nothing does on {silent}."
    return e.put(parameter, value.replace(endpoint, f"inet:{host}:{other}"), why)


def _unchrooted(e: Evidence, endpoint: str) -> Iterator[Step]:
    """Takes the services that ask a milter out of the chroot, from which its socket cannot be seen; as policy."""
    for one in e.master.services:
        raw = e.line(e.master_path, one.line)
        fields = re.match(r"(\S+(?:\s+\S+){3}\s+)[y-]", raw)
        if one.chroot and one.command in ("smtpd", "cleanup") and fields:
            why = f"{endpoint} is there, outside the chroot in which {one.name} runs."
            step = e.repair(e.master_path, one.line, fields[0], f"{fields[1]}n", why, "start")
            yield e.policy(step, "service", f"{one.name} ({one.command}) run outside the chroot")


def _misnumbered(e: Evidence, endpoint: str, parameter: str) -> Step | None:
    """Corrects the filter's port, if just one program of this host listens on a port with the same digits; as
    policy, since it is shown all mail. Else None."""
    (host, port), value = address(endpoint), e.was(parameter) or ""
    alike = {
        one.port: one.process for one in e.ask(Listeners()).listeners if sorted(str(one.port)) == sorted(str(port))
    }
    if not here(host) or port in alike or len(alike) != 1 or f":{port}" not in value:
        return None
    ((other, program),) = alike.items()
    if program in ("", "master"):
        return None
    why = f"{program} listens on port {other} of this host; nothing does on {port}."
    step = e.put(parameter, value.replace(f":{port}", f":{other}"), why)
    return e.policy(step, "service", f"{program} be shown every message")


def _other_socket(e: Evidence, name: str, parameter: str, value: str, places: list[str]) -> Step | None:
    """Replaces the socket by the only milter's below the queue directory, written as the daemons see it, chrooted or
    not; else None."""
    below = f"{e.mta.queue_directory}/"
    there = [
        place.removeprefix(below) for place in places if place.startswith(below) and e.stat(place).kind == "socket"
    ]
    written = next((word for word in re.split(r"[,\s]+", value) if word in (f"unix:{name}", f"local:{name}")), "")
    if len(there) != 1 or not written or there[0] in value:
        return None
    why = f"A milter of this host listens at {there[0]} below {e.mta.queue_directory}; nothing does at {name}."
    return e.put(parameter, value.replace(written, f"{written.partition(':')[0]}:{there[0]}"), why)
