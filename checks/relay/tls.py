"""Can Postfix' SMTP client start TLS at all: its CA file, its own certificate, its policy table, DNSSEC for DANE?"""

from __future__ import annotations

from collections.abc import Iterator

from diagnose.check import Context, Glob, Lookup, MapLookup, Read, Stat, ask_all, check, fail, ok, skip, unknown, warn
from diagnose.facts import Mta, Route, mta, next_hop_hosts, route, tls_mode
from diagnose.facts.relay import ca_problem, settings_problem, way_in
from diagnose.knowledge.recognise import identify
from diagnose.model import Observation, Scalar
from diagnose.parse.postfix import table, tls_settings

_SAYS = {
    "missing": "does not exist",
    "empty": "is empty",
    "no-file": "is no file",
    "no-certificate": "holds no certificate",
    "unreadable": "cannot be read",
}


@check(
    id="tls",
    title="TLS of Postfix' SMTP client",
    signs=("tls.ca", "tls.key", "tls.policy", "tls.dane"),
    tags=("tls",),
    needs=("postfix",),
)
def tls(ctx: Context) -> Iterator[Observation]:
    if problem := settings_problem(ctx):
        yield unknown("tls.ca", "TLS", problem)
        return
    way = route(ctx)
    if way is None or not way.remote or way.program != "smtp":
        skip("no mail leaves by SMTP on this way")
    yield from _policy(ctx, way)
    level = tls_mode(ctx, way).level
    yield from _authorities(ctx, way, level)
    yield from _own_certificate(ctx, way, level)
    yield from _dane(ctx, mta(ctx), way, level)


def _bundle(ctx: Context) -> str:
    """This host's own CA bundle."""
    return next(
        (path for path in tls_settings.SYSTEM_BUNDLES if ctx.ask(Stat(path)).exists), tls_settings.SYSTEM_BUNDLES[0]
    )


def _authorities(ctx: Context, way: Route, level: str) -> Iterator[Observation]:
    mode = tls_mode(ctx, way)
    path, directory = mode.ca_file, mode.ca_path
    where: dict[str, Scalar] = {"level": level, "bundle": "", "next_hop": way.nexthop, "host": way.host}
    if level == "none":
        return
    if path:
        problem = ca_problem(ctx, path) or _content(ctx, path)
        if problem == "unknown":
            yield unknown(
                "tls.ca", path, "cannot be read by this user; its text would tell whether it holds certificates"
            )
        elif problem:
            where |= {"bundle": _bundle(ctx), "path": path, "parameter": "smtp_tls_CAfile", "kind": problem}
            consequence, harmful = _consequence(ctx, way, level)
            say = fail if harmful else warn
            yield say(
                "tls.ca",
                path,
                f"{_SAYS.get(problem, problem)} (smtp_tls_CAfile), so that Postfix switches TLS off: {consequence}",
                **where,
            )
        else:
            yield ok("tls.ca", path, "holds certificates (smtp_tls_CAfile)", path=path)
        return
    appended = way.flag("tls_append_default_CA")
    empty = bool(directory) and not _filled(ctx, directory)
    if mode.verifies and level not in ("fingerprint", "dane-only") and not appended:
        if not directory or empty:
            anchor = tls_settings.policy(mode.policy).get("tafile") or way.value("smtp_tls_trust_anchor_file")
            if anchor:
                return
            what = (
                "none is set (smtp_tls_CAfile, smtp_tls_CApath)"
                if not directory
                else f"{directory} holds no hashed certificate"
            )
            bundle = _bundle(ctx)
            where |= {"bundle": bundle, "path": directory or bundle, "parameter": "smtp_tls_CAfile", "kind": "none"}
            yield fail(
                "tls.ca",
                "CA certificates",
                f"{what}, and {mode.by} = {level} wants every certificate verified",
                **where,
            )
            return
        yield from _in_chroot(ctx, way, directory, level)
    elif directory and not empty:
        yield ok("tls.ca", directory, "holds certificates (smtp_tls_CApath)", path=directory)


def _consequence(ctx: Context, way: Route, level: str) -> tuple[str, bool]:
    if tls_mode(ctx, way).mandatory:
        return f"with the level {level} nothing is sent", True
    known = identify(way.host) if way.relay else None
    if way.relay and (way.flag("smtp_sasl_auth_enable") or known):
        return "the relay gets no STARTTLS and refuses mail or login", True
    return "mail goes in the clear", False


def _content(ctx: Context, path: str) -> str:
    reply = ctx.ask(Read(path, limit=16_384))
    if reply.problem:
        if reply.problem == "not found":
            return "missing"
        return "unknown"
    # Bundles with comments in front still show the first certificate early.
    return (
        "" if reply.truncated or ("-----BEGIN" in reply.text and "CERTIFICATE-----" in reply.text) else "no-certificate"
    )


def _filled(ctx: Context, directory: str) -> bool:
    return bool(ctx.ask(Glob(f"{directory.rstrip('/')}/*.0")).paths)


def _in_chroot(ctx: Context, way: Route, directory: str, level: str) -> Iterator[Observation]:
    """CA directories are read after smtp(8) has changed its root."""
    service = way.service
    if service is None or not service.chroot:
        yield ok("tls.ca", directory, "holds certificates (smtp_tls_CApath)", path=directory)
        return
    inside = f"{mta(ctx).queue_directory}{directory}"
    if _filled(ctx, inside):
        yield ok(
            "tls.ca", directory, f"holds certificates (smtp_tls_CApath), in the chroot too ({inside})", path=directory
        )
        return
    text = f"smtp(8) runs in a chroot, where {inside} holds no certificate, and the level {level} wants every certificate verified"
    yield fail(
        "tls.ca",
        directory,
        text,
        kind="none",
        level=level,
        path=directory,
        bundle=_bundle(ctx),
        parameter="smtp_tls_CAfile",
        next_hop=way.nexthop,
        host=way.host,
    )


def _own_certificate(ctx: Context, way: Route, level: str) -> Iterator[Observation]:
    if level == "none":
        return
    for name in ("smtp_tls_cert_file", "smtp_tls_key_file", "smtp_tls_eccert_file", "smtp_tls_eckey_file"):
        path = way.value(name)
        if not path or not path.startswith("/"):
            continue
        reply = ctx.ask(Stat(path))
        if not reply.exists and reply.problem in (None, "not found"):
            _, harmful = _consequence(ctx, way, level)
            say = fail if harmful else warn
            yield say(
                "tls.key",
                name,
                f"{path} does not exist, so that Postfix switches TLS off",
                path=path,
                parameter=name,
                kind="missing",
            )


def _policy(ctx: Context, way: Route) -> Iterator[Observation]:
    """The policy table's entry for this next hop, and whether the table answers at all."""
    into = way_in(ctx, way)
    for it in table.parse_list(way.value("smtp_tls_policy_maps")):
        for key in dict.fromkeys((way.nexthop, way.host)):
            reply = ctx.ask(MapLookup(it.key, key))
            if reply.problem:
                yield unknown(
                    "tls.policy", it.raw, f"{reply.problem}; it would tell which TLS this destination must have"
                )
                break
            where: dict[str, Scalar] = {
                "table": it.key,
                "path": table.source(it),
                "key": key,
                "value": reply.value,
                "host": into.host,
                "domain": way.domain,
            }
            if reply.broken:
                yield fail("tls.policy", it.raw, reply.error, kind="table", **where)
                break
            if not reply.found:
                continue
            entry = tls_settings.policy(reply.value)
            if not entry.valid:
                text = f"says {reply.value!r} for {key}, which is no TLS policy: mail there is put off"
                yield fail("tls.policy", it.raw, text, kind="invalid", **where)
            elif entry.level == "fingerprint":
                yield warn("tls.policy", it.raw, f"pins a certificate for {key}", kind="pinned", **where)
            else:
                yield ok("tls.policy", it.raw, f"says {entry.level} for {key}", **where)
            break
    mode = tls_mode(ctx, way)
    if mode.level == "fingerprint" and not mode.policy:
        yield warn(
            "tls.policy",
            mode.by,
            "pins a certificate for every server",
            kind="pinned",
            host=into.host,
            domain=way.domain,
        )


def _dane(ctx: Context, postfix: Mta, way: Route, level: str) -> Iterator[Observation]:
    if level not in ("dane", "dane-only", "half-dane"):
        return
    where: dict[str, Scalar] = {"level": level, "host": way.host, "domain": way.domain}
    say = fail if level == "dane-only" else warn
    support = way.value("smtp_dns_support_level") or postfix.value("smtp_dns_support_level")
    if support != "dnssec":
        text = f"the TLS level {level} needs smtp_dns_support_level = dnssec; it is {support or 'unset'}"
        yield say("tls.dane", "DNSSEC", text, kind="support", **where)
        return
    if not ctx.settings.network:
        yield unknown("tls.dane", "DNSSEC", "not asked; the resolver's answer would tell whether it validates", **where)
        return
    if level == "dane-only" and (unpublished := _without_tlsa(ctx, way)):
        text = f"{unpublished} publishes no TLSA record, and the TLS level dane-only takes no other server"
        yield fail("tls.dane", unpublished, text, kind="no-tlsa", **where)
        return
    # The root is signed: a validating resolver marks this answer as authentic (what Postfix probes, too).
    reply = ctx.ask(Lookup(".", "NS"))
    if reply.problem or reply.rcode != "NOERROR":
        yield unknown("tls.dane", "DNSSEC", f"the resolver gave no answer ({reply.problem or reply.rcode})", **where)
    elif not reply.authentic:
        text = f"the resolver does not validate DNSSEC, which the TLS level {level} needs"
        yield say("tls.dane", "DNSSEC", text, kind="unvalidated", **where)
    else:
        yield ok("tls.dane", "DNSSEC", "the resolver validates", **where)


def _without_tlsa(ctx: Context, way: Route) -> str:
    """The first of the next hop's hosts where none of them has a TLSA record (RFC 7672), "" where one has or DNS fails."""
    hosts = next_hop_hosts(ctx, way)[:4]
    replies = ask_all(ctx, [Lookup(f"_{way.port}._tcp.{host}", "TLSA") for host in hosts])
    return hosts[0] if replies and all(reply.rcode in ("NXDOMAIN", "NODATA") for reply in replies) else ""
