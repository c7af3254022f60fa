"""Does the application's mail server accept a session as Java opens it: connect, TLS, certificate, login?"""

from __future__ import annotations

from collections.abc import Callable

from diagnose.apps.settings import MailSettings
from diagnose.check import (
    ANY,
    FLAG,
    Context,
    Data,
    Dial,
    Observation,
    Observations,
    SignSpec,
    check,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts.app_session import Session
from diagnose.facts.app_verdict import Verdict, verdict
from diagnose.facts.application import Application, found
from diagnose.facts.java import runtime
from diagnose.facts.network import FIND, egress
from diagnose.knowledge.recognise import identify
from diagnose.parse.system.own_network import is_private

_SAYS = {
    "timeout": "does not answer",
    "refused": "refuses the connection",
    "prohibited": "is prohibited on the way",
    "unreachable": "is reported as unreachable",
    "no-route": "has no route from here",
    "local": "is forbidden by this host itself",
    "name-not-found": "is not found",
    "silent": "does not greet",
    "greeting": "refuses to talk",
}
_TLS = {"none": "plain text", "starttls": "STARTTLS", "implicit": "implicit TLS"}
_LOGIN_ADVICE = {
    "relay-app-password-required": "{whose} requires an application password instead of the account's: create one in the account's "
    "security settings.",
    "relay-auth-disabled": "{whose} accepts no password for this account: have its administrator allow SMTP AUTH "
    "for the mailbox, have the application sign in with OAuth 2.0 if it can, or send "
    "through a relay with an SMTP login of its own.",
    "no-mechanism": "{whose} accepts no password, only {offered}: have the application sign in with OAuth 2.0 if it can, or send "
    "through a relay with an SMTP login of its own.",
    "auth-required": "{whose} requires a login: put a user name and password into the application's settings, and enable the login.",
}
_STRANGER = (
    "Have that server relay for the address from which this client reaches it (with Postfix there: mynetworks), or give the "
    "application a login there."
)
_CLOSED = (
    "Let the network of its container out to the server, as this host's own is: Docker gives a network that is `internal: true` no "
    "route, and a rule of this host's firewall (DOCKER-USER, FORWARD) may drop what it forwards. Host and port are right in"
)
_STATIC_TLS = {
    "implicit-on-starttls-port": "tls-on-plain",
    "plain-on-implicit-port": "plain-on-implicit",
    "starttls-on-implicit-port": "plain-on-implicit",
}


@check(
    id="application-probe",
    title="The application's mail server",
    signs=(
        SignSpec(
            "app.server",
            {
                "outcome": (*_SAYS, "prohibited"),
                "others": ("open", "blocked", "private", "unknown"),
                "local": FLAG,
                "intended": FLAG,
                "port": ANY,
            },
            clears="the application's mail server",
        ),
        SignSpec("app.tls", {"kind": ANY, "proven": FLAG}),
        "app.certificate",
        "app.protocol",
        SignSpec("app.login", {"label": ANY}, clears="the application's login"),
        SignSpec("app.sender", {"label": ANY}),
    ),
    tags=("application", "network"),
    probes=True,
    timeout=9.8,
)
def application_probe(ctx: Context) -> Observations:
    sources = found(ctx)
    if not sources.any:
        skip("no application mail settings were found here (name them with --app-config FILE)")
    seen: set[tuple[object, ...]] = set()
    for app in sources.counting:
        settings = app.settings
        if settings is not None and (settings.program or settings.api):
            continue
        if settings is None or app.problem or not app.connectable:
            why = app.problem or (
                f"not known here: {', '.join(app.blocked)}" if app.blocked else "no mail server is named in the file"
            )
            yield unknown("app.server", app.path, f"Could not try the application's server: {why}")
            continue
        key = (settings.host, settings.port, settings.tls, settings.user)
        if key in seen:
            continue
        seen.add(key)
        judged = verdict(ctx, app)
        yield from _stages(ctx, app, settings, judged)


def _stages(ctx: Context, app: Application, settings: MailSettings, judged: Verdict) -> Observations:
    held = judged.session
    port = held.port if held else settings.port
    place = f"{settings.host}:{port}"
    known = identify(settings.host)
    data: Data = {
        "host": settings.host,
        "port": port,
        "local": judged.local,
        "path": app.path,
        "product": app.product,
        **app.words,
        "provider": known.name if known else "",
        "user": settings.user,
        "keys": " and ".join(dict.fromkeys(k for k in (settings.user_key, settings.password_key) if k)),
        "sender": settings.sender.rpartition("<")[2].strip("> "),
        "sender_key": settings.sender_key,
        "setting": app.lines(judged.best),
        "works": ", ".join(f"{way.port} ({way.tls})" for way in judged.ways),
        "answers": bool(judged.ways),
        "intended": not any(p.kind in ("port-ignored", "port-not-a-number", "host-placeholder") for p in app.problems),
    }
    protocols = _protocols(ctx, settings, judged, place, data) if app.java else iter(())
    if judged.stage == "unknown" or held is None:
        yield unknown(
            "app.server", place, f"could not check whether the application gets through: {judged.text}", **data
        )
        yield from _static_tls(app, settings, place, data)
        yield from protocols
        if held is not None and held.with_login:
            yield unknown("app.login", place, judged.text, **data)
        return
    if judged.stage == "server":
        yield from _server(ctx, judged, place, data)
        return
    if held.reply.connected:
        yield ok("app.server", place, f"answers ({held.address})", **data)
    if judged.stage == "tls":
        yield fail("app.tls", place, judged.text + _better(judged), kind=judged.kind, proven=True, **data)
        return
    if judged.stage == "protocol":
        yield fail("app.protocol", place, judged.text, kind=judged.kind, **data)
        return
    yield _tls_fine(held, settings, place, data)
    if judged.stage == "certificate":
        yield _certificate(held, judged, app.java, place, data)
        return
    if held.reply.tls and held.reply.tls.version:
        yield _certificate_fine(held, place, data)
    old = list(protocols)
    yield from old
    yield from _login(held, judged, place, data)


def _better(judged: Verdict) -> str:
    return f"; {_TLS[judged.ways[0].tls]} on port {judged.ways[0].port} works" if judged.ways else ""


def _server(ctx: Context, judged: Verdict, place: str, data: Data) -> Observations:
    others = "unknown"
    if not judged.local and judged.kind not in ("name-not-found", "greeting", "silent"):
        address = judged.session.address if judged.session else ""
        if is_private(address):
            others = "private"
        elif isinstance(port := data["port"], int):
            pattern = egress(ctx).pattern(port)
            others = {"open": "open", "mixed": "open", "blocked": "blocked"}.get(pattern.kind, "unknown")
    detail = judged.text
    if judged.session and (pid := judged.session.network):
        detail = f"{detail}, in the network of its container (process {pid})"
        if ctx.ask(Dial(host=str(data["host"]), port=int(data["port"] or 0), say="connect")).connected:
            detail += "; from this host's own network it answers"
            others, data["mend"] = "open", _CLOSED
    elif others == "blocked":
        detail += f"; port {data['port']} fails with unrelated servers too"
    elif others == "open":
        detail += f"; other servers do answer on port {data['port']}"
    if judged.ways:
        detail += f"; this server answers on {data['works']}"
    if judged.kind == "local":
        data = data | {"fix": FIND}
    text = f"{_SAYS.get(judged.kind, 'does not work')}: {detail}"
    say = warn if judged.kind == "greeting" and judged.code < 500 else fail
    yield say(
        "app.server", place, text, outcome=judged.kind, others=others, label=judged.label, code=judged.code, **data
    )


def _static_tls(app: Application, settings: MailSettings, place: str, data: Data) -> Observations:
    """Observes port and TLS settings that do not match, where the dialogue with the server is not known."""
    for problem in app.problems:
        if problem.kind in _STATIC_TLS:
            text = f"{problem.text} (by what is usual on this port)"
            data["setting"] = ""
            usual = app.lines((settings.port, "implicit" if settings.port == 465 else "starttls"))
            data["hint"] = (
                f"Usual on port {settings.port}: {usual}." if usual and not app.java else data.get("hint", "")
            )
            yield fail(
                "app.tls",
                place,
                text,
                kind=_STATIC_TLS[problem.kind],
                proven=False,
                key=problem.key,
                line=problem.line,
                **data,
            )


def _tls_fine(held: Session, settings: MailSettings, place: str, data: Data) -> Observation:
    info = held.reply.tls
    if held.first is not None:
        text = "TLS fails, and Java continues without it (socketFactory.fallback): mail and login go out in the clear"
        return warn("app.tls", place, text, kind="fallback", **data)
    if info and info.version:
        return ok("app.tls", place, f"{info.version}, as the settings require", kind="encrypted", **data)
    if settings.tls == "none" and settings.auth and not data["local"]:
        return warn("app.tls", place, "the login is sent without TLS", kind="clear", **data)
    return ok("app.tls", place, "no TLS is used, and none is required", kind="none", **data)


def _store(held: Session) -> str:
    return f"the trust store {held.store}" if held.store else "this system's CA bundle (no Java trust store was read)"


def _certificate(held: Session, judged: Verdict, java: bool, place: str, data: Data) -> Observation:
    info = held.reply.tls
    names = ", ".join(info.names[:3]) if info and judged.kind == "wrong-name" else ""
    more: Data = {"why": judged.kind, "store": held.store, "issuer": info.issuer if info else "", "names": names}
    more["stopgap"] = "mail.smtp.ssl.trust" if java else ""
    return fail("app.certificate", place, f"{judged.text}; checked against {_store(held)}", **more, **data)


def _certificate_fine(held: Session, place: str, data: Data) -> Observation:
    info = held.reply.tls
    assert info is not None
    if held.name_error:
        text = (
            f"the certificate is for {', '.join(info.names[:3])}: JavaMail 1.x accepts that, its successors refuse it"
        )
        return warn("app.certificate", place, text, why="wrong-name", store=held.store, **data)
    if info.verified:
        return ok("app.certificate", place, f"verifies against {_store(held)}", store=held.store, **data)
    if info.verify_error:
        return unknown("app.certificate", place, f"not verified: {info.verify_error}", **data)
    return ok("app.certificate", place, "trusted by mail.smtp.ssl.trust, whatever is in it", store="ssl.trust", **data)


def _protocols(ctx: Context, settings: MailSettings, judged: Verdict, place: str, data: Data) -> Observations:
    allowed = settings.tls_protocols.split()
    if settings.tls == "none" or judged.local:
        return
    if allowed and not any(name in ("TLSv1.2", "TLSv1.3") for name in allowed):
        text = (
            f"mail.smtp.ssl.protocols allows {' '.join(allowed)} only, which servers and current Java versions refuse"
        )
        yield fail("app.protocol", place, text, kind="settings", protocols=" ".join(allowed), **data)
    elif (java := _old_java(ctx)) and not allowed:
        text = f"Java {java} offers only TLS 1.0 unless configured otherwise"
        yield fail("app.protocol", place, text, kind="runtime", java=java, **data)
    elif judged.session and judged.session.reply.tls and judged.session.reply.tls.version in ("TLSv1", "TLSv1.1"):
        text = f"the server speaks {judged.session.reply.tls.version}, which current Java versions refuse"
        yield fail("app.protocol", place, text, kind="server", **data)


def _old_java(ctx: Context) -> str:
    """The version of the Java here if it offers only TLS 1.0 by default (before Java 8), else ""."""
    java = runtime(ctx)
    return java.words if java.version and java.version < (8,) else ""


def _login(held: Session, judged: Verdict, place: str, data: Data) -> Observations:
    say: Callable[..., Observation] = fail
    if judged.stage == "login":
        whose = str(data["provider"] or data["host"]).partition(" (")[0]
        advice = _LOGIN_ADVICE.get(judged.label, "Put a user name and password that {whose} accepts into its settings.")
        more: Data = {"label": judged.label, "code": judged.code, "kind": judged.kind}
        offered = " and ".join(held.reply.mechanisms)
        more["advice"] = advice.replace("{whose}", whose).replace("{offered}", offered)
        yield say("app.login", place, judged.text, offers_login=bool(held.reply.mechanisms), **more, **data)
        return
    if held.with_login:
        yield ok("app.login", place, "the server accepts the login", label="accepted", **data)
    elif held.no_login not in ("no login is configured", "the server offers no login"):
        yield unknown("app.login", place, f"could not check the credentials: {held.no_login}", **data)
    if judged.stage == "sender":
        more = {"advice": _STRANGER} if judged.label == "relay-access-denied" else {}
        yield fail("app.sender", place, judged.text, label=judged.label, code=judged.code, apart=True, **more, **data)
    elif judged.stage == "works" and not held.with_login and held.no_login == "no login is configured":
        yield ok("app.login", place, "none is configured, and the server asked for none", label="none", **data)
