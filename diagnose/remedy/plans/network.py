"""Plans for the network: the relay on another port, IPv4 alone, a packet filter of this host."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

from diagnose.facts.dials import interface_addresses
from diagnose.facts.filtered import judgements, listed, opening
from diagnose.facts.network import MailPort
from diagnose.facts.packets import packets
from diagnose.facts.route import Route
from diagnose.host.query import Dial, Exec, Lookup, Read, Resolve
from diagnose.knowledge.smtp import IMPLICIT_TLS_PORTS
from diagnose.model import Observation, Status, measured
from diagnose.nearest import near
from diagnose.parse.postfix import nexthop
from diagnose.parse.system.nameservice import resolv_conf
from diagnose.parse.system.own_network import is_loopback
from diagnose.remedy.evidence import Evidence, sentence
from diagnose.remedy.plan import Other, Plan, plans
from diagnose.remedy.plans.application import on_another_port
from diagnose.remedy.plans.relays import by_login, keys, meant_hop, near_key, password_table, set_hop
from diagnose.remedy.plans.settings import swallowed, take_up, taken_up
from diagnose.remedy.plans.table_lines import Entry
from diagnose.remedy.plans.tables import around, recompiled, transport_entry
from diagnose.remedy.running import ChangeRoute, Command, FirewallAccept
from diagnose.remedy.steps import AppendLine, Step

_ACCEPTING = (
    ("nft", "insert"),
    *((f"{name}{kind}", "-I") for name in ("iptables", "ip6tables") for kind in ("", "-legacy", "-nft")),
    ("ufw", "allow"),
    ("fail2ban-client", "unban"),
    ("firewall-cmd", "--direct"),
)
_CSF = "/etc/csf/csf.conf"


@plans("egress-submission-blocked", "relay-unreachable")
def other_port(e: Evidence) -> Plan | None:
    """Moves the application to another port of its server, and Postfix to another one of the relay."""
    own, relay = on_another_port(e), relay_port(e)
    if own is None or relay is None:
        return own or relay
    return Plan(steps=(*own.steps, *relay.steps), text=f"{own.text}\n{relay.text or e.diagnosis.remedy.text}")


def _at_home(e: Evidence, way: Route) -> Plan:
    """Words for a tunnel or proxy of this host that all mail is handed to: where it leads only its own settings tell."""
    at, who = f"{way.host}:{way.port}", e.listening(way.port)
    if who:
        text = f"{who} listens on {at} and serves no mail: see in its own log whether it reaches the server behind it, and restart it."
    else:
        text = f"Nothing listens on {at}: start the program of this host that forwards mail from there (stunnel, an SSH tunnel, a proxy)."
    return Plan(text=text)


def relay_port(e: Evidence, past: bool = True) -> Plan | None:
    """Moves to a port of the same relay that was seen open from here, with the stored login, unless an outdated
    table, the hosts file or a misspelt name is at fault; else (past) goes past an entry of transport_maps that leads
    to a dead host."""
    way = e.way
    if way is None or not way.relay:
        return None
    if is_loopback(way.host):
        return _at_home(e, way)
    entry = transport_entry(e, way)
    if not entry and (compiled := recompiled(e, way)):
        return taken_up(e, compiled, "The table was changed without running postmap, so the old entry still applies.")
    if not entry and (stale := _hosts(e, way)):
        text = f"/etc/hosts gives {way.host} an address at which nothing answers; the DNS has others."
        return taken_up(e, [*stale, *e.copies(anyway=("hosts",))], text)
    better = nexthop.parse(meant_hop(e, way, "nxdomain") or "")
    if better.host and e.ask(Dial(host=better.host, port=better.port_number() or way.port, say="connect")).connected:
        why = f"Nothing answers at {way.host}; {better.host}, a server of nearly the same name, does."
        return taken_up(e, set_hop(e, way, better.raw, why))
    open_ = e.open_ports(way.host)
    if e.advice and e.advice.verified and e.advice.host == way.host:
        open_.insert(0, e.advice.port)
    found = password_table(e)
    held = keys(e, found) if found else ()
    stored = near_key(held, way.nexthop)
    open_.sort(key=lambda port: not stored.endswith(f":{port}"))  # the one that the login was made for
    port = next((p for p in open_ if p not in (way.port, 25)), 0)
    if not port or not (way.nexthop in held or stored):
        return _past(e, way, entry) if entry and past else None
    steps = set_hop(
        e, way, f"[{way.host}]:{port}", f"Port {port} of {way.host} answers from this host; port {way.port} does not."
    )
    if not steps:
        return None
    implicit = port in IMPLICIT_TLS_PORTS
    if way.flag("smtp_tls_wrappermode") != implicit:
        steps.append(
            e.client(
                way,
                "smtp_tls_wrappermode",
                "yes" if implicit else "no",
                f"Port {port} {'starts with TLS' if implicit else 'starts TLS with STARTTLS'}.",
            )
        )
    if way.value("smtp_tls_security_level") in ("", "none", "may"):
        steps.append(e.client(way, "smtp_tls_security_level", "encrypt", "The password must not go in the clear."))
    return taken_up(e, steps)


def _hosts(e: Evidence, way: Route) -> list[Step]:
    """Takes the relay's name out of the hosts file, as policy, if Postfix reads that file and another address from DNS
    answers; else []."""
    listed = [
        (number, raw)
        for number, raw in e.numbered("/etc/hosts")
        if way.host.lower() in raw.partition("#")[0].lower().split()[1:]
    ]
    if not listed or "native" not in way.value("smtp_host_lookup"):
        return []  # before an address is tried that may keep silent for seconds
    addresses = {raw.split()[0] for _, raw in listed}
    others = [a for a in e.ask(Lookup(way.host, "A")).answers[:1] if a not in addresses]
    if not any(e.ask(Dial(host=a, port=way.port, say="connect")).connected for a in others):
        return []
    why = "Nothing answers at that address."
    opens = f"programs of this host reach {way.host} at its address in DNS"
    steps = (e.repair("/etc/hosts", number, raw, _unnamed(raw, way.host), why) for number, raw in listed)
    return [e.policy(step, "route", opens) for step in steps]


def _unnamed(raw: str, host: str) -> str:
    """A line of the hosts file without a host's name; a comment if it has no other."""
    rest = re.sub(rf"(?i)\s+{re.escape(host)}(?![^\s#])", "", raw)
    return rest if len(rest.partition("#")[0].split()) > 1 else f"#{raw}"


def _past(e: Evidence, way: Route, entry: Entry) -> Plan:
    where = f"{entry.path} line {entry.number} ({entry.parameter})"
    text = (
        f"{where} sends mail to {way.domain} to {way.destination}, where nothing answers. "
        "If that server is still meant, start it or correct the entry; otherwise remove the entry."
    )
    steps = around(e, way, f"It sends mail to {way.destination}, where nothing answers.")
    return Plan(steps=(*steps, *take_up(e)) if steps else (), text=text)


@plans("egress-port-25-blocked")
def through_relay(e: Evidence) -> Plan | None:
    """Another port of the application's server, if Postfix is not installed; else the relay whose login is stored
    here; else a request to the network's owner to open port 25."""
    if not e.mta.installed and (own := on_another_port(e)):
        return own
    way = e.way
    found = relay_port(e, past=False) if way is not None and way.relay else taken_up(e, by_login(e)) if way else None
    if found is not None and found.steps:
        return found
    network = next(measured(e.runs, "network"), None)
    owner = str(network.data.get("network_name") or network.data.get("as_name") or "") if network else ""
    address = next(
        (
            o.text("address")
            for run in e.runs
            for o in run.observations
            if o.sign == "identity.ptr" and o.data.get("address")
        ),
        "",
    )
    subject = f" for {address}" if address else ""
    other = Other(
        who=owner or "the operator of this network",
        text=f"please open outgoing TCP port 25{subject}; we run a mail server there.",
    )
    return Plan(by=(other,), text="Send through a relay on a port that is open from here, or have port 25 opened.")


@plans("local-firewall-blocks-smtp")
def accept(e: Evidence) -> Plan | None:
    """Steps from the command that the check names for the tool that keeps the rule, narrowed to Postfix's user where
    that is possible."""
    steps: list[Step] = []
    found = e.seen("firewall.smtp", "firewall.redirect", "firewall.route")
    for seen in found:
        redirects = seen.sign == "firewall.redirect" and not any(s.sign == "firewall.smtp" for s in found)
        if seen.status is not Status.FAILED and not redirects:
            continue
        argv = _argv(seen.text("fix").partition(": ")[2])
        if seen.sign == "firewall.route":
            steps += _route(e, seen, argv)
        elif seen.data.get("owner") == "csf":
            steps += _csf(e, seen)
        elif _accepts(argv):
            steps.append(
                _accept(e, seen.text("rule"), f"TCP port {seen.text('port')}", argv, seen.sign == "firewall.redirect")
            )
    steps += names_let_out(e) if e.failed("dns.as-postfix") else []
    if not steps:
        return None
    what = e.diagnosis.remedy.text.partition(". ")[0]
    if e.diagnosis.cause.id == "smtp-intercepted":
        what = f"A rule of this host diverts it: {e.first('firewall.redirect', 'rule')}"
    text = (
        f"{what}. Rules typed by hand last until the next reload: make the change permanent where the rules are kept "
        "(/etc/nftables.conf, ufw, firewalld, csf.conf, netplan or ifupdown)."
    )
    return Plan(steps=(*steps, *e.retry()), text=text)


@plans("smtp-intercepted")
def undiverted(e: Evidence) -> Plan | None:
    """Past this host's own NAT rule, if that is what takes the connections over; a relay is no answer to it."""
    return accept(e) if e.seen("firewall.redirect") else None


def _argv(words: str) -> list[str]:
    try:
        return shlex.split(words)
    except ValueError:
        return []


def _before(argv: list[str], word: str, *more: str) -> None:
    at = argv.index(word)
    argv[at:at] = more


def names_let_out(e: Evidence) -> list[Step]:
    """Accepts before this host's own rules that stop Postfix's queries to its name servers, or their answers."""
    servers = resolv_conf(e.ask(Read("/etc/resolv.conf")).text).used
    any_ = [one for one in packets(e.ctx, MailPort(port=53)) if not one.destination]
    sent = [
        replace(one, proto=proto, destination=server)
        for proto in ("udp", "tcp")
        for server in servers
        for one in any_
        if (":" in server) == (one.family == 6)
    ]
    steps: dict[tuple[str, ...], Step] = {}
    for one in judgements(listed(e.ctx)[0], [*sent, *(replace(p, answer=True, uid=None, gid=None) for p in sent)]):
        argv = _argv(opening(e.ctx, 53, one).partition(": ")[2])
        if one.verdict.stops and one.verdict.certain and _accepts(argv):
            steps.setdefault(tuple(argv), _accept(e, one.verdict.rule, f"{one.packet.proto.upper()} port 53", argv))
    return list(steps.values())


def _accepts(argv: list[str]) -> bool:
    table = argv[1:2] == ["-t"] and argv[3:4] == ["-I"] and argv[0].startswith("ip")
    return tuple(argv[:2]) in _ACCEPTING or table or argv[:1] == ["firewall-cmd"]


def _accept(e: Evidence, rule: str, to: str, argv: list[str], diverts: bool = False) -> Step:
    undo: tuple[str, ...] = ()
    owner = e.value("mail_owner") or "postfix"
    whose = "Postfix's own connections"
    if argv[:2] == ["nft", "insert"] and "dport" in argv and argv[3] in ("inet", "ip", "ip6"):
        at = argv.index("dport") - 1
        argv[at:at] = ("meta", "skuid", owner)
    elif argv[0] == "firewall-cmd":
        if "-j" in argv:
            _before(argv, "-j", "-m", "owner", "--uid-owner", owner)
        else:
            whose = "connections of this host"
        undo = tuple(re.sub("^--add-", "--remove-", word) for word in argv)
    elif "-I" in argv[1:4]:
        if "--dport" in argv:
            _before(argv, "-j", "-m", "owner", "--uid-owner", owner)
        undo = tuple("-D" if word == "-I" else word for word in argv)
    elif argv[0] == "ufw":
        undo = ("ufw", "delete", *argv[1:])
    why = f"The rule {rule} {'diverts' if diverts else 'stops'} it."
    opens = f"{whose} to {to} pass"
    return FirewallAccept(argv=tuple(argv), undo=undo, why=why, opens=opens)


def _csf(e: Evidence, seen: Observation) -> list[Step]:
    """Adds Postfix's user to SMTP_ALLOWUSER in csf.conf, and reloads csf's rules; [] if it is there."""
    owner = e.value("mail_owner") or "postfix"
    for number, line in e.numbered(_CSF):
        if (match := re.fullmatch(r"(SMTP_ALLOWUSER\s*=\s*\")([\w,-]*)\"\s*", line)) and owner not in match[2].split(
            ","
        ):
            names = ",".join(filter(None, (match[2], owner)))
            opens = f"processes of {owner} pass SMTP_BLOCK"
            why = "csf lets only the users named there send."
            step = e.policy(e.repair(_CSF, number, line, f'{match[1]}{names}"', why), "firewall", opens)
            rules = Command(argv=("csf", "-r"), takes_up=True, why="csf builds its rules from that file.")
            return [step, e.policy(rules, "firewall", "csf reload its rules")]
    return []


def _route(e: Evidence, seen: Observation, argv: list[str]) -> list[Step]:
    """Removes the route or rule, with the `ip` command that adds it again as undo; or adds a route past a network.
    [] for any other command."""
    at = 3 if argv[1:2] == ["-6"] else 2
    if argv[:1] != ["ip"] or argv[at - 1] not in ("route", "rule") or argv[at : at + 1] not in (["del"], ["add"]):
        return []
    wanted = argv[at + 1 :]
    if argv[at] == "add":
        opens = f"packets to {wanted[0]} take the default route"
        return [ChangeRoute(argv=tuple(argv), undo=(*argv[:at], "del", *wanted), why=sentence(seen), opens=opens)]
    undo: tuple[str, ...] = ()
    listing = e.ask(Exec(tuple(argv[:at]))).out.splitlines()
    if argv[at - 1] == "route":
        lines = [line.split() for line in listing if line.split()[: len(wanted)] == wanted]
        if lines:
            undo = (*argv[:at], "add", *(word for word in lines[0] if word not in ("linkdown", "dead")))
    else:
        lines = [line.split() for line in listing if line.startswith(f"{wanted[-1]}:")]
        if lines:
            undo = (*argv[:at], "add", *wanted, *lines[0][1:])
    why = sentence(seen)
    opens = f"what took {seen.data.get('rule')} take the other routes of this host"
    return [ChangeRoute(argv=tuple(argv), undo=undo, why=why, opens=opens)]


@plans("ipv6-broken")
def ipv4(e: Evidence) -> Plan | None:
    why = "IPv6 does not work from this host; IPv4 does."
    return Plan(
        steps=(e.put("inet_protocols", "ipv4", why), *e.restart("The master reads inet_protocols when it starts."))
    )


@plans("interface-not-ready")
def interface(e: Evidence) -> Plan | None:
    if inside := swallowed(e, r"inet_\w+|\w*bind_address6?"):
        return Plan(steps=(*inside, *e.restart("The master binds its addresses when it starts.")))
    if words := _of_interfaces(e):
        return words
    steps = [_loopback(seen) for seen in e.failed("host.interface") if seen.text("kind") == "loopback"]
    if steps:
        return Plan(steps=(*steps, *e.retry()))
    named = any("localhost" in line.partition("#")[0].split()[1:] for line in e.ask_lines("/etc/hosts"))
    if "localhost" in e.mta.words("inet_interfaces") and not named and not e.ask(Resolve("localhost")).addresses:
        why = "The hosts file has no localhost, on which Postfix is to listen."
        steps += [AppendLine(path=e.real("/etc/hosts"), text="127.0.0.1 localhost", why=why), *e.copies(("hosts",))]
    written = e.was("inet_interfaces") or ""
    if near(written.lower(), ["loopback-only"], 0.75):
        steps.append(e.put("inet_interfaces", "loopback-only", f"No host is called {written}."))
    for seen in e.seen("host.interface", "host.address-family"):
        name, value = seen.text("parameter"), seen.text("value")
        if use := seen.text("use"):
            steps.append(e.put(name, use, f"Not every server has an address of {value}."))
        if seen.status is not Status.FAILED or use:
            continue
        if name == "inet_interfaces" and seen.text("kind") == "source":
            continue  # programs may submit mail there
        if name == "inet_interfaces":
            rest = [word for word in e.mta.words(name) if word != value]
            steps.append(e.put(name, ", ".join(rest) or "loopback-only", f"No interface of this host has {value}."))
        elif name == "inet_protocols":
            wanted = "ipv4" if value == "ipv6" else "ipv6"
            steps.append(e.put(name, wanted, f"This host has no {'IPv6' if value == 'ipv6' else 'IPv4'} address."))
        elif re.fullmatch(r"\w+_bind_address6?", name):
            steps.append(e.client(e.way, name, None, f"Nothing can be sent from {value}."))
    return Plan(steps=(*steps, *e.restart("The master binds its addresses when it starts."))) if steps else None


def _loopback(seen: Observation) -> Step:
    what = ("link", "set", "lo", "up") if seen.data.get("down") else ("addr", "add", "127.0.0.1/8", "dev", "lo")
    return Command(argv=("ip", *what), why=sentence(seen), lasting="lo stays as it should be")


def _of_interfaces(e: Evidence) -> Plan | None:
    """Words for inet_interfaces with names of interfaces: Postfix takes addresses and host names, and only a person
    can say where it is to listen."""
    have: dict[str, list[str]] = {}
    for one in interface_addresses(e.ctx):
        if one.scope != "link":
            have.setdefault(one.device, []).append(f"[{one.address}]" if one.family == 6 else one.address)
    words = e.mta.words("inet_interfaces")
    named = [word for word in words if word in have]
    if not named:
        return None
    meant = ", ".join(address for word in words for address in have.get(word, [word]))
    return Plan(
        text=f"inet_interfaces names the interface {named[0]}, which Postfix takes for a host's name. Its addresses: inet_interfaces = {meant}"
        " in main.cf; then restart Postfix."
    )
