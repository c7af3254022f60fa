"""The filters, policy services and backends that Postfix's settings name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from diagnose.facts.postfix import Mta
from diagnose.host.query import StatReply
from diagnose.parse.postfix import master_cf, nexthop
from diagnose.parse.postfix.master_cf import effective
from diagnose.record import dataclass

_POLICY = re.compile(r"check_policy_service\s+(?:\{\s*)?((?:inet|unix):[^\s,}]+)(?:([^{}]*)\})?")
_DEFAULT_ACTION = re.compile(r"default_action\s*=\s*(\S+)")
_MILTER = re.compile(r"(?:inet|unix|local):[^\s,{}]+")


@dataclass(frozen=True)
class Service:
    """kind: content, milter, policy or backend; endpoint: `inet:host:port` or `unix:path`; soft: mail passes without
    it; chroots: whether the daemons that connect to it are chrooted, () if unknown."""

    kind: str
    endpoint: str
    parameter: str
    soft: bool = False
    chroots: tuple[bool, ...] = ()


def wanted(postfix: Mta) -> Iterator[Service]:
    accept = postfix.value("milter_default_action").lower() == "accept"
    services = postfix.master.services
    views = [(dict(postfix.settings), "", services)]
    views += [(effective(postfix.settings, s), s.command, (s,)) for s in services if s.overrides]
    for settings, command, users in views:
        if command not in ("", "smtpd", "pickup", "cleanup"):
            continue
        value = replace(postfix, settings={**postfix.settings, **settings}).value
        for parameter in ("smtpd_milters", "non_smtpd_milters"):
            for endpoint in _MILTER.findall(value(parameter)):
                asking = "smtpd" if parameter == "smtpd_milters" else "cleanup"
                yield Service(
                    "milter", endpoint.replace("local:", "unix:", 1), parameter, accept, _chroots(users, asking)
                )
        if proxy := value("smtpd_proxy_filter"):
            yield Service(
                "content",
                proxy if proxy.startswith("unix:") else f"inet:{proxy.removeprefix('inet:')}",
                "smtpd_proxy_filter",
            )
        for parameter in sorted(
            name for name in settings if name.startswith("smtpd_") and name.endswith("_restrictions")
        ):
            for endpoint, options in _POLICY.findall(value(parameter)):
                said = _DEFAULT_ACTION.search(options)
                action = said[1] if said else value("smtpd_policy_service_default_action")
                passes = action.rstrip(",").lower() in ("dunno", "ok", "permit")  # access(5)
                yield Service("policy", endpoint, parameter, passes, _chroots(users, "smtpd"))
        channel, _, hop = value("content_filter").partition(":")
        yield from _transport(postfix, "content", channel, hop, "content_filter")
    for parameter in ("mailbox_transport", "virtual_transport", "local_transport"):
        channel, _, hop = postfix.value(parameter).partition(":")
        yield from _transport(postfix, "backend", channel, hop, parameter)
    if postfix.flag("smtpd_sasl_auth_enable") and postfix.value("smtpd_sasl_type") == "dovecot":
        path = postfix.value("smtpd_sasl_path")
        yield Service(
            "backend", path if path.startswith("inet:") else f"unix:{path.removeprefix('unix:')}", "smtpd_sasl_path"
        )


def _chroots(services: Iterable[master_cf.Service], command: str) -> tuple[bool, ...]:
    return tuple({s.chroot for s in services if s.command == command})


def _transport(postfix: Mta, kind: str, channel: str, hop: str, parameter: str) -> Iterator[Service]:
    service = postfix.master.get(channel) if channel else None
    if service is None or service.command not in ("smtp", "lmtp") or not hop:
        return
    if hop.startswith("unix:"):
        yield Service(kind, hop, parameter, chroots=(service.chroot,))
        return
    parsed = nexthop.parse(hop.removeprefix("inet:"))
    port = parsed.port_number(24 if service.command == "lmtp" else 25)
    yield Service(kind, f"inet:{parsed.host}:{port}", parameter)


def address(endpoint: str) -> tuple[str, int]:
    """(host, port) of `inet:host:port`, or of a milter's `inet:port@host`; port 0 if it is not a number."""
    body = endpoint.removeprefix("inet:")
    if "@" in body:
        port, _, host = body.partition("@")
    else:
        host, _, port = body.rpartition(":")
    return host.strip("[]") or "127.0.0.1", int(port) if port.isdecimal() else 0


def here(host: str) -> bool:
    """Whether an endpoint's host is this one."""
    return host == "localhost" or host.startswith("127.") or host in ("::1", "0.0.0.0")


def open_to_group(socket: StatReply, folder: StatReply) -> bool:
    """Whether the group of a socket may write to it and enter its directory."""
    enters = folder.mode & 0o001 or (folder.group == socket.group and folder.mode & 0o010)
    return bool(socket.mode & 0o020 and enters)
