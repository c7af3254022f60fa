"""DNS records to publish, ready for a zone file: SPF merged with the published one, DKIM from a key, a first DMARC
policy."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from diagnose.parse.sender import dkim
from diagnose.parse.sender.spf_record import SpfError, parse, records

_STRING = 255  # octets of one string of a TXT record (RFC 1035 3.3.14)


def txt(name: str, text: str) -> str:
    """`name. TXT "text"`; a long text is split into several strings, which resolvers join."""
    parts = [text[n : n + _STRING] for n in range(0, len(text), _STRING)]
    strings = " ".join(f'"{part}"' for part in parts)
    return f"{name}. TXT {strings}"


def address_term(address: str) -> str:
    """The SPF mechanism that passes one address."""
    return f"ip{ipaddress.ip_address(address).version}:{address}"


def spf(domain: str, published: Sequence[str], terms: Sequence[str]) -> str:
    """One SPF record for a domain with these TXT records, with `terms` in front, where they cost the other
    mechanisms no lookup. Several records are merged. "" if a published record cannot be parsed or merged, or already
    has the terms."""
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
    # Of several ends the mildest, which fails nobody that one of the records passed; never +all.
    end = max(ends, key=lambda text: "-~?".find(text[0]), default="") if len(found) > 1 else next(iter(ends), "")
    words = ["v=spf1", *more, *kept, *([end] if end else redirects or ([] if found else ["~all"]))]
    words += read[0].others if len(read) == 1 else ()
    text = " ".join(words)
    return "" if re.search(r'["\\]', text) else txt(domain, text)  # a zone file would need these escaped


def dkim_key(place: str, public: bytes) -> str:
    return txt(place, dkim.record(public))


def dmarc(organisation: str) -> str:
    """The record of a first policy, p=none."""
    return txt(f"_dmarc.{organisation}", "v=DMARC1; p=none")
