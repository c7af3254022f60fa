from diagnose.model import DOUBTS, Cause, Impact, sign

CAUSE = Cause(
    id="recipient-domain-accepts-no-mail",
    title="The recipient's domain accepts no mail",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "A null MX record (RFC 7505) says that a domain accepts no mail. An MX that points to localhost, a "
        "private address or a name without an address has the same effect."
    ),
    remedy=(
        "Ask the recipient for another address. If {domain|the domain} is yours, give it an MX record that names a host "
        "with a public address."
    ),
    rules_out="An MX host with a public address.",
    flow=DOUBTS,
    signs=(
        sign("dns.recipient-domain", "proves", kind="null-mx"),
        sign("dns.recipient-domain", "strong", kind="no-address"),
        # A company's own mail server has a private address, and may be down like any other.
        sign("dns.recipient-domain", "fits", kind="private"),
        sign("destination.reachable", "fits"),
        # A loopback address is never a valid MX host.
        sign("dns.recipient-domain", "proves", kind="loopback"),
        # The domain may run a server just to say so.
        sign("dns.recipient-domain", "doubts", "ok"),
        sign("dns.resolver", "refutes"),
    ),
    explains=("mail-loops-back",),
    links=("https://www.rfc-editor.org/rfc/rfc7505",),
)
