"""Does the relay's certificate verify, as the client's TLS level requires?"""

from __future__ import annotations

from diagnose.check import FLAG, Context, Now, Observations, SignSpec, TlsInfo, check, fail, ok, skip, unknown, warn
from diagnose.facts.relay import way_in
from diagnose.facts.relay_tls import spoken, tried
from diagnose.facts.route import Route
from diagnose.facts.ways import way_by_smtp
from diagnose.parse.postfix import tls_settings

_WHY = {
    "expired": "has expired",
    "not-yet-valid": "is not valid yet",
    "self-signed": "is self-signed",
    "unknown-ca": "is signed by a CA that is unknown here",
    "wrong-name": "is for another name",
    "other": "does not verify",
}


@check(
    id="relay-certificate",
    title="The relay's certificate",
    signs=(
        SignSpec("relay.certificate", {"verifies": FLAG, "why": ("", *_WHY)}),
        SignSpec("tls.policy", {"kind": ("pinned", "match")}),
    ),
    tags=("relay-tls", "relay", "tls", "network"),
    needs=("mta", "network"),
    probes=True,
    timeout=9.5,
)
def relay_certificate(ctx: Context) -> Observations:
    way = way_by_smtp(ctx)
    into = way_in(ctx, way)
    tls = spoken(ctx, way, into).tls if tried(way, into) else None
    if tls is None or not tls.version:
        skip("no TLS session was made")
    mode = into.mode
    why = tls_settings.certificate_problem(tls.verify_error) if tls.verify_error else ""
    where = into.tls_data | {"why": why, "verifies": mode.verifies, "issuer": tls.issuer}
    where["names"] = ", ".join(tls.names[:5])
    if mode.level == "fingerprint" and (wanted := _comparable(way, mode.policy, tls)):
        if set(wanted) & set(tls.pins):
            yield ok("relay.certificate", into.place, "its certificate is the pinned one", **where)
            return
        text = f"its certificate (SHA-256 {tls.pins[0]}) is none of the pinned ones ({', '.join(wanted)})"
        yield fail("tls.policy", mode.by, text, kind="pinned", **where)
        return
    if tls.verified:
        yield ok("relay.certificate", into.place, "its certificate verifies", **where)
        return
    if mode.level in ("fingerprint", "dane-only"):
        text = f"{mode.level} pins a certificate, which this tool does not compare"
        yield unknown("relay.certificate", into.place, text, **where)
        return
    if into.ca_broken or tls.verify_error.startswith("no CA bundle"):
        yield unknown("relay.certificate", into.place, f"cannot be verified here: {tls.verify_error}", **where)
        return
    meant = tls_settings.policy(mode.policy).get("match")
    if why == "wrong-name" and mode.verifies and into.host.lower() in (name.lower() for name in tls.names) and meant:
        text = f"accepts certificates for {meant}, and {into.host}, the server in use now, has one for its own name"
        yield fail("tls.policy", mode.by, text, kind="match", **where)
        return
    text = f"its certificate {_WHY.get(why, _WHY['other'])} ({tls.verify_error})"
    if why == "wrong-name" and tls.names:
        text += f": it names {where['names']}"
    if why in ("expired", "not-yet-valid"):
        days = abs((tls.not_after if why == "expired" else tls.not_before) - ctx.ask(Now()).epoch) / 86400
        text += f", by {days:.0f} days according to this host's clock"
    if mode.verifies:
        text += (
            ", and the settings accept only one that does" if mode.own else f", and {mode.words} requires that it does"
        )
        yield fail("relay.certificate", into.place, text, **where)
    else:
        asked = "these settings do" if mode.own else f"the level {mode.level} does"
        yield warn("relay.certificate", into.place, f"{text}; {asked} not ask for more", **where)


def _comparable(way: Route, policy: str, tls: TlsInfo) -> tuple[str, ...]:
    """The pinned fingerprints, if all have the length of a digest that was made of the server's certificate; else
    ()."""
    wanted = tls_settings.pins(policy, way.value("smtp_tls_fingerprint_cert_match"))
    sizes = {len(pin) for pin in tls.pins}
    return wanted if sizes and all(len(pin) in sizes for pin in wanted) else ()
