from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
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
)
