"""Do the settings mean a relay that nothing routes to, or name this very host as one?"""

from __future__ import annotations

import ipaddress
import re

from diagnose.check import Context, Observations, Read, SignSpec, Stat, check, fail, ok, skip, warn
from diagnose.facts import Mta, Route, mta, route
from diagnose.knowledge.smtp import PORT_NUMBERS
from diagnose.parse.postfix import main_cf, table
from diagnose.parse.postfix.main_cf import MainCf
from diagnose.parse.postfix.sasl_passwd import USUAL_NAMES


@check(
    id="relay-meant",
    title="Relay named in the settings",
    signs=(
        SignSpec("config.relay-meant", {"kind": ("indented", "misspelt", "overridden", "file", "map", "table")}),
        "config.relay-port",
        "config.relay-itself",
    ),
    tags=("postfix", "config"),
    needs=("postfix",),
)
def relay_meant(ctx: Context) -> Observations:
    postfix = mta(ctx)
    way = route(ctx)
    if way is None:
        skip("could not determine the route of the mail")
    if way.address_class in ("local", "virtual-alias", "virtual-mailbox"):
        skip(f"mail to {way.domain} stays on this host")
    text = main_cf.parse(ctx.ask(Read(f"{postfix.config_directory}/main.cf")).text)
    if way.relay:
        if _own_port(postfix, way.port) and (own := _itself(postfix, way)):
            said = (
                f"leads to {way.nexthop}, which is this Postfix itself ({own}): such mail loops until Postfix gives up"
            )
            yield fail(
                "config.relay-itself", way.destination, said, host=way.host, port=way.port, parameter="relayhost"
            )
        yield from _port(ctx, postfix, way)
        yield from _overridden(postfix, way)
        return
    found = _lost(text) or _misspelt(postfix) or _map(ctx, postfix)
    if found:
        kind, said, line = found
        yield fail(
            "config.relay-meant", way.domain, said, kind=kind, line=line, parameter="relayhost", domain=way.domain
        )
    else:
        yield ok(
            "config.relay-meant", way.domain, "mail goes to the recipients' own MX hosts, and no relay seems intended"
        )


def _own_port(postfix: Mta, port: int) -> bool:
    """Whether the port is 25, or one on which this Postfix's smtpd(8) takes mail without a content filter of its
    own."""
    services = [s for s in postfix.master.services if s.type == "inet" and s.command == "smtpd"]
    words = [s.name.rpartition(":")[2] for s in services if not s.overrides.get("content_filter")]
    return port == 25 or any(word == str(port) or PORT_NUMBERS.get(word) == port for word in words)


def _itself(postfix: Mta, way: Route) -> str:
    """The setting by which the next hop is this Postfix itself, as smtp(8) sees it; "" if it is another host."""
    name = way.host.lower()
    if name == postfix.value("myhostname").lower():
        return f"myhostname = {name}"
    try:
        near = name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return ""
    words = {word.strip("[]").lower() for word in postfix.words("inet_interfaces")}
    mine = words & ({"all", "loopback-only", "localhost", "127.0.0.1", "::1"} if near else {name})
    return f"inet_interfaces = {postfix.value('inet_interfaces')}" if mine else ""


def _lost(text: MainCf) -> tuple[str, str, int] | None:
    """(kind, text, line) of a relayhost that is set and lost: emptied further down, or part of the line before,
    being indented; else None."""
    values = [s for s in text.settings if s.name == "relayhost"]
    if len(values) > 1 and not values[-1].value:
        earlier = next((s for s in reversed(values[:-1]) if s.value), None)
        if earlier:
            return (
                "overridden",
                f"line {earlier.line} sets relayhost, and line {values[-1].line} empties it again",
                values[-1].line,
            )
    for _, finding in text.swallowed():
        if finding.text.startswith("relayhost"):
            said = f"line {finding.line} is indented, so Postfix takes '{finding.text}' as part of the line before"
            return "indented", said, finding.line
    return None


def _misspelt(postfix: Mta) -> tuple[str, str, int] | None:
    for complaint in postfix.complaints:
        name = re.sub(r"[^a-z]", "", complaint.parameter.lower())
        if complaint.kind == "unused-parameter" and name in (
            "relayhosts",
            "relayhost",
            "relayhostname",
            "smtprelayhost",
            "smarthost",
            "realyhost",
            "mailrelay",
            "smtphost",
        ):
            return (
                "misspelt",
                f"Postfix has no parameter {complaint.parameter}; the setting is called relayhost",
                complaint.line,
            )
    return None


def _map(ctx: Context, postfix: Mta) -> tuple[str, str, int] | None:
    """(kind, text, 0) for a password map in use, or a file of a usual name, which implies a relay; else None."""
    for reference in table.parse_list(postfix.value("smtp_sasl_password_maps")):
        if postfix.flag("smtp_sasl_auth_enable") or table.source(reference):
            return (
                "map",
                f"a login is set up (smtp_sasl_password_maps = {table.hide(reference.raw)}), and relayhost is empty",
                0,
            )
    for name in USUAL_NAMES:
        path = f"{postfix.config_directory}/{name}"
        reply = ctx.ask(Stat(path))
        if reply.exists and reply.size > 0:
            return "file", f"{path} holds a relay's login, and relayhost is empty", 0
    return None


def _port(ctx: Context, postfix: Mta, way: Route) -> Observations:
    """Observes the relay's port. relayhost without one means 25: an oversight if the password map has the host with
    another port."""
    hop = way.hops[0]
    if hop.port or way.port != 25:
        yield ok("config.relay-port", way.destination, f"port {way.port} is used", host=way.host, port=way.port)
        return
    wanted = ""
    for reference in table.parse_list(way.value("smtp_sasl_password_maps")):
        source = table.source(reference)
        text = ctx.ask(Read(source, secret="sasl")).text if source else ""
        match = re.search(rf"^\[?{re.escape(way.host)}\]?:(\w+)\s", text, re.M | re.I)
        wanted = match[1] if match else wanted
    said = f"{way.nexthop} names no port, so port 25 is used"
    if wanted and wanted not in ("25", "smtp"):
        said += f"; the password map has an entry for {way.host} with port {wanted}"
        yield fail(
            "config.relay-port", way.destination, said, host=way.host, port=25, wanted=wanted, parameter="relayhost"
        )
    else:
        yield warn("config.relay-port", way.destination, said, host=way.host, port=25, parameter="relayhost")


def _overridden(postfix: Mta, way: Route) -> Observations:
    relayhost = postfix.value("relayhost")
    last = way.reasons[-1] if way.reasons else ""
    if relayhost and relayhost != way.nexthop and last.startswith(("transport_maps", "sender_dependent")):
        text = f"relayhost = {relayhost} is not used: {last}"
        yield warn(
            "config.relay-meant", way.domain, text, kind="table", parameter=last.partition(":")[0], domain=way.domain
        )
    else:
        yield ok("config.relay-meant", way.domain, f"mail goes to {way.destination}", host=way.host, port=way.port)
