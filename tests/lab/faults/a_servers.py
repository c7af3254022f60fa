"""Faults of single servers on the way: dead, closed, silent, or behind a path that loses large packets."""

from __future__ import annotations

from tests.lab.fault import Fault
from tests.lab.internet.world import Manner, Server, World
from tests.lab.steps import mail, nft, pause, relay, settings

_BIG = "A line of a report that is as long as a line of a mail may well be, again and again.\n" * 9000

FAULTS = (
    Fault(
        id="recipient-server-dead",
        accept=("remote-server-unreachable",),
        about="one recipient's exchangers time out",
        setup=(nft("internet", "special ip daddr { 159.69.200.1, 159.69.200.5 } drop"),),
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
    Fault(
        id="recipient-server-refuses",
        accept=("remote-server-unreachable",),
        about="nothing listens on the recipient's MX",
        world=World(records={("closed-shop.org", "MX"): ("10 www.closed-shop.org",)}),
        then=(mail("info@closed-shop.org"),),
        shows="status=deferred .*refused",
    ),
    Fault(
        id="recipient-server-silent",
        accept=("remote-server-unreachable",),
        about="the recipient's MX never greets",
        world=World(servers=(Server(host="mx?.tarpit-bank.com", manner=Manner(connect="silence")),)),
        setup=(settings(smtp_helo_timeout="2s"),),
        then=(mail("info@tarpit-bank.com"),),
        shows="status=deferred .*timed out while receiving the initial",
    ),
    Fault(
        id="relay-port-closed",
        accept=("relay-unreachable",),
        about="nothing listens on the relay's port",
        setup=(nft("internet", "special ip daddr 198.2.128.0/18 tcp dport 587 reject with tcp reset"), relay()),
        shows="status=deferred .*refused",
    ),
    Fault(
        id="relay-times-out",
        accept=("relay-unreachable",),
        about="the relay does not answer; other relays do",
        setup=(nft("internet", "special ip daddr 167.89.0.0/17 drop"), relay("smtp.sendgrid.net")),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="relay-closes-at-greeting",
        accept=("relay-unreachable",),
        about="the relay hangs up before its banner",
        world=World(servers=(Server(host="smtp.mailgun.org", manner=Manner(connect="close")),)),
        setup=(relay("smtp.mailgun.org"),),
        shows="status=deferred .*lost connection",
    ),
    Fault(
        id="relay-on-lan-dead",
        accept=("relay-unreachable",),
        about="a relay on the own network that is switched off",
        setup=(settings(relayhost="[192.168.1.77]:25", smtp_connect_timeout="8s"),),
        shows="status=deferred .*No route to host",
    ),
    Fault(
        id="mtu-blackhole",
        accept=("path-mtu-blackhole",),
        about="packets over 700 bytes vanish at the ISP, no ICMP",
        setup=(nft("isp", "forward tcp dport 25 meta length > 700 drop"), settings(smtp_tls_security_level="none")),
        then=(mail(body=_BIG),),
        shows="status=deferred .*timed out while sending message body",
    ),
    Fault(
        id="mtu-blackhole-relay",
        accept=("path-mtu-blackhole",),
        about="the same to a relay on 587: small mail passes",
        setup=(nft("isp", "forward tcp dport 587 meta length > 1100 drop"), relay()),
        then=(mail(), pause(0.5), mail(body=_BIG)),
        shows="status=deferred .*timed out while sending",
    ),
)
