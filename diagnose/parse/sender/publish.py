"""The DNS records to publish, ready for a zone file: SPF merged with what is there, DKIM from a key, DMARC's first step."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from diagnose.parse.sender import dkim
from diagnose.parse.sender.spf_record import SpfError, parse, records

_STRING = 255  # octets of one string of a TXT record (RFC 1035 3.3.14)


def txt(name: str, text: str) -> str:
    """`name. TXT "text"`, a long text in several strings, which readers join."""
    parts = [text[n : n + _STRING] for n in range(0, len(text), _STRING)]
    strings = " ".join(f'"{part}"' for part in parts)
    return f"{name}. TXT {strings}"


def address_term(address: str) -> str:
    """The mechanism that lets one address pass."""
    return f"ip{ipaddress.ip_address(address).version}:{address}"


def spf(domain: str, published: Sequence[str], terms: Sequence[str]) -> str:
    """The one record for a domain that has these TXT records, with more mechanisms in front: there they take no look-up away from
    the others, and of several records the mechanisms are kept. "" where what is published cannot be read, or names them already."""
    found = records(published)
    try:
        read = [parse(text) for text in found]
    except SpfError:
        return ""
    kept = list(dict.fromkeys(term.text for record in read for term in record.terms if term.name != "all"))
    ends = [term.text for record in read for term in record.terms if term.name == "all"]
    redirects = [f"redirect={record.redirect}" for record in read if record.redirect]
    if len(found) > 1 and redirects:
        return ""
    more = [term for term in terms if term not in kept]
    if not more and len(found) < 2:
        return ""
    # Of several the mildest end, which refuses nobody that one of them let pass; never one that lets everybody pass.
    end = max(ends, key=lambda text: "-~?".find(text[0]), default="") if len(found) > 1 else next(iter(ends), "")
    words = ["v=spf1", *more, *kept, *([end] if end else redirects or ([] if found else ["~all"]))]
    words += read[0].others if len(read) == 1 else ()
    text = " ".join(words)
    return "" if re.search(r'["\\]', text) else txt(domain, text)  # a zone file would need these escaped


def dkim_key(place: str, public: bytes) -> str:
    return txt(place, dkim.record(public))


def dmarc(organisation: str) -> str:
    """The first step: a policy that refuses nothing."""
    return txt(f"_dmarc.{organisation}", "v=DMARC1; p=none")
