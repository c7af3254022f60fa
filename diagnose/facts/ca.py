"""The CA certificates of Postfix's SMTP client, and what happens without them."""

from __future__ import annotations

from diagnose.facts import Asks, Route, tls_mode
from diagnose.facts.relay import ca_problem
from diagnose.host.query import Exec, Glob, Read, Stat
from diagnose.knowledge.distributions import CA_FILES
from diagnose.knowledge.recognise import identify


def bundle(ctx: Asks) -> str:
    """The path of this host's CA bundle; the first usual path if none exists."""
    return next((path for path in CA_FILES if ctx.ask(Stat(path)).exists), CA_FILES[0])


def file_problem(ctx: Asks, path: str) -> str:
    """As `ca_problem`; also no-certificate, and unknown if the file cannot be read."""
    if problem := ca_problem(ctx, path):
        return problem
    reply = ctx.ask(Read(path, limit=16_384))
    if reply.problem:
        return "missing" if reply.problem == "not found" else "unknown"
    # A bundle may begin with comments.
    holds = reply.truncated or ("-----BEGIN" in reply.text and "CERTIFICATE-----" in reply.text)
    return "" if holds else "no-certificate"


def filled(ctx: Asks, directory: str) -> bool:
    """Whether a directory contains hashed certificates (*.0)."""
    return bool(ctx.ask(Glob(f"{directory.rstrip('/')}/*.0")).paths)


def without_tls(ctx: Asks, way: Route, level: str) -> tuple[str, bool]:
    """(what happens if Postfix disables TLS, whether that stops mail)."""
    if tls_mode(ctx, way).mandatory:
        return f"with the level {level} nothing is sent", True
    known = identify(way.host) if way.relay else None
    if way.relay and (way.flag("smtp_sasl_auth_enable") or known):
        return "the relay gets no STARTTLS and refuses mail or login", True
    return "mail goes in the clear", False


def of_certificate(ctx: Asks, path: str) -> str:
    """The public key of the certificate in a file, as PEM; "" if it holds none."""
    return ctx.ask(Exec(("openssl", "x509", "-noout", "-pubkey", "-in", path))).out


def of_key(ctx: Asks, path: str) -> str:
    """The public key of the private key in a file, as PEM; "" if it holds none, or one with a passphrase."""
    return ctx.ask(Exec(("openssl", "pkey", "-pubout", "-in", path, "-passin", "pass:"))).out
