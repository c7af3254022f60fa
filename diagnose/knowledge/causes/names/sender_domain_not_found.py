from diagnose.model import AGAINST, Cause, Impact, sign

CAUSE = Cause(
    id="sender-domain-not-found",
    title="The sender's domain does not exist",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "Receivers refuse mail from a domain that is not in public DNS (www-data@ip-10-0-0-5.internal, "
        "root@localhost.localdomain), since a bounce could not be returned."
    ),
    remedy=(
        "Have the application send from an address in a real domain, and give Postfix such a domain for "
        "senders without one. (Current sender: {sender}.)"
    ),
    rules_out="The domain resolves (MX or address) from elsewhere.",
    flow=AGAINST,
    signs=(
        sign("identity.sender-domain", "fits"),
        sign("identity.sender-domain", "hints", "warning"),
        sign("identity.sender-domain", "against", "ok"),
        sign("dns.resolver", "refutes"),
    ),
    # Both may come from one wrong name: refusals by other hosts rank before cron's mail to root.
    explains=("helo-name-invalid", "local-hostname-unresolvable"),
    links=(
        "https://www.postfix.org/postconf.5.html#myorigin",
        "https://www.postfix.org/ADDRESS_REWRITING_README.html#generic",
    ),
)
