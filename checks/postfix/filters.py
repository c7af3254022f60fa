"""Do the content filter, the milters, the policy services and the backends of this host answer?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from diagnose.check import (
    ANY,
    Context,
    Dial,
    DialReply,
    Query,
    Read,
    SignSpec,
    Stat,
    ask_all,
    check,
    fail,
    ok,
    unknown,
    warn,
)
from diagnose.facts import Mta, mta
from diagnose.model import Observation, Scalar
from diagnose.parse.postfix import nexthop
from diagnose.parse.postfix.master_cf import effective

_POLICY = re.compile(r"check_policy_service\s+\{?\s*((?:inet|unix):[^\s,}]+)")
_MILTER = re.compile(r"(?:inet|unix|local):[^\s,{}]+")


@dataclass(frozen=True, slots=True)
class _Service:
    """kind: content, milter, policy or backend; endpoint: `inet:host:port` or `unix:path`; soft: mail passes without."""

    kind: str
    endpoint: str
    parameter: str
    soft: bool = False


_KINDS = ("refused", "missing", "unlisted")


@check(
    id="filters",
    title="Filters and backends of this host",
    signs=(
        SignSpec("filter.content", {"kind": _KINDS, "parameter": ANY}),
        SignSpec("filter.milter", {"kind": _KINDS}),
        SignSpec("filter.policy", {"kind": _KINDS}),
        SignSpec("filter.backend", {"kind": _KINDS}),
    ),
    tags=("postfix",),
    needs=("postfix",),
)
def filters(ctx: Context) -> Iterator[Observation]:
    postfix = mta(ctx)
    wanted = list(dict.fromkeys(_wanted(postfix)))
    dialled = [(s, _address(s.endpoint)) for s in wanted if s.endpoint.startswith("inet:")]
    local = [(s, host, port) for s, (host, port) in dialled if _here(host) and port]
    queries: list[Query[DialReply]] = [
        Dial(host=host, port=port, say="connect", connect_timeout=2.0) for _, host, port in local
    ]
    for (service, host, port), reply in zip(local, ask_all(ctx, queries), strict=True):
        yield _dialled(service, host, port, reply)
    for service in wanted:
        if service.endpoint.startswith("unix:"):
            yield _socket(ctx, postfix, service)


def _wanted(postfix: Mta) -> Iterator[_Service]:
    accept = postfix.value("milter_default_action").lower() == "accept"
    views = [("main.cf", dict(postfix.settings), "")]
    views += [(s.name, effective(postfix.settings, s), s.command) for s in postfix.master.services if s.overrides]
    for _, settings, command in views:
        if command not in ("", "smtpd", "pickup", "cleanup"):
            continue
        value = _Values(postfix, settings)
        for parameter in ("smtpd_milters", "non_smtpd_milters"):
            for endpoint in _MILTER.findall(value(parameter)):
                yield _Service("milter", endpoint.replace("local:", "unix:", 1), parameter, accept)
        if proxy := value("smtpd_proxy_filter"):
            yield _Service(
                "content",
                proxy if proxy.startswith("unix:") else f"inet:{proxy.removeprefix('inet:')}",
                "smtpd_proxy_filter",
            )
        for parameter in sorted(
            name for name in settings if name.startswith("smtpd_") and name.endswith("_restrictions")
        ):
            for endpoint in _POLICY.findall(value(parameter)):
                yield _Service("policy", endpoint, parameter)
        channel, _, hop = value("content_filter").partition(":")
        yield from _transport(postfix, "content", channel, hop, "content_filter")
    for parameter in ("mailbox_transport", "virtual_transport", "local_transport"):
        channel, _, hop = postfix.value(parameter).partition(":")
        yield from _transport(postfix, "backend", channel, hop, parameter)
    if postfix.flag("smtpd_sasl_auth_enable") and postfix.value("smtpd_sasl_type") == "dovecot":
        path = postfix.value("smtpd_sasl_path")
        yield _Service(
            "backend", path if path.startswith("inet:") else f"unix:{path.removeprefix('unix:')}", "smtpd_sasl_path"
        )


class _Values:
    """A parameter's value in one service's view of the settings."""

    def __init__(self, postfix: Mta, settings: dict[str, str]) -> None:
        self._settings = {**postfix.settings, **settings}

    def __call__(self, name: str) -> str:
        from diagnose.parse.postfix.postconf import expand

        return expand(self._settings.get(name, ""), self._settings).strip()


def _transport(postfix: Mta, kind: str, channel: str, hop: str, parameter: str) -> Iterator[_Service]:
    service = postfix.master.get(channel) if channel else None
    if service is None or service.command not in ("smtp", "lmtp") or not hop:
        return
    if hop.startswith("unix:"):
        yield _Service(kind, hop, parameter)
        return
    parsed = nexthop.parse(hop.removeprefix("inet:"))
    port = parsed.port_number(24 if service.command == "lmtp" else 25)
    yield _Service(kind, f"inet:{parsed.host}:{port}", parameter)


def _address(endpoint: str) -> tuple[str, int]:
    """`inet:host:port`, or a milter's `inet:port@host`."""
    body = endpoint.removeprefix("inet:")
    if "@" in body:
        port, _, host = body.partition("@")
    else:
        host, _, port = body.rpartition(":")
    return host.strip("[]") or "127.0.0.1", int(port) if port.isdigit() else 0


def _here(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host in ("::1", "0.0.0.0")


def _dialled(service: _Service, host: str, port: int, reply: DialReply) -> Observation:
    sign, where = f"filter.{service.kind}", f"{host}:{port}"
    data: dict[str, Scalar] = {"host": host, "port": port, "parameter": service.parameter, "endpoint": service.endpoint}
    if reply.connected:
        return ok(sign, where, f"{service.parameter}: it answers", **data)
    if reply.problem and service.soft:
        return warn(sign, where, f"{service.parameter}: {reply.problem}; mail passes without it", **data)
    if reply.problem:
        return unknown(
            sign, where, f"{service.parameter}: {reply.problem}; a connection would tell whether it is up", **data
        )
    why = reply.attempts[-1].error if reply.attempts else reply.error
    say = warn if service.soft else fail
    text = f"{service.parameter} names it, and it does not answer ({why})"
    return say(sign, where, text, error=why, kind="refused", **data)


def _socket(ctx: Context, postfix: Mta, service: _Service) -> Observation:
    name = service.endpoint.removeprefix("unix:")
    path = name if name.startswith("/") else f"{postfix.queue_directory}/{name}"
    # A chrooted daemon sees the path below the queue directory; either place may be meant.
    places = (path, f"{postfix.queue_directory}{name}") if name.startswith("/") else (path,)
    sign = f"filter.{service.kind}"
    data: dict[str, Scalar] = {"path": path, "parameter": service.parameter, "endpoint": service.endpoint}
    replies = [ctx.ask(Stat(place)) for place in places]
    if any(reply.exists and reply.kind == "socket" for reply in replies):
        return ok(sign, path, f"{service.parameter}: its socket is there", **data)
    own = [
        s
        for s in postfix.master.services
        if s.name == name.rpartition("/")[2] and name.startswith(("private/", "public/"))
    ]
    if own and own[0].command == "spawn":
        return ok(sign, path, f"{service.parameter}: master starts it on demand", **data)
    say = warn if service.soft else fail
    if refused := next((reply.problem for reply in replies if reply.problem), ""):
        listens = _listens(ctx, places, name)
        if listens:
            return ok(sign, path, f"{service.parameter}: a program of this host listens there", **data)
        if listens is None or own:
            return unknown(sign, path, f"{service.parameter}: {refused}; root could look", **data)
        text = f"{service.parameter} names a socket at which no program of this host listens"
        return say(sign, path, text, error="not listed", kind="unlisted", **data)
    if own:
        return unknown(
            sign, path, f"{service.parameter}: Postfix' own socket is not there; is Postfix running?", **data
        )
    text = f"{service.parameter} names a socket that does not exist: nothing listens there"
    return say(sign, path, text, error="ENOENT", kind="missing", **data)


def _listens(ctx: Context, places: tuple[str, ...], name: str) -> bool | None:
    """Whether the kernel lists a listening socket of that name, as its program bound it: by the full path, or from a
    directory or root of its own. The list is for everybody, unlike Postfix' directories. None where it is not whole."""
    reply = ctx.ask(Read("/proc/net/unix"))
    if reply.problem:
        return None
    bound = [row[7] for line in reply.text.splitlines() if len(row := line.split()) == 8 and row[3] == "00010000"]
    inner = name.lstrip("/")
    if any(one in places or one == inner or one.endswith(f"/{inner}") for one in bound):
        return True
    return None if reply.truncated else False
