"""Plans for an application's own settings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose.apps import APPLY, writing
from diagnose.apps.formats import applications
from diagnose.facts.application import Application, found
from diagnose.host.query import Listeners, Lookup, Read
from diagnose.knowledge.recognise import meant
from diagnose.model import Observation, Status
from diagnose.parse.text.masking import STARS
from diagnose.remedy.evidence import Evidence, sentence, whole
from diagnose.remedy.plan import Plan, plans
from diagnose.remedy.properties import InsertLine, SetProperty, weakens
from diagnose.remedy.running import StartUnit
from diagnose.remedy.steps import AppendLine, Step

_PAIR = re.compile(r"([\w.-]+)=([\w.:@/+-]+)")
_LINES = re.compile(r"\.(?:properties|env(?:\.[\w-]+)?)$")  # of KEY=VALUE, as .env.production too
SENDMAIL = "/usr/sbin/sendmail"
_START = re.compile(r"systemctl (re)?start (?P<once>\w[\w@.:-]*)|systemctl enable --now (?P<enabled>\w[\w@.:-]*)")


@plans(
    "app-certificate-untrusted",
    "app-config-invalid",
    "app-config-not-applied",
    "app-credentials-rejected",
    "app-smtp-unreachable",
    "app-tls-mismatch",
    "app-tls-too-old",
)
def settings(e: Evidence) -> Plan | None:
    """Corrects lines of the application's own file, unless Puppet renders it; the text names the commands that apply
    them."""
    return _settings(e, e.diagnosis.remedy.text)


def on_another_port(e: Evidence) -> Plan | None:
    """Moves the application to a port of its server that answers from here; None if none does."""
    if not e.data.get("answers"):
        return None
    taken_up = e.text("restart") or "Then restart the application, so that it reads its settings again."
    text = f"{e.text('host')} answers on {e.text('works')}. Set in {e.text('path')}: {e.text('setting')}. {taken_up}"
    return _settings(e, text) or Plan(text=text)


def _settings(e: Evidence, text: str) -> Plan | None:
    applied = " && ".join(APPLY.get(e.text("product"), ()))
    seen = e.seen("app.settings", "app.tls", "app.server", "app.sendmail-path")
    steps = list(dict.fromkeys(step for each in seen for step in _steps(e, each)))
    text += f"\nTo apply it: {applied}" if applied else ""
    return Plan(steps=tuple(steps), text=text) if steps or applied else None


def _steps(e: Evidence, seen: Observation) -> Iterator[Step]:
    path = seen.text("path")
    if seen.status is not Status.FAILED or "puppet" in seen.text("product"):
        return
    if seen.sign == "app.sendmail-path":
        yield from _sendmail(e, path, whole(seen, "line"), sentence(seen)) if path == e.text("path") else ()
        return
    if seen.data.get("outcome") == "name-not-found":
        yield from _host(e, path, seen.text("host"))
        return
    if not _LINES.search(path):
        yield from written(e, path, seen.text("setting"), sentence(seen))
        return
    file, number, kind = e.real(path), whole(seen, "line"), seen.data.get("problem")
    raw = e.line(path, number, secret="properties" if path.endswith(".properties") else "settings")
    why = sentence(seen)
    value = re.match(r"\s*[\w.-]+\s*[=:]\s*(.*)", raw)
    blanks = kind in ("trailing-blank", "blank-in-boolean", "host-has-blank", "port-not-a-number")
    if blanks and raw != raw.rstrip():
        yield e.repair(path, number, raw[len(raw.rstrip()) :], "", why, "end")
        return
    if kind == "inline-comment" and value and "#" in value[1]:
        at = "comment" if path.endswith(".properties") else "value"  # where Java has no quotes, others cut the value
        if at == "comment" or not re.search(r"[\s'\"]", value[1]):
            yield e.repair(path, number, "", "", why, at)
        return
    if kind == "quoted-value" and value and STARS not in raw and value[1][:1] == value[1][-1:] and len(value[1]) > 1:
        yield e.repair(path, number, value[1], value[1][1:-1], why, "within")
        return
    for word in re.sub(r"^It should say |\.$", "", seen.text("setting")).split("; "):
        if pair := _PAIR.fullmatch(word):
            yield SetProperty(path=file, key=pair[1], value=pair[2], why=why)


def _sendmail(e: Evidence, path: str, number: int, why: str) -> Iterator[Step]:
    """Names this host's sendmail in PHP's sendmail_path, as policy, since the program that is missing may have caught
    all mail; nothing if this host has no sendmail."""
    value = e.line(path, number).partition("=")[2].strip(" \t\r\"'")
    if value and e.stat(SENDMAIL).mode & 0o111:
        step = e.repair(path, number, value, f"{SENDMAIL} -t -i", why, "within")
        yield e.policy(step, "route", "PHP's mail leave by this host's own mailer")


def _host(e: Evidence, path: str, host: str) -> Iterator[Step]:
    """Corrects the server's name, if a known name that resolves is near, and only one line has it."""
    better = meant(host)
    kind = "properties" if path.endswith(".properties") else "settings"
    lines = e.ask(Read(path, secret=kind)).text.split("\n")
    at = [
        number for number, raw in enumerate(lines, 1) if host in raw and not raw.lstrip().startswith(("#", ";", "//"))
    ]
    if better and len(at) == 1 and e.ask(Lookup(better, "A")).rcode == "NOERROR":
        yield e.repair(path, at[0], host, better, f"{host} does not exist; {better} does.", "within")


def written(e: Evidence, path: str, wanted: str, why: str) -> Iterator[Step]:
    """Sets what `wanted` says in a file of another grammar; nothing if a place cannot be told, or a setting
    `weakens`."""
    text = e.ask(Read(path, secret="settings"))
    pairs = re.findall(r"([\w.-]+)['\"]?\]?\s*(?:=>|[:=])\s*['\"]?([\w.+-]*)", wanted)
    made = None if text.problem or any(weakens(*pair) for pair in pairs) else writing.changes(path, text.text, wanted)
    for change in made or ():
        if change.below:
            yield InsertLine(path=e.real(path), line=change.line, above=change.find, text=change.put, why=why)
        elif change.line:
            yield e.repair(path, change.line, change.find, change.put, why, "within")
        else:
            yield AppendLine(path=e.real(path), text=change.put, why=why)


@plans("smtp-listener-missing")
def listener(e: Evidence) -> Plan | None:
    """Points the application to port 25, if Postfix listens there on loopback and the application neither logs in
    nor begins with TLS; if nothing listens there, enables smtpd's own line."""
    open_ = {one.address for one in e.ask(Listeners()).listeners if one.port == 25}
    here = bool(open_ & {"127.0.0.1", "0.0.0.0", "::"})
    steps: list[Step] = []
    taken_up = ""
    for seen in e.seen("app.smtp-listener-missing"):
        app = next((each for each in found(e.ctx).counting if each.path == seen.data.get("path")), None)
        if app is None or app.settings is None or app.settings.auth or app.template or not here:
            continue
        if app.settings.tls not in ("none", "starttls") or seen.text("host") not in ("localhost", "127.0.0.1"):
            continue
        taken_up = str(app.words.get("restart") or "Then restart the application, so that it reads its settings again.")
        why = f"Nothing listens at {seen.data.get('host')}:{seen.data.get('port')}; Postfix listens on port 25."
        if _LINES.search(app.path):
            key = f"{app.settings.prefix}mail.smtp.port" if app.java else _port_key(e, app)
            steps += [SetProperty(path=e.real(app.path), key=key, value="25", why=why)] if key else []
        else:
            steps += written(e, app.path, f"{_port_name(app)}: 25", why)
    if any(seen.data.get("off") for seen in e.failed("listener.expected")):
        why = "It switches off the port that this host's own mail is handed to."
        opens = f"the inet services of {e.master_path} listen at their addresses"
        drop = e.policy(e.drop("master_service_disable", why), "service", opens)
        return Plan(steps=(drop, *e.restart("The master opens its ports when it starts.")))
    if not steps and not open_:
        steps += [*_put_back(e)]
        return Plan(steps=(*steps, *e.reload("The master opens the port."))) if steps else None
    text = f"Postfix listens on port 25: have the application connect there. {taken_up}"
    return Plan(steps=tuple(steps), text=text) if steps else None


def _put_back(e: Evidence) -> Iterator[Step]:
    """Uncomments smtpd(8)'s line for port 25, as policy."""
    for number, raw in e.numbered(e.master_path):
        if (sign := re.match(r"#\s*(?=(?:smtp|25)\s+inet\s+\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+smtpd\s*$)", raw)) is not None:
            step = e.repair(e.master_path, number, sign[0], "", "The service is commented out.", "start")
            yield e.policy(
                step, "service", f"Postfix listen on port 25 (inet_interfaces = {e.value('inet_interfaces')})"
            )
            return


@plans("app-worker-not-running")
def worker(e: Evidence) -> Plan | None:
    """Starts the worker's own unit, and enables it if it was not; supervisor's programs are left to whoever runs it."""
    steps: list[Step] = []
    for seen in e.seen("app.worker"):
        found = _START.fullmatch(seen.text("start"))
        if found is None or seen.status is not Status.FAILED:
            continue
        unit = found["once"] or found["enabled"]
        opens = f"{unit} run, which sends everything that waits in its queue"
        why = sentence(seen)
        start = StartUnit(unit=unit, enable=bool(found["enabled"]), why=why, opens=opens)
        steps += (*e.unmasked(unit.removesuffix(".service"), opens), start)
    return Plan(steps=tuple(dict.fromkeys(steps)), text=e.diagnosis.remedy.text) if steps else None


def _port_name(app: Application) -> str:
    """The last part of the name under which the application's port stands."""
    names = applications().get(app.product, {}).get("port", ())
    return str(names[0]).rpartition(".")[2] if names else ""


def _port_key(e: Evidence, app: Application) -> str:
    """The name under which a file of KEY=VALUE lines sets the application's port, "" where none does."""
    names = applications().get(app.product, {}).get("port", ())
    text = e.ask(Read(app.path, secret="settings")).text
    return next((name for name in names if re.search(rf"^\s*(?:export\s+)?{re.escape(name)}\s*=", text, re.M)), "")
