"""Faults between this host and the receiver: firewalls, redirects, the relay's name, certificate, login and limits."""

from __future__ import annotations

from tests.lab.fault import fault
from tests.lab.faults.d_signing_in import AUTH_WANTED, ENTRY
from tests.lab.history import sent_lines, stamp
from tests.lab.internet.world import Manner, Server, World, one_server
from tests.lab.machine import SECRET, Machine
from tests.lab.steps import append, mail, mapped, nft, relay, run, settings, shell, smtp_mail_from_gateway, wait

_UFW = """\
iptables-nft -N ufw-before-output; iptables-nft -N ufw-user-output; iptables-nft -N ufw-after-output
iptables-nft -A OUTPUT -j ufw-before-output; iptables-nft -A ufw-before-output -o lo -j ACCEPT
iptables-nft -A ufw-before-output -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables-nft -A ufw-before-output -j ufw-user-output; iptables-nft -A ufw-user-output -p tcp --dport 25 -j REJECT
"""

_FIREWALLD = """table inet firewalld {
 chain filter_OUTPUT { type filter hook output priority 10; policy accept;
  ct state { established, related } accept
  oifname "lo" accept
  jump filter_OUTPUT_POLICIES_pre
 }
 chain filter_OUTPUT_POLICIES_pre {
  jump filter_OUT_policy_no-mail
 }
 chain filter_OUT_policy_no-mail {
  jump filter_OUT_policy_no-mail_deny
 }
 chain filter_OUT_policy_no-mail_deny {
  tcp dport { 25, 465, 587 } reject with icmpx admin-prohibited
 }
}
"""

_EXPIRED = (
    "{0} app postfix/smtp[811]: connect to mx1.old-partner.net[159.69.200.1]:25: Connection timed out\n"
    "{0} app postfix/smtp[811]: 9F1A2B3C4D: to=<info@old-partner.net>, relay=none, delay=432010, delays=431980/0/30/0, dsn=4.4.1, "
    "status=deferred (connect to mx1.old-partner.net[159.69.200.1]:25: Connection timed out)\n"
    "{0} app postfix/qmgr[712]: 9F1A2B3C4D: from=<noreply@brightwater-labs.com>, status=expired, returned to sender\n"
    "{0} app postfix/qmgr[712]: 9F1A2B3C4D: removed\n"
)


def expired_before(m: Machine) -> None:
    """A message that was returned three hours ago; the server it waited for answers again."""
    path = m.path("/var/log/mail.log")
    path.write_text(sent_lines("app", 6, 200, 30) + _EXPIRED.format(stamp(3)))
    m.before = path.stat().st_size


def intercepted(port: int) -> World:
    """A foreign server that answers a port in everyone's place."""
    manner = Manner(
        banner="fwmail.access-net.de ESMTP", tls="foreign", replies={"AUTH": "535 5.7.8 Error: authentication failed"}
    )
    return World(servers=(Server(host="*", ports=(port,), manner=manner),))


FAULTS = (
    fault(
        "isp-drops-25-ipv6-open",
        "egress-port-25-blocked",
        "IPv4's port 25 is dropped, IPv6's is open, the receiver has IPv4 alone",
        nft("isp", "forward ip version 4 tcp dport 25 drop"),
        shows="status=deferred .*timed out",
    ),
    fault(
        "gateway-drops-25-since-today",
        "egress-port-25-blocked",
        "mail went out until two hours ago, then the gateway began to drop 25",
        nft("gateway", "forward tcp dport 25 drop"),
        history=True,
        then=(mail(), mail("olav@fjord-shipping.no"), wait("fjord-shipping.no.*status=deferred")),
        shows="status=deferred .*timed out",
    ),
    fault(
        "ufw-rejects-25",
        "local-firewall-blocks-smtp",
        "chains as ufw makes them, with a deny-out rule for 25",
        shell(_UFW),
        settings(inet_protocols="ipv4"),
        shows="status=deferred .*refused",
    ),
    fault(
        "firewalld-policy-rejects",
        "local-firewall-blocks-smtp",
        "chains as firewalld makes them for an output policy",
        nft("host", _FIREWALLD),
        relay(),
        shows="status=deferred .*No route to host",
    ),
    fault(
        "iptables-raw-drops-25",
        "local-firewall-blocks-smtp",
        "the drop stands in iptables' raw table",
        run("iptables-legacy", "-t", "raw", "-A", "OUTPUT", "-p", "tcp", "--dport", "25", "-j", "DROP"),
        settings(inet_protocols="ipv4"),
        shows="status=deferred .*timed out",
    ),
    fault(
        "route-unreachable-relay",
        "local-firewall-blocks-smtp",
        "a route of type unreachable for the relay's network",
        shell("ip route add unreachable 198.2.128.0/18"),
        relay(),
        shows="status=deferred .*No route to host",
    ),
    fault(
        "isp-redirects-587",
        "smtp-intercepted",
        "587 of every relay is answered by somebody else, with his own certificate",
        relay("smtp.sendgrid.net"),
        world=intercepted(587),
        shows="status=deferred .*535",
    ),
    fault(
        "relay-name-servfail",
        "relay-name-not-found",
        "the relay's own nameservers are broken; everything else resolves",
        relay("smtp.rhein-mail.de"),
        world=World(records={("smtp.rhein-mail.de", "*"): "SERVFAIL", ("rhein-mail.de", "*"): "SERVFAIL"}),
        shows="status=deferred .*try again",
    ),
    fault(
        "relay-certificate-not-yet-valid",
        "relay-certificate-invalid",
        "the certificate begins the day after tomorrow; the clock is right",
        relay("smtp.rhein-mail.de", tls="secure"),
        world=one_server("smtp.rhein-mail.de", tls="notyet"),
        shows="status=deferred .*not verified",
    ),
    fault(
        "sasl-passwd-inline-comment",
        "sasl-passwd-malformed",
        "a comment after the password belongs to the password",
        relay(line=ENTRY + SECRET + "   # key of 2026"),
        shows="status=deferred .*535",
    ),
    # An indented line belongs to the line before: both causes tell that the relay's entry is not there.
    fault(
        "sasl-passwd-indented",
        ("sasl-passwd-malformed", "sasl-key-mismatch"),
        "the relay's line is indented and so continues the line before",
        relay(line="[smtp.gmail.com]:587 other@gmail.com:abcd\n  " + ENTRY + SECRET),
        shows=AUTH_WANTED,
    ),
    fault(
        "sasl-key-sender-misspelt",
        "sasl-key-mismatch",
        "logins by sender; the sender's domain is misspelt in the map",
        relay(key="@brightwater-lab.com"),
        settings(smtp_sender_dependent_authentication="yes"),
        shows=AUTH_WANTED,
    ),
    # The parameter that is set twice is the mistake, the login that is not attempted is what follows: both say it.
    fault(
        "sasl-enabled-then-disabled",
        ("relay-auth-not-attempted", "postfix-config-error"),
        "a later line of main.cf switches SASL off again",
        relay(),
        append("/etc/postfix/main.cf", "\n# hardening\nsmtp_sasl_auth_enable = no\n"),
        shows=AUTH_WANTED,
    ),
    fault(
        "relay-without-auth-on-25",
        "relay-auth-not-attempted",
        "a relay wants a login and this host was told of none, on 2525",
        settings(relayhost="[smtp.mailgun.org]:2525", smtp_tls_security_level="encrypt"),
        shows=AUTH_WANTED,
    ),
    fault(
        "transport-names-missing-service",
        "smtp-transport-missing",
        "transport_maps sends a domain to a service that master.cf lacks",
        mapped("transport_maps", "northwind-trading.com slow:\n"),
        shows="(mail transport unavailable|private/slow)",
    ),
    fault(
        "app-on-other-host-refused",
        "submission-rejected",
        "an application on another machine of the LAN is not in mynetworks",
        then=(smtp_mail_from_gateway("maria@northwind-trading.com", "noreply@brightwater-labs.com", "portal.lan"),),
        shows="NOQUEUE: reject: .*Relay access denied",
    ),
    fault(
        "relay-limits-connections",
        "rate-limited",
        "the relay answers 421 from the second connection on",
        relay(smtp_connection_cache_on_demand="no"),
        world=one_server("smtp.mandrillapp.com", connections=1),
        then=(mail(), wait("status=sent"), mail("second@northwind-trading.com"), mail("third@northwind-trading.com")),
        shows="status=deferred .*Too many connections",
    ),
    fault(
        "message-expired-earlier",
        "message-expired",
        "a message was returned three hours ago; what it waited for works again",
        expired_before,
        then=(),
        shows="daemon started",
    ),
)
