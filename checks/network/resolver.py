"""Do this host's name servers answer, each of them?

Known names are asked of every server of resolv.conf: a server that answers NXDOMAIN for one is alive.
"""

from __future__ import annotations

from collections.abc import Iterator

from diagnose.check import Context, Lookup, Read, ask_all, check, fail, ok, unknown, warn
from diagnose.knowledge.labels import probes
from diagnose.model import Observation
from diagnose.parse.system.nameservice import resolv_conf

ANSWERED = ("NOERROR", "NODATA", "NXDOMAIN")
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
    signs=("dns.resolver", "dns.server"),
    informational=("dns.server",),
    tags=("dns", "network"),
    needs=("network",),
    probes=True,
)
def resolver(ctx: Context) -> Iterator[Observation]:
    file = ctx.ask(Read("/etc/resolv.conf"))
    if file.problem == "not recorded":
        yield unknown("dns.resolver", "/etc/resolv.conf", f"cannot be read ({file.problem}): would name the servers")
        return
    servers = resolv_conf(file.text).used
    asked = [Lookup(name, "A", server, SECONDS) for server in servers for name in names()]
    replies = dict(zip(asked, ask_all(ctx, asked), strict=True))
    if any(reply.problem == "not recorded" for reply in replies.values()):
        yield unknown("dns.resolver", "name servers", "not in the recording")
        return
    alive, said = 0, ""
    for server in servers:
        here = [reply for query, reply in replies.items() if query.server == server]
        good = [reply for reply in here if reply.rcode in ANSWERED]
        if good:
            alive += 1
            yield ok("dns.server", server, f"answers in {min(r.seconds for r in good) * 1000:.0f} ms", server=server)
        else:
            said = here[0].problem or f"answers {here[0].rcode}"
            yield warn("dns.server", server, said, server=server)
    listed = ", ".join(servers)
    if alive:
        yield ok("dns.resolver", listed, f"{alive} of {len(servers)} name servers answer", servers=listed, alive=alive)
        return
    kind = "rcode" if any(reply.rcode for reply in replies.values()) else "silent"
    none = "" if not file.problem else f"/etc/resolv.conf cannot be read ({file.problem}), so 127.0.0.1 is asked; "
    none = none or "no nameserver line, so 127.0.0.1 is asked; " if not resolv_conf(file.text).nameservers else ""
    yield fail(
        "dns.resolver",
        listed,
        f"{none}none of {len(servers)} name servers answers a question for a name that exists: {said}",
        servers=listed,
        kind=kind,
    )
