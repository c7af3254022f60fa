"""TLS with a mail server: verified, and described even if it does not verify."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import socket
import ssl
import time
from dataclasses import replace

from diagnose import files
from diagnose.host.live import certificate
from diagnose.host.live.connect import Broken, name_of
from diagnose.host.query import TlsInfo
from diagnose.knowledge.distributions import CA_FILES, CA_PACKAGE
from diagnose.parse.system import truststore
from diagnose.parse.text.masking import plain

PIN_DIGESTS = ("sha256", "sha1", "md5")  # that smtp_tls_fingerprint_digest has had as its default, and the next best


class Unverified(Exception):
    """The handshake failed because the certificate does not verify: `reason` is OpenSSL's text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def bundle_problem(ca_file: str, ca_path: str) -> str:
    """Why certificates cannot be verified with the given bundle, "" if they can."""
    return _context(ca_file, ca_path, _stamp(ca_file, ca_path))[1]


def upgrade(
    sock: socket.socket,
    *,
    name: str,
    ca_file: str = "",
    ca_path: str = "",
    verify: bool = True,
    timeout: float,
    deadline: float,
) -> tuple[ssl.SSLSocket, TlsInfo]:
    """Does the handshake; with `verify` the certificate must be valid for `name` (else raises Unverified).

    Raises Broken with OpenSSL's text, an errno's name, "connection closed" or "timed out". The given socket must not
    be used afterwards.
    """
    context = _context(ca_file, ca_path, _stamp(ca_file, ca_path))[0] if verify else _unverifying()
    left = deadline - time.monotonic()
    if left <= 0:
        raise Broken("timed out", late=True)
    sock.settimeout(min(timeout, left))
    try:
        wrapped = context.wrap_socket(sock, server_hostname=name or None, do_handshake_on_connect=False)
    except (ValueError, UnicodeError) as error:
        raise Broken(f"not a name to verify: {error}") from None
    except OSError as error:
        raise Broken(describe(error)) from None
    try:
        wrapped.do_handshake()
    except ssl.SSLCertVerificationError as error:
        wrapped.close()
        raise Unverified(plain(error.verify_message or "certificate verify failed")) from None
    except TimeoutError:
        wrapped.close()
        raise Broken("timed out", late=left < timeout) from None
    except (OSError, ValueError) as error:
        wrapped.close()
        raise Broken(describe(error)) from None
    return wrapped, _info(wrapped, verify)


def describe(error: Exception) -> str:
    """An error of a TLS socket, in short: OpenSSL's own reason ("wrong version number"), or an errno's name."""
    if isinstance(error, ssl.SSLError):
        if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            return "connection closed"
        if error.reason:
            return plain(error.reason.lower().replace("_", " "))
        return plain(str(error.strerror or error))
    if isinstance(error, OSError):
        return name_of(error)
    return str(error)


def _info(wrapped: ssl.SSLSocket, verified: bool) -> TlsInfo:
    cipher = wrapped.cipher()
    der = wrapped.getpeercert(binary_form=True) or b""
    read = certificate.read(der)
    return replace(
        TlsInfo(version=wrapped.version() or "", cipher=cipher[0] if cipher else "", verified=verified),
        names=read.names,
        subject=read.subject,
        issuer=read.issuer,
        not_before=read.not_before,
        not_after=read.not_after,
        pins=tuple(
            hashlib.new(name, data, usedforsecurity=False).hexdigest()
            for data in (der, read.key)
            for name in PIN_DIGESTS
            if data
        ),
    )


def _unverifying() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _stamp(*paths: str) -> tuple[float, ...]:
    """A value that changes with the bundle, so that a long-running watch notices."""
    stamps = []
    for path in (*paths, *CA_FILES):
        try:
            stamps.append(os.stat(path).st_mtime if path else 0.0)
        except (OSError, ValueError):
            stamps.append(-1.0)
    return tuple(stamps)


@functools.lru_cache(maxsize=16)
def _context(ca_file: str, ca_path: str, _changed: tuple[float, ...]) -> tuple[ssl.SSLContext, str]:
    """(verifying context, why it cannot verify anything)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    problems = []
    if ca_file:
        problems.append(_load(context, f"CA file {ca_file}", cafile=ca_file))
    if ca_path:
        readable = os.path.isdir(ca_path) and os.access(ca_path, os.R_OK | os.X_OK)
        problems.append(
            _load(context, f"CA directory {ca_path}", capath=ca_path)
            if readable
            else f"CA directory {ca_path} cannot be read"
        )
    if ca_file or ca_path:
        return context, plain("; ".join(filter(None, problems)))
    paths = ssl.get_default_verify_paths()
    context.load_default_certs()
    if paths.cafile and os.path.isfile(paths.cafile):
        return context, ""
    for path in CA_FILES:  # for a Python whose own OpenSSL was built to look elsewhere
        if os.path.isfile(path) and not _load(context, path, cafile=path):
            return context, ""
    if paths.capath and os.path.isdir(paths.capath) and os.listdir(paths.capath):
        return context, ""
    return context, f"no CA bundle found on this system; install the package {CA_PACKAGE}"


def _load(context: ssl.SSLContext, what: str, cafile: str | None = None, capath: str | None = None) -> str:
    try:
        context.load_verify_locations(cafile=cafile, capath=capath)
    except ssl.SSLError as error:
        if cafile and _load_key_store(context, cafile):
            return ""
        reason = error.reason.lower().replace("_", " ") if error.reason else "not readable as PEM"
        return f"{what}: {reason}"
    except (OSError, ValueError) as error:
        return f"{what}: {(error.strerror if isinstance(error, OSError) else None) or error}"
    return ""


def _load_key_store(context: ssl.SSLContext, path: str) -> bool:
    """Whether the file is one of Java's key stores, whose certificates are then trusted."""
    try:
        found = truststore.certificates(files.head(path, 8_000_000)[0])
    except OSError:
        return False
    for der in found or ():
        # One that OpenSSL refuses (a key of a kind that it dropped) is none that a server can use.
        with contextlib.suppress(ssl.SSLError):
            context.load_verify_locations(cadata=der)
    return bool(found)
