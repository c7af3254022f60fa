"""Which IP addresses are in the host's own network, with no provider in between. Pure."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_OWN_NETS = (
    *("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
    *("::/127", "fc00::/7", "fe80::/10"),
)


@cache
def _nets() -> tuple[IPv4Network | IPv6Network, ...]:
    from ipaddress import ip_network

    return tuple(map(ip_network, _OWN_NETS))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    from ipaddress import ip_address  # 2 ms

    try:
        return ip_address(text)
    except ValueError:
        return None


def is_address(text: str) -> bool:
    """Whether it is an IPv4 or IPv6 address."""
    return _address(text) is not None


def is_private(address: str) -> bool:
    """Whether an address is loopback, RFC 1918, unique local or link-local, without a provider's filter in between.
    Not shared address space (RFC 6598), which is the access provider's, nor example networks (RFC 5737)."""
    here = _address(address)
    return here is not None and any(here in net for net in _nets() if net.version == here.version)


def is_loopback(host: str) -> bool:
    """Whether a name or address is this host's loopback."""
    host = host.strip("[]").lower().rstrip(".").removeprefix("::ffff:")
    return (
        host in {"localhost", "localhost.localdomain", "::1"} or re.fullmatch(r"127(?:\.\d{1,3}){3}", host) is not None
    )
