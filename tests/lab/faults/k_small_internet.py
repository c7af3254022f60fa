"""An Internet of one small server at one address: no reference host, bare names, odd words."""

from __future__ import annotations

from dataclasses import replace

from tests.lab.fault import fault
from tests.lab.faults.e_replies import saying
from tests.lab.faults.z_healthy import well
from tests.lab.internet.names import TOP_LEVELS
from tests.lab.internet.world import Manner, Server, World, one_server
from tests.lab.machine import Machine
from tests.lab.steps import mail, nft, pause, relay, settings, shell, wait

ONE = "198.51.100.10"
OPEN = nft("internet", f"special ip daddr {ONE} accept")
_SMALL = Manner(
    banner="{name} Python SMTP 1.4.4", features=("SIZE 33554432", "8BITMIME", "HELP"), auth=("LOGIN", "PLAIN")
)
_SERVERS = (
    Server(host="*", ports=(25,), manner=replace(_SMALL, auth=(), starttls=False)),
    Server(host="*", manner=replace(_SMALL, needs_auth=True, needs_tls=True)),
)


def everywhere() -> World:
    """Every name has one and the same address: no AAAA, no TXT, no PTR; servers without STARTTLS on 25."""
    records: dict[tuple[str, str], tuple[str, ...] | str] = {("brightwater-labs.com", "*"): "NODATA"}
    for top in TOP_LEVELS:
        records |= {("*." + top, kind): "NODATA" for kind in ("AAAA", "TXT", "PTR")}
        records |= {("*." + top, "A"): (ONE,), ("*." + top, "MX"): (f"10 mx.post.{top}",)}
    return World(servers=_SERVERS, records=records | {("*.arpa", "PTR"): "NXDOMAIN"})


def alone(address: str = ONE) -> World:
    """Nothing exists but one recipient's domain and one relay, both at one address."""
    records: dict[tuple[str, str], tuple[str, ...] | str] = {("brightwater-labs.com", "*"): "NODATA"}
    records |= {("*." + top, kind): "NXDOMAIN" for top in TOP_LEVELS for kind in ("A", "AAAA", "MX", "TXT")}
    records["northwind-trading.com", "MX"] = ("10 mail.northwind-trading.com",)
    for name in ("mail.northwind-trading.com", "smtp.mandrillapp.com"):
        records |= {(name, "A"): (address,), (name, "AAAA"): "NODATA"}
    return World(servers=_SERVERS, records=records)


def ten_is_internet(m: Machine) -> None:
    """The ISP routes 10.0.0.0/8 on, as in a test network that is built of private addresses."""
    m.network.run("isp", "ip", "route", "del", "unreachable", "10.0.0.0/8")


FAULTS = (
    well("healthy-one-server-for-all", "every name leads to one small server", OPEN, world=everywhere(), history=False),
    well("healthy-only-one-domain", "no name but the recipient's exists", OPEN, world=alone(), history=False),
    well(
        "healthy-private-internet",
        "the recipient's exchanger has a private address, and takes the mail",
        ten_is_internet,
        nft("internet", "special ip daddr 10.99.0.10 accept"),
        world=alone("10.99.0.10"),
        history=False,
    ),
    well(
        "healthy-one-bounce-same-second",
        "one dead mailbox among a dozen deliveries within a second",
        world=one_server("mx?.fjord-shipping.no", recipients={"old@fjord-shipping.no": "550 5.1.1 no such user"}),
        then=(
            mail("old@fjord-shipping.no"),
            *(mail(f"user{n}@northwind-trading.com") for n in range(12)),
            wait("to=<user11.*status=sent"),
            pause(0.5),
        ),
        history=False,
    ),
    well(
        "healthy-name-without-dots",
        "the host is called portal and nothing else",
        settings(myhostname=None),
        shell("hostname portal; printf '127.0.0.1 localhost\\n127.0.1.1 portal\\n' > /etc/hosts"),
        history=False,
    ),
    fault(
        "one-server-25-dropped",
        "egress-port-25-blocked",
        "every name leads to one server; the gateway drops 25",
        OPEN,
        nft("gateway", "forward tcp dport 25 drop"),
        world=everywhere(),
        shows="status=deferred .*timed out",
    ),
    fault(
        "one-domain-587-dropped",
        "egress-submission-blocked",
        "no reference host exists; the relay answers on other ports, 587 is dropped",
        OPEN,
        relay(),
        nft("gateway", "forward tcp dport 587 drop"),
        world=alone(),
        shows="status=deferred .*timed out",
    ),
    fault(
        "only-web-closed-25-dropped",
        "egress-port-25-blocked",
        "the web is out of reach as well, yet the recipient's server answers on other ports",
        nft(
            "internet",
            f"special ip daddr {ONE} accept\nspecial ip daddr != 62.155.240.53 tcp dport {{ 53, 80, 443 }} reject with tcp reset",
        ),
        nft("gateway", "forward tcp dport 25 drop"),
        world=alone(),
        shows="status=deferred .*timed out",
    ),
    fault(
        "allowance-used-up",
        "relay-account-restricted",
        "the relay puts mail off for a spent plan, in words of its own",
        relay(),
        world=saying("smtp.mandrillapp.com", "MAIL", "451 4.3.0 Your monthly plan allowance has been used up"),
        shows="allowance",
    ),
    fault(
        "auth-501",
        "relay-credentials-rejected",
        "the relay answers the login with 501 and no word of credentials",
        relay(),
        world=saying("smtp.mandrillapp.com", "AUTH", "501 5.5.2 Cannot decode response"),
        shows="501",
    ),
    fault(
        "banner-poor-history",
        "ip-blocklisted",
        "the receiver refuses the address in its greeting, in words of its own",
        world=one_server("mx?.northwind-trading.com", banner="554 5.7.1 mail refused, address {ip} has a poor history"),
        shows="refused to talk",
    ),
)
