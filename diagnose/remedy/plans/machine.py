"""Plans for the machine under Postfix, and for mail that waits."""

from __future__ import annotations

from collections.abc import Iterator

from diagnose import facts
from diagnose.host.query import Exec, Listeners, Read
from diagnose.knowledge.distributions import CA_PACKAGE, LOG_FILES
from diagnose.remedy.evidence import Evidence, whole
from diagnose.remedy.plan import Plan, plans
from diagnose.remedy.plans.fatal import again, lost_queue
from diagnose.remedy.plans.relays import by_login, directly
from diagnose.remedy.plans.settings import changes, take_up, taken_up
from diagnose.remedy.plans.suspended import without_rule
from diagnose.remedy.running import Aside, Command, CopyFile, Mode, Ownership, ReleaseHeld, Remount, Requeue
from diagnose.remedy.steps import Step

_OPEN = ("/", "/usr", "/usr/sbin", "/var", "/var/lib", "/var/spool")  # which every system has open to all
_ROOMY = 100_000_000  # bytes, with which a disk is not full for mail
_PASSING = ("pid", "public", "private")  # directories of the queue without mail: lock files and sockets
_MANY = 20  # messages on hold that are released by name


@plans("queue-permissions")
def permissions(e: Evidence) -> Plan | None:
    if read_only := e.failed("disk.read-only"):
        mount, options = _mount(e, read_only[0].text("path"))
        if "ro" not in options:
            text = f"{mount} is mounted read-only: see in the kernel's log (dmesg) whether its disk has errors; if not, take ro out of its line in /etc/fstab, and run: mount -o remount,rw {mount}"
            return Plan(text=text) if mount else None
        return _remounted(e, mount, "ro", f"what lies below {mount} be changed")
    steps: list[Step] = []
    lost = False
    group = e.value("setgid_group") or "postdrop"
    for seen in e.seen("host.queue-permissions", "host.setgid"):
        path = seen.text("path")
        stat = e.stat(path)
        if not stat.exists and path == e.mta.queue_directory:
            steps += lost_queue(e)
            continue
        if not stat.exists and seen.sign == "host.queue-permissions" and facts.master(e.ctx):
            lost = True  # the start makes it
        if seen.sign == "host.setgid" and stat.kind != "file":
            gone = (Aside(path=path, why=f"{path} is not a program."),) if stat.exists else e.aside(path)
            why = f"{path} belongs to Postfix's package, and is missing."
            steps += _beside(e, path) or ((*gone, *more) if (more := again(e, why)) else ())
            continue
        if seen.data.get("kind") == "above" and path in _OPEN and stat.mode & 0o001 == 0:
            why = f"Every user must be able to enter {path} (mode 0755)."
            steps.append(Mode(path=path, mode=stat.mode | 0o011, was=stat.mode, standard="system", why=why))
        if seen.data.get("kind") == "other" and set(path.split("/")[-2:]) & {*_PASSING} and not e.files(f"{path}.old"):
            why = f"{path} is not a directory; Postfix makes one when it starts."
            steps.append(Aside(path=path, directory=True, why=why))
            continue
        if seen.data.get("kind") == "other":
            return Plan(
                text=f"{path} must be a directory: move what is there out of the way (mv {path} {path}.old), or mount the disk that it leads to. Postfix creates the directory again when it is started (postfix start)."
            )
        if (option := seen.text("kind")) in ("nosuid", "noexec"):
            return _remounted(
                e, seen.text("mount"), option, f"programs below {seen.text('mount')} run as Postfix needs it"
            )
        if not stat.exists or seen.data.get("kind") == "above":
            continue  # a folder that others share: who set it so must say
        why = "Postfix requires this (postfix-files)."
        owner, _, owned = seen.text("owner").partition(":")
        mode = int(str(seen.data.get("mode") or "0"), 8)
        if seen.data.get("command") == "sendmail":
            steps.append(Mode(path=e.real(path), mode=0o755, was=stat.mode, standard="postfix-files", why=why))
            continue
        if seen.sign == "host.setgid":
            owner, owned, mode = stat.owner, group, 0o2755 | stat.mode & 0o7000
        if (owner and owner != stat.owner) or (owned and owned != stat.group):
            steps.append(Ownership(path=path, owner=owner, group=owned, why=why))
        changed = bool(steps and getattr(steps[-1], "path", "") == path)
        if mode and (stat.mode & mode != mode or (changed and mode & 0o7000)):
            steps.append(
                Mode(
                    path=path,
                    mode=stat.mode | mode if seen.sign != "host.setgid" else mode,
                    was=stat.mode,
                    standard="postfix-files",
                    why=why,
                )
            )
    return Plan(steps=(*steps, *e.restart("Postfix opens them when it starts."))) if steps or lost else None


def _mount(e: Evidence, path: str) -> tuple[str, list[str]]:
    """The path's mount point, and the options that are its own; one of the file system below it is left out."""
    words = e.ask(Exec(("findmnt", "-n", "-o", "VFS-OPTIONS,FS-OPTIONS,TARGET", "-T", path))).out.split()
    if len(words) != 3:
        return "", []
    return words[2], [word for word in words[0].split(",") if word not in words[1].split(",")]


def _remounted(e: Evidence, mount: str, option: str, opens: str) -> Plan:
    """Takes the option off the mount, as policy, since somebody may have wanted it, and starts Postfix."""
    text = f"{mount} is mounted {option}: take that out of its line in /etc/fstab as well, or it comes back when it is next mounted."
    step = Remount(mount=mount, option=option, why=f"{mount} is mounted {option}.", opens=opens)
    return Plan(steps=(step, *e.restart("Postfix opens its files when it starts.")), text=text)


def _beside(e: Evidence, path: str) -> tuple[Step, ...]:
    """Puts Postfix's own program, which a package or a person moved beside `path`, in its place; what is there now is
    kept as PATH.old. () if it is not there, or the link leads to Debian's or Red Hat's alternatives."""
    linked = e.ask(Exec(("readlink", "--", path))).out.startswith("/etc/alternatives")
    own = (one for one in e.files(f"{path}.*") if e.stat(one).owner == "root" and e.stat(one).mode & 0o122 == 0o100)
    mine = next((one for one in own if e.ask(Read(one, having=("/postdrop",))).text), "")
    if not mine or linked or e.files(f"{path}.old"):
        return ()
    kept = Aside(path=path, why=f"{path} is not Postfix's, or leads nowhere.")
    return (kept, CopyFile(source=mine, path=path, why="It is Postfix's own."))


@plans("wrong-mta")
def command(e: Evidence) -> Plan | None:
    """Puts Postfix's sendmail command back, or ends the program that holds its port, as policy: the other one may be
    meant."""
    for seen in e.failed("postfix.sendmail-command"):
        opens = f"mail that programs hand to {seen.text('path')} go to Postfix"
        if steps := tuple(e.policy(step, "service", opens) for step in _beside(e, seen.text("path"))):
            return Plan(steps=steps)
    holder = next((one for one in e.ask(Listeners()).listeners if one.port == 25 and one.pid), None)
    if holder is None or not any(seen.data.get("wanted") for seen in e.failed("postfix.port-25-owner")):
        return None
    program, manager = holder.process, e.manager_of(holder.process)
    argv = ("systemctl", "disable", "--now", "--", program) if manager == "systemd" else ("kill", "--", str(holder.pid))
    stop = Command(argv=argv, why=f"{program} holds port 25.", lasting=f"{program} stays stopped")
    text = f"{program} (PID {holder.pid}) holds Postfix's port 25: stop it and keep it from starting again, or give it another port."
    started = e.restart("Its smtpd can listen there now.")
    return Plan(
        steps=(e.policy(stop, "service", f"Postfix take the mail that {program} takes now"), *started), text=text
    )


@changes("disk-full")
def room(e: Evidence) -> Iterator[Step]:
    """Drops size settings that require more than the ample free space; only a person can free any."""
    for seen in e.failed("disk.space"):
        free = whole(seen, "free")
        # smtpd(8) wants room for one and a half of the largest message.
        for name, times in (("queue_minfree", 1.0), ("message_size_limit", 1.5)):
            least = e.was(name) or ""
            if least.isdecimal() and times * int(least) > free > _ROOMY:
                yield e.drop(name, f"It requires {times * int(least):.0f} bytes, and {free} are free.")


@plans("mail-log-missing")
def log(e: Evidence) -> Plan | None:
    if e.value("maillog_file") or e.mta.numbers < (3, 4):
        return None
    usual = e.family.log_files if e.family else ()
    file = next(iter(usual), LOG_FILES[0])
    put = e.put("maillog_file", file, "No log service takes Postfix's messages; Postfix writes the file itself.")
    return Plan(steps=(put, *e.restart("The master opens its log when it starts.")))


@plans("clock-wrong")
def clock(e: Evidence) -> Plan | None:
    chrony = e.ask(Exec(("chronyc", "-n", "tracking"), timeout=2.0))
    if chrony.code == 0 and "Not synchronised" not in chrony.out:
        return Plan(steps=(Command(argv=("chronyc", "makestep"), why="chronyd has the right time."), *e.retry()))
    if (
        e.manager == "systemd"
        and not e.ask(Exec(("timedatectl", "show", "-p", "NTPSynchronized", "--value"), timeout=2.0)).problem
    ):
        return Plan(
            steps=(
                Command(
                    argv=("timedatectl", "set-ntp", "true"), why="The system's time service then keeps the clock right."
                ),
                *e.retry(),
            )
        )
    return None


@plans("mail-on-hold")
def held(e: Evidence) -> Plan | None:
    """Takes away the rule of a table that holds this host's own mail, and releases what is held."""
    waiting = facts.queue(e.ctx)
    count = waiting.messages.get("hold", 0) if waiting else 0
    if waiting is None or not count:
        return None
    which = f"the {count} messages" if count > 1 else "the message"
    holding = [o for o in e.failed("config.content-rule") if o.text("how") == "hold" and o.data.get("line")]
    rules = [step for seen in holding for step in without_rule(e, seen)]
    them = "those that still matter: postsuper -H QUEUEID" if count > _MANY else "them" if count > 1 else "it"
    text = f"See who held {which} and why (`hold:` in the log, HOLD in access maps and header_checks), then release {them}."
    if rules:
        text = f"A rule of {holding[0].text('parameter')} holds {which}: if it is no longer wanted, take it out, and release {them}."
    if count > _MANY:
        return Plan(steps=(*rules, *take_up(e)) if rules else (), text=text)
    ids = e.queue_ids("hold")
    if not ids:
        return taken_up(e, rules)
    release = ReleaseHeld(
        ids=tuple(ids),
        config=e.config,
        why="Postfix never retries held messages by itself.",
        opens=f"{len(ids)} held message{'s' if len(ids) > 1 else ''} go out",
    )
    tried = Requeue(ids=tuple(ids), config=e.config, why="They are tried now, not at their next attempt.")
    return Plan(steps=(*rules, *(take_up(e) if rules else ()), release, tried), text=text)


@plans("mail-loops-back")
def loop(e: Evidence) -> Plan | None:
    """Replaces a relayhost that is this host by the relay whose login is stored here; else drops it."""
    way = e.way
    if way is None or not way.relay or not e.was("relayhost"):
        return None
    return taken_up(e, by_login(e) or directly(e, f"{e.value('relayhost')} is this host itself."))


@plans("retry-pending")
def retry(e: Evidence) -> Plan | None:
    steps = e.retry()
    return (
        Plan(
            steps=steps,
            text="Their route works now: try the waiting mail at once, or let Postfix do so at its next attempt.",
        )
        if steps
        else None
    )


@plans("postfix-not-installed")
def install(e: Evidence) -> Plan | None:
    if e.family is None:
        return None
    why = "Programs here hand their mail to a mail server that is not installed."
    packages = ("postfix", *e.family.sasl_packages, CA_PACKAGE)
    return Plan(steps=e.install(packages, why, opens="a mail server run on this host"))
