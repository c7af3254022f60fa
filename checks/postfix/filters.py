"""Do the content filter, milters, policy services and backends answer?"""

from __future__ import annotations

import re
from dataclasses import replace

from diagnose.check import (
    ANY,
    Context,
    Data,
    Dial,
    DialReply,
    Exec,
    Observation,
    Observations,
    Query,
    Read,
    SignSpec,
    Stat,
    Status,
    ask_all,
    check,
    fail,
    ok,
    unknown,
    warn,
)
from diagnose.facts import Mta, failures, mta
from diagnose.facts.filter_services import Service, address, here, open_to_group, wanted

# The dialogue that shows each kind's program to be alive; other kinds are only connected to.
_GOES = {"content": "banner", "milter": "milter", "policy": "policy"}
_LACKS = {"content": "does not greet", "milter": "does not answer", "policy": "does not read the request"}
_KINDS = ("refused", "missing", "unlisted")


@check(
    id="filters",
    title="Filters and backends",
    signs=(
        SignSpec("filter.content", {"kind": (*_KINDS, "turns-away"), "parameter": ANY}),
        SignSpec("filter.milter", {"kind": (*_KINDS, "again")}),
        SignSpec("filter.policy", {"kind": _KINDS}),
        SignSpec("filter.backend", {"kind": _KINDS}),
    ),
    tags=("postfix",),
    needs=("postfix",),
)
def filters(ctx: Context) -> Observations:
    postfix = mta(ctx)
    named = list(dict.fromkeys(wanted(postfix)))
    dialled = [(s, address(s.endpoint)) for s in named if s.endpoint.startswith("inet:")]
    local = [(s, host, port) for s, (host, port) in dialled if here(host) and port]
    queries: list[Query[DialReply]] = [
        Dial(host=host, port=port, say=_GOES.get(s.kind, "connect"), connect_timeout=2.0, timeout=3.0)
        for s, host, port in local
    ]
    said = _put_off(ctx) if any(s.kind == "content" for s, _, _ in local) else {}
    absent = _was_absent(ctx) if any(s.kind == "milter" for s in named) else False
    for (service, host, port), reply in zip(local, ask_all(ctx, queries), strict=True):
        seen = _dialled(service, host, port, reply, said.get(port, "") if service.kind == "content" else "")
        again = absent and service.kind == "milter" and seen.status is Status.OK
        yield replace(seen, data={**seen.data, "kind": "again"}) if again else seen
    for service in named:
        if service.endpoint.startswith("unix:"):
            yield _socket(ctx, postfix, service, absent)


def _was_absent(ctx: Context) -> bool:
    """Whether the log's only complaints of milters are that nothing listened: an answer now shows that to be over."""
    said = [f.reason.text for f in failures(ctx, None) if f.label == "milter-down" and f.current]
    said = [text for text in said if "4.7.1 Service unavailable" not in text]  # Postfix's own reply, for any reason
    return bool(said) and all(re.search(r"Connection refused|No such file", text) for text in said)


def _put_off(ctx: Context) -> dict[int, str]:
    """Port to the 4xx reply by which a server on this host defers nearly all mail."""
    return {
        f.delivery.relay_port: f.reason.text
        for f in failures(ctx, None)
        if f.delivery and f.delivery.relay_port and f.current and not f.minor and 400 <= (f.reason.code or 0) < 500
        if f.label != "mail-loops-back"  # it only passes on what it was told
        if here(f.delivery.relay_address or "")
    }


def _dialled(service: Service, host: str, port: int, reply: DialReply, put_off: str) -> Observation:
    sign, where = f"filter.{service.kind}", f"{host}:{port}"
    data: Data = {"host": host, "port": port, "parameter": service.parameter, "endpoint": service.endpoint}
    if hung := _hung(service, reply):
        return (warn if service.soft else fail)(sign, where, hung, error=reply.error, kind="refused", **data)
    if reply.connected and (away := reply.banner if reply.banner[:1] in ("4", "5") else put_off):
        text = f"rejects mail ({service.parameter}): {away}"
        return (warn if service.soft else fail)(sign, where, text, kind="turns-away", **data)
    if reply.connected:
        return ok(sign, where, f"answers ({service.parameter})", **data)
    if reply.problem and service.soft:
        return warn(sign, where, f"{reply.problem}; mail passes without it ({service.parameter})", **data)
    if reply.problem:
        return unknown(sign, where, f"could not check whether it is up ({service.parameter}): {reply.problem}", **data)
    why = reply.attempts[-1].error if reply.attempts else reply.error
    say = warn if service.soft else fail
    fault = "refuses the connection" if why == "ECONNREFUSED" else f"does not answer: {why}"
    text = f"{fault} ({service.parameter})"
    return say(sign, where, text, error=why, kind="refused", **data)


def _hung(service: Service, reply: DialReply) -> str:
    """Words for a program that accepts the connection and then says nothing, "" for any other outcome."""
    if not (reply.connected and reply.stage == "banner" and reply.error == "timed out"):
        return ""
    return f"accepts the connection, but {_LACKS[service.kind]}: its program hangs ({service.parameter})"


def _socket(ctx: Context, postfix: Mta, service: Service, absent: bool) -> Observation:
    name = service.endpoint.removeprefix("unix:")
    path = name if name.startswith("/") else f"{postfix.queue_directory}/{name}"
    # A chrooted daemon sees the path below the queue directory.
    places = {True: f"{postfix.queue_directory}{name}", False: path} if name.startswith("/") else {False: path}
    wanted_at = tuple(places[one] for one in service.chroots if one in places) or tuple(places.values())
    sign = f"filter.{service.kind}"
    data: Data = {"path": wanted_at[0], "parameter": service.parameter, "endpoint": service.endpoint}
    replies = [ctx.ask(Stat(place)) for place in wanted_at]
    own = [
        s
        for s in postfix.master.services
        if s.name == name.rpartition("/")[2] and name.startswith(("private/", "public/"))
    ]
    there = next((p for p, r in zip(wanted_at, replies, strict=True) if r.exists and r.kind == "socket"), "")
    denied = there != "" and _denied(ctx, name)
    joined = denied and _member(ctx, postfix, there)
    if there and not own and service.kind in ("milter", "policy"):
        reply = ctx.ask(Dial(host=there, port=0, say=_GOES[service.kind], connect_timeout=2.0, timeout=3.0))
        if hung := _hung(service, reply):
            return (warn if service.soft else fail)(sign, path, hung, error=reply.error, kind="refused", **data)
        if reply.connected and (absent or joined) and service.kind == "milter":
            return ok(sign, path, f"answers ({service.parameter})", kind="again", **data)
    if denied and not joined:
        shut = _modes(ctx, postfix, there)
        return (warn if service.soft else fail)(sign, path, shut, error="EACCES", kind="refused", **data)
    if there:
        return ok(sign, path, f"exists ({service.parameter})", **data)
    if own and own[0].command == "spawn":
        return ok(sign, path, f"is started by master on demand ({service.parameter})", **data)
    say = warn if service.soft else fail
    if refused := next((reply.problem for reply in replies if reply.problem), ""):
        listens = _listens(ctx, wanted_at, name)
        if listens:
            return ok(sign, path, f"a program of this host listens there ({service.parameter})", **data)
        if listens is None or own:
            return unknown(sign, path, f"{refused}; root could check it ({service.parameter})", **data)
        text = f"no program of this host listens there ({service.parameter})"
        return say(sign, path, text, error="not listed", kind="unlisted", **data)
    if own:
        return unknown(
            sign,
            path,
            f"does not exist, and Postfix should have made it ({service.parameter}): is Postfix running?",
            **data,
        )
    text = f"does not exist: nothing listens there ({service.parameter})"
    if path not in wanted_at and ctx.ask(Stat(path)).kind == "socket":
        text = f"{service.parameter} names {path}, which the chrooted daemon does not see: to it that is {wanted_at[0]}"
    return say(sign, path, text, error="ENOENT", kind="missing", **data)


def _denied(ctx: Context, name: str) -> bool:
    """Whether Postfix was denied access to a socket according to the log."""
    said = (f.reason.text for f in failures(ctx, None) if f.current)
    return any("Permission denied" in text and name in text for text in said)


def _member(ctx: Context, postfix: Mta, there: str) -> bool:
    """Whether Postfix's account is in the group that may use a socket, as it may not have been when it was denied."""
    socket, folder = ctx.ask(Stat(there)), ctx.ask(Stat(there.rpartition("/")[0]))
    if not open_to_group(socket, folder):
        return False
    entry = ctx.ask(Exec(("getent", "group", socket.group))).out.strip()
    return postfix.value("mail_owner") in entry.rpartition(":")[2].split(",")


def _modes(ctx: Context, postfix: Mta, there: str) -> str:
    """The owners and modes of a socket and its directory."""
    replies = ctx.ask(Stat(there)), ctx.ask(Stat(there.rpartition("/")[0]))
    owners = (f"{reply.mode:04o} {reply.owner}:{reply.group}" for reply in replies)
    return "{} may not connect: the socket is {}, its directory {}".format(postfix.value("mail_owner"), *owners)


def _listens(ctx: Context, places: tuple[str, ...], name: str) -> bool | None:
    """Whether /proc/net/unix, which every user may read, lists a listening socket of that name: by its full path, or
    relative to its program's directory or root. None if the list is not complete."""
    reply = ctx.ask(Read("/proc/net/unix"))
    if reply.problem:
        return None
    bound = [row[7] for line in reply.text.splitlines() if len(row := line.split()) == 8 and row[3] == "00010000"]
    inner = name.lstrip("/")
    if any(one in places or one == inner or one.endswith(f"/{inner}") for one in bound):
        return True
    return None if reply.truncated else False
