"""Does name resolution in Postfix's chroot match the host's?

A chrooted smtp(8) reads the copies of resolv.conf, hosts, nsswitch.conf and services below the queue directory. They are
made at start, and grow old.
"""

from __future__ import annotations

from diagnose import facts
from diagnose.check import (
    ANY,
    FLAG,
    Context,
    Lookup,
    Observations,
    Read,
    SignSpec,
    ask_all,
    check,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts import Route
from diagnose.facts.names import closed
from diagnose.parse.system.nameservice import MAIL_SERVICES, addresses, differences, hosts, resolv_conf

FILES = ("resolv.conf", "hosts", "nsswitch.conf", "services")


@check(
    id="chroot-names",
    title="DNS in Postfix's chroot",
    signs=("dns.chroot", SignSpec("dns.chroot-file", {"file": ANY, "lacks_relay": FLAG})),
    tags=("dns", "postfix"),
    needs=("postfix",),
)
def chroot_names(ctx: Context) -> Observations:
    postfix = facts.mta(ctx)
    way = facts.route(ctx)
    service = way.service if way else postfix.master.get("smtp")
    if service is None or not service.chroot:
        skip("the service that sends the mail is not chrooted: it reads the host's own files")
    root = f"{postfix.queue_directory}/etc"
    wrong: list[str] = []
    unread = next(
        (path for path in (root, f"{root}/resolv.conf") if closed(ctx, path, postfix.value("mail_owner"))), ""
    )
    if unread:
        text = f"{unread} cannot be read by {postfix.value('mail_owner')}, the user that the chrooted smtp(8) runs as"
        yield fail("dns.chroot-file", f"{root}/resolv.conf", text, file="resolv.conf", path=unread)
        yield fail("dns.chroot", root, "no name server is configured there, so 127.0.0.1 is asked", path=unread)
        return
    for name in FILES:
        having = MAIL_SERVICES if name == "services" else ()
        ours, theirs = (ctx.ask(Read(f"{place}/{name}", having=having)) for place in ("/etc", root))
        if theirs.problem == "not found":
            if ours.problem is None and name in ("resolv.conf", "hosts"):
                wrong.append(name)
                yield fail(
                    "dns.chroot-file", f"{root}/{name}", "missing in the chroot", file=name, path=f"{root}/{name}"
                )
        elif theirs.problem or ours.problem:
            why = theirs.problem or ours.problem
            yield unknown("dns.chroot-file", f"{root}/{name}", f"{why}, so it could not be compared with /etc/{name}")
        elif found := differences(name, ours.text, theirs.text):
            lacks = name == "hosts" and way is not None and _other_relay(way, ours.text, theirs.text)
            severe = name == "resolv.conf" or lacks
            wrong += [name] if name == "resolv.conf" else []
            say = fail if severe else warn
            about = [each for each in found if lacks and way and each.startswith(f"{way.host.lower()}: ")]
            text = "; ".join((about or found)[:3])
            yield say("dns.chroot-file", f"{root}/{name}", text, file=name, path=f"{root}/{name}", lacks_relay=lacks)
    if "resolv.conf" not in wrong:
        yield ok("dns.chroot", root, "the chroot asks the same name servers as the host")
        return
    yield from _servers(ctx, root)


def _other_relay(way: Route, ours: str, theirs: str) -> bool:
    """Whether the chroot's hosts file has other addresses, or none, for the next hop, and Postfix reads it (native
    lookups)."""
    if "native" not in way.value("smtp_host_lookup"):
        return False
    return addresses(hosts(ours), way.host) != addresses(hosts(theirs), way.host)


def _servers(ctx: Context, root: str) -> Observations:
    """Observes whether the chroot's name servers answer, if they are not the host's."""
    host = resolv_conf(ctx.ask(Read("/etc/resolv.conf")).text).used
    jail = resolv_conf(ctx.ask(Read(f"{root}/resolv.conf")).text).used
    if not ctx.settings.network:
        yield unknown(
            "dns.chroot", root, f"its name servers ({', '.join(jail)}) were not asked: network probes are off"
        )
        return
    query = [Lookup("gmail-smtp-in.l.google.com", "A", server, 3.5) for server in dict.fromkeys((*host, *jail))]
    alive = {q.server for q, reply in zip(query, ask_all(ctx, query), strict=True) if reply.tells}
    works, serves = alive & set(jail), alive & set(host)
    text = f"the chroot asks {', '.join(jail)}, the host {', '.join(host)}"
    if works:
        yield warn("dns.chroot", root, f"{text}; both answer", path=f"{root}/resolv.conf")
    elif serves:
        yield fail(
            "dns.chroot", root, f"{text}; only the host's answer", path=f"{root}/resolv.conf", servers=", ".join(jail)
        )
    else:
        yield unknown("dns.chroot", root, f"{text}; none of them answers, so the copy cannot be blamed")
