from diagnose.knowledge.causes.postfix import SEEN, UNLISTED
from diagnose.model import Cause, Impact, sign

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
        sign("filter.content", "strong", kind=SEEN),
        sign("filter.content", "proves", kind="turns-away"),
        sign("filter.content", "speaks", kind=UNLISTED),
        # A proxy before the queue: all mail by SMTP is refused, while the sendmail command's goes on.
        sign("filter.content", "settles", parameter="smtpd_proxy_filter"),
        sign("filter.policy", "strong", kind=SEEN),
        sign("filter.policy", "fits", kind=UNLISTED),
        sign("filter.program", "proves", role="content"),
        sign("filter.program", "speaks", role="hung"),
        sign("filter.program", "fits", role="kept"),
        sign("filter.content", "against", "ok"),
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
