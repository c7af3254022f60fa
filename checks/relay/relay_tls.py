"""Can this side and the server that its mail goes to agree on TLS: port, level, protocol, certificate?"""

from __future__ import annotations

from collections.abc import Iterator

from diagnose.check import Context, Exec, Now, check, fail, ok, skip, unknown, warn
from diagnose.facts import Route, mta, route
from diagnose.facts.relay import (
    IMPLICIT_PORTS,
    DialReply,
    TlsInfo,
    WayIn,
    begin,
    first_way,
    sasl,
    session,
    settings_problem,
    way_in,
)
from diagnose.model import Observation, Scalar
from diagnose.parse.postfix import tls_settings

_MODERN = ("TLSv1.2", "TLSv1.3")
_WHY = {
    "expired": "has expired",
    "not-yet-valid": "is not valid yet",
    "self-signed": "is self-signed",
    "unknown-ca": "is signed by a CA that is not known here",
    "wrong-name": "is for another name",
    "other": "does not verify",
}


@check(
    id="relay-tls",
    title="TLS with the relay",
    signs=("relay.starttls", "relay.wrapper", "relay.protocol", "relay.certificate"),
    tags=("relay", "tls", "network"),
    needs=("postfix", "network"),
    probes=True,
    timeout=9.5,
)
def relay_tls(ctx: Context) -> Iterator[Observation]:
    if problem := settings_problem(ctx):
        yield unknown("relay.starttls", "relay", problem)
        return
    way = route(ctx)
    if way is None or not way.remote or way.program != "smtp":
        skip("no mail leaves by SMTP on this way")
    into = way_in(ctx, way)
    yield from _settings(ctx, way, into)
    if not way.relay and not (into.mode.mandatory and into.host):
        return  # opportunistic TLS with exchangers never keeps mail back
    reply = session(ctx, way).reply
    if reply.problem:
        yield unknown(
            "relay.starttls",
            into.place,
            f"{reply.problem}; a dialogue would tell whether TLS works",
            **_where(way, into),
        )
        return
    if not reply.connected:
        return
    yield from _wrapper(ctx, way, into, reply)
    if first_way(into) == "implicit":
        return
    yield from _starttls(ctx, way, into, reply)
    if reply.tls is not None:
        yield from _handshake(ctx, way, into, reply, reply.tls)


def _where(way: Route, into: WayIn) -> dict[str, Scalar]:
    return {
        "host": into.host, "port": into.port, "next_hop": way.nexthop, "provider": into.provider,
        "level": into.mode.level, "by": into.mode.by, "direct": not way.relay,
        "domain": way.domain,
    }  # fmt: skip


def _settings(ctx: Context, way: Route, into: WayIn) -> Iterator[Observation]:
    """What the settings alone exclude: versions that nobody speaks any more, a wrapper mode without a level."""
    mode, where = into.mode, _where(way, into)
    if mode.wrapper and mode.level in ("none", "may"):
        text = f"smtp_tls_wrappermode needs a TLS level of encrypt or stronger; it is {mode.level} ({mode.by}): smtp(8) refuses to connect"
        yield fail("relay.wrapper", into.place, text, kind="level", wrapper="yes", wanted_level="encrypt", **where)
    if mode.level == "none":
        return
    name = "smtp_tls_mandatory_protocols" if mode.mandatory else "smtp_tls_protocols"
    value = tls_settings.policy(mode.policy).get("protocols") or way.value(name)
    left = tls_settings.versions(value, mta(ctx).numbers)
    # Opportunistic TLS that fails with a recipient's own server falls back to the clear.
    say = fail if mode.mandatory or way.relay else warn
    if left is None:
        text = f"{name} = {value} is no list of protocols to this Postfix: every TLS session is given up"
        yield say("relay.protocol", name, text, kind="invalid-list", parameter=name, value=value, **where)
    elif not set(left) & set(_MODERN):
        what = ", ".join(left) or "nothing"
        text = f"{name} = {value} leaves {what}; today's servers and OpenSSL want TLS 1.2 or later"
        yield say("relay.protocol", name, text, kind="own-protocols", parameter=name, value=value, **where)


def _wrapper(ctx: Context, way: Route, into: WayIn, reply: DialReply) -> Iterator[Observation]:
    """Implicit TLS or STARTTLS: what the port really speaks, against what Postfix is told to speak."""
    where = _where(way, into)
    level = into.mode.level if into.mode.mandatory else "encrypt"
    spoken = ""
    if first_way(into) == "implicit":
        problem = tls_settings.handshake_problem(reply.tls.error) if reply.tls and reply.tls.error else ""
        if reply.tls and reply.tls.version:
            spoken = "implicit"
        elif problem in ("wrong-version", "closed", "other", "timeout") and reply.stage == "tls":
            plain = ctx.ask(begin(ctx, into, way, "starttls"))
            spoken = "starttls" if plain.banner[:1] in ("2", "4", "5") else ""
            if spoken and not into.mode.wrapper:
                yield from _starttls(ctx, way, into, plain)
        if (reply.tls and not spoken and problem == "mismatch") or (reply.tls and spoken == "implicit"):
            yield from _handshake(ctx, way, into, reply, reply.tls)
    elif reply.stage == "banner" and not reply.banner and reply.error:
        if reply.error in ("timed out", "connection closed", "ECONNRESET"):
            hidden = ctx.ask(begin(ctx, into, way, "implicit"))
            spoken = "implicit" if hidden.tls and hidden.tls.version and hidden.banner else ""
    elif reply.banner:
        spoken = "starttls"
    if spoken == "implicit" and not into.mode.wrapper:
        text = "speaks TLS from the first byte (implicit TLS), and smtp_tls_wrappermode is off: both sides wait for the other"
        yield fail("relay.wrapper", into.place, text, kind="needed", wrapper="yes", wanted_level=level, **where)
    elif spoken == "starttls" and into.mode.wrapper:
        text = "greets in the clear (STARTTLS), and smtp_tls_wrappermode = yes makes Postfix begin with TLS"
        yield fail("relay.wrapper", into.place, text, kind="unwanted", wrapper="no", wanted_level=level, **where)
    elif spoken and (into.mode.mandatory or not into.mode.wrapper):
        yield ok(
            "relay.wrapper",
            into.place,
            "speaks " + ("implicit TLS" if spoken == "implicit" else "STARTTLS or plain SMTP") + ", as Postfix expects",
            **where,
        )
    elif not spoken and into.port in IMPLICIT_PORTS and not into.mode.wrapper:
        yield warn(
            "relay.wrapper",
            into.place,
            "is a port for implicit TLS, and smtp_tls_wrappermode is off",
            kind="by-port",
            wrapper="yes",
            wanted_level=level,
            **where,
        )


def _starttls(ctx: Context, way: Route, into: WayIn, reply: DialReply) -> Iterator[Observation]:
    where = _where(way, into)
    if not reply.ehlo:
        return
    if into.mode.level == "none":
        found = sasl(ctx, way)
        if not reply.offers_starttls:
            yield ok("relay.starttls", into.place, "offers no STARTTLS, and none is wanted", **where)
        elif reply.mail and "starttls" in reply.mail.lower() and not reply.mail.startswith("2"):
            text = f"demands STARTTLS, and this side has TLS off ({into.mode.by}): {reply.mail}"
            yield fail("relay.starttls", into.place, text, kind="demanded", **where)
        elif found.enabled and not reply.mechanisms and (found.hit or (found.blind and into.needs_login)):
            text = f"offers a login only after STARTTLS, and this side has TLS off ({into.mode.by})"
            yield fail("relay.starttls", into.place, text, kind="login-needs-tls", **where)
        else:
            yield ok("relay.starttls", into.place, "offers STARTTLS; this side has it off", **where)
        return
    if not reply.offers_starttls:
        if into.mode.mandatory:
            text = f"offers no STARTTLS, and this side demands it ({into.mode.by} = {into.mode.level})"
            yield fail("relay.starttls", into.place, text, kind="not-offered", **where)
        else:
            yield ok("relay.starttls", into.place, "offers no STARTTLS; mail goes in the clear", **where)
        return
    if reply.starttls and not reply.starttls.startswith("220"):
        say = fail if into.mode.mandatory else warn
        yield say(
            "relay.starttls", into.place, f"offers STARTTLS and refuses it: {reply.starttls}", kind="refused", **where
        )
    elif reply.starttls:
        yield ok("relay.starttls", into.place, "offers STARTTLS", **where)


def _handshake(ctx: Context, way: Route, into: WayIn, reply: DialReply, tls: TlsInfo) -> Iterator[Observation]:
    where = _where(way, into)
    if tls.error and not tls.version:
        problem = tls_settings.handshake_problem(tls.error)
        if problem == "wrong-version":
            return
        kind = {"mismatch": "no-common", "timeout": "stalled"}.get(problem, "handshake")
        say = fail if into.mode.mandatory else warn
        yield say(
            "relay.protocol", into.place, f"the TLS handshake fails: {tls.error}", kind=kind, error=tls.error, **where
        )
        return
    if not tls.version:
        return
    yield from _cipher(ctx, way, into, tls)
    yield from _certificate(ctx, way, into, tls)


def _cipher(ctx: Context, way: Route, into: WayIn, tls: TlsInfo) -> Iterator[Observation]:
    """The versions and ciphers that the settings leave, against what this server and OpenSSL agreed on just now."""
    mode, where = into.mode, _where(way, into)
    prefix = "smtp_tls_mandatory_" if mode.mandatory else "smtp_tls_"
    left = tls_settings.versions(
        tls_settings.policy(mode.policy).get("protocols") or way.value(prefix + "protocols"), mta(ctx).numbers
    )
    if left is not None and set(left) & set(_MODERN) and tls.version not in left:
        text = f"agrees on {tls.version} with OpenSSL's own settings; {prefix}protocols leaves {', '.join(left)}"
        yield warn("relay.protocol", into.place, text, kind="own-protocols", parameter=prefix + "protocols", **where)
        return
    excluded = [w for n in ("smtp_tls_exclude_ciphers", *(("smtp_tls_mandatory_exclude_ciphers",) if mode.mandatory else ()))
                for w in _words(way, n)]  # fmt: skip
    grade = way.value(prefix + "ciphers") or "medium"
    base = way.value(f"tls_{grade}_cipherlist")
    if base and tls.version not in ("TLSv1.3", ""):
        # As tls_set_ciphers() builds it: the grade's list, then what is excluded.
        spelled = ":".join([base, *(f"!{word}" for word in excluded)])
        reply = ctx.ask(Exec(("openssl", "ciphers", spelled)))
        gone = reply.code != 0 if reply.problem is None else False
        if reply.problem is None and (gone or tls.cipher not in reply.out.strip().split(":")):
            text = f"agrees on {tls.cipher} with OpenSSL's own settings, which {prefix}ciphers and the excluded ciphers do not allow"
            say = fail if excluded or grade not in ("medium", "high") else warn
            yield say(
                "relay.protocol", into.place, text, kind="own-ciphers", parameter=prefix + "exclude_ciphers", **where
            )
            return
    yield ok("relay.protocol", into.place, f"speaks {tls.version} with {tls.cipher}", **where)


def _words(way: Route, name: str) -> list[str]:
    return [word for word in way.value(name).replace(",", " ").split() if word]


def _certificate(ctx: Context, way: Route, into: WayIn, tls: TlsInfo) -> Iterator[Observation]:
    mode = into.mode
    why = tls_settings.certificate_problem(tls.verify_error) if tls.verify_error else ""
    where = {
        **_where(way, into),
        "why": why,
        "verifies": mode.verifies,
        "issuer": tls.issuer,
        "names": ", ".join(tls.names[:5]),
    }
    if tls.verified:
        yield ok("relay.certificate", into.place, "its certificate verifies", **where)
        return
    if mode.level in ("fingerprint", "dane-only"):
        yield unknown(
            "relay.certificate", into.place, f"{mode.level} pins a certificate; this tool compares none", **where
        )
        return
    if into.ca_broken or tls.verify_error.startswith("no CA bundle"):
        yield unknown("relay.certificate", into.place, f"cannot be verified here: {tls.verify_error}", **where)
        return
    text = f"its certificate {_WHY.get(why, _WHY['other'])} ({tls.verify_error})"
    if why == "wrong-name" and tls.names:
        text += f": it names {', '.join(tls.names[:5])}"
    if why in ("expired", "not-yet-valid"):
        days = abs((tls.not_after if why == "expired" else tls.not_before) - ctx.ask(Now()).epoch) / 86400
        text += f", by {days:.0f} days as this host's clock has it"
    if mode.verifies:
        yield fail(
            "relay.certificate", into.place, f"{text}, and {mode.by} = {mode.level} demands that it does", **where
        )
    else:
        yield warn("relay.certificate", into.place, f"{text}; the level {mode.level} does not ask for more", **where)
