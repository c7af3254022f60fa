"""What happens when an application connects with its settings: one SMTP dialogue, held as it would hold it.

session(ctx, app)     the dialogue, how TLS began, and the CA store used
alternatives(ctx, …)  the ports and TLS modes of the same server that work
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
from diagnose.facts.relay import ca_problem
from diagnose.host.query import Dial, DialReply, Login, Now, Query, Resolve
from diagnose.knowledge.smtp import IMPLICIT_TLS_PORTS
from diagnose.parse.system.outcomes import Outcome
from diagnose.parse.system.own_network import is_private
from diagnose.record import dataclass, frozen

# (port, how TLS begins) of a submission server, in the order to recommend.
WAYS = ((587, "starttls"), (465, "implicit"), (2525, "starttls"), (25, "starttls"))
MISSING = "user or password is missing"
WAIT = 3.5  # seconds to wait for a greeting


@frozen
class Session:
    """tls: none, starttls or implicit, as begun. first: the attempt before JavaMail's plain-text fallback took over
    (Java only). with_login: whether it included a login; no_login: why not. store: the file of CA certificates,
    if it was not the system's. network: pid of a process in the container whose network was used, 0 for this host's. name_error: the
    certificate is for another name, which JavaMail 1.x does not check. java_error: the system's bundle accepts the
    certificate, the trust store of the running Java does not (both Java only)."""

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
    """Whether a name or address is this host's own."""
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
    """Dial.tls for MailSettings.tls: implicit, starttls or none."""
    return "implicit" if tls.startswith("implicit") else "starttls" if tls.startswith("starttls") else "none"


def trusts(settings: MailSettings, host: str) -> bool:
    """Whether mail.smtp.ssl.trust accepts any certificate of this host."""
    return any(word == "*" or word.lower() == host.lower() for word in settings.trust.split())


def factory_without_port(app: Application) -> bool:
    """Whether socketFactory.class is set without socketFactory.port: JavaMail then starts TLS on port 25."""
    settings = app.settings
    if settings is None or not settings.tls.startswith("implicit") or settings.port != 25:
        return False
    return bool(app.value("mail.smtp.socketFactory.class")) and not app.value("mail.smtp.socketFactory.port").strip()


def login_of(ctx: Asks, app: Application) -> tuple[Login | None, str]:
    """(where to read the credentials, ""), or (None, why no login can be tried)."""
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
    """Holds the dialogue that the application's next mail would start with; no message is sent."""
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
    # Java uses only the first address of a name, and sorts IPv4 first.
    family = 4 if any(":" not in address for address in resolved.addresses) else 0
    local = is_local(ctx, host)
    whose = target(ctx)
    sender = settings.sender.rpartition("<")[2].strip("> ") or whose.sender or ""
    # If this tool cannot log in, a demand for a login would say nothing about the application.
    far = "ehlo" if login is None and (local or settings.auth) else "rcpt" if login is None or sender else "auth"
    # Only RCPT shows whether a server in a private network relays for this client; public ones get no made-up recipient.
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
        ca_file="" if ca_problem(ctx, settings.ca_file) else settings.ca_file,
        user=account(ctx, app),
        network=within,
        timeout=WAIT,
    )
    reply = ctx.ask(base)
    reply, base, store, java_error = _by_java(ctx, base, reply) if app.java else (reply, base, "", "")
    first, name_error = None, ""
    if app.java and reply.tls and _only_name(reply.tls.verify_error) and not base.trust and reply.tls.names:
        # Checks the chain alone, under a name that the certificate does have.
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
        # If the server offers no login, JavaMail skips it and goes on to the envelope.
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
        store=store or base.ca_file,
        name_error=name_error,
        java_error=java_error,
        not_found=reply.error if reply.stage == "resolve" else "",
        network=within,
    )


def _by_java(ctx: Asks, base: Dial, reply: DialReply) -> tuple[DialReply, Dial, str, str]:
    """(reply, its query, trust store, Java's error): the certificate is also verified against Java's trust store.

    The system's bundle comes first: a trust store that no running Java uses may have been written by anybody.

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
    """The resolver's problem; None if it means that the name or address does not exist."""
    return None if problem in (None, "name not known", "No address associated with hostname") else problem


def _only_name(error: str) -> bool:
    return bool(re.search(r"(?:Hostname|IP address) mismatch", error))


def _no_tls(reply: DialReply) -> bool:
    """Whether implicit TLS failed before the server sent a greeting."""
    return not reply.problem and not reply.banner and reply.stage != "resolve"


def met(reply: DialReply) -> Outcome:
    """The outcome of the connection attempt."""
    if reply.connected:
        return Outcome.OPEN
    attempt = reply.attempts[0] if reply.attempts else None
    if attempt is None or reply.problem:
        return Outcome.UNKNOWN
    return dials.met(attempt)


@dataclass(frozen=True)
class Way:
    """A port and TLS mode of the server, as tried."""

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
    """The given ports and TLS modes that work on `host`, in their order. user, network: as in Dial. Certificates are
    not judged."""
    wanted = list(dict.fromkeys(ways))
    queries: list[Query[DialReply]] = [
        Dial(host=host, port=port, tls=tls, say="ehlo", user=user, network=network, timeout=2.5, connect_timeout=2.5)
        for port, tls in wanted
    ]
    replies = ask_all(ctx, queries)
    found = (Way(port, tls, reply) for (port, tls), reply in zip(wanted, replies, strict=True))
    return tuple(way for way in found if way.works)


def other_way(port: int, tls: str) -> tuple[tuple[int, str], ...]:
    """The (port, tls) pairs to try after TLS failed: the other mode on the same port, then the usual ports."""
    flipped = "starttls" if tls == "implicit" else "implicit"
    usual = tuple(way for way in WAYS if way[0] != port)
    return ((port, flipped), *usual) if port not in IMPLICIT_TLS_PORTS or tls != "implicit" else usual
