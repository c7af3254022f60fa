"""The first packet of an SMTP connection as a firewall sees it, and a rule set's verdict on it.

Matches are three-valued: True, False, or None for what cannot be determined from outside (a rate limit, a mark, a
set's contents).
"""

from __future__ import annotations

import ipaddress

from diagnose.record import frozen


@frozen
class Packet:
    """A TCP SYN, or a datagram of UDP, that this host sends. `uid` and `gid` of the sending process, None for any; `oif` '' for any but lo.

    `destination` is an IP address, or '' for an arbitrary public one of `family` (4 or 6). `source` likewise.
    `users` maps names to uids, `groups` to gids, for rules that name them. `answer`: it is the server's SYN-ACK
    instead, received from `destination` and `port` through `oif`.
    """

    port: int
    proto: str = "tcp"
    family: int = 4
    uid: int | None = None
    gid: int | None = None
    destination: str = ""
    source: str = ""
    oif: str = ""
    users: tuple[tuple[str, int], ...] = ()
    groups: tuple[tuple[str, int], ...] = ()
    answer: bool = False


@frozen
class Verdict:
    """The rules' verdict on a packet.

    `action`: accept, drop, reject, or redirect (sent elsewhere by NAT). `rule` is the rule's text, or 'policy …';
    `table` and `chain` its place; `owner` the program that wrote the chain: ufw, firewalld, docker, csf, fail2ban,
    cilium, kubernetes, iptables or ''. `by_user`: the verdict may differ for another uid. `packets`: its counter,
    None without one. `suspect`: a rule that may stop the packet. `certain` is False if a match before it could not
    be determined; `doubt` names that one.
    """

    action: str
    rule: str = ""
    table: str = ""
    chain: str = ""
    owner: str = ""
    by_user: bool = False
    packets: int | None = None
    certain: bool = True
    doubt: str = ""
    suspect: Verdict | None = None

    @property
    def stops(self) -> bool:
        """Whether the packet is dropped or rejected."""
        return self.action in ("drop", "reject")


SERVICES = {  # names in rules, from /etc/services
    "smtp": 25,
    "submission": 587,
    "submissions": 465,
    "smtps": 465,
    "urd": 465,
    "http": 80,
    "https": 443,
    "domain": 53,
}
_PROTOCOLS = {"tcp": "6", "udp": "17"}
EPHEMERAL = (32768, 60999)
"""The first and last port that Linux picks for the near end, by default."""

_OWNERS = (
    ("ufw", ("ufw-", "ufw6-")),
    ("docker", ("docker",)),
    ("firewalld", ("firewalld",)),
    ("firewalld", ("filter_out", "out_")),
    ("csf", ("localoutput", "logdropout", "smtpoutput", "allowout", "denyout")),
    ("fail2ban", ("f2b-", "fail2ban")),
    ("kubernetes", ("kube-", "cali-")),
    ("cilium", ("cilium",)),
)


def owner_of(table: str, chain: str) -> str:
    """The program that manages a chain, by its name; '' if unknown."""
    for owner, prefixes in _OWNERS:
        if chain.lower().startswith(prefixes) or table.lower().startswith(prefixes):
            return owner
    return ""


def value_of(packet: Packet, name: str, value: str, op: str = "==") -> bool | None:
    """Whether a field of the packet matches a value or range; None if that cannot be determined."""
    of, _, field = name.partition("-")
    if of in _PROTOCOLS and field:
        return value_of(packet, field, value, op) if of == packet.proto else False
    if name in ("dport", "sport"):
        if (name == "sport") == packet.answer:
            return _number(packet.port, value, op)
        inside = {_number(port, value, op) for port in EPHEMERAL}
        return inside.pop() if len(inside) == 1 else None
    if name.startswith(("ip-", "ip6-")):
        name = name.partition("-")[2]
    if name in ("daddr", "saddr"):
        far = (name == "saddr") == packet.answer
        address = packet.destination if far else packet.source
        found = address_matches(address, packet.family, value)
        return None if not far and not address and not found else found
    if name in ("skuid", "skgid"):
        number, named = (packet.uid, packet.users) if name == "skuid" else (packet.gid, packet.groups)
        if number is None:
            return None
        if not value[:1].isdecimal():
            known = dict(named).get(value)
            return None if known is None else known == number
        return _number(number, value, op)
    if name in ("oif", "iif"):
        return _interface(packet.oif, value) if (name == "iif") == packet.answer else False
    if name in ("l4proto", "protocol"):
        return value in (packet.proto, _PROTOCOLS[packet.proto], "all", "0")
    if name in ("nfproto", "family"):
        return value in (("ipv4", "ip", "4") if packet.family == 4 else ("ipv6", "ip6", "6"))
    if name == "state":
        return value == ("established" if packet.answer else "new")
    if name == "direction":
        return value == ("reply" if packet.answer else "original")
    if name == "flags" and packet.proto == "tcp":
        return _flags({"syn", "ack"} if packet.answer else {"syn"}, value)
    if name == "daddr-type":
        return value == ("local" if packet.answer else "unicast")
    return False if name in ("never", "flags") else None


def _number(number: int, value: str, op: str) -> bool | None:
    low, dash, high = value.partition("-")
    first, last = (int(part[:10]) if part.isdecimal() else SERVICES.get(part) for part in (low, high if dash else low))
    if first is None or last is None:
        return None
    if op in ("<", ">", "<=", ">="):
        return {"<": number < first, ">": number > first, "<=": number <= first, ">=": number >= first}[op]
    return first <= number <= last


def _interface(own: str, value: str) -> bool | None:
    name = value.rstrip("*+")
    if not own:
        return False if name == "lo" and value == "lo" else None if name else True
    return own.startswith(name) if name != value else own == value


def _flags(own: set[str], value: str) -> bool:
    """Whether TCP flags match "mask/wanted" (comma-separated); without a mask, whether any of them is set."""
    mask, slash, wanted = value.partition("/")
    names = set(mask.split(","))
    if not slash:
        return bool(own & names)
    return own & names == set(wanted.split(",")) - {"none", "0x0"}


def negate(match: bool | None, negated: bool) -> bool | None:
    """The match, inverted if `negated`; None stays None."""
    return match if match is None else match != negated


def both(*matches: bool | None) -> bool | None:
    """Three-valued conjunction: one False makes it False."""
    if any(match is False for match in matches):
        return False
    return None if any(match is None for match in matches) else True


def address_matches(address: str, family: int, pattern: str) -> bool | None:
    """Whether an address is in a network, address or range a-b. '' is an arbitrary public address.

    An arbitrary address is in 0.0.0.0/0 and, for IPv6, 2000::/3. For prefixes up to 3 bits the result is None, for
    longer ones False, because a rule about one destination is not a rule about mail. None also for an invalid
    pattern.
    """
    try:
        if "-" in pattern and "/" not in pattern:
            low, _, high = pattern.partition("-")
            first, last = ipaddress.ip_address(low.strip()), ipaddress.ip_address(high.strip())
            if not address:
                return False if first.version != family else (None if _wide(int(first), int(last), family) else False)
            here = ipaddress.ip_address(address)
            return bool(here.version == first.version and int(first) <= int(here) <= int(last))
        network = ipaddress.ip_network(pattern, strict=False)
        if address:
            here = ipaddress.ip_address(address)
            return here.version == network.version and here in network
    except ValueError:
        return None
    if network.version != family:
        return False
    # All of IPv6's public addresses are within 2000::/3.
    if network.prefixlen == 0 or (family == 6 and network == ipaddress.ip_network("2000::/3")):
        return True
    return None if network.prefixlen <= 3 else False


def _wide(first: int, last: int, family: int) -> bool:
    bits = 29 if family == 4 else 125
    return (last - first) >> bits > 0
