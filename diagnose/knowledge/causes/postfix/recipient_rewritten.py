from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="recipient-rewritten",
    title="A table on this host redirects the mail to someone else",
    impact=Impact.PARTIAL,
    station="Postfix",
    explanation=(
        "{parameter|An alias or canonical table} rewrites the recipient before the mail is sent. The log shows "
        "both addresses, as to= and orig_to=."
    ),
    remedy="Remove or correct the entry {key|that redirects it} in {table|the table}; run postmap if the table is indexed.",
    rules_out="No orig_to= in the log line of that message, and postmap -q finds nothing for the address or its "
    "@domain.",
    signs=(
        sign("config.rewritten", "proves"),
        # An alias in a domain that is local here: normal, unless the user misses this mail.
        sign("config.rewritten", "hints", "warning"),
    ),
    explains=(
        "recipient-domain-local",
        "recipient-unknown",
        "recipient-domain-not-found",
        "delivered-to-remote",
        "nothing-submitted",
    ),
    links=("https://www.postfix.org/ADDRESS_REWRITING_README.html",),
)
