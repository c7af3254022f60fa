from diagnose.model import PROVES, Cause, Impact, Remedy, Sign

CAUSE = Cause(
    id="delivered-to-remote",
    title="The receiving server accepted the mail; check spam and filters there",
    impact=Impact.NONE,
    explanation=(
        "The log shows that the recipient's server accepted the message (250). This host has done its part; the mail is in a spam folder, a "
        "quarantine, a rule's folder, or was forwarded or dropped over there."
    ),
    remedy=Remedy(
        text="Have the recipient look into spam and quarantine, and give the receiving postmaster the time, this host's address and the "
        "queue id that stands in the server's reply. If {host} is a relay, look into its own delivery log.",
    ),
    rules_out="A later attempt to the same recipient that failed.",
    signs=(Sign("log.recipient", PROVES, where=(("kind", "sent"),)),),
    links=("https://www.postfix.org/DEBUG_README.html#logging",),
)
