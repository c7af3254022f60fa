"""Which address a name has, and what listens there.

An address is derived from the name, in a block of the operator's own; its two low bits tell the role, so that a
packet filter can close the ports that such a host would not have open: 1 exchanger, 2 submission, 3 web or other."""

from __future__ import annotations

import hashlib
import ipaddress
import re

ROLES = {"mx": 1, "submission": 2, "web": 3}

# suffix of the name: (operator, IPv4 block, IPv6 block or ""). Blocks are the operators' real ones, roughly.
BLOCKS: tuple[tuple[str, str, str, str], ...] = (
    ("google.com", "google", "142.250.0.0/16", "2a00:1450:4000::/36"),
    ("gmail.com", "google", "142.250.0.0/16", "2a00:1450:4000::/36"),
    ("googlemail.com", "google", "142.250.0.0/16", "2a00:1450:4000::/36"),
    ("outlook.com", "microsoft", "52.101.0.0/16", "2a01:111:f403::/48"),
    ("office365.com", "microsoft", "40.99.0.0/16", "2603:1026::/32"),
    ("hotmail.com", "microsoft", "52.101.0.0/16", ""),
    ("yahoodns.net", "yahoo", "67.195.0.0/16", ""),
    ("yahoo.com", "yahoo", "98.137.0.0/16", ""),
    ("icloud.com", "apple", "17.57.0.0/16", ""),
    ("me.com", "apple", "17.56.0.0/16", ""),
    ("mandrillapp.com", "mandrill", "198.2.128.0/18", ""),
    ("sendgrid.net", "sendgrid", "167.89.0.0/17", ""),
    ("amazonaws.com", "amazon", "54.240.0.0/18", ""),
    ("mailgun.org", "mailgun", "34.160.0.0/16", ""),
    ("postmarkapp.com", "postmark", "50.31.156.0/24", ""),
    ("sparkpostmail.com", "sparkpost", "52.26.0.0/16", ""),
    ("brevo.com", "brevo", "1.179.112.0/20", ""),
    ("mailjet.com", "mailjet", "87.253.232.0/21", ""),
    ("smtp2go.com", "smtp2go", "103.2.140.0/22", ""),
    ("fastmail.com", "fastmail", "66.111.4.0/24", ""),
    ("messagingengine.com", "fastmail", "103.168.172.0/24", ""),
    ("zoho.com", "zoho", "136.143.190.0/23", ""),
    ("comcast.net", "comcast", "96.102.0.0/16", "2001:558::/32"),
    ("gmx.net", "gmx", "212.227.0.0/18", ""),
    ("web.de", "gmx", "212.227.64.0/18", ""),
    ("t-online.de", "telekom", "194.25.134.0/24", ""),
    ("orange.fr", "orange", "80.12.26.0/24", ""),
    ("mail.ru", "mailru", "94.100.176.0/20", ""),
    ("yandex.ru", "yandex", "77.88.21.0/24", "2a02:6b8::/32"),
    ("proton.me", "proton", "185.70.42.0/24", ""),
    ("cloudflare.com", "cloudflare", "104.16.0.0/16", "2606:4700::/32"),
    ("cloudflare.net", "cloudflare", "104.17.0.0/16", "2606:4700::/32"),
)

FIXED = {
    "one.one.one.one": ("1.1.1.1", "2606:4700:4700::1111"),
    "dns.google": ("8.8.8.8", "2001:4860:4860::8888"),
    "dns.quad9.net": ("9.9.9.9", "2620:fe::fe"),
    "dns9.quad9.net": ("9.9.9.9", "2620:fe::9"),
    "resolver1.opendns.com": ("208.67.222.222", "2620:119:35::35"),
    "ns1.google.com": ("216.239.32.10", "2001:4860:4802:32::a"),
}

# domain: its exchangers, as the real world publishes them (preference, host)
EXCHANGERS: dict[str, tuple[tuple[int, str], ...]] = {
    "gmail.com": (
        (5, "gmail-smtp-in.l.google.com"),
        (10, "alt1.gmail-smtp-in.l.google.com"),
        (20, "alt2.gmail-smtp-in.l.google.com"),
    ),
    "googlemail.com": ((5, "gmail-smtp-in.l.google.com"), (10, "alt1.gmail-smtp-in.l.google.com")),
    "google.com": ((10, "smtp.google.com"),),
    "outlook.com": ((5, "outlook-com.olc.protection.outlook.com"),),
    "hotmail.com": ((2, "hotmail-com.olc.protection.outlook.com"),),
    "live.com": ((2, "live-com.olc.protection.outlook.com"),),
    "microsoft.com": ((10, "microsoft-com.mail.protection.outlook.com"),),
    "yahoo.com": ((1, "mta5.am0.yahoodns.net"), (1, "mta6.am0.yahoodns.net"), (1, "mta7.am0.yahoodns.net")),
    "aol.com": ((10, "mx-aol.mail.gm0.yahoodns.net"),),
    "icloud.com": ((10, "mx01.mail.icloud.com"), (10, "mx02.mail.icloud.com")),
    "me.com": ((10, "mx01.mail.icloud.com"),),
    "fastmail.com": ((10, "in1-smtp.messagingengine.com"), (20, "in2-smtp.messagingengine.com")),
    "gmx.net": ((10, "mx00.emig.gmx.net"), (10, "mx01.emig.gmx.net")),
    "gmx.de": ((10, "mx00.emig.gmx.net"), (10, "mx01.emig.gmx.net")),
    "web.de": ((100, "mx-ha02.web.de"), (100, "mx-ha03.web.de")),
    "t-online.de": ((10, "mx00.t-online.de"), (10, "mx01.t-online.de")),
    "comcast.net": ((5, "mx1.mxge.comcast.net"), (5, "mx2.mxge.comcast.net")),
    "proton.me": ((10, "mail.protonmail.ch"), (20, "mailsec.protonmail.ch")),
    "mail.ru": ((10, "mxs.mail.ru"),),
    "yandex.ru": ((10, "mx.yandex.ru"),),
    "orange.fr": ((10, "smtp-in.orange.fr"),),
}

EXCHANGER_HOSTS = frozenset(host for hosts in EXCHANGERS.values() for _, host in hosts)

TOP_LEVELS = frozenset(
    "com net org de at ch fr uk us eu io ru it nl be es pl cz se no dk fi jp cn in br au ca me info biz dev app co "
    "edu gov mil arpa email cloud google one us nz ie pt gr hu ro example".split()
)

_SUBMISSION = re.compile(r"^(smtp|email-smtp|in-v3|live\.smtp|sandbox\.smtp|mail\.smtp2go|relay|pro\.|submission)")
_EXCHANGER = re.compile(r"^(mx|mail|aspmx|alt\d|in\d|inbound|mta\d|gateway)|\.protection\.outlook\.com$")


def role_of(name: str, roles: dict[str, str] | None = None) -> str:
    """mx, submission or web, from the name, unless `roles` says otherwise."""
    if roles and name in roles:
        return roles[name]
    if name in EXCHANGER_HOSTS:
        return "mx"
    if _SUBMISSION.search(name):
        return "submission"
    return "mx" if _EXCHANGER.search(name) else "web"


def operator_of(name: str) -> tuple[str, str, str]:
    """(operator, IPv4 block, IPv6 block) of a host name; unknown names belong to one of three hosting companies."""
    for suffix, operator, block4, block6 in BLOCKS:
        if name == suffix or name.endswith("." + suffix):
            return operator, block4, block6
    domain = ".".join(name.split(".")[-2:])
    number = hashlib.sha256(domain.encode()).digest()[0] % 3
    return "generic", ("45.76.0.0/16", "159.69.0.0/16", "51.38.0.0/16")[number], ""


def address_of(name: str, family: int, roles: dict[str, str] | None = None) -> str:
    """The address of a name, or "" when it has none in that family (4 or 6)."""
    if name in FIXED:
        return FIXED[name][family == 6]
    _, block4, block6 = operator_of(name)
    block = block4 if family == 4 else block6
    if not block:
        return ""
    network = ipaddress.ip_network(block)
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:12], "big")
    offset = (seed % network.num_addresses) & ~3 | ROLES[role_of(name, roles)]
    if offset < 4:
        offset += 64
    return str(network[offset])
