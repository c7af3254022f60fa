"""Plans for TLS on the way to a relay. No level is lowered."""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose import facts
from diagnose.facts import ca
from diagnose.host.query import Exec, Resolve
from diagnose.knowledge.distributions import CA_PACKAGE, LOCAL_CAS, REBUILD_CA
from diagnose.model import Observation
from diagnose.nearest import near
from diagnose.parse.postfix import table
from diagnose.remedy.evidence import Evidence
from diagnose.remedy.permitted import LEVELS
from diagnose.remedy.plan import Other, Plan, plans
from diagnose.remedy.plans.relays import set_hop
from diagnose.remedy.plans.settings import changes, take_up, taken_up
from diagnose.remedy.plans.table_lines import edited, entries
from diagnose.remedy.plans.unread_lines import line_as_meant
from diagnose.remedy.running import Command
from diagnose.remedy.steps import Refused, Step, Verify

_BESIDE = 12  # files that are looked at
_PEM = (".key", ".pem", ".crt", ".cer", ".cert")
_MODERN = ">=TLSv1.2"
_MODERN_OF_OLD = "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1"  # before Postfix 3.6


@changes("relay-requires-tls")
def required(e: Evidence) -> Iterator[Step]:
    way = e.way
    if way is None:
        return
    for seen in e.failed("tls.ca"):
        if bundle := seen.text("bundle"):
            yield e.put("smtp_tls_CAfile", bundle, "Without CA certificates Postfix switches TLS off.")
    if way.value("smtp_tls_security_level") in ("", "none"):
        yield e.client(way, "smtp_tls_security_level", "encrypt", f"{way.host} accepts mail over TLS only.")
    yield from _in_table(e, way)
    yield from hear(e, way, "starttls")


def _in_table(e: Evidence, way: facts.Route) -> Iterator[Step]:
    """Sets the entry of smtp_tls_policy_maps that switches TLS off for this relay to encrypt."""
    for found in table.parse_list(way.value("smtp_tls_policy_maps")):
        for entry in entries(e, "smtp_tls_policy_maps", found):
            if entry.key in (way.nexthop, way.host) and entry.value.split()[:1] == ["none"]:
                why = f"{way.host} accepts mail over TLS only."
                yield from edited(e, entry, why, f"{entry.key} encrypt")


def hear(e: Evidence, way: facts.Route, keyword: str) -> list[Step]:
    """Has smtp(8) heed an EHLO keyword that it is set to ignore; [] if it is not, or an address map may say so."""
    if way.flag("smtp_never_send_ehlo"):
        return [e.client(way, "smtp_never_send_ehlo", "no", f"{way.host} tells what it offers in its answer to EHLO.")]
    name = "smtp_discard_ehlo_keywords"
    words = [word for word in way.words(name) if word.lower() != keyword]
    if keyword not in way.value(name).lower() or way.value("smtp_discard_ehlo_keyword_address_maps"):
        return []
    why = f"{way.host} offers {keyword.upper()}, which Postfix is set to ignore."
    return [e.client(way, name, ", ".join(words), why)]


@plans("tls-ca-bundle-missing")
def authorities(e: Evidence) -> Plan | None:
    way = e.way
    bundle = e.first("tls.ca", "bundle")
    if way is None or not bundle:
        return None
    stat = e.stat(bundle)
    steps: list[Step] = []
    if not stat.exists or stat.size == 0:
        why = "The system's CA bundle is empty or missing; it is made of the certificates that are installed."
        steps += _rebuilt(e, bundle, why) or e.install((CA_PACKAGE,), "It contains this system's CA bundle.")
        if not steps:
            return None
    if way.value("smtp_tls_CAfile") != bundle:
        steps.append(e.client(way, "smtp_tls_CAfile", bundle, "It is this system's own bundle, and is there."))
    return taken_up(e, steps)


def _rebuilt(e: Evidence, bundle: str, why: str) -> list[Step]:
    """Rebuilds the CA bundle from the installed certificates with the system's own program; [] if there is none."""
    for program, *rest in REBUILD_CA:
        if any(e.there(f"{place}/{program}") for place in ("/usr/sbin", "/usr/bin")):
            full = Verify(argv=("test", "-s", bundle))
            return [Command(argv=(program, *rest), changes=(e.real(bundle),), checks=(full,), why=why)]
    return []


@changes("tls-wrapper-mismatch")
def wrapper(e: Evidence) -> Iterator[Step]:
    way = e.way
    seen = next(iter(e.seen("relay.wrapper")), None)
    if way is None or seen is None:
        return
    on, level = seen.text("wrapper"), seen.text("wanted_level")
    if way.flag("smtp_tls_wrappermode") != (on == "yes"):
        does = "starts with TLS" if on == "yes" else "greets in the clear, and starts TLS with STARTTLS"
        yield e.client(way, "smtp_tls_wrappermode", on, f"{way.destination} {does}.")
    if on == "yes" and way.value("smtp_tls_security_level") in ("", "none", "may"):
        yield e.client(way, "smtp_tls_security_level", level, "TLS from the first byte requires that level.")


def protocols(e: Evidence, kinds: tuple[str, ...]) -> list[Step]:
    """Sets the protocol lists that were observed with these kinds to TLS 1.2 and later."""
    way = e.way
    names = [
        o.text("parameter") for o in e.seen("relay.protocol") if o.data.get("kind") in kinds and o.data.get("parameter")
    ]
    modern = _MODERN if e.mta.numbers >= (3, 6) else _MODERN_OF_OLD
    return [e.client(way, name, modern, "It allows what today's servers speak.") for name in names] if way else []


@plans("tls-protocol-mismatch")
def protocol(e: Evidence) -> Plan | None:
    way = e.way
    if way is None:
        return None
    steps: list[Step] = protocols(e, ("invalid-list", "own-protocols"))
    for seen in e.failed("config.paste"):
        if seen.text("parameter").endswith("cipherlist"):
            steps += line_as_meant(e, seen, "OpenSSL takes the quotes as part of a cipher's name.")
    for seen in e.seen("relay.protocol"):
        kind = seen.text("kind")
        if kind == "own-ciphers":
            for excluding in ("smtp_tls_mandatory_exclude_ciphers", "smtp_tls_exclude_ciphers"):
                if e.was(excluding):
                    steps.append(
                        e.drop(
                            excluding,
                            "It excludes the ciphers that the server has; Postfix's grades exclude the weak ones.",
                        )
                    )
            for grade in ("smtp_tls_mandatory_ciphers", "smtp_tls_ciphers"):
                if e.was(grade) == "high":
                    steps.append(e.put(grade, "medium", "It is Postfix's default, and the server has no stronger one."))
    if not steps:
        host = e.text("host") or "the server"
        text = f"{host} and this host share no TLS version (1.2 or later) and cipher. Please update its TLS library or its settings."
        return Plan(by=(Other(who=f"the operator of {host}", text=text),))
    return taken_up(e, steps)


@plans("relay-certificate-invalid")
def certificate(e: Evidence) -> Plan | None:
    way = e.way
    seen = next(iter(e.seen("relay.certificate")), None)
    if way is None or seen is None:
        return None
    why = seen.text("why")
    if why == "wrong-name":
        mine = set(e.ask(Resolve(way.host)).addresses)
        for name in re.findall(r"[\w.-]+", seen.text("names")):
            if name != way.host and "." in name and mine & set(e.ask(Resolve(name)).addresses):
                reason = f"Its certificate is for {name}, which is the same server."
                return taken_up(e, set_hop(e, way, f"[{name}]:{way.port}", reason))
    bundle = ca.bundle(e.ctx)
    if why == "unknown-ca" and way.value("smtp_tls_CAfile") not in ("", bundle) and e.there(bundle):
        try:
            return Plan(
                steps=(
                    e.client(way, "smtp_tls_CAfile", bundle, "It is this system's own CA bundle."),
                    *take_up(e),
                )
            )
        except Refused:
            return None
    if why == "unknown-ca" and way.value("smtp_tls_CAfile") in ("", bundle) and (left_out := _left_out(e, bundle)):
        stale = f"{left_out} was put there to be trusted, and {bundle} lacks it."
        return taken_up(e, _rebuilt(e, bundle, stale), text=stale)
    said = {
        "expired": "has expired: please renew it",
        "wrong-name": f"is for {seen.data.get('names')}, not for this name: please issue one for it, or tell us the name to use",
        "self-signed": "is self-signed: please install one from a public CA, or send us yours to trust",
        "unknown-ca": f"is signed by {seen.data.get('issuer') or 'a CA that is unknown here'}: please install one from a public CA, or send us that CA's certificate",
    }.get(why, f"does not verify ({why or 'no reason given'})")
    return Plan(by=(Other(who=f"the operator of {way.host}", text=f"The certificate of {way.destination} {said}."),))


def _left_out(e: Evidence, bundle: str) -> str:
    """The first of the administrator's own CA files that the system's bundle does not contain; "" if there is none."""
    verify = ("openssl", "verify", "-no-CApath", "-CAfile", bundle)
    for path in (path for pattern in LOCAL_CAS for path in e.files(pattern)[:_BESIDE]):
        reply = e.ask(Exec((*verify, path)))
        if re.search(r"error (?:18|19|20|2) at \d+ depth", reply.out + reply.err):  # openssl-verification-options(1)
            return path
    return ""


def own_pair(e: Evidence) -> list[Step]:
    """Sets a certificate and its key, if a pair is found in the files set and those beside them; else []. Only
    public halves are compared."""
    names = ("smtp_tls_cert_file", "smtp_tls_key_file")
    certificate, key = values = [e.value(name) for name in names]
    if not all(value.startswith("/") for value in values) or e.was("smtp_tls_key_file") is None:
        return []
    folders = dict.fromkeys(path.rpartition("/")[0] for path in values)
    beside = [path for folder in folders for path in e.files(f"{folder}/*") if path.endswith(_PEM)][:_BESIDE]
    for one in dict.fromkeys((certificate, key, *beside)):
        half = ca.of_certificate(e.ctx, one)
        kept = () if one in values else tuple(values)  # one of the two is what was meant
        others = kept or dict.fromkeys((key, certificate, *beside))
        mine = next((path for path in others if half and ca.of_key(e.ctx, path) == half), "")
        if mine:
            why = f"{one} and {mine} are a certificate and its key."
            pairs = zip(names, values, (one, mine), strict=True)
            return [e.put(name, path, why) for name, was, path in pairs if was != path]
    return []


def client_key(e: Evidence, seen: Observation) -> list[Step]:
    """Sets a client certificate that has its key; else drops a missing file, or both settings if a password logs in."""
    if right := own_pair(e):
        return right
    name, path, way = seen.text("parameter"), seen.text("path"), e.way
    if seen.text("kind") != "mismatch":
        return [e.drop(name, f"It names a file that does not exist ({path}), so that Postfix switches TLS off.")]
    if way is None or not way.flag("smtp_sasl_auth_enable"):
        return []
    why = f"{path} is not the certificate's key, so that Postfix switches TLS off; the relay knows this host by its login."
    names = (name,) if name == "smtp_tls_chain_files" else ("smtp_tls_cert_file", "smtp_tls_key_file")
    return [e.client(way, each, None, why) for each in names]


@changes("tls-policy-failure")
def policy(e: Evidence) -> Iterator[Step]:
    for seen in e.seen("tls.policy"):
        if seen.data.get("kind") != "invalid":
            continue
        found = table.parse(seen.text("table"))
        key = seen.text("key")
        word = seen.text("value").split()[0]
        level = word.lower() if word.lower() in LEVELS else near(word.lower(), LEVELS, 0.6)
        level = level if level not in ("", "none", "may") else "encrypt"
        for entry in entries(e, "smtp_tls_policy_maps", found):
            if entry.key == key and entry.value.split()[:1] == [word]:
                made = entry.raw.replace(word, level, 1) if word not in key else f"{key} {level}"
                yield from edited(e, entry, f"Postfix has no TLS level {word}.", made)
    for seen in e.seen("tls.dane"):
        if seen.data.get("kind") == "support":
            yield e.put("smtp_dns_support_level", "dnssec", "DANE needs DNS answers with DNSSEC.")
