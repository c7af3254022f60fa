"""Does Postfix's SMTP client have the CA certificates that its TLS level needs?"""

from __future__ import annotations

from diagnose.check import Context, Data, Observations, SignSpec, check, fail, ok, unknown, warn
from diagnose.facts import Route, ca, mta, tls_mode
from diagnose.facts.relay import settings_problem
from diagnose.facts.ways import way_by_smtp
from diagnose.parse.postfix import tls_settings

_SAYS = {
    "missing": "does not exist",
    "empty": "is empty",
    "no-file": "is not a file",
    "no-certificate": "holds no certificate",
    "unreadable": "cannot be read",
}


@check(
    id="tls-ca",
    title="CA certificates",
    signs=(SignSpec("tls.ca", {"kind": (*_SAYS, "none")}),),
    tags=("tls",),
    needs=("postfix",),
)
def tls_ca(ctx: Context) -> Observations:
    if problem := settings_problem(ctx):
        yield unknown("tls.ca", "TLS", problem)
        return
    way = way_by_smtp(ctx)
    yield from _authorities(ctx, way, tls_mode(ctx, way).level)


def _authorities(ctx: Context, way: Route, level: str) -> Observations:
    mode = tls_mode(ctx, way)
    path, directory = mode.ca_file, mode.ca_path
    where: Data = {"level": level, "bundle": "", "next_hop": way.nexthop, "host": way.host}
    if level == "none":
        return
    if path:
        problem = ca.file_problem(ctx, path)
        if problem == "unknown":
            yield unknown("tls.ca", path, "not readable by this user, so its certificates could not be checked")
        elif problem:
            where |= {"bundle": ca.bundle(ctx), "path": path, "parameter": "smtp_tls_CAfile", "kind": problem}
            consequence, harmful = ca.without_tls(ctx, way, level)
            say = fail if harmful else warn
            yield say(
                "tls.ca",
                path,
                f"{_SAYS.get(problem, problem)} (smtp_tls_CAfile), so Postfix disables TLS: {consequence}",
                **where,
            )
        else:
            yield ok("tls.ca", path, "holds certificates (smtp_tls_CAfile)", path=path)
        return
    appended = way.flag("tls_append_default_CA")
    empty = bool(directory) and not ca.filled(ctx, directory)
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
            bundle = ca.bundle(ctx)
            where |= {"bundle": bundle, "path": directory or bundle, "parameter": "smtp_tls_CAfile", "kind": "none"}
            yield fail(
                "tls.ca",
                "CA certificates",
                f"{what}, and {mode.by} = {level} requires every certificate to verify",
                **where,
            )
            return
        yield from _in_chroot(ctx, way, directory, level)
    elif directory and not empty:
        yield ok("tls.ca", directory, "holds certificates (smtp_tls_CApath)", path=directory)


def _in_chroot(ctx: Context, way: Route, directory: str, level: str) -> Observations:
    """Observes the CA directory as smtp(8) sees it, which reads it after it has changed its root."""
    service = way.service
    if service is None or not service.chroot:
        yield ok("tls.ca", directory, "holds certificates (smtp_tls_CApath)", path=directory)
        return
    inside = f"{mta(ctx).queue_directory}{directory}"
    if ca.filled(ctx, inside):
        yield ok(
            "tls.ca", directory, f"holds certificates (smtp_tls_CApath), in the chroot too ({inside})", path=directory
        )
        return
    text = f"smtp(8) runs in a chroot, where {inside} holds no certificate, and the level {level} requires every certificate to verify"
    yield fail(
        "tls.ca",
        directory,
        text,
        kind="none",
        level=level,
        path=directory,
        bundle=ca.bundle(ctx),
        parameter="smtp_tls_CAfile",
        next_hop=way.nexthop,
        host=way.host,
    )
