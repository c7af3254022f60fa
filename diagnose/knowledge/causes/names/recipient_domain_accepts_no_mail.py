from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
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
)
