"""Are the application's mail settings complete as Java reads them, and which server do they name?"""

from __future__ import annotations

import re

from diagnose.apps.kinds import ALWAYS, BREAKS, BY_KEY, LOGIN, LOUD, SPOKEN, STAGES, VALUE_KINDS
from diagnose.apps.settings import MailSettings, Problem
from diagnose.check import (
    ANY,
    FLAG,
    Context,
    Data,
    Listeners,
    Observation,
    Observations,
    SignSpec,
    Stat,
    check,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts import mta
from diagnose.facts.app_session import factory_without_port, is_local
from diagnose.facts.app_verdict import Verdict, verdict
from diagnose.facts.application import Application, Sources, found

NONE = "no application mail settings were found here (name them with --app-config FILE)"


@check(
    id="application",
    title="The application's mail settings",
    signs=(
        SignSpec("app.settings", {"problem": ANY, "proven": FLAG}),
        SignSpec("app.route", {"direct": FLAG, "port": ANY}, gauge="bypass"),
        "app.smtp-listener-missing",
        SignSpec("app.format", gauge="asked"),
        SignSpec("app.passes", gauge="asked"),
    ),
    informational=("app.format", "app.passes"),
    tags=("application",),
    timeout=9.5,
)
def application(ctx: Context) -> Observations:
    sources = found(ctx)
    if not sources.any:
        skip(NONE)
    yield from _odd_names(sources)
    for app in sources.counting:
        if app.problem or app.settings is None:
            sign = "app.format" if app.kind == "named" else "app.settings"
            yield unknown(sign, app.path, f"could not check how the application sends mail: {app.problem}")
            continue
        if app.unresolved:
            yield _unresolved(app)
        if app.settings.program:
            yield _program(ctx, app, app.settings)
        elif app.settings.api:
            text = f"the application sends through {app.settings.api}, not by SMTP from here"
            yield ok("app.route", app.path, text, direct=True, path=app.path)
        if app.settings.program or app.settings.api:
            if app.problems:
                yield from _settings(app, Verdict(stage="unknown"))
            continue
        judged = verdict(ctx, app)
        if app.kind == "named" and (why := _untried(ctx, judged)):
            yield unknown("app.passes", app.path, f"could not check whether the application's mail passes: {why}")
        yield from _settings(app, judged)
        if app.connectable:
            yield _route(ctx, app)
            yield from _listener(ctx, app, judged)


def _untried(ctx: Context, judged: Verdict) -> str:
    """Why the server or the login could not be tried, "" if it was, or if an option forbade it."""
    if judged.kind == "no-login" and judged.session is not None and ctx.settings.auth:
        return judged.session.no_login
    return judged.text if judged.stage == "unknown" and ctx.settings.network else ""


def _program(ctx: Context, app: Application, settings: MailSettings) -> Observation:
    """Observes the sendmail program that the settings name: failed if its absolute path does not exist."""
    program = settings.program
    data: Data = {"path": app.path, "product": app.product, "program": program}
    if program.startswith("/") and not (stat := ctx.ask(Stat(program))).exists and not stat.problem:
        text = f"it hands its mail to {program}, which does not exist"
        more: Data = {
            "kind": "program-missing",
            "problem": "program-missing",
            "key": settings.user_key or "sendmail",
            "line": 0,
        }
        return fail(
            "app.settings",
            app.path,
            text,
            proven=True,
            setting=f"Install {program}, or name a program that exists.",
            **more,
            **data,
        )
    return ok("app.route", app.path, f"the application hands its mail to {program} on this host", direct=False, **data)


def _odd_names(sources: Sources) -> Observations:
    for path, line, name in sources.odd_names:
        odd = next(c for c in name if not c.isascii())
        text = f"line {line}: {name} holds {odd} (U+{ord(odd):04X}), a lookalike character: the variable is not read"
        data: Data = {"kind": "name-not-ascii", "problem": "name-not-ascii", "key": name, "line": line}
        yield fail("app.settings", f"{path}:{line}", text, path=path, proven=True, **data)


def _unresolved(app: Application) -> Observation:
    keys = ", ".join(app.unresolved[:4])
    text = f"{keys}: filled from Puppet variables that no manifest here sets; only the rendered file has their values"
    return unknown("app.settings", app.path, text)


def _settings(app: Application, judged: Verdict) -> Observations:
    assert app.settings is not None
    told = 0
    for problem in app.problems:
        if problem.kind == "not-configured" and app.template and not app.properties.entries:
            continue
        status = _weight(app, problem, judged)
        if not status:
            continue
        told += 1
        line = (not problem.path and app.line(problem.key)) or problem.line
        say = warn if status == "mild" else fail
        kind = next((word for word, kinds in SPOKEN.items() if problem.kind in kinds), problem.kind)
        data: Data = {
            "kind": kind,
            "problem": problem.kind,
            "key": problem.key,
            "line": line,
            "path": problem.path or app.path,
            "product": app.product,
            **app.words,
        }
        data["proven"] = status == "proven"
        corrected = _correction(app, problem, judged)
        data["setting"] = f"It should say {corrected}." if corrected else ""
        text = data["wrong"] = _text(problem) if app.java else problem.text
        place = f"{app.path}:{line}" if line and not problem.path else problem.path or app.path
        yield say("app.settings", f"{place} {problem.key}".strip(), text, **data)
    if not told:
        yield ok("app.settings", app.path, "nothing unusual in them", path=app.path)


def _text(problem: Problem) -> str:
    texts = {
        "swallowed-line": f"the backslash at the end of the line before makes {problem.key} part of that line's value",
        "swallowed-comment": "the backslash at the end of the line before makes a comment part of its value",
        "trailing-blank": f"{problem.key} ends in a blank, which Java keeps as part of the value",
        "quoted-value": f"the value of {problem.key} is in quotes, which Java keeps as part of it",
        "inline-comment": f"the comment after {problem.key} is part of its value to Java",
        "unrendered": f"{problem.key}: the template's <% %> is still there, so the file was never rendered",
        "name-not-ascii": f"a name contains lookalike characters ({problem.key})",
        "duplicate": f"{problem.key} is set twice; the last one counts",
    }
    return texts.get(problem.kind, problem.text)


def _weight(app: Application, problem: Problem, judged: Verdict) -> str:
    """How much a problem counts after the dialogue with the server: "" (not reported), "mild", "likely" or "proven"."""
    kind, key = problem.kind, problem.key
    assert app.settings is not None
    if kind in ALWAYS:
        return "proven"
    if kind == "host-placeholder":
        return _placeholder_host(app.settings.host, judged)
    if kind == "placeholder":
        needed = re.search(r"(?:auth\.\w+|user|from)", key) is None or app.settings.auth
        return "proven" if needed else "mild"
    group = BREAKS.get(kind, "")
    if kind in VALUE_KINDS:
        group = next((name for pattern, name in BY_KEY if re.search(pattern, key, re.I)), "")
    tried = judged.session is not None and judged.session.with_login
    if group == "auth" and tried and judged.stage in ("sender", "works"):
        return ""  # the server accepts the login as configured
    if kind == "login-name" and not tried:
        return "likely"
    if kind in LOGIN:
        # Submission servers require a login (RFC 6409).
        alone = kind == "credentials-missing" or (kind == "credentials-unused" and app.settings.port in (465, 587))
        return "likely" if judged.stage == "unknown" and alone else "mild"
    if kind in ("port-ignored", "ssl-ignored") and factory_without_port(app):
        return "mild"  # reported by app.tls
    if group and judged.stage in STAGES[group] and not _beside(problem, judged):
        return "proven"
    if kind == "starttls-not-enabled" and app.settings.port == 587 and judged.stage == "unknown":
        return "likely"  # RFC 8314: servers take no login in clear text there
    if kind in LOUD or (
        kind in ("auth-not-boolean", "misspelt-key", *VALUE_KINDS) and group and judged.stage == "unknown"
    ):
        return "likely"
    return "mild"


def _beside(problem: Problem, judged: Verdict) -> bool:
    """Whether the failure has another reason than this problem."""
    if problem.kind == "fallback-to-plaintext":
        # It counts only if a plain-text attempt replaced one with TLS.
        return judged.session is None or judged.session.first is None or judged.session.outcome == "open"
    if problem.kind == "port-ignored" and judged.stage == "server":
        # The server would have to answer somewhere else.
        return judged.kind == "name-not-found" or not judged.ways
    if problem.kind in ("ssl-ignored", "factory-port-without-factory") and judged.stage == "server":
        return judged.kind == "name-not-found" or not judged.ways
    if problem.kind == "host-missing":
        return not judged.local
    if problem.kind == "auth-not-boolean":
        return judged.kind not in ("not-configured", "not-made")
    return False


def _placeholder_host(host: str, judged: Verdict) -> str:
    template = re.search(r"^(?:your|my)[-_.]|CHANGE|<|\$\{", host, re.I) is not None
    if judged.stage == "works":
        return ""
    if template or judged.kind == "name-not-found" or host.lower() == "smtp.example.com":
        return "proven"
    return "likely" if judged.stage == "unknown" else ""


def _correction(app: Application, problem: Problem, judged: Verdict) -> str:
    """The corrected property line or lines, "" if they are not known."""
    settings = app.settings
    assert settings is not None
    base = f"{settings.prefix}mail.smtp"
    if problem.kind in ("port-ignored", "ssl-ignored", "port-not-a-number", "factory-port-without-factory"):
        if judged.best:
            return app.lines(judged.best)
        wanted = app.value("mail.port").strip()
        return f"{base}.port={wanted}" if wanted.isdecimal() else ""
    if problem.kind == "auth-not-boolean":
        return f"{base}.auth=true"
    if problem.kind == "unknown-socket-factory":
        return f"{base}.socketFactory.class=javax.net.ssl.SSLSocketFactory"
    return ""


def _route(ctx: Context, app: Application) -> Observation:
    assert app.settings is not None
    settings = app.settings
    place = f"{settings.host}:{settings.port}"
    data: Data = {"host": settings.host, "port": settings.port, "path": app.path}
    if is_local(ctx, settings.host):
        return ok(
            "app.route", place, "the application hands its mail to this host: Postfix sends it", direct=False, **data
        )
    if app.kind != "found" or not mta(ctx).installed:
        # Where Postfix is installed and nobody named this application, Postfix's own mail is still diagnosed.
        data["direct"] = True
    return ok("app.route", place, "the application sends through this server directly: Postfix is not involved", **data)


def _listener(ctx: Context, app: Application, judged: Verdict) -> Observations:
    assert app.settings is not None
    settings = app.settings
    if not judged.local:
        return
    place = f"{settings.host}:{settings.port}"
    data: Data = {"host": settings.host, "port": settings.port, "path": app.path}
    listening = ctx.ask(Listeners())
    here = sorted({one.address for one in listening.listeners if one.port == settings.port})
    if judged.stage == "server" and judged.kind not in ("greeting", "silent"):
        shown = f"port {settings.port} is open on {', '.join(here)} only" if here else "nothing listens there"
        text = f"the application hands its mail to {place}, and {shown}"
        yield fail("app.smtp-listener-missing", place, text, kind="not-loopback" if here else "none", **data)
    elif judged.stage == "unknown" and not listening.problem and not here:
        yield fail(
            "app.smtp-listener-missing",
            place,
            f"the application hands its mail to {place}; nothing listens there",
            kind="none",
            **data,
        )
    elif judged.stage != "unknown" or here:
        yield ok("app.smtp-listener-missing", place, "something listens there", **data)
