"""Plans for settings in main.cf and master.cf that Postfix rejects, or reads otherwise than they were meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from diagnose import facts
from diagnose.host.query import Now, Read
from diagnose.knowledge.smtp import IMPLICIT_TLS_PORTS
from diagnose.model import Observation, Status
from diagnose.nearest import near
from diagnose.parse.postfix import setting_types
from diagnose.remedy import values
from diagnose.remedy.evidence import Evidence, whole
from diagnose.remedy.permitted import permitted
from diagnose.remedy.plan import Ask, Maker, Plan, plans
from diagnose.remedy.plans import units
from diagnose.remedy.plans.fatal import again, fatal, lost_account, lost_library
from diagnose.remedy.plans.relays import by_login, by_table
from diagnose.remedy.plans.service_lines import service, unread_service
from diagnose.remedy.plans.unread_lines import line_as_meant, marks, references
from diagnose.remedy.running import Command, CopyFile, Mode
from diagnose.remedy.standard import SERVICES
from diagnose.remedy.steps import Content, MasterOption, Refused, RepairLine, Step

# A daemon's last words, or the master's about it.
_THROTTLED = re.compile(
    r"/master\[\d+\]: warning: .*(?:-- throttling|process \S+ pid \d+ (?:exit|killed))"
    r"|postfix\S*/(?!master|postfix-script|sendmail|postdrop|postqueue|postsuper)[\w-]+\[\d+\]: (?:fatal|panic): "
)


def take_up(e: Evidence, why: str = "Postfix reads its settings when it is reloaded.") -> tuple[Step, ...]:
    """A reload; where a daemon died recently, a restart: the master waits a minute before it tries that one again."""
    recent = facts.postfix_log(e.ctx).lines[-200:]
    if any(_THROTTLED.search(line) for line in recent):
        return e.restart("A daemon died recently; only a restart lets the master try it at once.")
    return e.reload(why)


def taken_up(e: Evidence, steps: Sequence[Step], text: str = "", asks: tuple[Ask, ...] = ()) -> Plan | None:
    """A plan of the steps and the reload or restart that applies them; None without steps."""
    return Plan(steps=(*steps, *take_up(e)), text=text, asks=asks) if steps else None


def changes(*causes: str) -> Callable[[Callable[[Evidence], Iterable[Step]]], Maker]:
    """Registers a generator of steps as the plan of these causes; what it changes is `taken_up`."""
    return lambda steps: plans(*causes)(lambda e: taken_up(e, [*steps(e)]))


@plans("postfix-config-error", "config-paste-artifact")
def settings(e: Evidence) -> Plan | None:
    if library := e.first("config.fatal", "library"):
        return lost_library(e, library)
    steps: list[Step] = []
    for seen in e.failed("config.paste"):
        steps += line_as_meant(e, seen, "Pasted characters in it are taken literally.")
    steps += marks(e)
    for seen in e.seen("config.syntax"):
        if seen.data.get("kind") == "empty":
            if seen.text("path").endswith("main.cf"):
                return _main(e)
            steps += _master(e)
            continue
        if "macro processing error" in seen.summary:
            steps += references(e)
        else:
            steps += line_as_meant(e, seen, "Postfix cannot read the line.") or unread_service(e, seen)
    done = {getattr(step, "line", 0) for step in steps}
    deadly = {seen.text("parameter") for seen in e.failed("config.fatal")}
    for seen in e.seen("config.value"):
        wrong = seen.status is Status.FAILED or seen.text("parameter") in deadly
        if wrong and seen.data.get("line") not in done - {0}:
            steps += _value(e, seen)
    for seen in e.failed("config.unknown-parameter"):
        steps += _name(e, seen.text("name"), seen.text("parameter"))
    for seen in e.seen("config.readable"):
        path = seen.text("path")
        if above := seen.text("above"):
            return Plan(
                text=f"Put {path} where every user can read it: it is a link to {e.real(path)}, and {above} is closed to the users whose programs hand in mail."
            )
        stat = e.stat(path)
        wanted = 0o755 if stat.kind == "dir" else 0o644
        steps.append(
            Mode(
                path=e.real(path),
                mode=wanted,
                was=stat.mode,
                standard="postfix-files",
                why="The sendmail command reads it with its caller's rights.",
            )
        )
    steps += _mailname(e)
    if e.seen("relay.protocol"):
        from diagnose.remedy.plans.tls import protocols

        steps += protocols(e, ("invalid-list",))
    named = {getattr(step, "name", "") for step in steps}
    for seen in e.failed("config.fatal"):
        if seen.data.get("parameter") not in named - {""}:
            steps += service(e, "postlog") if seen.subject == "postlog" else fatal(e, seen)
    for seen in e.failed("tls.key"):
        from diagnose.remedy.plans.tls import client_key

        steps += client_key(e, seen)
    steps = steps or _milters(e)
    if not steps:
        return lost_account(e)
    return taken_up(e, steps)


def _milters(e: Evidence) -> list[Step]:
    """Puts inet: before a milter's address that names no transport, which cleanup(8) and smtpd(8) take for one."""
    steps: list[Step] = []
    for name in ("smtpd_milters", "non_smtpd_milters"):
        written = e.was(name) or ""
        made = re.sub(
            r"(?<![^\s,])(?!inet6?:|unix:|local:)((?:[\w.-]+|\[[\w.:]+\]):\d+)(?=[\s,]|$)", r"inet:\1", written
        )
        if made != written:
            steps.append(e.put(name, made, "A milter's address begins with its transport, inet: or unix:."))
    return steps


def readable(e: Evidence, plan: Plan) -> Plan:
    """The plan, preceded by repairs of the lines in main.cf and master.cf that postconf cannot read."""
    if not e.seen("config.syntax"):
        return plan
    whole = settings(e)
    before = [step for step in (whole.steps if whole else ()) if isinstance(step, RepairLine)]
    return replace(plan, steps=(*(step for step in before if step not in plan.steps), *plan.steps))


def _master(e: Evidence) -> list[Step]:
    """Copies master.cf as Postfix ships it, if there is none or an empty one; else []."""
    shipped = (f"{e.value('meta_directory') or e.config}/master.cf.proto", "/usr/share/postfix/master.cf.dist")
    source = next(filter(e.there, shipped), "")
    if not source or "".join(e.ask_lines(e.master_path)).strip():
        return []
    why = "It contains no service, or is gone; this is the file that Postfix ships."
    return [*e.aside(e.master_path), CopyFile(source=source, path=e.master_path, why=why)]


def _main(e: Evidence) -> Plan | None:
    """Copies main.cf's newest earlier copy, as policy: what it says is older than the loss."""
    source = next(iter(facts.earlier(e.ctx, e.main_path)), "")
    if not source:
        return None
    put = CopyFile(source=source, path=e.main_path, why="It sets nothing; this is its newest earlier copy.")
    step = e.policy(put, "route", f"Postfix run with the settings of {source}")
    return Plan(steps=(step, *e.restart("Not all settings are read by a reload.")))


def _mailname(e: Evidence) -> list[Step]:
    """Writes the missing or empty file that myorigin names, with the name that Postfix gives itself; else []."""
    path = e.was("myorigin") or ""
    name = (e.was("myhostname") or e.ask(Now()).fqdn or "").strip()
    if not path.startswith("/") or not re.fullmatch(r"[\w-]+(\.[\w-]+)+", name):
        return []
    file = e.ask(Read(path))
    if e.there(path) and (file.problem or file.text.strip()):
        return []
    state = "empty" if e.there(path) else "gone"
    return [Content(path=path, text=f"{name}\n", why=f"myorigin names {path}, which is {state}.")]


_DECIDES_LOGIN = re.compile(r"smtp_sasl_auth_enable|smtp_tls_wrappermode|smtp_sender_dependent_authentication")


def swallowed(e: Evidence, names: str) -> list[Step]:
    """Unindents settings that Postfix takes for a part of the value above. names: pattern of the parameters above."""
    steps: list[Step] = []
    for above, found in e.main.swallowed():
        raw = e.line(e.main_path, found.line)
        if re.fullmatch(names, above.name) and raw.strip().isprintable():
            why = f"An indented line belongs to the one before it, here to {above.name}."
            steps.append(e.repair(e.main_path, found.line, raw, raw.strip(), why))
    return steps


def _value(e: Evidence, seen: Observation) -> list[Step]:
    name = seen.text("parameter")
    if inside := swallowed(e, name):
        return inside
    written = e.was(name)
    if (both := re.fullmatch(r"(.*?\S)\s+(\w+)\s*=\s*(.*)", written or "")) and both[2] in e.mta.defaults:
        why = f"The line of {name} also holds {both[2]}."
        return [e.put(name, both[1], why), e.put(both[2], both[3], why)]
    if seen.data.get("expected") == "message_size_limit":
        return [e.put(name, e.value("message_size_limit"), "A mailbox must hold the largest message.")]
    if written is None:
        return []
    if name in ("smtp_dns_support_level", "disable_dns_lookups"):
        return [e.drop(name, "Without DNS no MX host is found.")]
    expected = seen.text("expected")
    allowed = tuple(sorted(setting_types.ALLOWED.get(name, ())))
    meant = values.value(name, seen.text("value"), expected, e.mta.defaults, allowed)
    try:
        if meant:
            return [e.put(name, meant, f"It does not accept {seen.data.get('value')}.")]
        if _DECIDES_LOGIN.fullmatch(name):
            return []  # the default is not what was meant, and mail would bounce
        return [e.drop(name, f"It does not accept {seen.data.get('value')}; without it Postfix's default applies.")]
    except Refused:
        return []


def _name(e: Evidence, wrong: str, right: str) -> list[Step]:
    """Corrects a misspelt parameter's name in its line."""
    setting = next((s for s in e.main.settings if s.name == wrong), None)
    if setting is None:
        return []
    raw = e.line(e.main_path, setting.line)
    if not permitted(right, e.was(right), setting.value) or not raw.startswith(wrong):
        return []
    return [e.repair(e.main_path, setting.line, wrong, right, f"Postfix knows no {wrong}.", at="start")]


@plans("config-not-reloaded")
def reload(e: Evidence) -> Plan | None:
    return Plan(steps=take_up(e, "The settings were changed since Postfix last read them."))


@plans("smtp-transport-missing", "smtp-listener-broken")
def transport(e: Evidence) -> Plan | None:
    steps: list[Step] = []
    if any(seen.data.get("kind") == "pass" for seen in e.failed("listener.dialogue")):
        steps += service(e, "smtpd")
    for seen in e.failed("postfix.transport", "postfix.service"):
        if setting := seen.text("parameter"):
            steps.append(e.drop(setting, f"master.cf has no service {seen.text('service')}."))
        elif name := seen.text("service"):
            if name in SERVICES and seen.text("path").endswith(f"/{SERVICES[name][6]}"):
                why = f"{seen.text('path')} belongs to Postfix's package, and is missing."
                return Plan(steps=(*again(e, why), *e.restart("The master runs it then.")), text=why)
            if wrong := _program(e, name, seen):
                return Plan(steps=(*wrong, *e.restart("The queue manager waits for the program that runs.")))
            steps += service(e, name)
    for seen in e.failed("listener.tls"):
        if seen.data.get("kind") == "wrapper":
            return _wrapped(e, seen)
        steps += _near_path(e, seen)
    return taken_up(e, steps)


def _near_path(e: Evidence, seen: Observation) -> list[Step]:
    """Names the file beside a missing one whose name is nearly the same, in main.cf's setting."""
    name, path = seen.text("parameter"), seen.text("path")
    beside = [each for each in e.files(f"{path.rpartition('/')[0]}/*") if path]
    better, written = near(path, beside, 0.85), e.was(name) or ""
    if not better or path not in written:
        return []
    return [e.put(name, written.replace(path, better), f"{path} does not exist; {better} does.")]


def _wrapped(e: Evidence, seen: Observation) -> Plan | None:
    """Has a service of port 465 begin with TLS, if it has a certificate; else words."""
    name = seen.text("service")
    entry = e.mta.master.get(name, "inet")
    if seen.data.get("port") not in IMPLICIT_TLS_PORTS and e.was("smtpd_tls_wrappermode"):
        return taken_up(
            e, [e.drop("smtpd_tls_wrappermode", f"Clients of port {seen.data.get('port')} begin without TLS.")]
        )
    if seen.data.get("port") not in IMPLICIT_TLS_PORTS or entry is None:
        return None
    certificates = ("smtpd_tls_chain_files", "smtpd_tls_cert_file")
    if not any(entry.overrides.get(each) or e.value(each) for each in certificates):
        text = f"Put `-o smtpd_tls_wrappermode=yes` below {name} in master.cf, and set smtpd_tls_chain_files in main.cf to its key and certificate."
        return Plan(text=text)
    why = "Clients begin with TLS on this port (RFC 8314)."
    return taken_up(
        e,
        [
            MasterOption(
                path=e.master_path, service=name, type="inet", name="smtpd_tls_wrappermode", value="yes", why=why
            )
        ],
    )


def _program(e: Evidence, name: str, seen: Observation) -> list[Step]:
    """Puts the service's own program in place of another's, or of a misspelt one; the rest of its line stays."""
    program = seen.text("runs")
    there = (path.rpartition("/")[2] for path in e.files(f"{e.value('daemon_directory')}/*"))
    wanted = seen.text("wanted") or near(program, there, 0.7)
    lines = [s.line for s in e.master.services if (s.name, s.command) == (name, program)]
    words = re.findall(rf"\s{re.escape(program)}(?!\S)", e.line(e.master_path, lines[0])) if len(lines) == 1 else []
    if not wanted or len(words) != 1:
        return []
    why = f"The service {name} is {wanted}'s work."
    return [e.repair(e.master_path, lines[0], words[0], words[0].replace(program, wanted), why, at="within")]


@plans("postfix-not-running")
def start(e: Evidence) -> Plan | None:
    if halted := e.first("postfix.master", "halted"):
        why = f"Process {halted} was stopped by a signal (SIGSTOP), and goes on from where it was."
        return Plan(steps=(Command(argv=("kill", "-CONT", *halted.split()), why=why), *e.retry()), text=why)
    steps: list[Step] = []
    if e.manager == "systemd":
        for unit in ("postfix", "postfix@", "postfix@-"):
            steps += e.unmasked(unit, "systemd start Postfix")
        steps += units.barring(e)
    return Plan(steps=(*steps, *e.start_again()))


@plans("relay-not-configured")
def relay_meant(e: Evidence) -> Plan | None:
    steps: list[Step] = []
    for seen in e.seen("config.relay-meant", "config.relay-port"):
        steps += _relay(e, seen)
        if steps:
            break
    return taken_up(e, steps)


def _relay(e: Evidence, seen: Observation) -> list[Step]:
    kind, number = seen.text("kind"), whole(seen, "line")
    if seen.sign == "config.relay-port":
        wanted = seen.data.get("wanted")
        return (
            [e.put("relayhost", f"[{seen.data.get('host')}]:{wanted}", "The password map has an entry for this port.")]
            if wanted
            else []
        )
    raw = e.line(e.main_path, number) if number else ""
    if kind == "indented":
        return [e.repair(e.main_path, number, raw, raw.strip(), "An indented line belongs to the one before it.")]
    if kind == "overridden":
        return [e.repair(e.main_path, number, raw, f"#{raw}", "It empties the relayhost that is set above.")]
    if kind == "misspelt":
        unknown = {c.parameter for c in e.mta.complaints if c.kind == "unused-parameter"}
        setting = next(
            (
                s
                for s in e.main.settings
                if s.name in unknown and (s.line == number or re.search(r"relay|host", s.name))
            ),
            None,
        )
        if setting is None:
            return []
        empty = e.main.get("relayhost")
        name: list[Step] = [
            e.repair(
                e.main_path, setting.line, setting.name, "relayhost", f"Postfix knows no {setting.name}.", at="start"
            )
        ]
        if empty and not empty.value and empty.line > setting.line:
            old = e.line(e.main_path, empty.line)
            name.insert(0, e.repair(e.main_path, empty.line, old, f"#{old}", "It would empty relayhost again."))
        return name
    return by_table(e) if kind == "table" or e.was("relayhost") else by_login(e)
