"""Does master.cf define the services that the mail needs, where their clients look for them?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from diagnose.check import Context, Observation, Observations, Scalar, Stat, check, fail, ok, skip, unknown, warn
from diagnose.facts import Mta, mta, queue, route, since_start, tls_mode

# Without these no message moves at all, whatever its way.
_ALWAYS = ("pickup", "cleanup", "qmgr", "rewrite", "bounce", "defer", "error", "retry", "showq")
# A null client submits through sendmail or SMTP; one of the two may be missing on purpose.
_NEEDED = {
    "pickup": "mail from the sendmail command",
    "retry": "deferred mail",
    "tlsmgr": "every TLS session",
    "proxymap": "every proxy: table",
}
# The program of each service, and the programs of Postfix that cannot do each other's work.
_RUNS = {"rewrite": "trivial-rewrite", "defer": "bounce", "retry": "error", "relay": "smtp"}
_OTHERS = tuple("smtpd qmqpd postscreen pickup cleanup qmgr trivial-rewrite bounce showq error smtp lmtp".split())
# Their sockets stand in public/, for the commands of users; all others in private/.
_PUBLIC = ("pickup", "cleanup", "qmgr", "flush", "showq", "postlog")
# Services whose clients wait without end if they do not answer.
_AWAITED = (*_ALWAYS, *_NEEDED, "smtp", "relay", "trace")
_NO_PROGRAM = re.compile(r"fatal: master_spawn: exec (\S+): No such file")
_NO_SOCKET = re.compile(
    r"connect(?: #\d+)? to (?:subsystem |transport |service )?(?P<place>private|public)/(?P<name>[\w.-]+): (?P<why>No such file or directory|Connection refused)"
)


@check(
    id="services",
    title="Services in master.cf",
    signs=("postfix.transport", "postfix.service"),
    tags=("postfix", "config"),
    needs=("postfix",),
)
def services(ctx: Context) -> Observations:
    postfix = mta(ctx)
    if not postfix.master.services:
        skip("master.cf could not be read")
    unread = {each.text.split()[0] for each in postfix.master.findings if each.kind == "bad-field-count"}
    for each in _transports(ctx, postfix):
        yield _unread(each) if each.subject in unread else each
    lost = [*_missing(ctx, postfix), *_programs(ctx, postfix), *_renamed(postfix)]
    lost += _unanswered(ctx, postfix, {each.subject for each in lost})
    yield from (_unread(each) if each.subject in unread else each for each in lost)
    if not lost:
        yield ok("postfix.service", "master.cf", "has every service that mail needs")


def _unread(seen: Observation) -> Observation:
    """The observation as unknown, for a service whose line in master.cf is malformed: that is another fault,
    reported elsewhere."""
    return unknown(seen.sign, seen.subject, "its line in master.cf cannot be read")


def _lost(
    name: str, text: str, sign: str = "postfix.service", say: Callable[..., Observation] = fail, **data: Scalar
) -> Observation:
    """An observation of a missing service, as `service` and `lacking`: in observations of the log, `service` is the
    program that speaks."""
    return say(sign, name, text, service=name, lacking=name, **data)


def _missing(ctx: Context, postfix: Mta) -> Observations:
    for name in (*_ALWAYS, *_asked_for(ctx, postfix)):
        service = postfix.master.get(name)
        if not _served(postfix, name):
            text = f"master.cf has no service {name}" + (f", which {_NEEDED[name]} needs" if name in _NEEDED else "")
            # What waits in the maildrop needs it, whatever mail passes by SMTP.
            held = queue(ctx) if name == "pickup" else None
            yield _lost(name, text, apart=held is not None and held.messages.get("maildrop", 0) > 0)
        elif service is not None and service.private == (name in _PUBLIC):
            there, wanted = ("private", "public") if service.private else ("public", "private")
            text = f"its line in master.cf puts the socket in {there}/, and its clients look in {wanted}/"
            yield _lost(name, text)


def _asked_for(ctx: Context, postfix: Mta) -> Iterator[str]:
    """The services that the settings require: tlsmgr for TLS, proxymap for proxy: tables."""
    way = route(ctx)
    if way is not None and way.remote and tls_mode(ctx, way).level != "none":
        yield "tlsmgr"
    if any("proxy:" in postfix.value(name) for name in postfix.explicit):
        yield "proxymap"


def _renamed(postfix: Mta) -> Observations:
    """Settings by which Postfix's programs look for a service under another name than master.cf's."""
    for name, value in postfix.explicit.items():
        usual = postfix.defaults.get(name, "")
        if name.endswith("_service_name") and usual and value != usual and not _served(postfix, value):
            say = fail if usual in _AWAITED else warn
            text = f"is {value or 'empty'}, and master.cf has no service of that name; the usual one is {usual}"
            yield say("postfix.service", name, text, service=value, lacking=value or "without a name", parameter=name)


def _unanswered(ctx: Context, postfix: Mta, known: set[str]) -> Observations:
    """Observes services that master.cf lacks, and whose socket a program of Postfix did not find since the last
    start, by the log."""
    found: dict[str, re.Match[str]] = {}
    for line in since_start(ctx):
        if "connect" in line and (match := _NO_SOCKET.search(line)):
            found.setdefault(match["name"], match)
    for name, match in found.items():
        service = postfix.master.get(name)
        elsewhere = service is not None and service.private != (match["place"] == "private")
        if name in known or (_served(postfix, name) and not elsewhere):
            continue
        say = fail if name in _AWAITED else warn
        offers = "its line in master.cf puts the socket elsewhere" if elsewhere else "master.cf offers no such service"
        yield _lost(name, f"{match['place']}/{name}: {match['why']}, according to the log: {offers}", say=say)


def _programs(ctx: Context, postfix: Mta) -> Observations:
    """Observes services that the mail needs and that run another service's program, or one that does not exist."""
    way = route(ctx)
    place = postfix.value("daemon_directory")
    if not ctx.ask(Stat(place)).exists:
        return
    needed = (*_ALWAYS, *((way.channel,) if way else ()))
    refused = {match[1] for line in since_start(ctx) if (match := _NO_PROGRAM.search(line))}
    for service in postfix.master.services:
        name, path = service.name, f"{place}/{service.command}"
        if not (path in refused or (name in needed and service.type != "inet")):
            continue
        wanted = _RUNS.get(name, name)
        others = service.command != wanted and {service.command, wanted} <= {*_OTHERS}
        if others and service.type != "inet" and {service.command, wanted} != {"smtp", "lmtp"}:
            text = f"master.cf has the service {name} run {service.command}, which does other work than {wanted}"
            yield _lost(name, text, runs=service.command, wanted=wanted, lacks="runs another one's program")
            continue
        reply = ctx.ask(Stat(path))
        if not reply.problem and not reply.exists:
            text = f"master.cf has the service {name} run {path}, which does not exist"
            yield _lost(name, text, path=path, runs=service.command, lacks="has no program")


def _transports(ctx: Context, postfix: Mta) -> Observations:
    way = route(ctx)
    if way is None:
        yield unknown("postfix.transport", "transport", "could not determine the route of the mail")
        return
    wanted = {way.channel: f"mail to {way.domain}: {way.reasons[-1] if way.reasons else ''}"}
    for text, why in _filters(postfix):
        channel = text.partition(":")[0]
        wanted.setdefault(channel, why)
    for channel, why in wanted.items():
        if _served(postfix, channel):
            yield ok("postfix.transport", channel, f"is a service of master.cf ({why})", service=channel)
            continue
        off = " (switched off by master_service_disable)" if postfix.master.get(channel) else ""
        text = f"the mail needs the transport {channel} ({why}), and master.cf has none of that name{off}"
        yield _lost(channel, text, "postfix.transport")


def _filters(postfix: Mta) -> list[tuple[str, str]]:
    found = []
    if named := postfix.value("content_filter"):
        found.append((named, f"content_filter = {named}"))
    for service in postfix.master.services:
        # Only the services by which mail comes in; the re-injection's own empty filter ends the loop.
        named = service.overrides.get("content_filter", "")
        if named and service.command in ("smtpd", "pickup") and "$" not in named:
            found.append((named, f"content_filter of {service.name}"))
    return found


def _served(postfix: Mta, name: str) -> bool:
    """Whether master(8) offers a private or public socket of that name."""
    found = [s for s in postfix.master.services if s.name == name and s.type in ("unix", "fifo", "unix-dgram", "pass")]
    if not found:
        return False
    disabled = postfix.words("master_service_disable")
    return not any(word in (name, f"{name}/{found[-1].type}", f"{name}.{found[-1].type}") for word in disabled)
