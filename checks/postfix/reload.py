"""Have Postfix's daemons read the settings as they are now?

The queue manager is restarted by every start and reload, so that its age tells when the settings were last read.
"""

from __future__ import annotations

from diagnose.check import Context, Data, Observations, Stat, check, fail, ok, skip, unknown
from diagnose.facts import mail_log, master, mta, route, unread
from diagnose.parse.text import duration


@check(
    id="reload",
    title="Settings in force",
    signs=("config.reloaded", "config.behaviour"),
    tags=("postfix", "config"),
    needs=("postfix",),
)
def reload(ctx: Context) -> Observations:
    postfix = mta(ctx)
    if master(ctx) is None:
        skip("the master's process is not known, so the age of its settings is not known either")
    changed: list[tuple[float, str]] = []
    for name in ("main.cf", "master.cf"):
        path = f"{postfix.config_directory}/{name}"
        if later := unread(ctx, path):
            changed.append((later, path))
        elif problem := ctx.ask(Stat(path)).problem:
            yield unknown("config.reloaded", path, problem)
    if not changed:
        yield ok(
            "config.reloaded", "settings", "the daemons have read main.cf and master.cf since they were last changed"
        )
        return
    for later, path in changed:
        text = f"was changed {duration.words(later)} after Postfix last started or reloaded: not all of it is in force"
        yield fail("config.reloaded", path, text, path=path, seconds=int(later))
    yield from _behaviour(ctx)


def _behaviour(ctx: Context) -> Observations:
    """Compares where the last mail in the log went with where the files would send it now."""
    way = route(ctx)
    log = mail_log(ctx)
    if way is None or log is None:
        return
    tried = [group for group in log.deliveries.values() if group.sample.domain == way.domain and group.last]
    if not tried:
        return
    last = max(tried, key=lambda group: group.last or group.first or log.now).sample
    service = last.service or ""
    data: Data = {"domain": way.domain, "service": service, "host": way.host, "port": way.port}
    suspended = "suspended" in last.text
    if service in ("error", "discard") and way.program not in ("error", "discard") and not suspended:
        text = f"the files send mail to {way.domain} by {way.channel}, but the last message went to {service}"
        yield fail("config.behaviour", way.domain, text, **data)
    elif service in ("local", "virtual") and way.remote:
        text = f"the files send mail to {way.domain} out, but the last message was delivered on this host"
        yield fail("config.behaviour", way.domain, text, **data)
    elif way.remote and way.relay and service in ("smtp", "relay", "lmtp", ""):
        seen = " ".join((last.relay_host or "", last.relay_address or "", last.text, *last.context)).lower()
        port = last.relay_port or next((r.peer_port for r in last.reasons if r.peer_port), None)
        # A domain's exchangers have other names than the next hop; a bracketed host has its own.
        named = way.host.lower() in seen or (not way.bracketed and not last.relay_port)
        if not named and seen.strip():
            text = f"the files send mail to {way.destination}, but the last attempt went elsewhere: {last.text[:120]}"
            yield fail("config.behaviour", way.domain, text, **data)
        elif port and port != way.port:
            text = f"the files send mail to {way.destination}, but the last attempt used port {port}"
            yield fail("config.behaviour", way.domain, text, **data)
    elif way.remote and not way.relay and last.relay_port and last.relay_port != way.port:
        text = f"the files send mail directly to {way.domain}, but the last attempt used {last.relay_host}:{last.relay_port}"
        yield fail("config.behaviour", way.domain, text, **data)
