"""Plans for what a program of Postfix dies of: an account, a directory or a value that main.cf names."""

from __future__ import annotations

import difflib
import re
from pathlib import PurePosixPath

from diagnose.facts import accounts, mailers
from diagnose.host.query import Exec
from diagnose.model import Observation
from diagnose.parse.postfix import setting_types
from diagnose.parse.system.own_network import is_address
from diagnose.remedy.evidence import Evidence, whole
from diagnose.remedy.permitted import permitted
from diagnose.remedy.plan import Plan
from diagnose.remedy.running import Aside, CopyFile, InstallPackage, MakeAccount, SetPermissions
from diagnose.remedy.standard import SERVICES
from diagnose.remedy.steps import Refused, Step

# Parameters that are not dropped: their default is not what was meant, and mail would take another route.
_DECIDES = re.compile(r"relayhost|\w*(?:transports?|_maps|domains?|destination|_restrictions|relay\w*|sasl\w*|tls\w*)")


def fatal(e: Evidence, seen: Observation) -> list[Step]:
    name, value = seen.text("parameter"), seen.text("value")
    kind = next((k for p, k, v in accounts.missing(e.ctx, e.mta) if (p, v) == (name, value)), "")
    if kind:
        return _account(e, name, kind, value)
    path, line = seen.text("path"), whole(seen, "line")
    if name == "the options of a service":
        return _options(e, path, line)
    if name.startswith("the process limit of "):
        return _limit(e, path, line, value)
    if name.startswith("the type of "):
        return _type(e, path, line, value)
    if name == "multi_instance_directories":
        others = [folder for folder in e.mta.words(name) if e.there(f"{folder}/main.cf")]
        why = f"{value} has no main.cf, and Postfix reads those of all instances when it starts."
        return [e.put(name, " ".join(others), why) if others else e.drop(name, why)]
    if e.was(name) is None or (seen.data.get("logged") and not _bad(e, name)):
        return []
    if name == "maillog_file":
        folder = str(PurePosixPath(e.value(name)).parent)
        if not e.there(folder) and (made := e.folder(folder, f"maillog_file is {e.value(name)}.")):
            return made
        wide = folder in ("/", ".") or not re.fullmatch(r"/[\w./-]+", folder)
        prefixes = e.was("maillog_file_prefixes") or e.mta.defaults.get("maillog_file_prefixes", "")
        why = f"Postfix writes its log only below these prefixes, and {e.value(name)} is elsewhere."
        return [] if wide or not prefixes else [e.put("maillog_file_prefixes", f"{prefixes}, {folder}/", why)]
    if _DECIDES.fullmatch(name) and name != "tls_random_source" and e.was(name):
        return []
    if name == "queue_directory":
        return lost_queue(e)
    default = e.mta.defaults.get(name, "")
    if name.endswith("_directory") and not e.there(default):
        return []
    try:
        return [
            e.drop(
                name,
                f"Postfix cannot work with {e.value(name) or 'nothing'} there; its default is {default or 'none'}.",
            )
        ]
    except Refused:
        return []


def _options(e: Evidence, path: str, line: int) -> list[Step]:
    """Removes a -o without an argument or a value, and the comment behind one; joins one with blanks around its "="."""
    raw = e.line(e.real(path), line)
    if comment := re.search(r"\s+#.*$", raw):
        why = "master.cf has no comments behind a setting: these are arguments."
        return [e.repair(path, line, comment[0], "", why, "end")]
    if ends := re.search(r"\s+-o\s*$", raw):
        return [
            e.repair(path, line, ends[0], "", "This -o has no argument, and the program exits because of it.", "end")
        ]
    if bare := re.search(r"\s-o\s+\w+(?=\s+-o\s|\s*$)", raw):
        why = "This -o names a setting without a value, and the program exits because of it; main.cf's value applies."
        if not raw[: bare.start()].strip() and not raw[bare.end() :].strip():
            return [e.repair(path, line, raw, f"#{raw}", why)]
        return [e.repair(path, line, bare[0], "", why, "within")]
    spaced = re.search(r"-o\s+(\w+)\s+=\s*([^\s{-]\S*)", raw)
    if spaced is None or not permitted(spaced[1], e.value(spaced[1]), spaced[2]):
        return []
    why = "The setting after -o must be one word: the program exits because of the blank."
    return [e.repair(path, line, spaced[0], f"-o {spaced[1]}={spaced[2]}", why, "within")]


def _limit(e: Evidence, path: str, line: int, value: str) -> list[Step]:
    """Sets the process limit (master.cf's seventh field) that a service's program requires."""
    fields = re.match(r"(\S+)((?:\s+\S+){5}\s+)(\S+)", e.line(e.real(path), line))
    if fields is None or fields[1] not in SERVICES or SERVICES[fields[1]][5] != value:
        return []
    why = f"Its program ends at once unless the process limit is {value}, as in the master.cf that Postfix ships."
    return [e.repair(path, line, fields[0], f"{fields[1]}{fields[2]}{value}", why, "start")]


def _type(e: Evidence, path: str, line: int, value: str) -> list[Step]:
    """Sets the type (master.cf's second field) that a service of Postfix has, where its program refuses another."""
    fields = re.match(r"(\S+)(\s+)(\S+)", e.line(e.real(path), line))
    if fields is None or fields[1] not in SERVICES or fields[3] != value:
        return []
    why = f"Its program ends at once with the type {value}; the master.cf that Postfix ships has {SERVICES[fields[1]][0]}."
    return [e.repair(path, line, fields[0], f"{fields[1]}{fields[2]}{SERVICES[fields[1]][0]}", why, "start")]


def lost_queue(e: Evidence) -> list[Step]:
    """Returns to the default queue_directory if the one set does not exist; as policy, since its disk may come back."""
    path, usual = e.mta.queue_directory, e.mta.defaults.get("queue_directory", "")
    if e.was("queue_directory") is None or path == usual or e.there(path) or not e.there(f"{usual}/maildrop"):
        return []
    drop = e.drop("queue_directory", f"It names {path}, which does not exist; {usual} does.")
    return [e.policy(drop, "route", f"the queue be {usual}; mail below {path} waits until that is back")]


def _bad(e: Evidence, name: str) -> bool:
    """Whether the value itself shows that it cannot work: anybody may write to the log."""
    written, value = e.was(name) or "", e.value(name)
    if "_bind_address" in name and not is_address(value.strip("[]")):
        return True
    lost = not value
    return lost or bool(setting_types.rejected({name: written}, e.mta.defaults))


def _account(e: Evidence, parameter: str, kind: str, name: str) -> list[Step]:
    """Drops a misspelt account if the default's exists; else creates the account again, with the number that its
    files have."""
    default = e.mta.defaults.get(parameter, "")
    near = difflib.SequenceMatcher(None, name, default).ratio() > 0.75 or _bearers(e, kind) == {default}
    database = "group" if kind == "group" else "passwd"
    if accounts.listed(e.ctx, kind, name):
        return _looked_up(e, database)
    if e.was(parameter) is not None and e.ask(Exec(("getent", database, default))).code == 0:
        drop = e.drop(parameter, f"There is no {kind} {name}; Postfix's default {default} exists.")
        if near:
            return [drop]
        if parameter == "default_privs":
            return [e.policy(drop, "account", f"programs that aliases name run as {default}")]
    if parameter == "default_privs" or not re.fullmatch(r"[a-z_][\w-]{0,30}", name) or not e.there(_TOOLS[kind]):
        return []
    number = _number(e, kind)
    why = f"Postfix's package created the {kind} {name}, which is gone{f'; its files have the ID {number}' if number else ''}."
    group = name if e.ask(Exec(("getent", "group", name))).code == 0 else ""
    made = MakeAccount(kind=kind, name=name, number=number, group=group, home=e.mta.queue_directory, why=why)
    steps: list[Step] = [e.policy(made, "account", f"a {kind} {name} exist, without a password")]
    if not number:
        paths = (e.mta.queue_directory, e.value("data_directory"))
        steps.append(SetPermissions(paths=paths, config=e.config, why="The new account's ID is not that of its files."))
    return steps


_SOURCES = ("/usr/share/libc-bin/nsswitch.conf", "/usr/lib/nsswitch.conf", "/usr/etc/nsswitch.conf")


def _looked_up(e: Evidence, database: str) -> list[Step]:
    """Has lookups read the system's own files again: restores nsswitch.conf from what the C library ships where it is no
    file, else names the files in the database's line."""
    path, why = "/etc/nsswitch.conf", f"Lookups do not read /etc/{database}, which has the account."
    if e.stat(path).kind == "file":
        lines = (line for line in e.numbered(path) if line[1].startswith(f"{database}:"))
        return [
            e.repair(path, number, f"{database}:", f"{database}: files", why, "start")
            for number, raw in lines
            if "files" not in raw.split() and "compat" not in raw.split()
        ]
    source = next(filter(e.there, _SOURCES), "")
    if not source:
        return []
    gone = (Aside(path=path, why=f"{path} is not a file."),) if e.there(path) else e.aside(path)
    return [*gone, CopyFile(source=source, path=path, why=why)]


_TOOLS = {"group": "/usr/sbin/groupadd", "user": "/usr/sbin/useradd"}


def _bearers(e: Evidence, kind: str) -> set[str]:
    """The owners or groups of the directories that the account should own: names, or numbers that no account has."""
    root = e.mta.queue_directory
    stats = [
        e.stat(f"{root}/{name}")
        for name in (("maildrop", "public") if kind == "group" else ("active", "incoming", "private"))
    ]
    return {stat.group if kind == "group" else stat.owner for stat in stats if stat.exists}


def _number(e: Evidence, kind: str) -> int | None:
    """The uid or gid of the account's files if they share one that no account has; else None."""
    found = _bearers(e, kind)
    number = next(iter(found)) if len(found) == 1 else ""
    return int(number) if number.isdecimal() and 0 < int(number) < 60_000 else None


def again(e: Evidence, why: str, package: str = "postfix") -> tuple[Step, ...]:
    """Reinstalls a package, which restores its files; () if the command is not known."""
    if e.family is None or not e.family.reinstall:
        return ()
    words, opens = tuple(e.family.reinstall.split()), "the package manager install it again"
    return (InstallPackage(packages=(package,), install=words, why=why, opens=opens),)


def lost_library(e: Evidence, library: str) -> Plan:
    """Reinstalls the package of a library, or of a program of Postfix, that is missing or damaged; only words if it is not
    known."""
    text = f"{library} is missing or damaged: reinstall the package that contains it, and restart Postfix."
    package = "postfix" if "postfix" in library else _package(e, library)
    steps = again(e, f"{library} belongs to the package {package}.", package) if package else ()
    return Plan(steps=(*steps, *e.restart("The programs load it when they start.")) if steps else (), text=text)


def _package(e: Evidence, name: str) -> str:
    """The package that a file belongs to, as dpkg knows it also where the file is gone; "" if it is not known."""
    found = mailers.owner(e.ctx, name if name.startswith("/") else f"*/{name}")
    return found if re.fullmatch(r"[a-z0-9][\w.+-]+", found) else ""


def lost_account(e: Evidence) -> Plan | None:
    """Words for a missing account that master.cf names: only whoever runs the program knows what it may do."""
    for seen in e.seen("config.fatal"):
        name, place = seen.text("parameter"), f"{seen.data.get('path')} line {seen.data.get('line')}"
        if name.startswith(("the user ", "the group ")) and seen.data.get("line"):
            text = f"{place} names {name}, which does not exist: create it again (useradd --system, groupadd --system), or name one that exists."
            return Plan(text=text)
    return None
