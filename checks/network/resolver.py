"""Does each of this host's name servers answer, and does Postfix use the same ones?

Known names are asked of every server of resolv.conf: a server that answers NXDOMAIN for one is alive, unless the others
know it. Postfix, which is not root, must be able to read what names the servers.
"""

from __future__ import annotations

from diagnose import facts
from diagnose.check import (
    Context,
    DnsReply,
    Lookup,
    Observations,
    Read,
    SignSpec,
    ask_all,
    check,
    fail,
    ok,
    unknown,
    warn,
)
from diagnose.facts.names import closed
from diagnose.knowledge.labels import probes
from diagnose.parse.system.nameservice import addresses, hosts, nsswitch, resolv_conf
from diagnose.parse.system.own_network import is_address

SECONDS = 3.5


def names() -> tuple[str, ...]:
    """Two hosts of unrelated operators that surely exist."""
    hosts: dict[str, str] = {}
    for probe in probes():
        if probe.kind == "exchanger":
            hosts.setdefault(probe.operator, probe.host)
    return tuple(hosts.values())[:2]


@check(
    id="resolver",
    title="Name servers",
    signs=(
        SignSpec("dns.resolver", {"kind": ("silent", "rcode", "differ", "tcp", "view", "slow")}, clears="DNS"),
        "dns.server",
        "dns.as-postfix",
    ),
    informational=("dns.server",),
    tags=("dns", "network"),
    needs=("network",),
    probes=True,
)
def resolver(ctx: Context) -> Observations:
    file = ctx.ask(Read("/etc/resolv.conf"))
    if file.problem == "not recorded":
        yield unknown(
            "dns.resolver", "/etc/resolv.conf", f"cannot be read ({file.problem}), so the name servers are not known"
        )
        return
    servers = resolv_conf(file.text).used
    if why := _unseen(ctx):
        yield fail("dns.resolver", "Postfix", why, servers=", ".join(servers), kind="view")
        return
    asked = [Lookup(name, "A", server, SECONDS) for server in servers for name in names()]
    way = facts.route(ctx)
    own = way.first_lookup if way and facts.target(ctx).recipient else None
    mine = [Lookup(*own, server, SECONDS) for server in servers] if own else []
    answers = ask_all(ctx, [*asked, *mine])
    replies, own_replies = dict(zip(asked, answers, strict=False)), answers[len(asked) :]
    if any(reply.problem == "not recorded" for reply in replies.values()):
        yield unknown("dns.resolver", "name servers", "not in the recording")
        return
    alive, said = 0, ""
    quickest = min((reply.seconds for reply in replies.values() if reply.tells), default=0.0)
    for server in servers:
        here = [reply for query, reply in replies.items() if query.server == server]
        good = [reply for reply in here if reply.tells]
        if good:
            alive += 1
            yield ok("dns.server", server, f"answers in {min(r.seconds for r in good) * 1000:.0f} ms", server=server)
        else:
            said = here[0].problem or f"answers {here[0].rcode}"
            yield warn("dns.server", server, said, server=server)
    listed = ", ".join(servers)
    if other := _ignorant(servers, replies):
        text = f"{servers[0]} denies names that {other} resolves; it is asked first, so its answer counts"
        yield fail("dns.resolver", listed, text, servers=listed, kind="differ")
        return
    cut = [reply for reply in own_replies if reply.truncated]
    if alive and cut and len(cut) == len(mine):
        yield fail(
            "dns.resolver", listed, f"{mine[0].name} {mine[0].rtype}: {cut[0].problem}", servers=listed, kind="tcp"
        )
        return
    if alive and mine and mine[0].rtype == "MX" and not any(reply.tells for reply in own_replies):
        # The names have none, which a working server says.
        known = ask_all(ctx, [Lookup(name, "MX", server, SECONDS) for server in servers for name in names()])
        if not any(reply.tells or reply.problem == "not recorded" for reply in known):
            why = known[0].problem or f"answers {known[0].rcode}"
            kind = "rcode" if known[0].rcode else "silent"
            text = f"addresses are resolved, but no MX record of any domain: {servers[0]}: {why}"
            yield fail("dns.resolver", listed, text, servers=listed, kind=kind)
            return
    options = resolv_conf(file.text)
    patience = options.option("timeout", 5) * options.option("attempts", 2)
    if alive and quickest > patience:
        text = f"the name servers take {quickest:.1f} s to answer, and resolv.conf's options allow {patience} s"
        yield fail("dns.resolver", listed, text, servers=listed, kind="slow")
        return
    if alive:
        yield from _asked_by_postfix(ctx, servers)
        yield ok("dns.resolver", listed, f"{alive} of {len(servers)} name servers answer", servers=listed, alive=alive)
        return
    kind = "rcode" if any(reply.rcode for reply in replies.values()) else "silent"
    none = "" if not file.problem else f"/etc/resolv.conf cannot be read ({file.problem}), so 127.0.0.1 is asked; "
    none = none or "no nameserver line, so 127.0.0.1 is asked; " if not resolv_conf(file.text).nameservers else ""
    yield fail(
        "dns.resolver",
        listed,
        f"{none}{_none_of(len(servers))} a query for a name that exists: {said}",
        servers=listed,
        kind=kind,
    )


def _asked_by_postfix(ctx: Context, servers: tuple[str, ...]) -> Observations:
    """A failure if Postfix's lookups failed recently, and queries by its user get no answer now, while root's do."""
    user, log = facts.mta(ctx).value("mail_owner"), facts.mail_log(ctx)
    if not user or log is None or all(label != "dns-try-again" for label, *_ in log.deliveries):
        return
    replies = ask_all(ctx, [Lookup(names()[0], "A", server, SECONDS, user) for server in servers])
    if all(reply.problem and reply.problem != "not recorded" for reply in replies):
        text = f"{', '.join(servers)}: root's queries are answered, those of {user} are not: a rule of this host drops them"
        yield fail("dns.as-postfix", user, text, user=user, port="53 and UDP 53")


def _none_of(count: int) -> str:
    return "the name server does not answer" if count == 1 else f"none of the {count} name servers answers"


def _unseen(ctx: Context) -> str:
    """Why smtp(8) looks names up otherwise than root; "" if it does not."""
    way = facts.route(ctx)
    if way is None or not way.remote or way.service is None:
        return ""
    order = way.words("smtp_host_lookup")
    # The host's file, in a chroot, too: glibc reads it when smtp(8) looks its user up, before it changes its root.
    sources = nsswitch(ctx.ask(Read("/etc/nsswitch.conf")).text).get("hosts", ("dns",))
    if order == ("native",) and not is_address(way.host) and set(sources) <= {"files", "myhostname", "compat", "db"}:
        return f"smtp_host_lookup = native, and /etc/nsswitch.conf looks host names up in {' '.join(sources)} alone"
    if way.service.chroot:
        return ""
    user = facts.mta(ctx).value("mail_owner")
    if closed(ctx, "/etc/resolv.conf", user):
        return f"/etc/resolv.conf cannot be read by {user}, the user that smtp(8) runs as: 127.0.0.1 is asked"
    if (
        "native" in order
        and closed(ctx, "/etc/hosts", user)
        and addresses(hosts(ctx.ask(Read("/etc/hosts")).text), way.host)
    ):
        return f"/etc/hosts has {way.host}, and cannot be read by {user}, the user that smtp(8) runs as"
    return ""


def _ignorant(servers: tuple[str, ...], replies: dict[Lookup, DnsReply]) -> str:
    """The first server that resolves the names for which servers[0] says NXDOMAIN; "" if there is none."""
    by_server = {server: {r.rcode for q, r in replies.items() if q.server == server} for server in servers}
    if by_server[servers[0]] != {"NXDOMAIN"}:
        return ""
    return next((server for server in servers[1:] if by_server[server] == {"NOERROR"}), "")
