"""Faults beyond this host: other manners of blocking, a relay that no table knows, refused logins, words of servers."""

from __future__ import annotations

from typing import Any

from tests.lab.fault import Fault, fault
from tests.lab.internet.world import Manner, Server, World, one_server
from tests.lab.machine import SECRET
from tests.lab.steps import clock, journal, mail, nft, pause, relay, settings, shell, wait, write
from tests.lab.surroundings import busy_day, container, iso_log, rotated

CORP = "mail.example-corp.net"
TOWN = "post@gemeinde-auental.ch"
DROP_25 = nft("isp", "forward tcp dport 25 drop")
IPV6_ALONE = shell(
    "ip addr del 192.168.1.10/24 dev eth0; printf 'nameserver 2001:4860:4860::8888\\n' > /etc/resolv.conf"
)
_STRICT = """table inet site {
 set ok { type inet_service; flags interval; elements = { 53, 80, 123, 443, 8000-8999 } }
 chain out { type filter hook output priority filter; policy drop;
  oif lo accept
  ct state vmap { established : accept, related : accept, invalid : drop }
  meta l4proto { icmp, icmpv6 } accept
  udp dport @ok accept
  tcp dport @ok accept
 }
}
"""
_CSF = """iptables-legacy -N SMTPOUTPUT; iptables-legacy -A OUTPUT -p tcp -j SMTPOUTPUT
iptables-legacy -A SMTPOUTPUT -o lo -p tcp -m multiport --dports 25,465,587 -j ACCEPT
iptables-legacy -A SMTPOUTPUT -p tcp -m multiport --dports 25,465,587 -m owner --gid-owner mail -j ACCEPT
iptables-legacy -A SMTPOUTPUT -p tcp -m multiport --dports 25,465,587 -m owner --uid-owner 0 -j ACCEPT
iptables-legacy -A SMTPOUTPUT -p tcp -m multiport --dports 25,465,587 -j REJECT --reject-with icmp-port-unreachable
"""


def corp(*servers: Server, **more: Any) -> World:
    """A world in which a relay stands behind a name that no table knows."""
    return World(roles={CORP: "submission"}, servers=servers, **more)


def says(host: str, stage: str, reply: str, **manner: Any) -> Server:
    """A server that answers so at one stage (BANNER: instead of its greeting)."""
    if stage == "BANNER":
        return Server(host=host, ports=(25,), manner=Manner(banner=reply, **manner))
    return Server(host=host, manner=Manner(replies={stage: reply}, **manner))


def everybody(**manner: Any) -> World:
    """The same behaviour at every server's port 25."""
    return one_server("*", ports=(25,), **manner)


def received(name: str, cause: str, stage: str, reply: str) -> Fault:
    world = World(servers=(says("mx?.gemeinde-auental.ch", stage, reply),))
    return fault(name, cause, f"a receiver says {reply!r} at {stage}", then=(mail(TOWN),), world=world, shows="status=")


def relayed(name: str, cause: str, stage: str, reply: str) -> Fault:
    about = f"a relay says {reply!r} at {stage}"
    return fault(name, cause, about, relay(CORP), world=corp(says(CORP, stage, reply)), shows="status=")


_BLOCKED = (
    fault(
        "host-unreachable-for-25",
        "egress-port-25-blocked",
        "the ISP answers 25 with host-unreachable",
        nft("isp", "forward tcp dport 25 reject with icmpx type host-unreachable"),
        shows="No route to host",
    ),
    fault(
        "idle-25-dropped",
        "egress-port-25-blocked",
        "nothing was ever sent, there is no log; the gateway drops 25",
        shell("rm -f /var/log/mail.log"),
        nft("gateway", "forward tcp dport 25 drop"),
        then=(),
    ),
    fault(
        "container-25-dropped",
        "egress-port-25-blocked",
        "a container without tools and log; the gateway drops 25",
        nft("gateway", "forward tcp dport 25 drop"),
        container(),
        start=False,
        shows="status=deferred",
    ),
    fault(
        "iso-log-25-reset",
        "egress-port-25-blocked",
        "the gateway resets 25; the log has RFC 3339 time stamps",
        nft("gateway", "forward tcp dport 25 reject with tcp reset"),
        then=(mail(), wait("status=deferred"), iso_log()),
    ),
    fault(
        "rotated-log-25-dropped",
        "egress-port-25-blocked",
        "the log was rotated after the failure",
        DROP_25,
        then=(mail(), wait("status=deferred"), rotated()),
    ),
    fault(
        "ipv6-alone-25-dropped",
        "egress-port-25-blocked",
        "a host with IPv6 alone",
        IPV6_ALONE,
        DROP_25,
        then=(mail("maria.example@gmail.com"),),
        shows="status=deferred",
    ),
    # A box that takes the connection and gives nothing: it blocks the port, and it answers in others' place.
    fault(
        "box-closes-25",
        ("egress-port-25-blocked", "smtp-intercepted"),
        "a box takes 25 and hangs up at once",
        world=everybody(connect="close"),
        shows="lost connection",
    ),
    fault(
        "box-refuses-25",
        ("smtp-intercepted", "egress-port-25-blocked"),
        "one and the same refusal greets for every server",
        world=everybody(banner="554 filter7.access-isp.local outgoing port 25 is not available on this line"),
        shows="refused to talk",
    ),
    fault(
        "proxy-refuses-recipients",
        "smtp-intercepted",
        "a transparent proxy refuses every recipient",
        world=everybody(
            banner="proxy01.access-isp.local ESMTP Exim 4.94",
            starttls=False,
            replies={"RCPT": "550 outbound mail must use the provider's smarthost"},
        ),
        shows="status=bounced",
    ),
    fault(
        "csf-smtp-block",
        "local-firewall-blocks-smtp",
        "csf's SMTP_BLOCK lets root and the group mail out",
        shell(_CSF),
        settings(inet_protocols="ipv4"),
        shows="refused",
    ),
    fault(
        "strict-output-relay",
        "local-firewall-blocks-smtp",
        "output is dropped but for a set of ports; the relay's is not in it",
        nft("host", _STRICT),
        relay(CORP),
        world=corp(),
        shows="timed out",
    ),
    # TCP as a whole is dropped: no internet for all that matters, and port 25 with it.
    fault(
        "only-dns-passes",
        ("no-internet", "egress-port-25-blocked"),
        "the gateway drops all TCP",
        nft("gateway", "forward meta l4proto tcp drop"),
        shows="timed out",
    ),
    fault(
        "unknown-relay-465-dropped",
        "egress-submission-blocked",
        "a relay that no table knows, on 465, which the ISP drops",
        nft("isp", "forward tcp dport { 25, 465 } drop"),
        relay(CORP, 465),
        world=corp(),
        shows="timed out",
    ),
    fault(
        "transport-relay-587-dropped",
        "egress-submission-blocked",
        "the relay stands in transport_maps, inline",
        nft("isp", "forward tcp dport 587 drop"),
        relay(CORP),
        settings(relayhost="", transport_maps=f"inline:{{{{*=smtp:[{CORP}]:587}}}}"),
        world=corp(),
        shows="status=deferred",
    ),
    fault(
        "relay-by-address-refuses",
        "relay-unreachable",
        "the relay is an address whose port is closed",
        settings(relayhost="[45.76.10.2]:587"),
        nft("internet", "special ip daddr 45.76.10.2 tcp dport 587 reject with tcp reset"),
        shows="refused",
    ),
    fault(
        "handshake-stalls",
        "path-mtu-blackhole",
        "large packets inwards are lost: the relay's certificate never comes",
        nft("gateway", 'forward iifname "wan" meta length > 700 drop'),
        relay(CORP),
        settings(smtp_starttls_timeout="4s"),
        world=corp(),
        shows="status=deferred",
    ),
)

_SIGNING_IN = (
    fault(
        "unknown-relay-wrong-password-idle",
        "relay-credentials-rejected",
        "a wrong password, and nothing sent yet",
        relay(CORP, password="not-it"),
        world=corp(),
        then=(),
    ),
    fault(
        "container-wrong-password",
        "relay-credentials-rejected",
        "a wrong password in a container",
        relay(CORP, password="not-it"),
        container(),
        start=False,
        world=corp(),
        shows="535",
    ),
    fault(
        "journal-wrong-password-german",
        "relay-credentials-rejected",
        "the log is in the journal, the relay answers in German",
        journal(),
        relay(CORP),
        world=corp(says(CORP, "AUTH", "535 5.7.8 Anmeldung fehlgeschlagen")),
        shows="535",
    ),
    # A bearer token is wanted: the provider has switched passwords off, and no mechanism is left.
    fault(
        "relay-offers-bearer-alone",
        ("relay-auth-disabled", "sasl-options-exclude-all", "sasl-mechanism-missing"),
        "the relay offers XOAUTH2 alone",
        relay(CORP),
        world=corp(Server(host=CORP, manner=Manner(auth=("XOAUTH2", "OAUTHBEARER")))),
        shows="status=deferred",
    ),
    fault(
        "key-in-pcre",
        "sasl-key-mismatch",
        "the map is a pcre table whose pattern does not fit",
        relay(CORP, smtp_sasl_password_maps="pcre:/etc/postfix/sasl.pcre"),
        write("/etc/postfix/sasl.pcre", f"/^\\[smtp\\.example-corp\\.net\\]:587$/ lab-user:{SECRET}\n", 0o600),
        world=corp(),
        shows="status=bounced",
    ),
    fault(
        "wrapper-by-override",
        "tls-wrapper-mismatch",
        "wrappermode stands in master.cf alone",
        relay(CORP),
        shell("postconf -P 'smtp/unix/smtp_tls_wrappermode=yes'"),
        world=corp(),
        shows="status=deferred",
    ),
    fault(
        "clock-a-quarter-behind",
        "clock-wrong",
        "the clock is three months behind",
        relay(CORP, tls="secure"),
        clock(-90),
        world=corp(),
        then=(mail(), pause(5)),
    ),
)

_WORDS = (
    relayed("relay-454-password", "relay-credentials-rejected", "AUTH", "454 4.7.8 user or password not accepted"),
    relayed("relay-wants-second-factor", "relay-app-password-required", "AUTH", "535 Two-factor sign-in is on: create an app password"),
    relayed("relay-own-addresses", "sender-not-allowed", "MAIL", "553 You may only send from your own addresses"),
    relayed("relay-other-login", "sender-not-allowed", "RCPT", "554 5.7.1 <noreply@brightwater-labs.com>: Sender address rejected: you are logged in as somebody else"),
    relayed("relay-sending-cap", "relay-account-restricted", "RCPT", "450 4.7.1 You have reached your hourly sending cap"),
    relayed("relay-opted-out", "recipient-suppressed", "RCPT", "550 5.1.1 Recipient has opted out of your mailings"),
    received("receiver-reverse-zone", "reverse-dns-missing", "BANNER", "554 5.7.1 no name found for {ip}: set up your reverse zone first"),
    received("receiver-greet-name", "helo-name-invalid", "EHLO", "550 5.7.1 You greet with a name that does not exist"),
    received("receiver-new-here", "greylisted", "RCPT", "450 4.7.1 You are new here; come again in 120 seconds"),
    received("receiver-says-no", "ip-blocklisted", "BANNER", "554 no"),
    fault(
        "three-receivers-list-since-today",
        "ip-blocklisted",
        "a healthy day, then three domains refuse the address",
        busy_day(),
        then=(mail(TOWN), mail("a@alder-bikes.com"), mail("b@kanzlei-roth.de"), wait("roth.de.*status=bounced")),
        history=True,
        world=World(
            servers=(says("mx?.*", "RCPT", "554 5.7.1 Rejected: {ip} is listed at dnsbl.unknown-list.example"),),
            listed=("bl.spamcop.net",),
        ),
    ),
    fault(
        "asked-recipient-among-many",
        "recipient-unknown",
        "the user asks for one recipient of a busy day",
        busy_day(),
        then=(mail(TOWN),),
        args=("--to", TOWN),
        history=True,
        world=World(servers=(says("mx?.gemeinde-auental.ch", "RCPT", "550 5.1.1 no such mailbox"),)),
        shows="status=bounced",
    ),
)  # fmt: skip

FAULTS = (*_BLOCKED, *_SIGNING_IN, *_WORDS)
