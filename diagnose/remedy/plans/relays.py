"""Plans for the way to a relay: which it is, and the login for it."""

from __future__ import annotations

from diagnose.host.query import MapCompare, Read
from diagnose.parse.postfix import sasl_passwd, table
from diagnose.parse.postfix.table import Table
from diagnose.remedy.evidence import Evidence
from diagnose.remedy.steps import Step

_FILES = ("sasl_passwd", "sasl/passwd", "sasl/sasl_passwd", "sasl_password", "saslpass")


def password_table(e: Evidence) -> Table | None:
    """The table of passwords that is set, else the one that lies in a usual place."""
    for found in table.parse_list(e.value("smtp_sasl_password_maps")):
        if table.source(found):
            return found
    for name in _FILES:
        path = f"{e.config}/{name}"
        if e.there(path):
            return table.parse(f"{e.map_type}:{path}")
    return None


def keys(e: Evidence, found: Table) -> tuple[str, ...]:
    """The keys of its text; of the compiled table where there is no text."""
    text = e.ask(Read(table.source(found), secret="sasl"))
    if text.problem is None:
        return tuple(entry.key for entry in sasl_passwd.parse(text.text).entries)
    return e.ask(MapCompare(found.key)).keys


def by_login(e: Evidence) -> list[Step]:
    """relayhost as the one key says that a login is there for."""
    found = password_table(e)
    hops = [key for key in keys(e, found) if "@" not in key and "." in key] if found else []
    if found is None or len(set(hops)) != 1:
        return []
    hop = hops[0]
    why = f"The password map holds a login for {hop}, and no other."
    more: list[Step] = [e.put("relayhost", hop, why)]
    if not e.mta.flag("smtp_sasl_auth_enable"):
        more.append(e.put("smtp_sasl_auth_enable", "yes", "The relay takes mail after a login."))
    if not e.value("smtp_sasl_password_maps"):
        more += e.build(found.type, found.name, hop)
        more.append(e.put("smtp_sasl_password_maps", found.key, "It holds the login."))
    if "noplaintext" in e.mta.words("smtp_sasl_security_options"):
        more.append(e.put("smtp_sasl_security_options", "noanonymous", "The login is a plain-text one, in TLS."))
    if e.value("smtp_tls_security_level") in ("", "none"):
        more.append(e.put("smtp_tls_security_level", "encrypt", "The password must not go in the clear."))
    return more


def by_table(e: Evidence) -> list[Step]:
    """The entry of transport_maps that sends all mail past the relay, made a comment."""
    tables = table.parse_list(e.value("transport_maps")) + table.parse_list(e.value("sender_dependent_relayhost_maps"))
    for found in tables:
        path = table.source(found)
        for number, raw in enumerate(e.ask_lines(path) if path else [], 1):
            words = raw.split()
            if words[:1] == ["*"] and len(words) == 2 and words[1] in ("smtp:", "smtp", "relay:", ":"):
                why = "It sends all mail past the relay that relayhost names."
                return [e.repair(path, number, raw, f"#{raw}", why), *e.build(found.type, path)]
    return []
