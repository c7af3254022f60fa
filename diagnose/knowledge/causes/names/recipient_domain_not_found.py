from diagnose.model import AGAINST, REFUTES, SPEAKS, STRONG, Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="recipient-domain-not-found",
    title="The recipient's domain does not exist",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "A domain without an MX record or an address cannot receive mail. Usually the address was mistyped when "
        "the user registered."
    ),
    remedy=Remedy(
        text="Correct the recipient's address ({recipient}) in the application. If the spelling is right, the owner "
        "of {domain} must "
        "fix the domain's DNS; waiting mail for it can be deleted with postsuper -d.",
    ),
    rules_out="Another name server knows the domain, or the resolver answers nothing at all.",
    signs=(
        Sign("dns.recipient-domain", STRONG, where=(("kind", ("nxdomain", "no-exchanger")),)),
        Sign("dns.recipient-domain", SPEAKS, where=(("kind", "servfail"),)),
        Sign("dns.recipient-domain", REFUTES, Status.OK),
        Sign("dns.resolver", REFUTES),
        Sign("dns.chroot", AGAINST),
    ),
    links=("https://www.rfc-editor.org/rfc/rfc5321#section-5.1",),
)
