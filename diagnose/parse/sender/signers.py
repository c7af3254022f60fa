"""Signing settings of the DKIM signers OpenDKIM, dkimpy-milter, rspamd and amavis.

Sources: opendkim.conf(5), dkimpy-milter.conf(5), rspamd's dkim_signing module, amavisd-new's README.dkim.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field

from diagnose.patterns import late
from diagnose.record import frozen

_ADDED = late(r"DKIM-Signature field added \(s=(?P<selector>[\w.-]+), d=(?P<domain>[\w.-]+)\)")
_AMAVIS = late(
    r"""^\s*dkim_key\(\s*['"](?P<domain>[^'"]+)['"]\s*,\s*['"](?P<selector>[^'"]+)['"]\s*,\s*['"](?P<key>[^'"]+)['"]"""
)
_ENABLED = late(r"^\s*\$enable_dkim_signing\s*=\s*(?P<value>\d)")
_BLOCK = late(r'(?:^|[\s{;])"?(?P<domain>[\w-]+(?:\.[\w-]+)+)"?\s*\{(?P<body>[^{}]*)\}')
_UCL = late(r'(?:^|[\s{;])(?P<name>\w+)\s*[=:]\s*"?(?P<value>[^";\n]+)"?')
RSPAMD_KEY, RSPAMD_SELECTOR = "/var/lib/rspamd/dkim/$domain.$selector.key", "dkim"


@frozen
class Signer:
    """program: the signer; domain: d= of the signature; selector: s=; key: the private key's path, "" if unknown."""

    program: str
    domain: str
    selector: str
    key: str = ""


@frozen
class OpenDkim:
    """A configuration file of OpenDKIM or dkimpy-milter: values by lower-case name."""

    program: str
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def signs(self) -> bool:
        """Whether it is configured to sign; Mode defaults to "sv"."""
        named = self.values.get("keytable") or (self.values.get("domain") and self.values.get("selector"))
        return bool(named) and "s" in self.values.get("mode", "sv").lower()

    def listens(self, endpoint: str) -> bool:
        """Whether Postfix's milter endpoint is this signer's: the same port, or a socket of the same file name
        (Postfix may see it below its chroot). True if Socket is not set here."""
        socket = self.values.get("socket", "")
        if not socket:
            return True
        port = re.search(r"^inet6?:(\d+)", socket)
        if port:
            return re.search(rf"^inet:(?:{port[1]}@|.*:{port[1]}$)", endpoint) is not None
        return endpoint.startswith("unix:") and socket.rpartition("/")[2] == endpoint.rpartition("/")[2]

    def table(self, name: str) -> str:
        """The path of its KeyTable or SigningTable, "" if it is not a file."""
        kind, colon, path = self.values.get(name.lower(), "").rpartition(":")
        return path if path.startswith("/") and (not colon or kind in ("file", "refile", "csl")) else ""

    def signers(self, domain: str, keys: str, patterns: str) -> Iterator[Signer]:
        """The signers for mail from a domain. keys, patterns: the texts of KeyTable and SigningTable."""
        if not self.table("KeyTable"):
            names = {name.lower() for name in re.split(r"[,\s]+", self.values.get("domain", ""))}
            whole = self.values.get("subdomains", "").lower() in ("yes", "true", "1")
            for name in sorted(names):
                if name == domain or (whole and name and domain.endswith(f".{name}")):
                    yield self._signer(name, self.values.get("selector", ""), self.values.get("keyfile", ""))
            return
        known = {name: value for name, value in _lines(keys) if value}
        wanted = [name for pattern, name in _lines(patterns) if _fits(pattern, domain)]
        for name in wanted if self.table("SigningTable") else known:
            parts = known.get(name, "").split(":", 2)
            if len(parts) == 3:
                signed = parts[0] if parts[0] != "%" else domain
                yield self._signer(signed.lower(), parts[1], parts[2].replace("%", domain))

    def _signer(self, domain: str, selector: str, key: str) -> Signer:
        return Signer(program=self.program, domain=domain, selector=selector, key=key)


def opendkim(text: str, program: str = "OpenDKIM") -> OpenDkim:
    return OpenDkim(program=program, values={name.lower(): value for name, value in _lines(text)})


def _lines(text: str) -> list[tuple[str, str]]:
    found = []
    for line in text.splitlines():
        words = line.split("#")[0].split(None, 1)
        if words:
            found.append((words[0], words[1].strip().strip('"') if len(words) > 1 else ""))
    return found


def _fits(pattern: str, domain: str) -> bool:
    """Whether a SigningTable pattern matches senders at the domain, in `file:` or `refile:` syntax."""
    pattern = pattern.lower()
    if pattern in (domain, "*"):
        return True
    if pattern.startswith("."):
        return domain.endswith(pattern)
    local, at, rest = pattern.rpartition("@")
    return bool(at) and local in ("*", "") and fnmatch.fnmatchcase(domain, rest)


def rspamd(text: str, domain: str) -> Signer | None:
    """The signer for mail from a domain according to local.d/dkim_signing.conf; None if signing is disabled or a map
    decides. A domain not listed there has its key at the general or default path; rspamd signs only if that file
    exists."""
    plain = "\n".join(line.split("#")[0] for line in text.splitlines())
    blocks = {found["domain"].lower(): _values(found["body"]) for found in _BLOCK.finditer(plain)}
    said = _values(_BLOCK.sub("", plain))
    if said.get("enabled", "true").lower() in ("false", "no", "off") or {"path_map", "selector_map"} & said.keys():
        return None
    own = blocks.get(domain, {})
    selector = own.get("selector") or said.get("selector") or RSPAMD_SELECTOR
    path = (own.get("path") or said.get("path") or RSPAMD_KEY).replace("$domain", domain).replace("$selector", selector)
    return Signer(program="rspamd", domain=domain, selector=selector, key=path)


def _values(text: str) -> dict[str, str]:
    return {found["name"].lower(): found["value"].strip() for found in _UCL.finditer(text)}


def amavis(text: str, domain: str) -> Iterator[Signer]:
    """The signers for mail from a domain, by keys in amavisd.conf for it or a parent domain."""
    on = [found["value"] for line in text.splitlines() if (found := _ENABLED.match(line))]
    if not on or on[-1] == "0":
        return
    for line in text.splitlines():
        found = _AMAVIS.match(line)
        if found and (domain == found["domain"].lower() or domain.endswith(f".{found['domain'].lower()}")):
            yield Signer(program="amavis", domain=found["domain"].lower(), selector=found["selector"], key=found["key"])


def logged(lines: Iterable[str]) -> dict[str, str]:
    """The last selector by domain, from log lines of added signatures."""
    found = {}
    for line in lines:
        if "DKIM-Signature field added" in line and (added := _ADDED.search(line)):
            found[added["domain"].lower()] = added["selector"]
    return found
