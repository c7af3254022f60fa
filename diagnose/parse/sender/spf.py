"""Evaluates SPF: check_host() of RFC 7208.

Not pyspf, because it looks names up one after the other and does not tell which term decided or exceeded a limit.
Here a record's lookups are announced, so that the caller can make them in parallel, and recorded answers can be
evaluated. pyspf is the oracle in the tests.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable

from diagnose.parse.sender.spf_record import Address, Record, SpfError, Term, Whose, expand, parse, records
from diagnose.record import dataclass, frozen

# (name, type) to its records in presentation form; () if there are none, None if the lookup failed.
Ask = Callable[[str, str], "tuple[str, ...] | None"]
Ahead = Callable[[Iterable[tuple[str, str]]], None]

LOOKUPS, VOID, NAMES = 10, 2, 10  # the limits of section 4.6.4
_RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}


@frozen
class Verdict:
    """result: pass, fail, softfail, neutral, none, temperror or permerror. record: the domain's own, as published;
    term: the mechanism that decided, as written; kind: of a permerror (see SpfError); why: of a permerror or
    temperror; lookups: number of terms that needed DNS."""

    result: str
    record: str = ""
    term: str = ""
    kind: str = ""
    why: str = ""
    lookups: int = 0


class _Temporary(Exception):
    """A DNS lookup failed."""


@dataclass
class _Run:
    ask: Ask
    ahead: Ahead
    whose: Whose
    lookups: int = 0
    void: int = 0
    first: str = ""
    term: str = ""

    def found(self, name: str, kind: str, counts: bool = True) -> tuple[str, ...]:
        answer = self.ask(name, kind) if _is_name(name) else ()
        if answer is None:
            raise _Temporary(f"{name} ({kind}) could not be looked up")
        if not answer and counts:
            self.void += 1
            if self.void > VOID:
                raise SpfError("void", f"more than {VOID} of its names do not exist, {name} the last")
        return answer

    def spend(self, term: str) -> None:
        self.lookups += 1
        if self.lookups > LOOKUPS:
            raise SpfError("look-ups", f"it takes more than {LOOKUPS} lookups, {term} the first too many")


def evaluate(
    ask: Ask, domain: str, address: str, *, sender: str = "", helo: str = "", ahead: Ahead | None = None
) -> Verdict:
    """The verdict for a client at `address` (IPv4 or IPv6) with MAIL FROM:<sender>. ahead: receives a record's
    lookups in advance."""
    client = ipaddress.ip_address(address)
    if isinstance(client, ipaddress.IPv6Address) and client.ipv4_mapped:
        client = client.ipv4_mapped
    whose = Whose(address=client, sender=sender or f"postmaster@{domain}", helo=helo or domain)
    run = _Run(ask, ahead or (lambda _: None), whose)
    try:
        result = _check_host(run, domain.rstrip("."))
    except SpfError as error:
        return Verdict(result="permerror", record=run.first, kind=error.kind, why=str(error), lookups=run.lookups)
    except _Temporary as error:
        return Verdict(result="temperror", record=run.first, why=str(error), lookups=run.lookups)
    return Verdict(result=result, record=run.first, term=run.term, lookups=run.lookups)


def _is_name(name: str) -> bool:
    return "." in name and len(name) <= 253 and all(0 < len(label) < 64 for label in name.split("."))


def _check_host(run: _Run, domain: str) -> str:
    texts = records(run.found(domain, "TXT", counts=False))
    if not texts:
        return "none"
    run.first = run.first or " | ".join(texts)
    if len(texts) > 1:
        raise SpfError("two-records", f"{domain} has {len(texts)} SPF records, where one is allowed")
    record = parse(texts[0])
    run.ahead(_questions(record, domain, run))
    for term in record.terms:
        if _matches(run, term, domain):
            run.term = term.text
            return _RESULTS[term.qualifier]
    if record.redirect and all(term.name != "all" for term in record.terms):
        run.spend(f"redirect={record.redirect}")
        target = expand(record.redirect, domain, run.whose)
        result = _check_host(run, target)
        if result == "none":
            raise SpfError("include", f"redirect={target} leads to a domain without an SPF record")
        return result
    run.term = ""
    return "neutral"


def _questions(record: Record, domain: str, run: _Run) -> list[tuple[str, str]]:
    """(name, type) of the lookups that this record may need, as far as they are known beforehand."""
    asked = [term for term in record.terms if term.name in ("a", "mx", "include", "exists")]
    kind = _address_type(run.whose.address)
    kinds = {"a": kind, "mx": "MX", "include": "TXT", "exists": "A"}
    found = [(expand(t.target, domain, run.whose) if t.target else domain, kinds[t.name]) for t in asked]
    found += [(expand(record.redirect, domain, run.whose), "TXT")] if record.redirect else []
    return [(name, kind) for name, kind in found[: max(0, LOOKUPS - run.lookups)] if _is_name(name)]


def _address_type(address: Address) -> str:
    return "A" if address.version == 4 else "AAAA"


def _matches(run: _Run, term: Term, domain: str) -> bool:
    if term.name == "all":
        return True
    if term.net is not None:
        return term.net.version == run.whose.address.version and run.whose.address in term.net
    run.spend(term.text)
    uses_name = re.search(r"%\{p", term.target, re.I) is not None
    validated = (_validated(run, domain) or "unknown") if uses_name else ""
    target = expand(term.target, domain, run.whose, validated) if term.target else domain
    if term.name == "include":
        return _included(run, term, target)
    if term.name == "exists":
        return bool(run.found(target, "A"))
    if term.name == "ptr":
        return bool(_validated(run, target, only=True))
    if term.name == "a":
        return _among(run, run.found(target, _address_type(run.whose.address)), term)
    return _exchanger(run, term, target)


def _included(run: _Run, term: Term, target: str) -> bool:
    result = _check_host(run, target)
    if result == "none":
        raise SpfError("include", f"{term.text} leads to a domain without an SPF record")
    return result == "pass"


def _exchanger(run: _Run, term: Term, target: str) -> bool:
    exchangers = run.found(target, "MX")
    if len(exchangers) > NAMES:
        raise SpfError("look-ups", f"{term.text} leads to more than {NAMES} exchangers")
    names = [record.rpartition(" ")[2].rstrip(".") for record in exchangers]
    kind = _address_type(run.whose.address)
    run.ahead([(name, kind) for name in names if _is_name(name)])
    return any(_among(run, run.found(name, kind, counts=False), term) for name in names if name)


def _among(run: _Run, addresses: Iterable[str], term: Term) -> bool:
    length = term.cidr4 if run.whose.address.version == 4 else term.cidr6
    for text in addresses:
        try:
            net = ipaddress.ip_network(f"{text}/{length}", strict=False)
        except ValueError:
            continue  # an alias among the addresses it resolves to
        if net.version == run.whose.address.version and run.whose.address in net:
            return True
    return False


def _validated(run: _Run, domain: str, only: bool = False) -> str:
    """A PTR name of the client that resolves back to it (section 5.5), preferably within `domain`, with `only` no
    other; "" if there is none or a lookup fails."""
    try:
        names = [name.rstrip(".") for name in run.found(run.whose.address.reverse_pointer, "PTR", counts=only)[:NAMES]]
        kind = _address_type(run.whose.address)
        run.ahead([(name, kind) for name in names])
        own = Term(qualifier="+", name="a", text="a")
        good = [name for name in names if _among(run, run.ask(name, kind) or (), own)]
    except _Temporary:
        return ""
    inside = [name for name in good if f".{name}".lower().endswith(f".{domain}".lower())]
    return next(iter(inside), "" if only or not good else good[0])


def some_address(ask: Ask, domain: str, depth: int = 3) -> str:
    """An IPv4 address that passes the domain's record, from its ip4 networks or those of included records; "" if
    there is none."""
    texts = records(ask(domain, "TXT") or ())
    try:
        record = parse(texts[0]) if len(texts) == 1 else None
    except SpfError:
        record = None
    if record is None:
        return ""
    for term in record.terms:
        if term.net is not None and term.net.version == 4 and term.qualifier == "+":
            return str(term.net.network_address + (1 if term.net.prefixlen < 31 else 0))
    below = [term.target for term in record.terms if term.name == "include"] + [record.redirect]
    plain = (target for target in below if target and "%" not in target)
    return next((found for target in plain if depth and (found := some_address(ask, target, depth - 1))), "")
