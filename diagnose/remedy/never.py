"""What is never done, judged by what a step would make of this host rather than by what its plan believes of it.

A step that would do it cannot be made in the first place (`steps.Refused`); this is the second lock.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from diagnose.parse.postfix import main_cf, master_cf
from diagnose.parse.text.masking import coded
from diagnose.remedy.originals import State
from diagnose.remedy.permitted import WRITTEN, permitted
from diagnose.remedy.running import Mode
from diagnose.remedy.steps import FileStep, RunStep, Step

# A shell would hide what it runs, and postconf would change what no journal has.
_PROGRAMS = re.compile(
    r"(rm|unlink|shred|truncate|dd|mkfs.*|setenforce|semanage|aa-(complain|disable|teardown)|apparmor_parser|(ba|da|z|k)?sh|env|xargs"
    r"|eval|postconf|(ip6?tables|nft|ebtables|arptables)-restore|mv|tee|install|ln)"
)
_FIREWALLS = re.compile(r"(ip6?tables|ebtables|arptables|nft|ufw|firewall-cmd|ipset)(-nft|-legacy)?")
_TAKES_AWAY = re.compile(
    r"-[DFXPZRE]|--(delete|flush|delete-chain|policy|replace|remove-.*|panic-.*)|delete|destroy|flush|reset|disable|replace|-f|--file"
)
_ALL = re.compile(r"(?i:all)")
_SWALLOWED = re.compile(r"\s+\w+\s*=")


def command(argv: tuple[str, ...]) -> str:
    """Why the command is never run, "" where it may be."""
    program = os.path.basename(argv[0])
    if _PROGRAMS.fullmatch(program):
        return f"{program} is not a command that a fix runs"
    if _FIREWALLS.fullmatch(program) and any(_TAKES_AWAY.fullmatch(word) for word in argv[1:]):
        return "a firewall rule is never removed"
    if program in ("postsuper", "postqueue"):
        if any(word.startswith(("-d", "-f")) for word in argv[1:]):
            return "mail is never deleted, and the queue never flushed"
        if any(_ALL.fullmatch(word) for word in argv[1:]):
            return "never the whole queue at once"
    return ""


def effect(path: str, before: bytes | None, after: bytes) -> str:
    """Why new content of main.cf or master.cf must not be written, since it may open this host; "" if it may be."""
    name = os.path.basename(path)
    if name not in ("main.cf", "master.cf"):
        return ""
    read = _main if name == "main.cf" else _master
    old, new = (read((data or b"").decode("utf-8", "replace")) for data in (before, after))
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key), new.get(key)
        if was != now and not permitted(key.rpartition(" ")[2], was, now) and not _repaired(was, now):
            return f"{key} would change from {was!r} to {now!r}, which may open this host"
    return ""


def _main(text: str) -> dict[str, str]:
    """The settings, also those in lines that Postfix cannot read: a repair of one opens nothing that was not written."""
    written = {
        match[1]: match[2] for match in map(WRITTEN.match, text.splitlines()) if match and match[0][0] not in " \t"
    }
    return written | {setting.name: setting.value for setting in main_cf.parse(text).settings}


def _master(text: str) -> dict[str, str]:
    return {
        f"{service.name}/{service.type} {name}": value
        for service in master_cf.parse(text).services
        for name, value in service.overrides.items()
    }


def _repaired(was: str | None, now: str | None) -> bool:
    """Whether the new value only lacks what pasting left: quotes, invisible characters, a comment, a swallowed
    setting."""
    if was is None or now is None:
        return False
    return _substance(was) == _substance(now) or bool(was.startswith(now) and _SWALLOWED.match(was[len(now) :]))


def _substance(text: str) -> str:
    return re.sub(r"\s+#.*$|[\"'\\;]|[^\x21-\x7e]", "", text)


def reasons(step: Step) -> Iterator[str]:
    """Why a step must not be done, whatever the host's state."""
    yield from (
        f"{path} shows a character by its code: it is another file's name" for path in step.files() if coded(path)
    )
    if isinstance(step, RunStep) and not step.renames():
        yield from filter(None, map(command, step.argvs()))


def mode(step: Step, now: State) -> str:
    """Words for a mode that is wider than the path's, and that no standard demands; else ""."""
    wanted = step.mode if isinstance(step, (FileStep, Mode)) else None
    standard = isinstance(step, Mode) and step.standard
    if wanted is None or now.kind == "absent" or standard or not wanted & ~now.mode:
        return ""
    return f"mode {wanted:04o} is wider than {now.mode:04o}"
