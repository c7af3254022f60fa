"""Does anything on this host accept mail by SMTP, and on which addresses?"""

from __future__ import annotations

from diagnose.check import (
    FLAG,
    Context,
    Data,
    Listener,
    Listeners,
    Observation,
    Observations,
    SignSpec,
    Status,
    check,
    fail,
    ok,
    unknown,
    warn,
)
from diagnose.facts import Mta, mailer, mta, postfix_log
from diagnose.facts.contained import contained, master_elsewhere
from diagnose.knowledge.smtp import port_number

_RECENT = 200  # lines of the log


@check(
    id="listeners",
    title="SMTP ports of this host",
    signs=(
        SignSpec("listener.smtp", {"kind": ("none", "not-loopback", "loopback-only", "open")}),
        SignSpec("listener.expected", {"off": FLAG}),
    ),
    tags=("postfix", "host"),
)
def listeners(ctx: Context) -> Observations:
    reply = ctx.ask(Listeners())
    if reply.problem:
        yield unknown("listener.smtp", "port 25", f"Could not check where programs can submit mail: {reply.problem}")
        return
    postfix = mta(ctx)
    seen = _smtp(reply.listeners)
    if seen.status is Status.WARNING and not postfix.installed:
        here = mailer(ctx)
        if here is not None and not here.listens:
            text = f"nothing listens, as is usual with {here.title}: programs call its sendmail command"
            seen = unknown("listener.smtp", "port 25", text)
        elif contained(ctx):
            seen = unknown("listener.smtp", "port 25", "nothing listens, as is usual in a container")
        elif master_elsewhere(ctx):
            seen = unknown("listener.smtp", "port 25", "nothing listens here; Postfix runs in a container or chroot")
    yield seen
    if postfix.installed:
        yield from _expected(ctx, postfix, reply.listeners)


def _smtp(found: tuple[Listener, ...]) -> Observation:
    places = sorted({listener.address for listener in found if listener.port == 25})
    local = [a for a in places if a in ("0.0.0.0", "::", "::1") or a.startswith("127.")]
    if not places:
        text = "nothing listens on port 25 of this host: programs that submit mail to localhost:25 are refused"
        return warn("listener.smtp", "port 25", text, host="localhost", port=25, kind="none")
    shown = ", ".join(places)
    if not local:
        text = f"port 25 is open on {shown} only: localhost:25 is refused"
        return warn("listener.smtp", "port 25", text, host="localhost", port=25, kind="not-loopback", address=shown)
    if all(a == "::1" or a.startswith("127.") for a in places):
        text = f"port 25 is open on {shown} only: containers and other hosts are refused"
        return ok("listener.smtp", "port 25", text, port=25, kind="loopback-only", address=shown)
    return ok("listener.smtp", "port 25", f"is open on {shown}", port=25, kind="open", address=shown)


def _expected(ctx: Context, postfix: Mta, found: tuple[Listener, ...]) -> Observations:
    """Observes whether something listens for each inet service of smtpd(8) or postscreen(8) whose port number is
    known; of those that master_service_disable switches off, only for one whose port this host's own mail found closed."""
    disabled = postfix.words("master_service_disable")
    for service in postfix.master.services:
        if service.type != "inet" or service.command not in ("smtpd", "postscreen"):
            continue
        port = port_number(service.name.rpartition(":")[2])
        off = any(word.partition("/")[0] in (service.name, "inet") for word in disabled)
        refused = f":{port}: Connection refused"
        if not port or (off and not any(refused in line for line in postfix_log(ctx).lines[-_RECENT:])):
            continue
        data: Data = {"service": service.name, "port": port, "host": "localhost", "off": off}
        if any(listener.port == port for listener in found):
            yield ok("listener.expected", service.name, f"something listens on port {port}", **data)
        else:
            why = f", for master_service_disable = {' '.join(disabled)} switches it off" if off else ""
            text = f"master.cf offers {service.name}, but nothing listens on port {port}{why}"
            yield fail("listener.expected", service.name, text, **data)
