"""Do the SMTP client's certificates and keys exist and match?"""

from __future__ import annotations

from diagnose.check import Context, Now, Observations, SignSpec, Stat, check, fail, warn
from diagnose.facts import Route, ca, tls_mode
from diagnose.facts.ways import way_by_smtp

_ONE_EACH = ("smtp_tls_cert_file", "smtp_tls_key_file", "smtp_tls_eccert_file", "smtp_tls_eckey_file")
_CHAINS = "smtp_tls_chain_files"


@check(
    id="tls-client-certificate",
    title="Client certificate",
    signs=(SignSpec("tls.key", {"kind": ("missing", "mismatch")}),),
    tags=("tls",),
    needs=("postfix",),
)
def tls_client_certificate(ctx: Context) -> Observations:
    way = way_by_smtp(ctx)
    level = tls_mode(ctx, way).level
    if level == "none":
        return
    yield from _pair(ctx, way)
    files = [(name, way.value(name)) for name in _ONE_EACH]
    files += [(_CHAINS, path) for path in way.words(_CHAINS)]
    for name, path in files:
        if not path.startswith("/"):
            continue
        reply = ctx.ask(Stat(path))
        if not reply.exists and reply.problem in (None, "not found"):
            _, harmful = ca.without_tls(ctx, way, level)
            say = fail if harmful else warn
            yield say(
                "tls.key",
                name,
                f"{path} does not exist, so Postfix disables TLS",
                path=path,
                parameter=name,
                kind="missing",
            )


def _pair(ctx: Context, way: Route) -> Observations:
    """A key that is not the certificate's: Postfix loads neither, and goes on without TLS."""
    found: list[tuple[str, str, str]] = []  # parameter, path, text
    for path in way.words(_CHAINS):
        halves = ca.of_certificate(ctx, path), ca.of_key(ctx, path)
        if all(halves) and halves[0] != halves[1]:
            found.append((_CHAINS, path, f"the key in {path} is not that of the certificate there"))
    name = "smtp_tls_key_file"
    certificate, key = way.value("smtp_tls_cert_file"), way.value(name) or "$smtp_tls_cert_file"
    if certificate.startswith("/") and key.startswith("/"):
        halves = ca.of_certificate(ctx, certificate), ca.of_key(ctx, key)
        if all(halves) and halves[0] != halves[1]:
            found.append((name, key, f"{key} is not the key of {certificate}"))
        elif not halves[0] and ca.of_key(ctx, certificate):
            text = f"{certificate}, which smtp_tls_cert_file names, holds a key and no certificate"
            found.append((name, key, text))
        elif not any(halves) and ctx.ask(Stat(certificate)).exists and ctx.ask(Now()).root:
            found.append(
                ("smtp_tls_cert_file", certificate, f"{certificate} holds no certificate that OpenSSL can read")
            )
        elif not halves[1] and ca.of_certificate(ctx, key):
            found.append((name, key, f"{key}, which {name} names, holds a certificate and no key"))
    for parameter, path, text in found:
        say = fail if ca.without_tls(ctx, way, tls_mode(ctx, way).level)[1] else warn
        yield say(
            "tls.key", parameter, f"{text}, so Postfix disables TLS", path=path, parameter=parameter, kind="mismatch"
        )
