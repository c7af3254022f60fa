"""What happens when an application connects with its settings: one dialogue, asked as it would ask.

session(ctx, app)     the dialogue, how it was begun, and what it was verified against
alternatives(ctx, …)  the same server on its other ports and ways of TLS, for naming what would work
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import replace

from diagnose.apps.codenvy import DOCKER
from diagnose.apps.settings import MailSettings
from diagnose.facts import ANYBODY, dials, target
from diagnose.facts.app_process import account, network
from diagnose.facts.application import Application
from diagnose.facts.asks import Asks, ask_all
from diagnose.facts.java import trust_store
from diagnose.host.query import Dial, DialReply, Login, Now, Query, Resolve
from diagnose.knowledge.smtp import IMPLICIT_TLS_PORTS
from diagnose.parse.system.outcomes import Outcome
from diagnose.parse.system.own_network import is_private
from diagnose.record import dataclass

# (port, how TLS begins): the ways into a submission server, the one to recommend first.
WAYS = ((587, "starttls"), (465, "implicit"), (2525, "starttls"), (25, "starttls"))
MISSING = "user or password is missing"
WAIT = 3.5  # seconds for a greeting: what answers at all, answers by then


@dataclass(frozen=True, kw_only=True)
class Session:
    """tls: none, starttls or implicit, as begun. first: the attempt before JavaMail's plain-text fallback took over (Java alone).
    with_login: whether a login was part of it, else why not. store: what certificates were held against.
    network: a process of the container in whose network it was held, 0 for this host's. name_error: the certificate is for another name, which JavaMail 1.x does not look at. java_error: the certificate is good
    by the system's bundle, and not by the trust store of the Java that runs here (both Java alone)."""

    reply: DialReply
    tls: str
    port: int
    outcome: Outcome
    with_login: bool
    no_login: str = ""
    first: DialReply | None = None
    store: str = ""
    name_error: str = ""
    java_error: str = ""
    not_found: str = ""
    network: int = 0

    @property
    def address(self) -> str:
        attempts = self.reply.attempts
        return self.reply.address or (attempts[0].address if attempts else "")


def is_local(ctx: Asks, host: str) -> bool:
    """Whether a name is this host itself."""
    name = host.strip("[]").lower().rstrip(".")
    if name in ("localhost", "localhost.localdomain", "ip6-localhost", "localhost6"):
        return True
    try:
        if ipaddress.ip_address(name).is_loopback:
            return True
    except ValueError:
        now = ctx.ask(Now())
        if name in (now.hostname.lower(), now.fqdn.lower()):
            return True
        named = ctx.ask(Resolve(host)).addresses if ctx.settings.network else ()
    else:
        named = (name,)
    own = {one.address for one in dials.interface_addresses(ctx)}
    return bool(named) and own.issuperset(named)


def begins(tls: str) -> str:
    """MailSettings.tls as Dial.tls."""
    return "implicit" if tls.startswith("implicit") else "starttls" if tls.startswith("starttls") else "none"


def trusts(settings: MailSettings, host: str) -> bool:
    """mail.smtp.ssl.trust: the host is trusted whatever its certificate."""
    return any(word == "*" or word.lower() == host.lower() for word in settings.trust.split())


def factory_without_port(app: Application) -> bool:
    """A socket factory for TLS, and no port that JavaMail would read beside it: TLS is then begun on port 25."""
    settings = app.settings
    if settings is None or not settings.tls.startswith("implicit") or settings.port != 25:
        return False
    return bool(app.value("mail.smtp.socketFactory.class")) and not app.value("mail.smtp.socketFactory.port").strip()


def login_of(ctx: Asks, app: Application) -> tuple[Login | None, str]:
    """Where the credentials stand, or why no login can be tried."""
    settings = app.settings
    if settings is None or not settings.auth:
        return None, "no login is configured"
    user, password = (settings.prefix + key for key in (settings.user_key, settings.password_key))
    if not ctx.settings.auth:
        return None, "logins are switched off (--no-auth)"
    if settings.elsewhere:
        return None, settings.elsewhere
    if not settings.user.strip() or settings.password is None or settings.password.length == "empty":
        return None, MISSING
    if any(p.kind == "placeholder" and p.key in (user, password) for p in app.problems):
        return None, "the credentials are placeholders"
    if app.kind == "environment":
        user, password = DOCKER["mail.smtp.auth.username"][0], DOCKER["mail.smtp.auth.password"][0]
    if app.template and (key := next((k for k in (user, password) if _from_variable(app, k)), "")):
        return None, f"{key} comes from a Puppet variable, so that only the rendered file has it"
    return Login(source=app.format, table=app.path, keys=(user, password)), ""


def _from_variable(app: Application, key: str) -> bool:
    line = app.line(key)
    return bool(line) and "<%" in app.raw.splitlines()[line - 1]


def session(ctx: Asks, app: Application) -> Session:
    """The dialogue that the application's next mail would begin with; nothing is sent."""
    settings = app.settings
    assert settings is not None
    host, port, tls = settings.host, settings.port, begins(settings.tls)
    resolved = ctx.ask(Resolve(host))
    if not resolved.addresses:
        reply = DialReply(stage="resolve", error=resolved.problem or "no address", problem=_silence(resolved.problem))
        return Session(
            reply=reply, tls=tls, port=port, outcome=Outcome.UNKNOWN, with_login=False, not_found=reply.error
        )
    login, no_login = login_of(ctx, app)
    # Java takes a name's first address only, and puts IPv4 first.
    family = 4 if any(":" not in address for address in resolved.addresses) else 0
    local = is_local(ctx, host)
    whose = target(ctx)
    sender = settings.sender.rpartition("<")[2].strip("> ") or whose.sender or ""
    # Where the login is left out by this tool, a server that wants one says nothing about the application.
    far = "ehlo" if login is None and (local or settings.auth) else "rcpt" if login is None or sender else "auth"
    # Whether a server of the own network relays for this client shows at RCPT alone; nobody else is asked for nobody.
    anybody = ANYBODY if is_private(resolved.addresses[0]) else ""
    within = network(ctx, app)
    base = Dial(
        host=host,
        port=port,
        family=family,
        tls=tls,
        say=far,
        helo=app.value("mail.smtp.localhost").strip(),
        sender=sender if "@" in sender else "",
        recipient=(whose.recipient or anybody) if far == "rcpt" and not local else "",
        login=login,
        trust=trusts(settings, host),
        user=account(ctx, app),
        network=within,
        timeout=WAIT,
    )
    reply = ctx.ask(base)
    reply, base, store, java_error = _by_java(ctx, base, reply) if app.java else (reply, base, "", "")
    first, name_error = None, ""
    if app.java and reply.tls and _only_name(reply.tls.verify_error) and not base.trust and reply.tls.names:
        # Whether the chain is good is asked under a name that the certificate does have.
        name_error = reply.tls.verify_error
        reply = ctx.ask(replace(base, verify_name=reply.tls.names[0].replace("*", "any")))
    if settings.tls == "implicit-with-fallback" and settings.fallback_port is not None and _no_tls(reply):
        first = reply
        port, tls = settings.fallback_port, "none"
        base = replace(base, port=port, tls=tls)
        reply = ctx.ask(base)
    clear = login is not None and reply.error == "not tried: the connection is not encrypted"
    if clear and settings.tls != "starttls-required" and reply.mechanisms:
        # JavaMail does log in without TLS where the server lets it.
        reply = ctx.ask(replace(base, trust=True))
    elif clear or (login is not None and reply.error == "no usable mechanism" and not reply.mechanisms):
        # Where no login is offered JavaMail makes none, and goes on to the envelope.
        no_login = "no login is offered without TLS" if clear else "the server offers no login"
        login = None
        if settings.tls != "starttls-required" or reply.starttls:
            reply = ctx.ask(replace(base, login=None, say="rcpt"))
    return Session(
        reply=reply,
        tls=tls,
        port=port,
        outcome=met(reply),
        with_login=login is not None,
        no_login=no_login,
        first=first,
        store=store,
        name_error=name_error,
        java_error=java_error,
        not_found=reply.error if reply.stage == "resolve" else "",
        network=within,
    )


def _by_java(ctx: Asks, base: Dial, reply: DialReply) -> tuple[DialReply, Dial, str, str]:
    """The dialogue, with the certificate held against Java's trust store too; the store that was used; what it says.

    The system's bundle is asked first: a store that no Java here has open may be of anybody's making.
    """
    info = reply.tls
    if info is None or base.trust or _only_name(info.verify_error) or not (info.verified or info.verify_error):
        return reply, base, "", ""
    store, running = trust_store(ctx)
    if not store or (info.verified and not running):
        return reply, base, "", ""
    query = replace(base, ca_file=store)
    if info.verified:
        answer = ctx.ask(replace(query, say="ehlo", login=None, sender="", recipient="")).tls
        error = answer.verify_error if answer else ""
        return reply, base, store, "" if error.startswith("CA file") else error
    other = ctx.ask(query)
    if other.tls and other.tls.verified:
        return other, query, store, ""
    return reply, base, "", ""


def _silence(problem: str | None) -> str | None:
    """A resolver that does not answer says nothing about the name."""
    return None if problem in (None, "name not known", "No address associated with hostname") else problem


def _only_name(error: str) -> bool:
    return bool(re.search(r"(?:Hostname|IP address) mismatch", error))


def _no_tls(reply: DialReply) -> bool:
    """Whether the way with TLS from the first byte failed before anything was said."""
    return not reply.problem and not reply.banner and reply.stage != "resolve"


def met(reply: DialReply) -> Outcome:
    """What the connection met."""
    if reply.connected:
        return Outcome.OPEN
    attempt = reply.attempts[0] if reply.attempts else None
    if attempt is None or reply.problem:
        return Outcome.UNKNOWN
    return dials.met(attempt)


@dataclass(frozen=True)
class Way:
    """A way into the same server that was tried: whether it connects, greets, and has TLS."""

    port: int
    tls: str
    reply: DialReply

    @property
    def works(self) -> bool:
        if not self.reply.banner.startswith("220"):
            return False
        return self.tls != "starttls" or self.reply.offers_starttls


def alternatives(
    ctx: Asks, host: str, ways: Iterable[tuple[int, str]] = WAYS, user: str = "", network: int = 0
) -> tuple[Way, ...]:
    """The ways of `host` that work for an account, the one to recommend first. Certificates are not judged."""
    wanted = list(dict.fromkeys(ways))
    queries: list[Query[DialReply]] = [
        Dial(host=host, port=port, tls=tls, say="ehlo", user=user, network=network, timeout=2.5, connect_timeout=2.5)
        for port, tls in wanted
    ]
    replies = ask_all(ctx, queries)
    found = (Way(port, tls, reply) for (port, tls), reply in zip(wanted, replies, strict=True))
    return tuple(way for way in found if way.works)


def other_way(port: int, tls: str) -> tuple[tuple[int, str], ...]:
    """What to try when TLS failed on this port: the other beginning on the same port, then the usual ports."""
    flipped = "starttls" if tls == "implicit" else "implicit"
    usual = tuple(way for way in WAYS if way[0] != port)
    return ((port, flipped), *usual) if port not in IMPLICIT_TLS_PORTS or tls != "implicit" else usual
