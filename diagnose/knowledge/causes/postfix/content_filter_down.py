from diagnose.knowledge.causes.postfix import SEEN, UNLISTED
from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="content-filter-down",
    title="A content filter or policy service on this host does not answer",
    impact=Impact.OUTAGE,
    explanation=(
        "Postfix hands every message to a filter or asks a policy service before it goes on ({parameter}). Nothing "
        "answers at {endpoint}, so mail waits, or is refused with '451 Server configuration problem'."
    ),
    remedy=Remedy(
        text="Start the filter; where it is no longer used, take {parameter} out of main.cf and master.cf.",
        commands=(
            "ss -ltnp | grep -E ':{port}|10024|10031'",
            "systemctl status amavis amavisd rspamd postgrey policyd-spf 2>/dev/null | head -30",
            "postconf -n content_filter smtpd_proxy_filter smtpd_recipient_restrictions",
            "postfix reload && postsuper -r ALL   # lets waiting mail forget a filter that was taken away",
        ),
    ),
    rules_out="A connection to the filter's port is accepted.",
    signs=(
        Sign("filter.content", 18, where=SEEN),
        Sign("filter.content", 9, where=UNLISTED),
        # A proxy before the queue: all mail by SMTP is refused, while the sendmail command's goes on.
        Sign("filter.content", 38, where=(("parameter", "smtpd_proxy_filter"),)),
        Sign("filter.policy", 14, where=SEEN),
        Sign("filter.policy", 8, where=UNLISTED),
        Sign("filter.program", 21, where=(("role", "content"),)),
        Sign("mail.content-filter-down", 16),
        Sign("mail.connect-refused", 6, where=(("address", ("127.0.0.1", "::1")),)),
        Sign("mail.transport-unavailable", 3),
        Sign("filter.content", -10, Status.OK),
        Sign("mail.flow", -25, Status.OK),
    ),
    explains=("queue-congested", "relay-unreachable", "remote-server-unreachable"),
    links=("https://www.postfix.org/FILTER_README.html", "https://www.postfix.org/SMTPD_POLICY_README.html"),
)
