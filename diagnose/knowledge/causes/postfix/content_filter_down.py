from diagnose.knowledge.causes.postfix import SEEN, UNLISTED
from diagnose.model import AGAINST, FITS, PROVES, SETTLES, SPEAKS, STRONG, Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="content-filter-down",
    title="A content filter or policy service on this host does not answer",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "Postfix passes every message to a filter, or asks a policy service, before it continues. While nothing "
        "answers at {endpoint|its address}, mail waits or is refused with '451 Server configuration problem'."
    ),
    remedy=Remedy(
        text="Start the filter; if it is no longer used, remove {parameter} from main.cf and master.cf.",
    ),
    rules_out="A connection to the filter's port is accepted.",
    signs=(
        Sign("filter.content", STRONG, where=SEEN),
        Sign("filter.content", PROVES, where=(("kind", "turns-away"),)),
        Sign("filter.content", SPEAKS, where=UNLISTED),
        # A proxy before the queue: all mail by SMTP is refused, while the sendmail command's goes on.
        Sign("filter.content", SETTLES, where=(("parameter", "smtpd_proxy_filter"),)),
        Sign("filter.policy", STRONG, where=SEEN),
        Sign("filter.policy", FITS, where=UNLISTED),
        Sign("filter.program", PROVES, where=(("role", "content"),)),
        Sign("filter.program", FITS, where=(("role", "kept"),)),
        Sign("filter.content", AGAINST, Status.OK),
    ),
    explains=(
        "queue-congested",
        "rate-limited",
        "relay-unreachable",
        "remote-server-unreachable",
        "smtp-listener-broken",
    ),
    links=("https://www.postfix.org/FILTER_README.html", "https://www.postfix.org/SMTPD_POLICY_README.html"),
)
