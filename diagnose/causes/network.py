"""The network section: ports that do not leave, and who holds them back."""

from __future__ import annotations

from diagnose.model import Cause, Impact, Remedy, Sign, Status

OK, WARNING = Status.OK, Status.WARNING
UPSTREAM = ("gateway", "isp", "beyond")

CAUSES: tuple[Cause, ...] = (
    Cause(
        id="egress-port-25-blocked",
        title="The network does not let TCP port 25 out",
        impact=Impact.OUTAGE,
        explanation=(
            "Mail servers of unrelated operators cannot be reached on port 25 from here, while other ports connect, and "
            "nothing on this host holds the packets back. Access providers and clouds close port 25 to keep spam in; "
            "Postfix delivers to recipients' servers on that port only. No setting of Postfix opens it: either the "
            "operator of the network does, or the mail takes a relay on a submission port."
        ),
        remedy=Remedy(
            text=(
                "Send through a relay on a port that is open from here (a ready configuration follows), or ask the "
                "operator of this network to open outgoing TCP 25. Once either is done, have Postfix try again at once:"
            ),
            commands=("postqueue -f",),
        ),
        rules_out="A greeting from any foreign mail server on port 25, or a packet filter rule of this host against it.",
        explains=("remote-server-unreachable", "ipv6-broken", "relay-unreachable", "app-smtp-unreachable"),
        prior=-2,
        relay=True,
        links=("https://www.postfix.org/SOHO_README.html", "https://www.postfix.org/postconf.5.html#relayhost"),
        signs=(
            # Several operators at once, beside working controls: only a filter does that.
            Sign("egress.mail-port", 17, where=(("port", 25), ("kind", "blocked"))),
            Sign("egress.mail-port", 12, where=(("port", 25), ("kind", "silent"))),
            Sign("egress.mail-port", 12, where=(("port", 25), ("kind", "one-server"))),
            Sign("path.dies", 14, where=(("port", 25), ("said_by", "router"))),
            Sign("egress.mail-port", 16, where=(("port", 25), ("kind", "throttled"))),
            # A router's own word that the packets left this host.
            Sign("path.dies", 7, where=(("port", 25), ("where", UPSTREAM))),
            Sign("path.dies", -8, status=OK),
            Sign("path.dies", -5, where=(("port", 25), ("where", "host"))),
            # The application's own way out, and unrelated servers fail on its port too.
            Sign("app.server", 22, where=(("port", 25), ("others", "blocked"), ("intended", True))),
            # The application sends by another port: Postfix' own port matters only if its mail fails.
            Sign("app.route", -18, OK, where=(("direct", True), ("port", (465, 587, 2465, 2525, 2587)))),
            # Unrelated recipients' servers fail alike, and nothing was delivered.
            Sign("mail.connect-timeout", 5, where=(("port", 25),)),
            Sign("mail.connect-timeout", 10, where=(("port", 25), ("several", True))),
            Sign("mail.connect-refused", 3, where=(("port", 25),)),
            Sign("mail.connect-refused", 9, where=(("port", 25), ("several", True))),
            Sign("mail.connect-no-route", 3, where=(("port", 25),)),
            Sign("mail.connect-no-route", 10, where=(("port", 25), ("several", True))),
            Sign("mail.connect-network-unreachable", 1, where=(("port", 25),)),
            Sign("owner.policy", 4, status=WARNING, where=(("port", 25),)),
            Sign("firewall.smtp", 3, status=OK),
            # A rule about users does not stop this tool's packets: where those end farther away, both block.
            Sign("firewall.smtp", -25, where=(("by_user", False),)),
            Sign("firewall.smtp", -4, where=(("by_user", True),)),
            Sign("firewall.route", -25),
            Sign("firewall.redirect", -20, status=WARNING),
            Sign("mail.flow", -25, status=OK),
            # Rules that cannot be read may hold back this very user and not Postfix.
            Sign("firewall.smtp", -6, status=Status.UNKNOWN),
            # Other operators' servers answer on it.
            Sign("egress.mail-port", -10, status=OK, where=(("port", 25),)),
            Sign("relay.reachable", -20, status=OK),
            Sign("destination.reachable", -12, status=OK),
            Sign("egress.internet", -30),
            Sign("egress.intercepted", -20),
        ),
    ),
    Cause(
        id="egress-submission-blocked",
        title="The network does not let the relay's port out",
        impact=Impact.OUTAGE,
        explanation=(
            "Mail is sent to a relay on a submission port, and neither that relay nor those of unrelated operators can be "
            "reached on this port from here, while other ports connect. Some clouds and company networks close the "
            "submission ports 465 and 587 as they do 25. Relays listen on alternate ports for this case."
        ),
        remedy=Remedy(
            text=(
                "Use the relay on a port that is open from here (a ready configuration follows), or ask the operator of "
                "this network to open outgoing TCP {port}. The key in the password map must change with the port. Then:"
            ),
            commands=("postqueue -f",),
        ),
        rules_out="Another operator's server answers on the same port: then it is the relay.",
        explains=("relay-unreachable", "ipv6-broken", "app-smtp-unreachable"),
        prior=-2,
        relay=True,
        links=("https://www.postfix.org/postconf.5.html#relayhost",),
        signs=(
            Sign("egress.mail-port", 17, where=(("service", "submission"), ("kind", "blocked"))),
            Sign("egress.mail-port", 12, where=(("service", "submission"), ("kind", "silent"))),
            Sign("egress.mail-port", 12, where=(("service", "submission"), ("kind", "one-server"))),
            Sign("path.dies", 14, where=(("service", "submission"), ("said_by", "router"))),
            Sign("egress.mail-port", 16, where=(("service", "submission"), ("kind", "throttled"))),
            Sign("path.dies", 7, where=(("service", "submission"), ("where", UPSTREAM))),
            # The relay answers on other ports, and packets to this one alone vanish.
            Sign("path.dies", 10, where=(("service", "submission"), ("said_by", "neighbour"))),
            Sign("path.dies", -8, status=OK),
            Sign("path.dies", -5, where=(("service", "submission"), ("where", "host"))),
            # The application's own way out, and unrelated servers fail on its port too.
            Sign(
                "app.server",
                22,
                where=(("port", (465, 587, 2465, 2525, 2587)), ("others", "blocked"), ("intended", True)),
            ),
            Sign("relay.reachable", 3),
            Sign("mail.connect-timeout", 3, where=(("route", "relay"),)),
            Sign("mail.connect-refused", 1, where=(("route", "relay"),)),
            Sign("mail.connect-no-route", 2, where=(("route", "relay"),)),
            Sign("owner.policy", 4, status=WARNING, where=(("service", "submission"),)),
            Sign("firewall.smtp", 3, status=OK),
            Sign("firewall.smtp", -25, where=(("by_user", False),)),
            Sign("firewall.smtp", -4, where=(("by_user", True),)),
            Sign("firewall.route", -25),
            Sign("firewall.redirect", -20, status=WARNING),
            Sign("mail.flow", -25, status=OK),
            Sign("relay.reachable", -30, status=OK),
            Sign("egress.internet", -30),
        ),
    ),
    Cause(
        id="local-firewall-blocks-smtp",
        title="A firewall rule or route of this very host stops outgoing mail",
        impact=Impact.OUTAGE,
        explanation=(
            "Packets of Postfix to its mail port do not leave this host: a packet filter rule (nftables, iptables, ufw, "
            "firewalld, csf) or a route of type prohibit, blackhole or unreachable stops them. A rule may hold for some "
            "users only, so that a test by root passes while Postfix's own connections do not."
        ),
        remedy=Remedy(
            text=(
                "Allow outgoing TCP {port} on this host. {fix}\n"
                "Rules typed by hand last until the next reload: make the change permanent where they are kept "
                "(/etc/nftables.conf, ufw, firewalld, csf.conf, netplan or ifupdown)."
            ),
            commands=(
                "nft -a list ruleset | grep -nE 'dport|skuid|policy'",
                "iptables -S OUTPUT; ip6tables -S OUTPUT",
                "ip route show; ip rule show",
                "postqueue -f",
            ),
        ),
        rules_out="Routers farther away answer packets to this port: then they do leave this host.",
        explains=(
            "egress-port-25-blocked",
            "egress-submission-blocked",
            "relay-unreachable",
            "remote-server-unreachable",
            "no-internet",
            "app-smtp-unreachable",
            "access-control-denied",
        ),
        prior=-3,
        links=("https://wiki.nftables.org/wiki-nftables/index.php/Main_Page",),
        signs=(
            # The very packet that Postfix would send, judged by the rules that the kernel holds.
            Sign("firewall.smtp", 25, where=(("by_user", False),)),
            # A rule about users may be meant; the log decides.
            Sign("firewall.smtp", 19, where=(("by_user", True),)),
            Sign("firewall.smtp", 3, status=WARNING),
            Sign("firewall.route", 25),
            # Sent to a place on this host where nobody answers, if connections fail.
            Sign("firewall.redirect", 11, status=WARNING),
            Sign("firewall.route", 3, status=WARNING),
            Sign("egress.mail-port", 18, where=(("kind", "local"),)),
            Sign("egress.mail-port", 3, where=(("kind", "blocked"),)),
            Sign("path.dies", 7, where=(("where", "host"),)),
            Sign("path.dies", -6, where=(("where", UPSTREAM),)),
            Sign("mail.connect-permission-denied", 7),
            Sign("mail.connect-invalid", 12),  # connect(2) says so of a blackhole route, hardly of anything else
            Sign("mail.connect-timeout", 5),
            Sign("mail.connect-refused", 5),
            Sign("mail.connect-no-route", 5),
            Sign("mail.connect-network-unreachable", 4),
            Sign("firewall.smtp", -12, status=OK),
            # Rules may hold for users: what an ordinary one may not do, Postfix may, and nothing waits.
            Sign("queue.waiting", -15, status=OK),
            Sign("egress.intercepted", -12),
            Sign("mail.flow", -25, status=OK),
            Sign("relay.reachable", -8, status=OK),
        ),
    ),
    Cause(
        id="smtp-intercepted",
        title="Something between this host and the mail servers answers in their place",
        impact=Impact.PARTIAL,
        explanation=(
            "Servers of unrelated operators show one and the same foreign greeting, or all lack STARTTLS, which they "
            "are known to offer. A transparent proxy, an inspecting firewall or a virus scanner on the way takes the "
            "connections over. Mail is then refused by a server that was never meant, or cannot be encrypted, and "
            "passwords may reach a stranger."
        ),
        remedy=Remedy(
            text=(
                "Have the inspection switched off for this host (Cisco: `no inspect esmtp`), or go round it by a relay "
                "on port 465, where TLS begins at once and nothing can be taken out. Until then demand a verified "
                "certificate, so that no password is given to what answers there:"
            ),
            commands=(
                "postconf -e 'smtp_tls_security_level = secure'      # with a relay only",
                "systemctl reload postfix",
            ),
        ),
        rules_out="Each operator's server greets by its own name and offers STARTTLS.",
        explains=(
            "relay-credentials-rejected",
            "tls-required-not-offered",
            "relay-access-denied",
            "relay-certificate-invalid",
            "relay-auth-not-attempted",
            "relay-requires-tls",
            "sasl-options-exclude-all",
            "sasl-mechanism-missing",
            "remote-server-unreachable",
            "app-certificate-untrusted",
            "ip-blocklisted",
        ),
        relay=True,
        links=(
            "https://www.postfix.org/postconf.5.html#smtp_pix_workarounds",
            "https://www.postfix.org/TLS_README.html",
        ),
        signs=(
            # Unrelated operators never share a host name. On another port than the mail's it is no reason of its failure.
            Sign("egress.intercepted", 23, where=(("mail", True),)),
            Sign("egress.intercepted", 8, where=(("mail", False),)),
            Sign("egress.starttls", 17),
            Sign("firewall.redirect", 4, status=WARNING),
            Sign("mail.smtp-intercepted", 8),
            Sign("mail.tls-required-not-offered", 4),
            Sign("mail.tls-not-offered", 4),
            Sign("mail.relay-access-denied", 2),
            Sign("mail.flow", -8, status=OK),
            Sign("egress.intercepted", -15, status=OK, where=(("mail", True),)),
            Sign("egress.starttls", -10, status=OK, where=(("mail", True),)),
        ),
    ),
    Cause(
        id="no-internet",
        title="This host reaches nothing at all",
        impact=Impact.OUTAGE,
        explanation=(
            "Not one connection gets out, neither to mail servers nor to the web or to name servers: the link is down, "
            "there is no default route, or the gateway forwards nothing. It is not about mail."
        ),
        remedy=Remedy(
            text="Restore the network first: link, address, default route, gateway. Then have Postfix try again.",
            commands=("ip -br link; ip -br addr", "ip route; ip -6 route", "ping -c 3 1.1.1.1", "postqueue -f"),
            debian=("networkctl status || systemctl status networking",),
            rhel=("nmcli device status",),
            alpine=("rc-service networking status",),
        ),
        rules_out="Any connection to a host outside succeeds.",
        explains=(
            "resolver-failing",
            "chroot-resolver-stale",
            "egress-port-25-blocked",
            "egress-submission-blocked",
            "relay-unreachable",
            "remote-server-unreachable",
            "ipv6-broken",
            "relay-name-not-found",
            "recipient-domain-not-found",
            "reverse-dns-missing",
            "helo-name-invalid",
            "sender-domain-not-found",
            "local-hostname-unresolvable",
            "app-smtp-unreachable",
            "interface-not-ready",
        ),
        prior=-6,
        links=("https://www.postfix.org/DEBUG_README.html",),
        signs=(
            Sign("egress.internet", 28),
            Sign("mail.connect-network-unreachable", 3),
            Sign("mail.dns-try-again", 2),
            Sign("mail.connect-timeout", 1),
            Sign("mail.flow", -25, status=OK),
            Sign("relay.reachable", -25, status=OK),
            Sign("destination.reachable", -25, status=OK),
        ),
    ),
)
