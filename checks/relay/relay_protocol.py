"""Do the client and the server share a TLS version and a cipher?"""

from __future__ import annotations

from diagnose.check import Context, Exec, Observation, Observations, SignSpec, Stage, TlsInfo, check, fail, ok, warn
from diagnose.facts import Route, mta
from diagnose.facts.relay import WayIn, way_in
from diagnose.facts.relay_tls import spoken, tried
from diagnose.facts.ways import way_by_smtp
from diagnose.parse.postfix import tls_settings

_MODERN = ("TLSv1.2", "TLSv1.3")
_KINDS = ("invalid-list", "own-protocols", "own-ciphers", "no-common", "stalled", "handshake")


@check(
    id="relay-protocol",
    title="TLS version and cipher with the relay",
    signs=(SignSpec("relay.protocol", {"kind": _KINDS}, proves=Stage.TLS, clears="TLS"),),
    tags=("relay-tls", "relay", "tls", "network"),
    needs=("mta", "network"),
    probes=True,
    timeout=9.5,
)
def relay_protocol(ctx: Context) -> Observations:
    way = way_by_smtp(ctx)
    into = way_in(ctx, way)
    if into.mode.level != "none" and not way.mailer:
        yield from _settings(ctx, way, into)
    heard = spoken(ctx, way, into) if tried(way, into) else None
    tls = heard.tls if heard else None
    if tls is not None and tls.version:
        yield _agreed(ctx, way, into, tls)
    elif heard and tls is not None and tls.error:
        problem = tls_settings.handshake_problem(tls.error)
        # On a port of the other kind the check of the wrapper says so; behind a 220 to STARTTLS it is not TLS at all.
        if problem == "wrong-version" and not (heard.dialogue and heard.dialogue.starttls.startswith("220")):
            return
        kind = {"mismatch": "no-common", "timeout": "stalled"}.get(problem, "handshake")
        say = fail if into.mode.mandatory else warn
        text = f"the TLS handshake fails: {tls.error}"
        yield say("relay.protocol", into.place, text, kind=kind, error=tls.error, **into.tls_data)


def _settings(ctx: Context, way: Route, into: WayIn) -> Observations:
    """Observes protocol settings that are invalid, or that allow no version from TLS 1.2 on."""
    mode, where = into.mode, into.tls_data
    name = "smtp_tls_mandatory_protocols" if mode.mandatory else "smtp_tls_protocols"
    value = tls_settings.policy(mode.policy).get("protocols") or way.value(name)
    left = tls_settings.versions(value, mta(ctx).numbers)
    # Opportunistic TLS that fails with a recipient's own server falls back to the clear.
    say = fail if mode.mandatory or way.relay else warn
    if left is None:
        text = f"{name} = {value} is not a valid list of protocols for this Postfix: every TLS session is aborted"
        yield say("relay.protocol", name, text, kind="invalid-list", parameter=name, value=value, **where)
    elif not set(left) & set(_MODERN):
        what = ", ".join(left) or "nothing"
        text = f"{name} = {value} allows {what}; today's servers and OpenSSL require TLS 1.2 or later"
        yield say("relay.protocol", name, text, kind="own-protocols", parameter=name, value=value, **where)


def _agreed(ctx: Context, way: Route, into: WayIn, tls: TlsInfo) -> Observation:
    """Compares the version and cipher that the server and OpenSSL agreed on just now with those that the settings
    allow."""
    mode, where = into.mode, into.tls_data
    if way.mailer:
        return ok("relay.protocol", into.place, f"speaks {tls.version} with {tls.cipher}", **where)
    prefix = "smtp_tls_mandatory_" if mode.mandatory else "smtp_tls_"
    protocols = tls_settings.policy(mode.policy).get("protocols") or way.value(prefix + "protocols")
    left = tls_settings.versions(protocols, mta(ctx).numbers)
    if left is not None and set(left) & set(_MODERN) and tls.version not in left:
        text = f"agrees on {tls.version} with OpenSSL's own settings; {prefix}protocols allows {', '.join(left)}"
        return warn("relay.protocol", into.place, text, kind="own-protocols", parameter=prefix + "protocols", **where)
    names = ["smtp_tls_exclude_ciphers"] + ["smtp_tls_mandatory_exclude_ciphers"] * mode.mandatory
    excluded = [word for name in names for word in way.value(name).replace(",", " ").split()]
    grade = way.value(prefix + "ciphers") or "medium"
    base = way.value(f"tls_{grade}_cipherlist")
    if base and tls.version not in ("TLSv1.3", ""):
        # As tls_set_ciphers() builds it: the grade's list, then what is excluded.
        reply = ctx.ask(Exec(("openssl", "ciphers", ":".join([base, *(f"!{word}" for word in excluded)]))))
        if reply.problem is None and (reply.code != 0 or tls.cipher not in reply.out.strip().split(":")):
            text = f"agrees on {tls.cipher} with OpenSSL's own settings, which {prefix}ciphers and the excluded ciphers do not allow"
            say = fail if excluded or grade not in ("medium", "high") else warn
            named = {"kind": "own-ciphers", "parameter": prefix + "exclude_ciphers"}
            return say("relay.protocol", into.place, text, **named, **where)
    return ok("relay.protocol", into.place, f"speaks {tls.version} with {tls.cipher}", **where)
