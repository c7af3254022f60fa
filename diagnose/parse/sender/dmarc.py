"""A domain's DMARC policy and its organisational domain, by the tree walk of RFC 9989 section 4.10.

The walk needs no public suffix list (which older receivers use, RFC 7489 3.2): a few queries up the tree give the
same result for every domain whose owner publishes a policy; without a policy there is nothing to evaluate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from diagnose.record import frozen

# A name's TXT records; () if there are none, None if the lookup failed.
AskText = Callable[[str], "tuple[str, ...] | None"]

_RECORD = re.compile(r"v\s*=\s*DMARC1\s*(?:;|$)")  # the version is case-sensitive (section 4.7)
_POLICIES = ("none", "quarantine", "reject")
_STEPS = 8


@frozen
class Policy:
    """The policy for mail from a domain. policy: none, quarantine or reject, "" if no record applies; place: the
    domain that publishes it; organisation: the organisational domain; record: as published; strict_dkim: DKIM
    alignment must be exact; testing: t=y (in RFC 7489: pct below 100), which asks receivers for the next lower
    policy; problem: why the lookup failed; broken: an invalid record that receivers ignore, "" for none."""

    policy: str = ""
    place: str = ""
    organisation: str = ""
    record: str = ""
    strict_dkim: bool = False
    testing: bool = False
    problem: str = ""
    broken: str = ""

    @property
    def refuses(self) -> bool:
        """Whether it asks receivers to reject or quarantine mail that is not aligned."""
        return self.policy == "reject" or (self.policy == "quarantine" and not self.testing)


def steps(domain: str) -> tuple[str, ...]:
    """The names to query, from the domain upwards; a long name's middle is skipped (section 4.10, step 5)."""
    labels = domain.lower().rstrip(".").split(".")
    shorter = [labels[-n:] for n in range(min(len(labels) - 1, _STEPS - 1), 0, -1)]
    return tuple(f"_dmarc.{'.'.join(each)}" for each in (labels, *shorter))


def policy(ask: AskText, domain: str, exists: bool = True) -> Policy:
    """The policy for mail from this domain. exists: whether the domain itself is in the DNS (np= applies if not)."""
    domain = domain.lower().rstrip(".")
    found: dict[str, Mapping[str, str]] = {}
    texts: dict[str, str] = {}
    broken = ""
    for name in steps(domain):
        place, answer = name.removeprefix("_dmarc."), ask(name)
        if answer is None:
            return Policy(problem=f"{name} could not be looked up")
        records = [text for text in answer if _RECORD.match(text)]
        if len(records) == 1:
            found[place], texts[place] = tags(records[0]), records[0]
            if found[place].get("psd") in ("y", "n"):
                break
        elif place == domain:
            broken = " | ".join(records) or next((t for t in answer if "dmarc1" in t.lower()), "")
    organisation = _organisation(domain, found)
    place = next((each for each in (domain, organisation) if each in found), "")
    place = place or next((each for each, said in found.items() if said.get("psd") == "y"), "")
    if not place:
        return Policy(organisation=organisation or domain, broken=broken)
    said = found[place]
    wanted = said.get("p", "")
    if place != domain:
        wanted = said.get("sp", wanted) if exists else said.get("np", said.get("sp", wanted))
    share = said.get("pct", "100")
    return Policy(
        # Without a valid p= a record that asks for reports counts as p=none (section 4.7).
        policy=wanted.lower() if wanted.lower() in _POLICIES else "none" if "rua" in said else "",
        place=place,
        organisation=organisation or domain,
        record=texts[place],
        strict_dkim=said.get("adkim", "r").lower() == "s",
        testing=said.get("t", "n").lower() == "y" or (share.isdecimal() and int(share) < 100),
        broken=broken,
    )


def organisation(ask: AskText, domain: str) -> str | None:
    """A domain's organisational domain: the domain itself if none above publishes a policy, None if a lookup failed."""
    told = policy(ask, domain)
    return None if told.problem else told.organisation


def aligned(ask: AskText, author: str, other: str, strict: bool) -> bool | None:
    """Whether the domain that SPF or DKIM authenticates is the author's or, with relaxed alignment, of the same
    organisation; None if a lookup failed."""
    author, other = author.lower().rstrip("."), other.lower().rstrip(".")
    if author == other:
        return True
    if strict:
        return False
    mine, theirs = organisation(ask, author), organisation(ask, other)
    return None if mine is None or theirs is None else mine == theirs


def _organisation(domain: str, found: Mapping[str, Mapping[str, str]]) -> str:
    """The organisational domain from the records that the walk found (section 4.10.2), "" if it found none."""
    for place, said in found.items():
        if said.get("psd") == "n":
            return place
        if said.get("psd") == "y" and place != domain:
            return ".".join(domain.split(".")[-place.count(".") - 2 :])
    return min(found, key=lambda place: place.count("."), default="")


def tags(record: str) -> Mapping[str, str]:
    """The tags of a DMARC or DKIM record; names in lower case, values stripped."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip() for name, sign, value in pairs if sign}
