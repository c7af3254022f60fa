"""The application's own mail settings, found and read once for all checks.

found(ctx)             the settings files: named by the user, generated, templates, or of the only application here
read(ctx, path, …)     one settings file

"""

from __future__ import annotations

import posixpath
import re
from dataclasses import field, replace

from diagnose.apps import erb, formats, properties
from diagnose.apps.codenvy import DOCKER, ENVIRONMENTS, GENERATED, MANIFESTS, OWN, TEMPLATES
from diagnose.apps.javamail import mail_settings, recognises, way_lines
from diagnose.apps.properties import Properties
from diagnose.apps.settings import MailSettings, Problem
from diagnose.apps.wider import MISSING
from diagnose.facts.asks import Asks, globbed
from diagnose.facts.relay import ca_problem
from diagnose.host.query import Glob, Read, Stat
from diagnose.model import Data
from diagnose.record import frozen

_JAVA = re.compile(r"^(?!(?:.*/)?(?:application|bootstrap)[\w-]*\.).*\.(?:properties|erb)$", re.I)
_CODENVY = ("generated", "template")  # kinds of files recognised as Codenvy's by their path
MOST = 6  # files read of each kind
# If one of these is unresolved, the connection is unknown.
ESSENTIAL = ("host", "port", "auth", "starttls.enable", "ssl.enable", "socketFactory.class", "socketFactory.port")


@frozen
class Application:
    """One settings file as the application would read it.

    format: "properties" (Java's) or "settings" (`diagnose.apps.formats`), the values of Read.secret and
    Login.source. kind: "named" (by the user), "found" (on this host), "generated", "template" or "environment"
    (codenvy.env of a Docker installation, its keys shown as the properties they become). product: a key of
    `apps.APPLY`, or the application's id in `diagnose.apps.formats`; "" if unknown. unresolved: property keys whose
    values come from variables unknown here. problem: why it could not be read or rendered, "" if it could.
    """

    path: str
    kind: str
    format: str = "properties"
    raw: str = ""
    properties: Properties = field(default_factory=lambda: Properties(entries=(), findings=(), loads=True))
    settings: MailSettings | None = None
    unresolved: tuple[str, ...] = ()
    mtime: float = 0.0
    owner: str = ""
    problem: str = ""
    product: str = ""

    def value(self, key: str) -> str:
        """A property's value, the key given without the prefix che.; "" if not set."""
        prefix = self.settings.prefix if self.settings else ""
        entry = self.properties.get(prefix + key) or self.properties.get(key)
        return entry.value if entry else ""

    def lines(self, way: tuple[int, str] | None) -> str:
        """The lines to write into the file for (port, tls), joined by "; "."""
        if way is None or self.settings is None:
            return ""
        if not self.java:
            return formats.lines(self.product, self.settings, *way)
        return way_lines(*way).replace("mail.", f"{self.settings.prefix}mail.")

    @property
    def words(self) -> Data:
        """Text fragments for this application: `rule` and `hint` for Java, else `restart` and `documentation`."""
        if self.java:
            return {
                "rule": "No backslash, quote or comment may follow a value; a backslash in it is written twice.",
                "hint": "Remove the mail.smtp.socketFactory lines where STARTTLS is used.",
            }
        table = formats.applications().get(self.product, {})
        return {"restart": str(table.get("restart", "")), "documentation": str(table.get("source", ""))}

    @property
    def java(self) -> bool:
        return self.format == "properties"

    def line(self, key: str) -> int:
        """The number of the file's last line that sets the property; 0 if none does."""
        key = DOCKER[key][0] if self.kind == "environment" and key in DOCKER else key
        wanted = re.compile(rf"\s*{re.escape(key)}\s*(?:[=:\s]|$)")
        numbers = [n for n, line in enumerate(self.raw.splitlines(), 1) if wanted.match(line)]
        return numbers[-1] if numbers else 0

    @property
    def template(self) -> bool:
        return self.path.endswith(".erb") or erb.is_template(self.raw)

    @property
    def connectable(self) -> bool:
        """Whether host, port and TLS are known."""
        settings = self.settings
        return (
            settings is not None
            and settings.configured
            and not (settings.program or settings.api or self.problem or self.blocked)
        )

    @property
    def blocked(self) -> tuple[str, ...]:
        """The unresolved keys that determine the connection."""
        return tuple(key for key in self.unresolved if key.rpartition("mail.")[2].removeprefix("smtp.") in ESSENTIAL)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The settings' problems, except those of unresolved keys."""
        if self.settings is None:
            return ()
        unknown = set(self.unresolved)
        return tuple(p for p in self.settings.problems if p.key not in unknown)


@frozen
class Sources:
    """The settings files found. only: the file of this host's only application, if none of the others exists;
    odd_names: (path, line, name) of settings in codenvy.env whose name contains a look-alike letter."""

    named: tuple[Application, ...] = ()
    generated: tuple[Application, ...] = ()
    templates: tuple[Application, ...] = ()
    odd_names: tuple[tuple[str, int, str], ...] = ()
    container: tuple[Application, ...] = ()
    only: tuple[Application, ...] = ()

    @property
    def counting(self) -> tuple[Application, ...]:
        """The files that determine the application's behaviour: the first kind present, at most three files."""
        return (self.named or self.generated or self.templates or self.container or self.only)[:3]

    @property
    def any(self) -> bool:
        return bool(self.counting)


def found(ctx: Asks) -> Sources:
    """Every settings file on this host, read and rendered; if there is none, that of the `sole` application."""
    named, generated, templates = ctx.settings.app_config, _paths(ctx, GENERATED), _paths(ctx, TEMPLATES)
    generated = tuple(path for path in generated if path not in named)
    templates = tuple(path for path in templates if path not in named)
    manifests, environments = _paths(ctx, MANIFESTS), _paths(ctx, ENVIRONMENTS)
    if not (named or generated or templates or environments):
        from diagnose.facts.applications import sole

        alone = sole(ctx)
        return Sources(only=(alone.app,) if alone is not None else ())
    variables, odd = _variables(ctx, manifests, environments)
    changed = max((ctx.ask(Stat(path)).mtime for path in (*manifests, *environments)), default=0.0)
    return Sources(
        named=tuple(read(ctx, path, "named", variables) for path in named),
        generated=tuple(read(ctx, path, "generated", variables) for path in generated[:MOST]),
        templates=tuple(_dated(read(ctx, path, "template", variables), changed) for path in templates[:MOST]),
        odd_names=odd,
        container=tuple(app for path in environments if (app := _container(ctx, path)) is not None),
    )


def _container(ctx: Asks, path: str) -> Application | None:
    """The properties that Codenvy in Docker renders from codenvy.env and its defaults; None if the file has no mail
    settings."""
    reply, stat = ctx.ask(Read(path, secret="properties")), ctx.ask(Stat(path))
    given = {one.name: one.value for one in erb.environment(reply.text)}
    if not any(name.replace("\u0421", "C").startswith("CODENVY_MAIL_") for name in given):
        return None
    text = "".join(f"{key}={given.get(name, default)}\n" for key, (name, default) in DOCKER.items())
    parsed = properties.parse(text)
    return Application(
        path=path,
        kind="environment",
        product="codenvy",
        raw=reply.text,
        properties=parsed,
        settings=mail_settings(parsed),
        mtime=stat.mtime,
        owner=stat.owner,
    )


def _dated(app: Application, changed: float) -> Application:
    """The template; if it takes values from manifests, its mtime is at least `changed`, that of the newest of them."""
    return replace(app, mtime=max(app.mtime, changed)) if "<%=" in app.raw else app


def _paths(ctx: Asks, patterns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(globbed(ctx, patterns)))[:30]


def _variables(
    ctx: Asks, manifests: tuple[str, ...], environments: tuple[str, ...]
) -> tuple[dict[str, str], tuple[tuple[str, int, str], ...]]:
    environment: dict[str, str] = {}
    odd: list[tuple[str, int, str]] = []
    for path in environments:
        for assignment in erb.environment(ctx.ask(Read(path, secret="properties")).text):
            environment[assignment.name] = assignment.value
            if not assignment.name.isascii() and "MAIL" in assignment.name:
                odd.append((path, assignment.line, assignment.name))
    variables: dict[str, str] = {}
    for path in manifests:
        assignments = erb.manifest(ctx.ask(Read(path, secret="properties")).text)
        for name, value in erb.variables(assignments, environment).items():
            # A node's own manifest comes first in MANIFESTS.
            variables.setdefault(name, value)
    return variables, tuple(odd)


def read(ctx: Asks, path: str, kind: str, variables: dict[str, str]) -> Application:
    """One file as its application reads it. kind: as in Application; variables: Puppet's."""
    form = "properties" if kind in _CODENVY or _JAVA.search(path) else "settings"
    reply, stat = ctx.ask(Read(path, secret=form)), ctx.ask(Stat(path))
    unread = Application(path=path, kind=kind, mtime=stat.mtime, owner=stat.owner, problem=reply.problem or "")
    if unread.problem:
        return unread
    text = reply.text
    app = replace(unread, raw=text)
    if form == "settings":
        said = formats.read(path, text, lambda place, secret: other(ctx, place, secret))
        settings = _with_authorities(ctx, said.settings) if said.settings is not None else None
        return replace(app, format=form, product=said.id, settings=settings, problem=said.problem)
    unresolved: tuple[str, ...] = ()
    if path.endswith(".erb"):
        text, unresolved, problem = _render(text, variables)
        if problem:
            return replace(app, problem=problem)
    parsed = properties.parse(text)
    codenvy = kind in _CODENVY or bool(OWN.search(path))
    if not codenvy and not recognises(parsed):
        return replace(unread, problem=formats.NOT_READ)
    return replace(
        app,
        product=f"codenvy{' by puppet' if _paths(ctx, TEMPLATES) else ''}" if codenvy else "",
        properties=parsed,
        settings=mail_settings(parsed, codenvy),
        unresolved=unresolved,
    )


def _with_authorities(ctx: Asks, settings: MailSettings) -> MailSettings:
    """The settings, with a problem if the file of CA certificates that they name cannot serve."""
    file, wrong = settings.ca_file, ca_problem(ctx, settings.ca_file)
    if not wrong:
        return settings
    why = {"missing": "does not exist", "empty": "is empty"}.get(wrong, "is not a file")
    kind = "setting-wrong" if ctx.ask(Stat(posixpath.dirname(file))).exists else "setting-odd"  # of another host
    problem = Problem(kind=kind, key=settings.ca_key, line=settings.ca_line, text=f"the CA file {file} {why}")
    return replace(settings, problems=(*settings.problems, problem))


def other(ctx: Asks, path: str, kind: str) -> tuple[str, str]:
    """(text, problem) of a file that settings refer to; for kind "folder" the names of its *.conf files, one per line."""
    if kind == "folder":
        return "\n".join(posixpath.basename(each) for each in ctx.ask(Glob(f"{path}/*.conf")).paths), ""
    reply = ctx.ask(Read(path, secret=kind))
    if reply.problem == MISSING and kind != "settings" and not ctx.ask(Stat(posixpath.dirname(path))).exists:
        return "", "not of this host"  # settings copied from another host
    return reply.text, reply.problem or ""


def _render(text: str, variables: dict[str, str]) -> tuple[str, tuple[str, ...], str]:
    """(text, keys with unknown values, problem); the problem is why the template could not be rendered."""
    wanted = erb.variables_of(text)
    result = erb.render(text, variables)
    keys = {key for key, name in wanted.items() if name not in variables}
    of_values = set(wanted.values())
    for finding in result.findings:
        if finding.kind == "unbalanced":
            return "", (), f"line {finding.line} of the template: {finding.text} does not belong there"
        if finding.kind == "undefined-variable" and finding.text not in of_values:
            return "", (), f"the template depends on {finding.text}, which no manifest here sets"
        if finding.kind == "unsupported":
            line = (text.splitlines() or [""])[min(finding.line, text.count("\n") + 1) - 1]
            key = re.match(r"\s*([\w.\-]+)\s*=", line)
            if key is None:
                return "", (), f"line {finding.line} of the template is Ruby that is not evaluated here"
            keys.add(key[1])
    return result.text, tuple(sorted(keys)), ""
