from diagnose.model import DOUBTS, Cause, Impact

CAUSE = Cause(
    id="blocklist-query-refused",
    title="Not a real listing: the blocklist refused the receiver's DNS query",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "The receiver asks a blocklist through a public or overloaded resolver. The list answers such queries "
        "with an error code (127.255.255.x), which the receiver mistakes for a listing."
    ),
    remedy=(
        "If the refusing server is yours, let it use its own recursive resolver and accept only the list's "
        "real return codes "
        "(zen.spamhaus.org=127.0.0.[2..11]). Otherwise tell its postmaster."
    ),
    rules_out="The list's own lookup page shows the address as listed.",
    flow=DOUBTS,
    otherwise="Only the recipient's postmaster can fix it, by using a resolver of their own.",
    signs=(),
    explains=("ip-blocklisted",),
    links=("https://www.spamhaus.org/returnc/pub/",),
)
