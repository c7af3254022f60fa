from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="recipient-domain-not-found",
    title="The recipient's domain does not exist",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "A domain without an MX record or an address cannot receive mail. Usually the address was mistyped when "
        "the user registered."
    ),
    remedy=(
        "Correct the recipient's address ({recipient}) in the application. If the spelling is right, the owner "
        "of {domain} must "
        "fix the domain's DNS; waiting mail for it can be deleted with postsuper -d."
    ),
    rules_out="Another name server knows the domain, or the resolver answers nothing at all.",
    signs=(
        sign("dns.recipient-domain", "strong", kind=("nxdomain", "no-exchanger")),
        sign("dns.recipient-domain", "speaks", kind="servfail"),
        sign("dns.recipient-domain", "refutes", "ok"),
        sign("dns.resolver", "refutes"),
        sign("dns.chroot", "against"),
    ),
    links=("https://www.rfc-editor.org/rfc/rfc5321#section-5.1",),
)
