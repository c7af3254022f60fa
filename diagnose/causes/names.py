"""DNS and names."""

from __future__ import annotations

from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSES = (
    Cause(
        id="resolver-failing",
        title="This host's name server does not answer",
        impact=Impact.OUTAGE,
        explanation=(
            "Postfix looks up every domain before it connects. None of the name servers in /etc/resolv.conf answers a "
            "question for names that surely exist, so all mail waits with 'Host not found, try again'."
        ),
        remedy=Remedy(
            text="Name a server in /etc/resolv.conf that answers from here (asked: {servers}), see that UDP and TCP port 53 "
            "may leave this host, then let Postfix copy the file into its chroot and try again.",
            commands=(
                "cat /etc/resolv.conf",
                "getent ahosts gmail-smtp-in.l.google.com",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="One server of resolv.conf that answers; other names that resolve while one domain does not.",
        signs=(
            Sign("dns.resolver", 22),
            Sign("mail.dns-try-again", 7),
            Sign("dns.resolver", -25, Status.OK),
            Sign("mail.flow", -25, Status.OK),
            # With no network at all the resolver is only the first to notice.
            Sign("egress.internet", -4),
        ),
        explains=("recipient-domain-not-found", "relay-name-not-found", "sender-domain-not-found", "helo-name-invalid"),
        links=("https://www.postfix.org/postconf.5.html#smtp_dns_resolver_options",),
    ),
    Cause(
        id="chroot-resolver-stale",
        title="The host resolves names, Postfix's chroot does not",
        impact=Impact.OUTAGE,
        explanation=(
            "The smtp service runs chrooted and reads its own copies of resolv.conf, hosts and nsswitch.conf below the queue "
            "directory. They are copied when Postfix starts. This copy differs from the host's and does not work, so Postfix "
            "says 'Host not found, try again' for names that every other program resolves."
        ),
        remedy=Remedy(
            text="Copy the files again and restart Postfix; on Debian and Ubuntu the start script does it. To be rid of it for "
            "good, run smtp and relay without chroot (fifth column n in master.cf).",
            commands=("cp -p /etc/resolv.conf /etc/hosts /etc/nsswitch.conf /etc/services /var/spool/postfix/etc/",),
            debian=("service postfix restart && postqueue -f",),
            rhel=("systemctl restart postfix && postqueue -f",),
            alpine=("rc-service postfix restart && postqueue -f",),
        ),
        rules_out="A copy that says the same as the host's, or a smtp service that is not chrooted.",
        signs=(
            Sign("dns.chroot", 22),
            Sign("dns.chroot-file", 8, where=(("file", "resolv.conf"),)),
            Sign("dns.chroot-file", 6),
            # The relay's name stands in the host's file, which is read, and not in the copy.
            Sign("dns.chroot-file", 16, where=(("lacks_relay", True),)),
            Sign("mail.dns-try-again", 6),
            Sign("mail.chroot-resolver-stale", 20),
            Sign("mail.dns-not-found", 4),
            # The copy differs in hosts or services only: matters for names that stand nowhere else.
            Sign("dns.chroot-file", 4, Status.WARNING, where=(("file", ("hosts", "services")),)),
            Sign("dns.chroot", -6, Status.OK),
            Sign("mail.flow", -25, Status.OK),
            # The copies are made when Postfix is started: while it is down they may well be old or missing.
            Sign("postfix.master", -20),
            Sign("dns.resolver", -12),
        ),
        explains=("relay-name-not-found", "recipient-domain-not-found"),
        links=(
            "https://www.postfix.org/BASIC_CONFIGURATION_README.html#chroot_setup",
            "https://www.postfix.org/DEBUG_README.html#no_chroot",
        ),
    ),
    Cause(
        id="recipient-domain-not-found",
        title="The recipient's domain does not exist",
        impact=Impact.PARTIAL,
        explanation=(
            "The domain behind the @ has neither an MX record nor an address, or its name servers fail. Nobody can send mail "
            "there. Usually the address was mistyped when the user registered."
        ),
        remedy=Remedy(
            text="Correct the recipient's address ({recipient}) in the application. If the spelling is right, the owner of {domain} must "
            "mend the domain's DNS; mail for it that waits can be dropped with postsuper -d.",
            commands=("postqueue -p",),
        ),
        rules_out="Another name server that knows the domain; a resolver that answers nothing at all.",
        signs=(
            Sign("dns.recipient-domain", 18, where=(("kind", ("nxdomain", "no-exchanger")),)),
            Sign("dns.recipient-domain", 12, where=(("kind", "servfail"),)),
            Sign("mail.recipient-domain-not-found", 18),
            Sign("mail.dns-not-found", 9),
            Sign("mail.dns-try-again", 5),
            Sign("mail.dns-no-data", 5),
            Sign("dns.recipient-domain", -18, Status.OK),
            Sign("dns.resolver", -30),
            Sign("dns.chroot", -15),
        ),
        links=("https://www.rfc-editor.org/rfc/rfc5321#section-5.1",),
    ),
    Cause(
        id="recipient-domain-accepts-no-mail",
        title="The recipient's domain takes no mail",
        impact=Impact.PARTIAL,
        explanation=(
            "The domain says by a null MX (RFC 7505) that it takes no mail, or its exchangers are names or addresses that cannot "
            "be a mail server of the Internet: localhost, a private address, a name without an address."
        ),
        remedy=Remedy(
            text="Ask the recipient for another address. If the domain {domain} is yours, give it an MX record that names a host "
            "with a public address.",
        ),
        rules_out="An exchanger with a public address.",
        signs=(
            Sign("dns.recipient-domain", 20, where=(("kind", "null-mx"),)),
            Sign("dns.recipient-domain", 15, where=(("kind", "no-address"),)),
            # A company's own mail server has a private address, and may be down like any other.
            Sign("dns.recipient-domain", 8, where=(("kind", "private"),)),
            Sign("destination.reachable", 5),
            Sign("destination.reachable", -25, Status.OK, where=(("loopback", False),)),
            Sign("mail.flow", -8, Status.OK),
            # A loopback address as exchanger is right for nobody.
            Sign("dns.recipient-domain", 22, where=(("kind", "loopback"),)),
            Sign("mail.mail-loops-back", 3),
            # Of a relay's name it tells about the relay.
            Sign("mail.recipient-domain-accepts-no-mail", 6),
            Sign("mail.recipient-domain-accepts-no-mail", 20, where=(("route", "direct"),)),
            Sign("mail.dns-no-data", 4),
            Sign("dns.recipient-domain", -15, Status.OK),
            Sign("dns.resolver", -20),
        ),
        explains=("mail-loops-back",),
        links=("https://www.rfc-editor.org/rfc/rfc7505",),
    ),
    Cause(
        id="sender-domain-not-found",
        title="The sender's domain does not exist",
        impact=Impact.PARTIAL,
        explanation=(
            "The envelope sender's domain is not in the public DNS (www-data@ip-10-0-0-5.internal, root@localhost.localdomain). "
            "Receivers refuse such mail, since a bounce could not be returned."
        ),
        remedy=Remedy(
            text="Let the application send from an address of a real domain, and give Postfix such a domain for mail without one. "
            "(Sender now: {sender}.)",
            commands=("postconf -e 'myorigin = YOUR.DOMAIN'", "postfix reload"),
        ),
        rules_out="The domain resolves (MX or address) from elsewhere.",
        signs=(
            Sign("mail.sender-domain-not-found", 22),
            Sign("identity.sender-domain", 8),
            Sign("identity.sender-domain", 3, Status.WARNING),
            Sign("identity.sender-domain", -12, Status.OK),
            Sign("dns.resolver", -20),
            Sign("mail.flow", -15, Status.OK),
        ),
        explains=("helo-name-invalid",),
        links=(
            "https://www.postfix.org/postconf.5.html#myorigin",
            "https://www.postfix.org/ADDRESS_REWRITING_README.html#generic",
        ),
    ),
    Cause(
        id="helo-name-invalid",
        title="This host greets other servers with a name that is none",
        impact=Impact.PARTIAL,
        explanation=(
            "Postfix says HELO with myhostname. That name is no fully qualified name, or does not resolve; many receivers refuse "
            "to talk to such a client."
        ),
        remedy=Remedy(
            text="Give the host a name that resolves to its public address, and tell Postfix. (It says {name} now.)",
            commands=("postconf -e 'myhostname = HOST.YOUR.DOMAIN'", "postfix reload && postqueue -f"),
        ),
        rules_out="Receivers that accept the same HELO name.",
        signs=(
            Sign("mail.helo-name-invalid", 20),
            Sign("identity.helo", 6, where=(("via", "direct"),)),
            # No name at all is refused by more receivers than one that does not resolve.
            Sign("identity.helo", 9, where=(("via", "direct"), ("kind", "invalid"))),
            Sign("identity.helo", -10, Status.OK),
            Sign("mail.flow", -20, Status.OK),
            Sign("dns.resolver", -20),
        ),
        links=(
            "https://www.postfix.org/postconf.5.html#smtp_helo_name",
            "https://www.rfc-editor.org/rfc/rfc5321#section-4.1.1.1",
        ),
    ),
    Cause(
        id="reverse-dns-missing",
        title="The public address has no matching PTR record",
        impact=Impact.PARTIAL,
        explanation=(
            "Receivers look up the name of the connecting address (PTR) and whether that name leads back to it. Here it does not, "
            "and they say so when they refuse or delay the mail."
        ),
        remedy=Remedy(
            text="Have whoever owns the address {address} (the hoster or provider) set its PTR record to this host's name, and let that "
            "name resolve to the address; or send through a relay, whose addresses have one.",
        ),
        rules_out="A PTR record whose name resolves to the same address.",
        signs=(
            Sign("mail.reverse-dns-missing", 20),
            Sign("identity.ptr", 6),
            Sign("identity.ptr", -10, Status.OK),
            Sign("mail.flow", -20, Status.OK),
        ),
        relay=True,
        explains=("helo-name-invalid",),
        links=("https://support.google.com/a/answer/81126", "https://www.rfc-editor.org/rfc/rfc1912#section-2.1"),
    ),
    Cause(
        id="local-hostname-unresolvable",
        title="Mail to local users goes to a host name that does not resolve",
        impact=Impact.PARTIAL,
        explanation=(
            "Mail to root, or from cron, gets the domain of myorigin. That name is neither local here (mydestination) nor in DNS, so this "
            "mail waits or bounces, though mail to the world may well flow."
        ),
        remedy=Remedy(
            text="List the name {domain} in mydestination, or set myorigin to a domain that exists, and alias root to a real mailbox.",
            commands=("postconf -e 'mydestination = $myhostname, localhost.$mydomain, localhost'", "postfix reload"),
        ),
        rules_out="The name stands in mydestination, or resolves.",
        signs=(
            # True of many hosts whose mail to the world is well: only failing mail makes it more than a note.
            # Of mail to it nothing is known: a trait of many hosts that send well.
            Sign("identity.hostname", 4),
            Sign("identity.hostname", 20, where=(("failing", True),)),
            Sign("mail.local-hostname-unresolvable", 20),
            Sign("mail.dns-not-found", 5),
            Sign("mail.recipient-domain-not-found", 5),
            Sign("identity.hostname", -20, Status.OK),
            Sign("mail.flow", -3, Status.OK),
            Sign("dns.resolver", -20),
        ),
        explains=("recipient-domain-not-found", "sender-domain-not-found"),
        links=("https://www.postfix.org/postconf.5.html#mydestination",),
    ),
)
