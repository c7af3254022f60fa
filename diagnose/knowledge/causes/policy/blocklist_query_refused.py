from diagnose.model import DOUBTS, Cause, Impact, Remedy

CAUSE = Cause(
    id="blocklist-query-refused",
    title="Not a real listing: the blocklist refused the DNS resolver's query",
    impact=Impact.PARTIAL,
    explanation=(
        "The receiver asks a blocklist through a public or overloaded resolver. The list answers such queries with an error code "
        "(127.255.255.x), and the receiver takes that for a listing. This host's address is not listed."
    ),
    remedy=Remedy(
        text="Where the refusing server is yours: let it use its own recursive resolver and accept only the list's real return codes "
        "(zen.spamhaus.org=127.0.0.[2..11]). Otherwise tell its postmaster.",
    ),
    rules_out="The list's own look-up page shows the address as listed.",
    flow=DOUBTS,
    signs=(),
    explains=("ip-blocklisted",),
    links=("https://www.spamhaus.org/returnc/pub/",),
)
