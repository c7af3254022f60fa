"""Exim's options as printed by `exim -bP`, and its queue as listed by `exim -bp`.

Exim specification, chapters "The Exim command line", "The manualroute router" and "The smtp transport".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from diagnose.knowledge.smtp import port_number
from diagnose.parse.mailers.queues import Waiting
from diagnose.parse.mailers.way import Way
from diagnose.patterns import late

Options = Mapping[str, str]

_BLOCK = late(r"(?P<name>\S+) (?:router|transport):$")
_AGE = {"m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_HEAD = late(
    r"\s*(?P<age>\d+)(?P<unit>[mhd])\s+(?:(?P<size>[\d.]+)(?P<scale>[KMG]?)\s+)?"
    r"(?P<id>[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4})\s+<(?P<sender>[^>]*)>(?P<rest>.*)"
)


def options(text: str) -> dict[str, str]:
    """Options from `name = value` lines; `name` alone is "true", `no_name` is "false"."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.partition(" =")
        if equals:
            found[name.strip()] = value.strip()
        elif re.fullmatch(r"no_\w+", line.strip()):
            found[line.strip()[3:]] = "false"
        elif re.fullmatch(r"\w+", line.strip()):
            found[line.strip()] = "true"
    return found


def blocks(text: str) -> dict[str, dict[str, str]]:
    """Options of each router or transport by name, in the order of `exim -bP routers` or `exim -bP transports`."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if head := _BLOCK.match(line):
            name = head["name"]
            found[name] = []
        elif name:
            found[name].append(line)
    return {name: options("\n".join(lines)) for name, lines in found.items()}


def way(routers: Mapping[str, Options], transports: Mapping[str, Options], main: Options) -> Way:
    """The route of mail to other hosts: by the first router that accepts every foreign domain."""
    for name, router in routers.items():
        if not _for_anybody(router):
            continue
        transport = transports.get(router.get("transport", ""), {})
        if router.get("driver") == "dnslookup" and transport.get("driver") == "smtp":
            return _by(transport, "direct", "", main, f"router {name}")
        hosts = _hosts(router) if router.get("driver") == "manualroute" else ""
        if hosts == "$":
            said = router.get("route_data") or router.get("route_list", "")
            return Way(kind="", problem=f"router {name} looks its hosts up ({said})")
        if hosts and transport.get("driver") == "smtp":
            return _by(transport, "relay", hosts, main, f"router {name}")
    return Way(kind="local", relay_by="dc_eximconfig_configtype")


def _for_anybody(router: Options) -> bool:
    """Whether a router accepts mail from every sender to every domain but this host's own."""
    if router.get("senders") or router.get("condition") or router.get("local_parts"):
        return False
    domains = router.get("domains", "")
    return not domains or (domains.startswith(("!", "*")) and "relay_to_domains" not in domains)


def _hosts(router: Options) -> str:
    """The host list for every domain; "$" if it depends on the message, "" if there is none."""
    if data := router.get("route_data", ""):
        return "$" if "$" in data else data
    for rule in re.split(r"\s+;\s+|(?<!<);\s*(?=[*\w])", router.get("route_list", "")):
        pattern, _, rest = rule.strip().partition(" ")
        if pattern == "*":
            return "$" if "$" in rest else rest.strip()
    return ""


def _by(transport: Options, kind: str, hosts: str, main: Options, by: str) -> Way:
    implicit = transport.get("protocol") == "smtps"
    every = _each(hosts)
    host, port = every[0] if every else ("", 0)
    usual = transport.get("port", "smtp")
    number = port_number(usual, 25)
    if implicit and usual in ("smtp", "25"):
        number = 465
    avoided, required = transport.get("hosts_avoid_tls", ""), transport.get("hosts_require_tls", "")
    tls = "none" if avoided == "*" else "starttls-required" if required == "*" else "starttls"
    bundle = transport.get("tls_verify_certificates", "")
    helo = transport.get("helo_data", "")
    return Way(
        kind=kind,
        host=host,
        port=port or number,
        more=tuple((name, other or number) for name, other in every[1:]),
        tls="implicit" if implicit else tls,
        verifies=transport.get("tls_verify_hosts", "") == "*" and bundle != "",
        ca_file=bundle if bundle.startswith("/") else "",
        tls_by="protocol = smtps" if implicit else "hosts_avoid_tls" if tls == "none" else "hosts_require_tls",
        relay_by=by,
        helo=helo if "$" not in helo else main.get("primary_hostname", ""),
        login_by="file" if _logs_in(transport) else "elsewhere",
    )


def _logs_in(transport: Options) -> bool:
    """Whether the password file decides about a login, as in Debian's configuration."""
    return "passwd.client" in transport.get("hosts_try_auth", "") + transport.get("hosts_require_auth", "")


def _each(hosts: str) -> list[tuple[str, int]]:
    """(host, port) of each host in a list such as `a.example::587:b.example byname`; port 0 if none is given."""
    text = hosts.strip().strip('"').strip()
    separator = ":"
    if chosen := re.match(r"<(\S)\s*", text):
        separator, text = chosen[1], text[chosen.end() :]
    # Other separators may have blanks around them; options follow the last host.
    text = re.sub(rf"\s*{re.escape(separator)}\s*", separator, text) if separator != ":" else text
    word = text.split()[0] if text.split() else ""
    if address := re.match(r"\[([\w:.]+)\](?::{1,2}(\d+))?", word):
        return [(address[1], int(address[2] or 0))]
    found = []
    for one in re.split(r"(?<!:):(?!:)", word) if separator == ":" else word.split(separator):
        host, _, port = one.replace("::", ":").partition(":")
        if host := host.strip("+"):
            found.append((host, int(port) if port.isdecimal() else 0))
    return found


def waiting(text: str, now: float) -> Iterator[Waiting]:
    """The messages that `exim -bp` lists; frozen ones have the queue name "hold". now: seconds since 1970."""
    head: re.Match[str] | None = None
    recipients: list[str] = []

    def told(head: re.Match[str]) -> Waiting:
        return Waiting(
            queue_name="hold" if "*** frozen ***" in head["rest"] else "deferred",
            queue_id=head["id"],
            size=int(float(head["size"] or 0) * _SIZE[head["scale"] or ""]),
            arrival=now - int(head["age"]) * _AGE[head["unit"]],
            sender=head["sender"],
            recipients=tuple(recipients),
        )

    for line in text.splitlines():
        begins = _HEAD.match(line)
        if begins:
            if head is not None:
                yield told(head)
            head, recipients = begins, []
        elif head is not None and line.startswith("        ") and line.strip() and not line.strip().startswith("D "):
            recipients.append(line.strip())
    if head is not None:
        yield told(head)
