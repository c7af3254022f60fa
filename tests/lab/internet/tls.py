"""The lab's certificate authority, and a certificate for whichever host is dialled."""

from __future__ import annotations

import datetime
import ssl
import tempfile
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)


def _name(common: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Internet Trust Services")
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


class Authority:
    """A root that signs server certificates. `pem` is what a machine's bundle must contain."""

    def __init__(self, common: str = "Internet Trust Root R1") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = _name(common)
        now = datetime.datetime.now(datetime.timezone.utc)
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = x509.CertificateBuilder().subject_name(self.subject).issuer_name(self.subject)
        builder = builder.public_key(self.key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - 4000 * _DAY).not_valid_after(now + 4000 * _DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(usage, critical=True)
        identifier = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        builder = builder.add_extension(identifier, critical=False)
        self.pem = _pem(builder.sign(self.key, hashes.SHA256()))

    def export(self) -> tuple[bytes, bytes]:
        """(certificate, private key) in PEM, to be handed to another process."""
        secret = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return self.pem, secret

    @classmethod
    def restore(cls, exported: tuple[bytes, bytes]) -> Authority:
        made = cls.__new__(cls)
        made.pem = exported[0]
        key = serialization.load_pem_private_key(exported[1], None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        made.key = key
        made.subject = x509.load_pem_x509_certificate(exported[0]).subject
        return made

    def issue(self, name: str, kind: str) -> tuple[bytes, bytes]:
        """(chain, key) in PEM for a host; kind as in world.Manner.tls."""
        now = datetime.datetime.now(datetime.timezone.utc)
        start, end = now - 20 * _DAY, now + 60 * _DAY
        if kind == "expired":
            start, end = now - 400 * _DAY, now - 12 * _DAY
        if kind == "ending":
            start, end = now - 80 * _DAY, now + 6 * _DAY
        if kind == "notyet":
            start, end = now + 2 * _DAY, now + 90 * _DAY
        if kind == "foreign":
            name = "www.hosting-cluster7.net"
        key = ec.generate_private_key(ec.SECP256R1())
        issuer, signer = (_name(name), key) if kind == "selfsigned" else (self.subject, self.key)
        if kind == "unknown":
            other = Authority("Corporate Inspection CA")
            issuer, signer = other.subject, other.key
        builder = x509.CertificateBuilder().subject_name(_name(name[:64])).issuer_name(issuer)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(start).not_valid_after(end)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(server, critical=False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(identifier, critical=False)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return _pem(builder.sign(signer, hashes.SHA256())), secret


class Contexts:
    """Server-side TLS contexts, made on first use and kept, one for each (name, kind)."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.made: dict[tuple[str, str], ssl.SSLContext] = {}
        self.lock = threading.Lock()
        self.folder = tempfile.TemporaryDirectory(prefix="lab-tls-")

    def get(self, name: str, kind: str) -> ssl.SSLContext:
        with self.lock:
            if (name, kind) not in self.made:
                self.made[name, kind] = self._make(name, kind)
            return self.made[name, kind]

    def _make(self, name: str, kind: str) -> ssl.SSLContext:
        chain, key = self.authority.issue(name, kind)
        path = Path(self.folder.name) / f"{len(self.made)}.pem"
        path.write_bytes(chain + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if kind == "old":
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1
        if kind == "weak":
            context.set_ciphers("AES128-SHA:@SECLEVEL=0")
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(path)
        return context
