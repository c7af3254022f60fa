"""Interprets the application's dialogue: how far its mail gets, and what stops it.

verdict(ctx, app)     the stage that fails, the kind of failure, and the settings that would work
"""

from __future__ import annotations

import re
from collections.abc import Callable

from diagnose.apps.settings import MailSettings
from diagnose.facts.app_process import account
from diagnose.facts.app_session import (
    MISSING,
    Session,
    Way,
    alternatives,
    factory_without_port,
    is_local,
    other_way,
    session,
    trusts,
)  # fmt: skip
from diagnose.facts.application import Application
from diagnose.facts.asks import Asks
from diagnose.host.query import DialReply
from diagnose.parse.system.outcomes import Outcome
from diagnose.parse.words.reason import classify
from diagnose.parse.words.smtp_reply import code_of
from diagnose.patterns import late
from diagnose.record import frozen

_NOT_TLS = late(
    r"wrong version number|unknown protocol|record layer|http request|packet length|record type|not ssl", re.I
)
_NO_VERSION = late(
    r"unsupported protocol|protocol version|no protocols|handshake failure|insufficient security|no shared cipher"
    r"|key too small|inappropriate fallback|no ciphers|version too low|legacy",
    re.I,
)
_BUNDLE = late(r"^(?:CA file|CA directory|no CA bundle)")
_WANTS_TLS = ("starttls-required", "relay-requires-tls")
_WANTS_LOGIN = ("auth-required", "relay-auth-not-attempted", "relay-access-denied", "sasl-key-mismatch")
# Postfix may answer with 4xx here, but retrying does not help.
_STRANGER = late(r"relay access denied|client host rejected", re.I)
_TEMPORARY = ("rate-limited", "server-busy", "greylisted", "server-error")
# Labels of a reply to MAIL or RCPT that concern the sender, not this one recipient.
_SENDER = (
    "sender-not-allowed", "relay-account-restricted", "sender-unauthenticated", "sender-domain-not-found",
    "ip-blocklisted", "helo-name-invalid",
)  # fmt: skip


@frozen
class Verdict:
    """stage: server, tls, certificate, protocol, login or sender, whichever stops the mail; "works"; or "unknown".

    kind: of failure within the stage (an outcome, tls-on-plain, expired, auth-required …); text: what was seen;
    label, code: of the server's reply; session: None if nothing was dialled; ways: what works with this server, best
    first.
    """

    stage: str
    kind: str = ""
    text: str = ""
    label: str = ""
    code: int = 0
    local: bool = False
    session: Session | None = None
    ways: tuple[Way, ...] = ()

    @property
    def best(self) -> tuple[int, str] | None:
        """(port, tls) to recommend, of those that work with this server; None if none is known."""
        return (self.ways[0].port, self.ways[0].tls) if self.ways else None

    @property
    def failed(self) -> bool:
        return self.stage not in ("works", "unknown")


Stop = Callable[..., Verdict]


def verdict(ctx: Asks, app: Application) -> Verdict:
    settings = app.settings
    if settings is None or not app.connectable:
        return Verdict(stage="unknown", text=app.problem or "host and port are not known")
    if not ctx.settings.network:
        return Verdict(stage="unknown", text="network probes are switched off", local=is_local(ctx, settings.host))
    return _judge(ctx, app, session(ctx, app), is_local(ctx, settings.host))


def _judge(ctx: Asks, app: Application, held: Session, local: bool) -> Verdict:
    reply, settings = held.reply, app.settings
    assert settings is not None

    def stop(stage: str, kind: str, text: str, ways: tuple[Way, ...] = (), label: str = "", code: int = 0) -> Verdict:
        return Verdict(stage=stage, kind=kind, text=text, label=label, code=code, local=local, session=held, ways=ways)

    if reply.problem:
        return stop("unknown", "", reply.problem)
    if held.not_found:
        return stop("server", "name-not-found", f"the name does not resolve: {held.not_found}")
    if factory_without_port(app) and not (reply.tls and reply.tls.version):
        text = "socketFactory.class is set without socketFactory.port, so TLS starts on port 25"
        ways = () if local else alternatives(ctx, settings.host, other_way(held.port, "implicit"))
        return stop("tls", "factory-without-port", f"{text} ({reply.error})", ways)
    if not reply.connected:
        if held.outcome is Outcome.UNKNOWN:
            return stop("unknown", "", reply.error)
        others = tuple(way for way in ((587, "starttls"), (465, "implicit"), (2525, "starttls")) if way[0] != held.port)
        ways = () if local else alternatives(ctx, settings.host, others, account(ctx, app), held.network)
        return stop("server", held.outcome.value, _attempts(reply), ways)
    if held.tls == "implicit" and not (reply.tls and reply.tls.version):
        return _implicit_failed(ctx, settings, held, stop)
    if not reply.banner:
        ways = alternatives(ctx, settings.host, other_way(held.port, held.tls))
        if any(way.port == held.port and way.tls == "implicit" for way in ways):
            return stop(
                "tls",
                "plain-on-implicit",
                f"port {held.port} expects TLS at once, and the application waits for a greeting",
                ways,
            )
        return stop("server", "silent", f"connects, but sends no greeting ({reply.error})", ways)
    if not reply.banner.startswith("2"):
        label, code = _label(reply.banner, settings.host, held.port, "greeting")
        return stop(
            "server", "greeting", f"greets with a refusal: {reply.banner}", (), label or "greeting-refused", code
        )
    host = settings.host
    return _secured(ctx, app, settings, held, stop) or _signed_in(ctx, host, held, stop) or _envelope(held, stop, host)


def _attempts(reply: DialReply) -> str:
    return ", ".join(f"{a.address}: {a.error}" for a in reply.attempts[:4] if a.error)


def _implicit_failed(ctx: Asks, settings: MailSettings, held: Session, stop: Stop) -> Verdict:
    reply = held.reply
    error = (reply.tls.error if reply.tls else "") or reply.error
    if reply.tls and reply.tls.verify_error and not _BUNDLE.match(reply.tls.verify_error):
        return stop("certificate", _why(reply.tls.verify_error), reply.tls.verify_error)
    if _NO_VERSION.search(error):
        return stop("protocol", "no-common-version", error)
    ways = alternatives(ctx, settings.host, other_way(held.port, "implicit"))
    plain = any(way.port == held.port and way.tls == "starttls" for way in ways)
    if plain or _NOT_TLS.search(error):
        return stop(
            "tls", "tls-on-plain", f"port {held.port} starts in plain text, the application with TLS ({error})", ways
        )
    return stop("server", "silent", f"connects, but does not answer the TLS handshake ({error})", ways)


def _secured(ctx: Asks, app: Application, settings: MailSettings, held: Session, stop: Stop) -> Verdict | None:
    """The verdict on TLS; None if nothing is wrong."""
    reply = held.reply
    host, info = settings.host, reply.tls
    if settings.tls == "starttls-required" and not reply.offers_starttls and reply.ehlo:
        ways = alternatives(ctx, host, other_way(held.port, "starttls"))
        return stop(
            "tls",
            "starttls-not-offered",
            f"STARTTLS is required, but {host} does not offer it on port {held.port}",
            ways,
        )
    if reply.starttls and not reply.starttls.startswith("2"):
        return stop("tls", "starttls-refused", f"the server answers STARTTLS with: {reply.starttls}")
    if info and info.verify_error and not info.verified and not _BUNDLE.match(info.verify_error):
        if not trusts(settings, host):
            return stop(
                "certificate", _why(info.verify_error), f"{info.verify_error} ({info.subject}, issued by {info.issuer})"
            )
    elif info and info.error:
        kind = "no-common-version" if _NO_VERSION.search(info.error) else "handshake"
        return stop("protocol" if kind != "handshake" else "tls", kind, f"the TLS handshake fails: {info.error}")
    if held.java_error and not trusts(settings, host):
        kind = "unknown-ca" if _why(held.java_error) == "self-signed" else _why(held.java_error)
        return stop("certificate", kind, f"{held.java_error}, though the system's bundle knows the issuer")
    if held.name_error and app.value("mail.smtp.ssl.checkserveridentity").lower() == "true":
        return stop("certificate", "wrong-name", held.name_error)
    return None


def _why(error: str) -> str:
    """The kind of an OpenSSL error: unknown-ca (also if not recognised), self-signed, expired, not-yet-valid or
    wrong-name."""
    words = (
        (r"self.signed certificate in", "unknown-ca"),
        (r"self.signed", "self-signed"),
        (r"expired", "expired"),
        (r"not yet valid", "not-yet-valid"),
        (r"mismatch", "wrong-name"),
    )
    return next((kind for pattern, kind in words if re.search(pattern, error, re.I)), "unknown-ca")


def _label(text: str, host: str, port: int, stage: str) -> tuple[str, int]:
    reason = classify(text, peer=host, port=port, stage=stage)
    return (reason.label if reason else ""), code_of(text)


def _signed_in(ctx: Asks, host: str, held: Session, stop: Stop) -> Verdict | None:
    reply = held.reply
    if reply.auth and not reply.auth.startswith("235"):
        label, code = _label(reply.auth, host, held.port, "auth")
        if label in _WANTS_TLS:
            return stop(
                "tls", "starttls-needed", reply.auth, alternatives(ctx, host, ((held.port, "starttls"),)), label, code
            )
        if 400 <= code < 500 and label in ("", *_TEMPORARY):
            return stop("unknown", "temporary", f"the login was deferred: {reply.auth}", (), label, code)
        return stop("login", "rejected", reply.auth, (), label or "relay-credentials-rejected", code)
    if held.with_login and reply.error == "no usable mechanism":
        offered = " ".join(reply.mechanisms)
        return stop("login", "no-mechanism", f"the server accepts {offered} only, not a password", (), "no-mechanism")
    if held.no_login == MISSING and reply.mechanisms:
        return stop("login", "missing", "a login is enabled, but no user or no password is set", (), "auth-required")
    if held.with_login and not reply.auth:
        return stop("unknown", "no-answer", f"the login could not be tried: {reply.error or 'no answer'}")
    return None


def _envelope(held: Session, stop: Stop, host: str) -> Verdict:
    reply = held.reply
    for stage, text in (("mail", reply.mail), ("rcpt", reply.rcpt)):
        if text[:1] not in ("4", "5"):
            continue
        label, code = _label(text, host, held.port, stage)
        if (_STRANGER.search(text) or label == "relay-access-denied") and not reply.auth and not reply.mechanisms:
            said = f"the server does not relay for this client: {text}"
            return stop("sender", "relay-access-denied", said, (), "relay-access-denied", code)
        if text[:1] == "4" and (stage, label) != ("mail", "sender-domain-not-found"):  # Postfix defers these
            continue
        if label in _WANTS_TLS or re.search(r"^53[08].*STARTTLS", text, re.I | re.S):
            way = Way(held.port, "starttls", reply)
            return stop("tls", "starttls-needed", f"the server requires STARTTLS first: {text}", (way,), label, code)
        if not reply.auth and (label in _WANTS_LOGIN or code == 530):
            kind = "not-configured" if held.no_login == "no login is configured" else "not-made"
            return stop("login", kind, f"the server requires a login: {text}", (), label or "auth-required", code)
        if label in _SENDER:
            return stop("sender", label, f"the server refuses the sender: {text}", (), label, code)
        if stage == "mail":
            return stop("unknown", "", f"the server answers MAIL FROM with: {text}", (), label, code)
    if not reply.ehlo and reply.error:
        return stop("unknown", "", f"the dialogue ended early: {reply.error}")
    kind = (
        ""
        if held.with_login or held.no_login in ("no login is configured", "the server offers no login")
        else "no-login"
    )
    return stop(
        "works",
        kind,
        f"answers, greets and accepts the application's settings{'' if not held.with_login else ', login included'}",
    )
