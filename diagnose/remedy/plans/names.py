"""Plans for the DNS and the names that this host gives itself."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence

from diagnose import facts
from diagnose.facts.asks import ask_all
from diagnose.facts.network import PUBLIC_RESOLVERS
from diagnose.host.query import Exec, Lookup, Now, Read
from diagnose.model import Status
from diagnose.nearest import near
from diagnose.parse.postfix import table
from diagnose.parse.postfix.postconf import expand
from diagnose.parse.system.nameservice import resolv_conf
from diagnose.parse.system.own_network import is_address
from diagnose.remedy import senders
from diagnose.remedy.evidence import Evidence
from diagnose.remedy.plan import Ask, Other, Plan, plans
from diagnose.remedy.plans.network import names_let_out
from diagnose.remedy.plans.settings import changes, taken_up
from diagnose.remedy.plans.table_lines import entries
from diagnose.remedy.plans.tables import around
from diagnose.remedy.running import CopyFile, Mode
from diagnose.remedy.steps import AppendLine, Step

# What is wrong with name servers that do answer, by the kind that the check tells.
_FAULTS = {
    "differ": "It denies names that exist, and is asked first.",
    "rcode": "It answers with an error for names that exist.",
    "slow": "Its answers come too late.",
    "tcp": "It does not answer by TCP, which long answers need.",
}
_RECORDS = ("/run/systemd/resolve/resolv.conf", "/run/NetworkManager/*resolv.conf", "/var/lib/dhcp/dhclient*.leases")
_SERVER = re.compile(r"(?m)^\s*(?:nameserver|option domain-name-servers)\s+(\d[\d.]+)")
_ASKED = "gmail-smtp-in.l.google.com"


@plans("resolver-failing")
def resolver(e: Evidence) -> Plan | None:
    if any(o.text("kind") == "view" for o in e.seen("dns.resolver")):
        return _view(e)
    path = "/etc/resolv.conf"
    stat, file = e.stat(path), e.ask(Read(path))
    target = e.ask(Exec(("readlink", "-m", "--", path))).out.strip() if not stat.exists else path
    if not e.ctx.settings.network:
        return None
    path = stat.real or path  # whoever made a link rewrites what it leads to
    if out := names_let_out(e):
        return Plan(
            steps=(*out, *e.retry()), text=f"Rules of this host stop its own queries. {e.diagnosis.remedy.text}"
        )
    told, kind = resolv_conf(file.text), e.first("dns.resolver", "kind")
    listed, lines = told.used, file.text.split("\n")
    harm, why = r"use-vc", "It makes every lookup go by TCP, to which no name server answers."
    if kind == "slow":
        harm, why = r"(?:timeout|attempts):\d+", "The name servers answer later than this allows."
    options = [(n, word) for n, raw in enumerate(lines, 1) if raw[:7] == "options" for word in re.findall(harm, raw)]
    if options:
        mended: list[Step] = [e.repair(path, number, word, "", why, at="within") for number, word in options]
        return Plan(steps=_in_force(e, mended, "options"))
    # The mail's own lookup, too: a long answer needs TCP, which may be shut toward every server.
    own = (e.way and e.way.first_lookup) or (_ASKED, "A")
    servers = [server for server in dict.fromkeys((*_recorded(e), *PUBLIC_RESOLVERS)) if server not in listed]
    servers = [*listed[1:]] if kind == "differ" else servers
    replies = ask_all(e.ctx, [Lookup(*asked, server, 2.0) for asked in ((_ASKED, "A"), own) for server in servers])
    judged = zip(servers, replies, replies[len(servers) :], strict=False)
    answers = next(
        (server for server, known, mine in judged if known.rcode == "NOERROR" and mine.tells and not mine.truncated), ""
    )
    if not answers:
        return None
    if steps := _as_meant(e, path, lines):
        return Plan(steps=_in_force(e, steps, "name servers"))
    for number, raw in enumerate(lines, 1):
        if (words := raw.split())[:1] == ["nameserver"] and (kind != "differ" or words[1:2] == [listed[0]]):
            why = _FAULTS.get(kind, "This name server does not answer.")
            steps.append(e.repair(path, number, raw, f"#{raw}", why))
    if target not in ("", path):
        steps += e.folder(target.rpartition("/")[0], f"{path} leads to {target}, which is gone.")
    path = target or path
    if kind != "differ":
        steps.append(AppendLine(path=path, text=f"nameserver {answers}", why=f"{answers} answers from this host."))
    text = f"{answers} answers from here: use it in {path}, then restart Postfix."
    if managed := re.search(
        r"NetworkManager|resolvconf|dhclient|dhcpcd|systemd|cloud-init|netplan", f"{path}\n{file.text}"
    ):
        text += f" {managed[0]} writes the file: set the server there as well, or this lasts only until it writes the file again."
    return Plan(steps=_in_force(e, steps, "name servers"), text=text)


def _in_force(e: Evidence, steps: Sequence[Step], what: str) -> tuple[Step, ...]:
    """Steps on resolv.conf, and those by which Postfix uses what they change."""
    copied = e.copies(anyway=("resolv.conf",)) or _copied(e)
    return (*steps, *copied, *e.restart(f"Postfix reads the {what} when it starts."))


# A line that was to name a name server, and does not: misspelt, indented, in capitals, with quotes, a port or more.
_MEANT = re.compile(r"\W{0,9}na\w{0,4}server\w?[\s=:\"'\[]{1,9}([0-9A-Fa-f.:]{2,45})", re.I)


def _as_meant(e: Evidence, path: str, lines: Sequence[str]) -> list[Step]:
    """Writes the lines of resolv.conf whose name server glibc does not read as they were meant, if it answers."""
    steps: list[Step] = []
    for number, raw in enumerate(lines, 1):
        meant = None if resolv_conf(raw).nameservers or raw.lstrip()[:1] in ("#", ";") else _MEANT.match(raw)
        address = re.sub(r"^([\d.]+):\d+$", r"\1", meant[1].rstrip(".:")) if meant else ""
        if is_address(address) and e.ask(Lookup(_ASKED, "A", address, 2.0)).tells:
            why = f"The C library does not read it, and {address} answers."
            steps.append(e.repair(path, number, raw, f"nameserver {address}", why))
    return steps


def _recorded(e: Evidence) -> list[str]:
    """The name servers that this network gave, as what manages resolv.conf keeps them."""
    files = (path for place in _RECORDS for path in e.files(place))
    return [server for path in files for server in _SERVER.findall(e.ask(Read(path)).text)]


def _view(e: Evidence) -> Plan | None:
    """What makes smtp(8) look names up otherwise than root, whose name servers answer."""
    for path in ("/etc/resolv.conf", "/etc/hosts"):
        stat = e.stat(path)
        if stat.exists and stat.real in ("", path) and stat.mode & 0o444 != 0o444:
            why = "Postfix's daemons read it with the rights of their own account."
            opened = Mode(path=path, mode=stat.mode | 0o444, was=stat.mode, standard="system", why=why)
            return Plan(steps=(opened, *e.restart("Postfix reads it when it starts.")))
    if e.way is None or e.way.value("smtp_host_lookup") != "native":
        return None
    why = "The name servers answer, but this host's own lookup does not ask them."
    return taken_up(e, [e.client(e.way, "smtp_host_lookup", "dns, native", why)])


def _copied(e: Evidence) -> tuple[Step, ...]:
    """Copies the resolv.conf that an earlier step makes into the chroot, if an smtp(8) is chrooted; else ()."""
    place = f"{e.mta.queue_directory}/etc"
    if not e.there(place) or not any(service.chroot and service.command == "smtp" for service in e.mta.master.services):
        return ()
    return (CopyFile(source="/etc/resolv.conf", path=f"{place}/resolv.conf", why="Chrooted services read this copy."),)


@plans("chroot-resolver-stale")
def chroot(e: Evidence) -> Plan | None:
    steps: list[Step] = []
    for seen in e.seen("dns.chroot-file"):
        closed = seen.text("path")
        if not closed.startswith(f"{e.mta.queue_directory}/etc"):
            continue
        stat = e.stat(closed)
        wanted = 0o755 if stat.kind == "dir" else 0o644
        if stat.exists and stat.mode & wanted != wanted:
            steps.append(
                Mode(
                    path=closed,
                    mode=stat.mode | wanted,
                    was=stat.mode,
                    standard="chroot",
                    why="Postfix's own account must be able to read it.",
                )
            )
    return Plan(steps=(*steps, *e.restart("Its daemons have read the old copy.")))


@changes("local-hostname-unresolvable")
def hostname(e: Evidence) -> Iterator[Step]:
    value = e.was("mydestination")
    value = e.mta.defaults.get("mydestination", "") if value is None else value
    names = [o.text("domain") for o in e.seen("identity.hostname")]
    own = {n.lower() for n in (e.value("myhostname"), e.ask(Now()).fqdn, facts.origin(e.ctx, e.mta)) if n}
    names = [name for name in dict.fromkeys(names) if name in own and re.fullmatch(r"[\w.-]+", name)]
    if names:
        yield e.put(
            "mydestination",
            ", ".join([value, *names]) if value else ", ".join(names),
            "It is this host's own name.",
        )


@plans("helo-name-invalid")
def helo(e: Evidence) -> Plan | None:
    """Sets smtp_helo_name to the PTR name of this host's public address, if that resolves back to it and is not what
    Postfix says already."""
    confirmed = [
        o
        for run in e.runs
        for o in run.observations
        if o.sign == "identity.ptr" and o.status is Status.OK and o.data.get("name")
    ]
    name = str(confirmed[0].data["name"]) if confirmed else ""
    if re.fullmatch(r"[\w.-]+\.[a-z]+", name, re.I) and name.lower() != e.value("smtp_helo_name").lower():
        why = (
            f"It is the name of this host's public address {confirmed[0].data.get('address')}, and resolves back to it."
        )
        return taken_up(e, [e.put("smtp_helo_name", name, why)])
    return None


@plans("reverse-dns-missing")
def reverse(e: Evidence) -> Plan | None:
    seen = next((o for o in e.seen("identity.ptr") if o.data.get("address")), None)
    if seen is None:
        return Plan(
            text="Have the hoster or provider of this host's public address set its PTR record to this host's "
            "name, and make that name resolve to the address."
        )
    address = ipaddress.ip_address(seen.text("address"))
    name = e.value("myhostname")
    known = bool(re.fullmatch(r"[\w-]+(\.[\w-]+)+", name)) and not name.endswith(
        (".localdomain", ".local", ".internal", ".lan")
    )
    record = f"{address.reverse_pointer}. PTR {name}." if known else ""
    forward = f"{name}. {'AAAA' if address.version == 6 else 'A'} {address}" if known else ""
    text = f"please set the PTR record of {address}" + (f" to {name}." if known else " to the name of our mail server.")
    other = Other(who="whoever owns the address (the hoster or provider)", text=text, record=record)
    both = (
        (other, Other(who="your own DNS", text="the name must resolve back to the address.", record=forward))
        if forward
        else (other,)
    )
    return Plan(
        by=both,
        text="Only the owner of the address can set its name; until then, send through a relay, whose addresses have one.",
    )


@plans("sender-domain-not-found")
def sender(e: Evidence) -> Plan | None:
    """Sets myorigin, if senders get their domain from it, to a domain of /etc/mailname or myhostname that exists, or
    asks for one. Where a setting or a table makes another address of senders, names the place and corrects it to this
    host's own domain of nearly the same name; words if there is none. None if the domain of myorigin exists."""
    whose = e.first("identity.sender-domain", "sender") or facts.target(e.ctx).sender or e.text("sender")
    origin = facts.origin(e.ctx, e.mta)
    if whose and whose.rpartition("@")[2].lower() != origin.lower():
        return _made(e, whose, origin)
    if e.ask(Lookup(origin, "MX")).rcode in ("NOERROR", "NODATA"):
        return None
    mailname = e.ask(Read("/etc/mailname")).text.strip()
    parts = e.value("myhostname").split(".")
    for name in dict.fromkeys((mailname, ".".join(parts[1:]), e.value("myhostname"))):
        if (
            name
            and name != origin
            and re.fullmatch(r"[\w-]+(\.[\w-]+)+", name)
            and e.ask(Lookup(name, "MX")).rcode == "NOERROR"
        ):
            why = f"The domain {name} exists and accepts mail; {origin} does not exist."
            return taken_up(e, [e.put("myorigin", name, why)])
    ask = Ask(name="domain", what="the domain that this host sends for", where="one with an MX record")
    return Plan(
        asks=(ask,),
        text=f"Senders without a domain get {origin}, which does not exist in DNS: set myorigin to a domain of yours.",
    )


def _made(e: Evidence, address: str, origin: str) -> Plan | None:
    """A plan for the places of this host that make this address of senders; None if there is none."""
    domain = address.rpartition("@")[2].lower()
    mine = (origin, e.value("mydomain"), e.value("myhostname"), *senders.domains(e.ctx))
    better = near(domain, [name.lower() for name in mine if "." in name and name.lower() != domain])
    if better and e.ask(Lookup(better, "MX")).rcode != "NOERROR":
        better = ""
    why = f"{domain} does not exist in DNS; {better}, a domain of this host, does."
    places: list[str] = []
    steps: list[Step] = []
    for parameter in ("smtp_generic_maps", "sender_canonical_maps", "canonical_maps", "masquerade_domains"):
        written = e.was(parameter) or ""
        if re.search(rf"(?i)(?:^|[\s,@]){re.escape(domain)}(?:$|[\s,}}])", written):
            places.append(f"{parameter} ({written})")
            steps += [e.put(parameter, written.replace(domain, better), why)] if better else []
        for found in table.parse_list(e.value(parameter)) if parameter.endswith("_maps") else ():
            before = len(steps)
            for entry in entries(e, parameter, found):
                if len(entry.value.split()) == 1 and entry.value.lower().endswith(f"@{domain}"):
                    raw = entry.raw
                    places.append(f"{entry.path} line {entry.number} ({parameter})")
                    put = raw[: -len(domain)] + better
                    steps += (
                        [e.repair(entry.path, entry.number, raw, put, why)] if better and raw == raw.rstrip() else []
                    )
            steps += e.build(found.type, table.source(found)) if len(steps) > before else ()
    text = f"{' and '.join(places[:3])} makes {address} of the senders"
    if not steps:
        return Plan(text=f"{text}: put an address there whose domain exists.") if places else None
    # All but smtp_generic_maps are asked when mail is handed in, and again by postsuper(1) -r.
    kept = "" if any("smtp_generic" in one for one in places) else " Waiting mail keeps its sender until postsuper -r."
    return taken_up(e, steps, f"{text}, and {domain} does not exist: this host's domain is {better}.{kept}")


_MADE_OF_ANOTHER = (
    *("alias_maps", "virtual_alias_maps", "recipient_canonical_maps", "canonical_maps"),
    *("sender_bcc_maps", "recipient_bcc_maps"),
)


@plans("recipient-domain-not-found")
def recipient(e: Evidence) -> Plan | None:
    """Words for an entry of this host's tables that makes this recipient of another, or for a copy that it gets of all
    or some mail; None if there is none."""
    address = (e.text("recipient") or facts.target(e.ctx).recipient or "").lower()
    local_part, _, domain = address.rpartition("@")
    kind = e.text("kind")
    if not local_part or kind == "servfail":
        return None
    fault = "does not exist" if kind == "nxdomain" else "cannot receive mail"
    wanted = re.compile(rf"(?<![\w.+=/-])(?:{re.escape(local_part)})?@{re.escape(domain)}(?![\w.-])", re.I)
    if e.value("always_bcc").lower() == address:
        return Plan(
            text=f"always_bcc sends {address} a copy of all mail, and its domain {fault}: correct it, or drop it."
        )
    for parameter in _MADE_OF_ANOTHER:
        for found in table.parse_list(e.value(parameter)):
            for entry in entries(e, parameter, found):
                if wanted.search(entry.value):
                    made = "newaliases" if parameter == "alias_maps" else f"postmap {found.key}"
                    compiled = f", then run {made}" if found.type in table.INDEXED else ""
                    return Plan(
                        text=f"{entry.key} in {entry.path} line {entry.number} ({parameter}) leads to {address}, whose domain "
                        f"{fault}: put an address there that exists{compiled}."
                    )
    return None


@plans("recipient-domain-local")
def local(e: Evidence) -> Plan | None:
    steps: list[Step] = []
    for seen in e.failed("config.recipient-local"):
        parameter, domain = seen.text("parameter"), seen.text("domain").lower()
        written = e.was(parameter)
        words = [
            w for w in re.split(r"[,\s]+", written if written is not None else e.mta.defaults.get(parameter, "")) if w
        ]
        kept = [w for w in words if expand(w, e.mta.settings).lower() != domain]
        why = f"{domain} is another host's: its MX host is {seen.data.get('host')}."
        if len(kept) < len(words):
            # Empty, not unset: the default of virtual_mailbox_domains is every domain that virtual_mailbox_maps knows.
            steps.append(e.put(parameter, ", ".join(kept), why))
        for word in words:
            text = expand(word, e.mta.settings)
            for found in table.parse_list(text) if ":" in text else (None,):
                path = table.source(found) if found else text if text.startswith("/") else ""
                for number, raw in e.numbered(path):
                    if raw.split()[:1] and raw.split()[0].lower() == domain:
                        steps.append(e.repair(path, number, raw, f"#{raw}", why))
                        steps += e.build(found.type, path) if found else ()
    if not steps and (way := e.way) is not None and way.channel in ("local", "virtual"):
        steps += around(e, way, f"It delivers mail to {way.domain} on this host.")
    return taken_up(e, steps)
