from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="resolver-failing",
    title="DNS lookups fail on this host",
    impact=Impact.OUTAGE,
    station="network",
    explanation=(
        "Postfix looks up every domain before it connects. While the name servers in /etc/resolv.conf give no "
        "correct answer, or Postfix cannot read the file, mail waits with 'Host not found, try again'."
    ),
    remedy=(
        "Put a name server that answers from here into /etc/resolv.conf (asked: {servers}), allow UDP and TCP "
        "port 53 out of this host, then restart Postfix, which copies the file into its chroot."
    ),
    rules_out="One server in resolv.conf answers, or only one domain fails to resolve.",
    signs=(
        sign("dns.resolver", "proves"),
        sign("dns.resolver", "refutes", "ok"),
        # With no network at all the resolver is only the first to notice.
        sign("egress.internet", "against"),
    ),
    explains=(
        "recipient-domain-not-found",
        "relay-name-not-found",
        "sender-domain-not-found",
        "helo-name-invalid",
        "local-hostname-unresolvable",
        "reverse-dns-missing",
        "recipient-domain-accepts-no-mail",
        "smtp-listener-broken",
    ),
    links=("https://www.postfix.org/postconf.5.html#smtp_dns_resolver_options",),
)
