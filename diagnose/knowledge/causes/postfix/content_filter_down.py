from diagnose.knowledge.causes.postfix import SEEN, UNLISTED
from diagnose.model import AGAINST, FITS, OK, PROVES, SETTLES, SPEAKS, STRONG, Cause, Impact, sign

CAUSE = Cause(
    id="content-filter-down",
    title="A content filter or policy service on this host does not answer",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "Postfix passes every message to a filter, or asks a policy service, before it continues. While nothing "
        "answers at {endpoint|its address}, mail waits or is refused with '451 Server configuration problem'."
    ),
    remedy="Start the filter; if it is no longer used, remove {parameter} from main.cf and master.cf.",
    rules_out="A connection to the filter's port is accepted.",
    signs=(
        sign("filter.content", STRONG, kind=SEEN),
        sign("filter.content", PROVES, kind="turns-away"),
        sign("filter.content", SPEAKS, kind=UNLISTED),
        # A proxy before the queue: all mail by SMTP is refused, while the sendmail command's goes on.
        sign("filter.content", SETTLES, parameter="smtpd_proxy_filter"),
        sign("filter.policy", STRONG, kind=SEEN),
        sign("filter.policy", FITS, kind=UNLISTED),
        sign("filter.program", PROVES, role="content"),
        sign("filter.program", SPEAKS, role="hung"),
        sign("filter.program", FITS, role="kept"),
        sign("filter.content", AGAINST, OK),
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
