"""What a plan is made of: the diagnosis, what was observed, and this host's own state, asked as checks ask it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

from diagnose import facts
from diagnose.facts.asks import Asks
from diagnose.facts.route import Route
from diagnose.host.query import Exec, Glob, Listeners, Processes, Query, Read, Stat, StatReply
from diagnose.knowledge import distributions
from diagnose.model import Advice, Diagnosis, HostInfo, Impact, Observation, Run, Scalar, Status, measured
from diagnose.parse.postfix import main_cf, master_cf, table
from diagnose.record import dataclass
from diagnose.relay_settings import MAP_TYPES
from diagnose.remedy.running import Aside, BuildTable, Command, CopyFile, InstallPackage, Requeue, Service, Unmask
from diagnose.remedy.steps import MasterOption, RemoveParameter, RepairLine, SetParameter, Step

R = TypeVar("R")
CHROOTED = ("resolv.conf", "hosts", "nsswitch.conf", "services")
_FILLED = ("host.conf", "localtime", "nss_mdns.config")  # what Debian's service copies besides
_FILLS = distributions.FILLS_CHROOT
_FEW = 5  # messages that are tried again at once


def sentence(seen: Observation) -> str:
    """The observation's summary as a sentence, for the reason of a step."""
    return f"{seen.summary[:1].upper()}{seen.summary[1:]}."


def whole(seen: Observation, key: str) -> int:
    return int(seen.text(key) or 0)


@dataclass(slots=False, kw_only=True)
class Evidence:
    """ctx: asks this host, or its recording; advice: a relay that would work, None if none was looked for."""

    ctx: Asks
    diagnosis: Diagnosis
    runs: Sequence[Run]
    info: HostInfo
    advice: Advice | None = None

    # What was observed

    @property
    def data(self) -> Mapping[str, Scalar]:
        """The data of all signs that support the diagnosis; for each key the strongest sign's value counts."""
        return self.diagnosis.data

    def text(self, key: str) -> str:
        value = self.data.get(key)
        return "" if value is None else str(value)

    def seen(self, *signs: str) -> list[Observation]:
        """The failed and warning observations of these signs, failed ones first."""
        found = [o for run in self.runs for o in run.observations if o.sign in signs]
        return sorted((o for o in found if o.status in (Status.FAILED, Status.WARNING)), key=lambda o: -o.status)

    def failed(self, *signs: str) -> list[Observation]:
        return [o for o in self.seen(*signs) if o.status is Status.FAILED]

    def first(self, sign: str, key: str) -> str:
        """The first text under that key in the sign's failed and warning observations, "" if there is none."""
        return next(filter(None, (o.text(key) for o in self.seen(sign))), "")

    def open_ports(self, host: str) -> list[int]:
        """The server's ports that were seen open from here."""
        ends = measured(self.runs, "endpoint")
        return [whole(o, "port") for o in ends if o.data.get("host") == host and o.data.get("open")]

    # This host's own state

    def ask(self, query: Query[R]) -> R:
        return self.ctx.ask(query)

    @cached_property
    def mta(self) -> facts.Mta:
        return facts.mta(self.ctx)

    @cached_property
    def way(self) -> Route | None:
        """The route of the mail in question, None if it is not known."""
        return facts.route(self.ctx)

    @property
    def config(self) -> str:
        return self.mta.config_directory

    def real(self, path: str) -> str:
        """The path with links resolved; as given if it does not exist."""
        return self.ask(Stat(path)).real or path

    def stat(self, path: str) -> StatReply:
        return self.ask(Stat(path))

    def there(self, path: str) -> bool:
        return self.ask(Stat(path)).exists

    @cached_property
    def main_path(self) -> str:
        return self.real(f"{self.config}/main.cf")

    @cached_property
    def master_path(self) -> str:
        return self.real(f"{self.config}/master.cf")

    @cached_property
    def main(self) -> main_cf.MainCf:
        return main_cf.parse(self.ask(Read(self.main_path)).text)

    @cached_property
    def master(self) -> master_cf.MasterCf:
        """master.cf as its text has it, with line numbers; `mta.master` has the services as postconf(1) reads them."""
        return master_cf.parse(self.ask(Read(self.master_path)).text, self.value("compatibility_level"))

    def line(self, path: str, number: int, secret: str = "") -> str:
        """A physical line (from 1) of a file, without its end; "" where there is none."""
        lines = self.ask(Read(path, secret=secret)).text.split("\n")
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def ask_lines(self, path: str) -> list[str]:
        return self.ask(Read(path)).text.split("\n")

    def numbered(self, path: str) -> Iterator[tuple[int, str]]:
        """A file's lines with their numbers, from 1; none where the path is ""."""
        return enumerate(self.ask_lines(path) if path else (), 1)

    def was(self, name: str) -> str | None:
        """The parameter's value in main.cf as written, None if it is not set there."""
        found = self.main.get(name)
        return found.value if found else None

    def value(self, name: str) -> str:
        return self.mta.value(name)

    @cached_property
    def manager(self) -> str:
        """What starts Postfix here: systemd, openrc, sysv, or "" for none."""
        return self.manager_of("postfix")

    def manager_of(self, unit: str) -> str:
        if self.there("/run/systemd/system"):
            return "systemd" if self.unit(unit) else ""
        if self.there("/run/openrc/softlevel"):
            return "openrc" if self.there(f"/etc/init.d/{unit}") else ""
        first = next((p for p in self.ask(Processes()).processes if p.pid == 1), None)
        return "sysv" if first and first.name == "init" and self.there(f"/etc/init.d/{unit}") else ""

    def starter(self, unit: str) -> str:
        """What starts another program: as `manager_of`; sysv also for its script where no manager runs, as in a
        container."""
        return self.manager_of(unit) or (
            "sysv" if self.there(f"/etc/init.d/{unit}") and not self.there("/run/systemd/system") else ""
        )

    def listening(self, port: int) -> str:
        """The program that listens at a TCP port of this host, with its PID, for people; "" where none is known."""
        found = [one for one in self.ask(Listeners()).listeners if one.port == port and one.process]
        return f"{found[0].process} (PID {found[0].pid})" if found else ""

    def unit(self, name: str) -> bool:
        places = ("/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system")
        return any(self.there(f"{place}/{name}.service") for place in places)

    def unmasked(self, unit: str, opens: str) -> tuple[Step, ...]:
        """Lets systemd start a unit that was masked; () if it was not."""
        if self.manager_of(unit) != "systemd" or self.stat(f"/etc/systemd/system/{unit}.service").real != "/dev/null":
            return ()
        return (Unmask(unit=f"{unit}.service", why="The unit was masked so that it would not start.", opens=opens),)

    @cached_property
    def map_type(self) -> str:
        """The type of indexed table that this Postfix makes: its default, else one that is built in, else texthash."""
        built_in = self.mta.map_types
        default = self.value("default_database_type")
        if default and (not built_in or default in built_in):
            return default
        return next((kind for kind in MAP_TYPES if kind in built_in), "texthash")

    @cached_property
    def family(self) -> distributions.Family | None:
        return distributions.FAMILIES.get(self.info.family)

    # Steps that many plans share

    def put(self, name: str, value: str, why: str) -> SetParameter:
        """Sets a parameter in main.cf. Raises Refused."""
        return SetParameter(path=self.main_path, name=name, value=value, was=self.was(name), why=why)

    def client(self, way: Route | None, name: str, value: str | None, why: str) -> Step:
        """Sets a parameter of this route's SMTP client, or removes it (None): in master.cf if the service overrides
        it there, else in main.cf."""
        if way is not None and way.service is not None and name in way.service.overrides:
            return MasterOption(
                path=self.master_path,
                service=way.service.name,
                type=way.service.type,
                name=name,
                value=value,
                was=way.service.overrides[name],
                why=why,
            )
        return self.drop(name, why) if value is None else self.put(name, value, why)

    def drop(self, name: str, why: str) -> RemoveParameter:
        default = self.mta.defaults.get(name)
        return RemoveParameter(path=self.main_path, name=name, was=self.was(name), default=default, why=why)

    def repair(self, path: str, number: int, find: str, put: str, why: str, at: str = "whole") -> RepairLine:
        return RepairLine(path=self.real(path), line=number, find=find, put=put, at=at, why=why)

    def policy(self, step: Step, allow: str, opens: str) -> Step:
        """The step as a policy step, which the user must allow by name."""
        return replace(step, allow=allow, opens=opens)

    def build(
        self,
        type: str,
        path: str,
        key: str = "",
        why: str = "Postfix reads the compiled table.",
        aliases: bool = False,
    ) -> tuple[Step, ...]:
        """Compiles a table; () for a type that is read as text."""
        if type not in table.INDEXED:
            return ()
        old = tuple(step for suffix in table.INDEXED[type] for step in self.aside(f"{path}{suffix}"))
        return (
            *old,
            BuildTable(type=type, path=path, key=key, aliases=aliases, config=self.config, why=why),
        )

    def install(
        self, packages: tuple[str, ...], why: str, opens: str = "the package manager install software"
    ) -> tuple[Step, ...]:
        """Installs packages; () if this distribution's command is not known."""
        if self.family is None:
            return ()
        words = tuple(self.family.install.split())
        return (InstallPackage(packages=packages, install=words, why=why, opens=opens),)

    def reload(self, why: str = "Postfix reads its settings when it is reloaded.") -> tuple[Step, ...]:
        """Reloads Postfix, or starts it if it does not run, and retries waiting mail."""
        if facts.master(self.ctx) is None or self.deaf:
            return self.restart(why)
        waiting = facts.queue(self.ctx)
        if waiting and waiting.messages.get("active") and self.diagnosis.cause.impact is Impact.OUTAGE:
            return self.restart("Deliveries under way would go on with the old settings, and fail.")
        return (Service(verb="reload", config=self.config, why=why), *self.retry())

    @property
    def deaf(self) -> bool:
        """Whether the master may wait for ever for its own log service (maillog_file): it runs, and neither the service
        nor its queue manager does."""
        top = facts.master(self.ctx)
        if top is None or not self.value("maillog_file") or facts.queue_manager(self.ctx):
            return False
        return not any(p.parent == top.pid and p.name == "postlogd" for p in self.ask(Processes()).processes)

    def restart(self, why: str) -> tuple[Step, ...]:
        top = facts.master(self.ctx)
        if top is not None and self.deaf:
            kill = Command(
                argv=("kill", "-KILL", str(top.pid)),
                why="The master waits for its log service, and hears nothing else.",
            )
            return (kill, Service(verb="start", manager=self.manager, config=self.config, why=why), *self.retry(True))
        verb = "restart" if top else "start"
        service = Service(verb=verb, manager=self.manager, config=self.config, why=why)
        if verb == "start" and not self.manager and self.config == "/etc/postfix" and self.there(_FILLS):
            fills = "It fills the chroot, as Debian's service does at each start."
            root = self.mta.queue_directory
            root = root if self.there(root) else self.mta.defaults.get("queue_directory", root)
            copies = tuple(f"{root}/etc/{name}" for name in (*CHROOTED, *_FILLED))
            return (Command(argv=(_FILLS, "-"), changes=copies, why=fills), service, *self.retry(True))
        return (*self.copies(), service, *self.retry(True))

    def start_again(self) -> tuple[Step, ...]:
        """Starts Postfix, or restarts it if its master is there but does not work."""
        top = facts.master(self.ctx)
        if top is None:
            return self.reload("Postfix does not run.")
        return (
            Service(
                verb="restart",
                manager=self.manager,
                config=self.config,
                why=f"Its master (pid {top.pid}) is {top.state}.",
            ),
        )

    def retry(self, started: bool = False) -> tuple[Step, ...]:
        """Retries waiting mail now, at most _FEW messages: all of a short queue, else mail to the recipient asked
        for, or one message of each group. Where nothing leaves, mail under way waits as well. () if none waits, or
        Postfix does not run. started: an earlier step starts it."""
        waiting = facts.queue(self.ctx) if started or facts.master(self.ctx) else None
        queues = ("deferred", "active") if self.diagnosis.cause.impact is Impact.OUTAGE else ("deferred",)
        count = sum(waiting.messages.get(name, 0) for name in queues) if waiting else 0
        if waiting is None or not count:
            return ()
        groups = [g for g in waiting.groups if g.queue_name in queues and g.sample.queue_id]
        wanted = self.ctx.target.recipient
        mine = [g for g in groups if wanted and g.sample.recipient == wanted] or groups
        ids = [g.sample.queue_id for g in mine]
        if count <= _FEW:
            ids = [id for name in queues for id in self.queue_ids(name)]
        ids = list(dict.fromkeys(ids))[:_FEW]
        if not ids:
            return ()
        return (Requeue(ids=tuple(ids), config=self.config, why="Waiting mail is tried now, not at its next attempt."),)

    def queue_ids(self, queue: str) -> list[str]:
        """The queue ids of all messages in one of Postfix's queues, from postqueue(1) -j."""
        return re.findall(rf'"queue_name": "{queue}", "queue_id": "(\w+)"', self.ask(Exec(("postqueue", "-j"))).out)

    def copies(self, anyway: tuple[str, ...] = ()) -> tuple[Step, ...]:
        """Copies system files into the chroot, if services are chrooted and a copy is missing or differs. anyway:
        files that an earlier step changes."""
        if not any(
            s.chroot and s.name in ("smtp", "relay", "smtpd", "lmtp", "cleanup") for s in self.mta.master.services
        ):
            return ()
        place = f"{self.mta.queue_directory}/etc"
        why = "Chrooted services read this copy."
        found = self.folder(place, why)
        for name in CHROOTED:
            source, copy = f"/etc/{name}", f"{place}/{name}"
            text = self.ask(Read(source))
            if text.problem is None and (name in anyway or text.text != self.ask(Read(copy)).text):
                found += (*self.aside(copy), CopyFile(source=source, path=copy, why=why))
        return tuple(found)

    def folder(self, path: str, why: str) -> list[Step]:
        """Makes a directory, after those above it; [] if it is there, as each of / is."""
        if path.count("/") < 2 or self.there(path):
            return []
        make = Command(argv=("mkdir", "-p", "-m", "0755", "--", path), changes=(path,), why=why)
        return [*self.folder(path.rpartition("/")[0], why), make]

    def aside(self, path: str) -> tuple[Step, ...]:
        """Moves a dangling link aside; () if the path is none, or the name for it is taken."""
        if self.there(path) or path not in self.files(path) or self.files(f"{path}.old"):
            return ()
        return (Aside(path=path, why=f"{path} is a link that leads nowhere."),)

    def files(self, pattern: str) -> tuple[str, ...]:
        return self.ask(Glob(pattern)).paths
