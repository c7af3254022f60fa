"""Faults of single servers on the way: dead, closed, silent, or behind a path that loses large packets."""

from __future__ import annotations

from tests.lab.fault import fault
from tests.lab.internet.world import World, one_server
from tests.lab.steps import mail, nft, pause, relay, settings

_BIG = "A line of a report that is as long as a line of a mail may well be, again and again.\n" * 9000

FAULTS = (
    fault(
        "recipient-server-dead",
        "remote-server-unreachable",
        "one recipient's exchangers time out",
        nft("internet", "special ip daddr { 159.69.200.1, 159.69.200.5 } drop"),
        world=World(
            records={
                ("old-partner.net", "MX"): ("10 mx1.old-partner.net", "20 mx2.old-partner.net"),
                ("mx1.old-partner.net", "A"): ("159.69.200.1",),
                ("mx2.old-partner.net", "A"): ("159.69.200.5",),
            }
        ),
        then=(mail("info@old-partner.net"),),
        shows="status=deferred .*timed out",
    ),
    fault(
        "recipient-server-refuses",
        "remote-server-unreachable",
        "nothing listens on the recipient's MX",
        world=World(records={("closed-shop.org", "MX"): ("10 www.closed-shop.org",)}),
        then=(mail("info@closed-shop.org"),),
        shows="status=deferred .*refused",
    ),
    fault(
        "recipient-server-silent",
        "remote-server-unreachable",
        "the recipient's MX never greets",
        settings(smtp_helo_timeout="2s"),
        world=one_server("mx?.tarpit-bank.com", connect="silence"),
        then=(mail("info@tarpit-bank.com"),),
        shows="status=deferred .*timed out while receiving the initial",
    ),
    fault(
        "relay-port-closed",
        "relay-unreachable",
        "nothing listens on the relay's port",
        nft("internet", "special ip daddr 198.2.128.0/18 tcp dport 587 reject with tcp reset"),
        relay(),
        shows="status=deferred .*refused",
    ),
    fault(
        "relay-times-out",
        "relay-unreachable",
        "the relay does not answer; other relays do",
        nft("internet", "special ip daddr 167.89.0.0/17 drop"),
        relay("smtp.sendgrid.net"),
        shows="status=deferred .*timed out",
    ),
    fault(
        "relay-closes-at-greeting",
        "relay-unreachable",
        "the relay hangs up before its banner",
        relay("smtp.mailgun.org"),
        world=one_server("smtp.mailgun.org", connect="close"),
        shows="status=deferred .*lost connection",
    ),
    fault(
        "relay-on-lan-dead",
        "relay-unreachable",
        "a relay on the own network that is switched off",
        settings(relayhost="[192.168.1.77]:25", smtp_connect_timeout="8s"),
        shows="status=deferred .*No route to host",
    ),
    fault(
        "mtu-blackhole",
        "path-mtu-blackhole",
        "packets over 700 bytes vanish at the ISP, no ICMP",
        nft("isp", "forward tcp dport 25 meta length > 700 drop"),
        settings(smtp_tls_security_level="none"),
        then=(mail(body=_BIG),),
        shows="status=deferred .*timed out while sending message body",
    ),
    fault(
        "mtu-blackhole-relay",
        "path-mtu-blackhole",
        "the same to a relay on 587: small mail passes",
        nft("isp", "forward tcp dport 587 meta length > 1100 drop"),
        relay(),
        then=(mail(), pause(0.5), mail(body=_BIG)),
        shows="status=deferred .*timed out while sending",
    ),
)
