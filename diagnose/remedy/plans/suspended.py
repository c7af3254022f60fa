"""Plans for mail that settings and rules of this host keep back, throw away or slow down, by intent or by a slip."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from diagnose import facts
from diagnose.model import Observation
from diagnose.parse.postfix import pattern_rule, setting_types, table
from diagnose.parse.postfix.postconf import expand
from diagnose.parse.postfix.setting_types import before_networks
from diagnose.remedy import values
from diagnose.remedy.evidence import Evidence, whole
from diagnose.remedy.plan import Plan, plans
from diagnose.remedy.plans.settings import changes, taken_up
from diagnose.remedy.plans.table_lines import edited, entries
from diagnose.remedy.plans.tables import around
from diagnose.remedy.steps import MasterOption, Step

# What smtpd(8) says of a client that is over a limit of anvil(8)'s.
_LIMIT = re.compile(
    r"too (?:much mail|many (?:recipients|connections|new TLS sessions|AUTH commands)) from|limit exceeded"
)


@plans("delivery-suspended-by-config")
def suspended(e: Evidence) -> Plan | None:
    steps: list[Step] = []
    for seen in e.failed("config.suspended"):
        name, how = seen.text("parameter"), seen.text("how")
        if e.was(name) is None:
            continue
        does = {"discard": "discards", "return": "returns"}.get(how, "holds back")
        opens = f"mail go out that {name} {does} now"
        if name == "defer_transports":
            rest = [word for word in e.mta.words(name) if word != seen.data.get("value")]
            why = "It keeps this mail back."
            steps.append(e.put(name, ", ".join(rest), why) if rest else e.drop(name, why))
        elif name in ("transport_maps", "relocated_maps") and (
            way := facts.route(e.ctx, seen.text("recipient") or None)
        ):
            steps += around(e, way, f"It sends mail to {way.domain} to the transport {way.channel}.")
            continue
        elif name.endswith("_transport"):
            steps.append(e.drop(name, f"It deliberately sends mail to {seen.data.get('value')}."))
        elif how == "return":
            steps.append(e.drop(name, "It makes a final refusal of what receivers put off."))
        else:
            continue
        steps[-1] = e.policy(steps[-1], "route", opens)
    for seen in e.failed("config.content-rule"):
        if seen.data.get("line"):
            steps += without_rule(e, seen)
    return taken_up(e, steps)


def without_rule(e: Evidence, seen: Observation) -> tuple[Step, ...]:
    """Comments out the rule, as policy; the others of its table stay."""
    path, number = seen.text("table"), whole(seen, "line")
    raw = e.line(e.real(path), number)
    if not raw.strip() or raw[:1] == "#":
        return ()
    step = e.repair(path, number, raw, f"#{raw}", f"It stops this host's own mail ({seen.data.get('how')}).")
    return (e.policy(step, "route", "all mail that the rule stops pass, strangers' too"),)


@changes("delivery-throttled-by-settings", "message-expired")
def throttled(e: Evidence) -> Iterator[Step]:
    """Drops the setting from main.cf or master.cf, as policy: only a person knows whether it was meant."""
    for seen in e.seen("config.throttle"):
        name, value = seen.text("parameter"), seen.text("value")
        here = e.was(name) is not None and e.value(name) == value
        service = next((s for s in e.mta.master.services if s.overrides.get(name) == value and not here), None)
        if not here and service is None:
            continue
        default = expand(e.mta.defaults.get(name, ""), e.mta.defaults) or "its default"
        early = seen.data.get("kind") == "lifetime"
        opens = (
            f"mail {'wait longer for its receiver' if early else 'leave without this delay'} (the default is {default})"
        )
        why = f"It is {value}, and mail {'comes back early' if early else 'waits'} because of it."
        if service is not None:
            drop: Step = MasterOption(
                path=e.master_path, service=service.name, type=service.type, name=name, value=None, why=why
            )
        else:
            drop = e.drop(name, why)
        yield e.policy(drop, "route", opens)


@changes("recipient-rewritten")
def rewritten(e: Evidence) -> Iterator[Step]:
    """Comments out the entry or rule that sends the mail to somebody else; drops the setting if its table has that
    entry alone."""
    for seen in e.failed("config.content-rule"):
        if seen.data.get("how") == "redirect" and seen.data.get("line"):
            yield from without_rule(e, seen)
    for seen in e.seen("config.rewritten"):
        found, key = table.parse(seen.text("table")), seen.text("key")
        value, parameter = seen.text("value"), seen.text("parameter")
        why = f"It turns {key} into {value}."
        opens = f"mail to {key} reach that address itself"
        if not key:
            continue
        if found.type in ("inline", "static"):
            set_ = table.parse_list(e.was(parameter) or "")
            if len(set_) == 1 and (found.type == "static" or set(table.inline_entries(set_[0])) == {key}):
                yield e.policy(e.drop(parameter, why), "route", opens)
            continue
        pattern = found.type in ("regexp", "pcre")
        for entry in entries(e, parameter, found):
            if entry.whole and (_rewrites(entry.raw, key, value) if pattern else entry.key == key and entry.value):
                step, *build = edited(e, entry, why)
                yield from (e.policy(step, "route", opens), *build)


def _rewrites(raw: str, address: str, value: str) -> bool:
    """Whether a line of a pattern table makes the value of the address."""
    rule = pattern_rule.parse(raw)
    try:
        return rule is not None and rule.rewritten(address) == value
    except pattern_rule.Untried:
        return False


@plans("message-too-large")
def own_limit(e: Evidence) -> Plan | None:
    """Drops a size limit below Postfix's default, if this host refused the message; with the limits of mailboxes,
    which may not be smaller."""
    default = int(e.mta.defaults.get("message_size_limit") or "10240000")
    if not any(seen.data.get("route") == "local" for seen in e.seen("mail.message-too-large")):
        return None
    steps: list[Step] = []
    for name in ("message_size_limit", "mailbox_size_limit", "virtual_mailbox_limit"):
        written = e.was(name) or ""
        if written.isdecimal() and 0 < int(written) < default:
            drop = e.drop(name, f"It is {written} bytes.")
            steps.append(e.policy(drop, "limit", f"messages of up to {default:,} bytes in"))
    return taken_up(e, steps) if e.was("message_size_limit") is not None else None


def _stranger(e: Evidence, client: str) -> bool:
    """Whether mynetworks is a list of plain networks, and this client is in none of them."""
    try:
        address = ipaddress.ip_address(client)
        words = setting_types.items(e.value("mynetworks"))
        networks = [ipaddress.ip_network(re.sub(r"[\[\]]", "", word), strict=False) for word in words]
    except ValueError:
        return False
    return all(address not in network for network in networks)


@plans("submission-rejected")
def submitter(e: Evidence) -> Plan | None:
    """Corrects a misspelt loopback in mynetworks, drops strict 8-bit checks, or lets an account that submitted mail
    before do so again; words for a loopback that mynetworks lacks, bare newlines, a limit on clients that holds for
    this host's programs too, or a restriction before permit_mynetworks."""
    networks = e.was("mynetworks") or ""
    if any(word.startswith("127.") and setting_types.bad_network(word) for word in setting_types.items(networks)):
        meant = values.value("mynetworks", networks, "network", e.mta.defaults)
        if meant and meant != networks:
            why = "It names this host's loopback, and with a slip, so that Postfix does not know it there."
            return taken_up(e, [e.put("mynetworks", meant, why)])
    denied = [
        o for o in e.failed("config.submission-refused") if re.search(r"(?:Access|access) denied", o.text("text"))
    ]
    if lacks := next((client for o in denied if _stranger(e, client := o.text("client"))), ""):
        network = "127.0.0.0/8" if lacks == "127.0.0.1" else f"{lacks}/{128 if ':' in lacks else 32}"
        whose = "this host's own loopback" if ipaddress.ip_address(lacks).is_loopback else "the application's machine"
        or_else = ", or have the application connect to 127.0.0.1" if lacks == "::1" else ""
        return Plan(
            text=f"mynetworks ({e.value('mynetworks')}) lacks {lacks}, {whose}: add {network}{or_else}, and reload Postfix."
        )
    if any("improper use of 8-bit data" in o.summary for o in e.seen("mail.submission-rejected")):
        names = [n for n in ("strict_8bitmime", "strict_8bitmime_body", "strict_7bit_headers") if e.mta.flag(n)]
        why = "It refuses mail whose program does not say how its letters are written, as most do not."
        drops = [e.policy(e.drop(name, why), "limit", "mail with such letters in") for name in names]
        return taken_up(e, drops)
    if any(o.text("text").startswith("bare <") for o in e.failed("config.submission-refused")):
        name = "smtpd_forbid_bare_newline_exclusions"
        text = f"The program ends lines with a bare LF: have it send CRLF. Networks in {name} are excepted (by default $mynetworks)."
        return Plan(text=text)
    spared = "smtpd_client_event_limit_exceptions"
    if e.was(spared) is not None and any(_LIMIT.search(o.text("text")) for o in e.failed("config.submission-refused")):
        limits = [
            f"{n} = {v}" for n, v in e.mta.explicit.items() if re.fullmatch(r"smtpd_client_\w+_(rate|count)_limit", n)
        ]
        return Plan(
            text=f"{' and '.join(limits) or 'A limit on clients'} holds for programs of this host too, because {spared} is set and leaves"
            f" them out. Remove {spared} from main.cf (its default is $mynetworks), or raise the limit."
        )
    for seen in e.failed("config.submit-users"):
        name, user = seen.text("parameter"), seen.text("user")
        words, was = e.mta.words(name), e.was(name)
        if was and (written := seen.text("written")):
            meant = re.sub(rf"(?<![\w.-]){re.escape(written)}(?![\w.-])", user, was)
            return Plan(steps=(e.put(name, meant, f"There is no account {written}; {user} is one."),))
        barred = name != "authorized_submit_users" or f"!{user}" in words or any("static:" in word for word in words)
        if seen.data.get("used") and was and not barred:
            step = e.put(name, f"{was}, {user}", f"{user} submitted mail before, and is no longer allowed to.")
            return Plan(steps=(e.policy(step, "account", f"{user} submit mail with the sendmail command"),))
    return _judged(e) if e.seen("config.submission-refused") else None


def _judged(e: Evidence) -> Plan | None:
    """Words for a restriction of main.cf that this host's programs meet before permit_mynetworks."""
    for name in e.mta.explicit:
        words = before_networks(e.mta.words(name)) if re.fullmatch(r"smtpd_\w+_restrictions", name) else ()
        if first := next((word for word in words if re.match("reject|check_", word)), ""):
            text = f"{name} = {e.value(name)} judges this host's own programs, too: put permit_mynetworks before {first}, and reload Postfix."
            return Plan(text=text)
    return None
