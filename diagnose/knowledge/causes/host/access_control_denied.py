from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="access-control-denied",
    title="SELinux or AppArmor blocks {process|a mail program}",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "The kernel enforces access control regardless of owners and modes. On Red Hat systems web applications "
        "may neither call sendmail nor connect to mail servers unless a boolean is set."
    ),
    remedy="Allow only what was denied{how|}; do not switch {by|SELinux} off.",
    rules_out="SELinux permissive or disabled, and no denial of a mail program in the audit log.",
    signs=(
        sign("host.access-control", "proves"),
        sign("host.access-control", "against", "ok"),
    ),
    explains=("queue-permissions", "submission-sandboxed", "sasl-map-missing", "lookup-table-broken"),
    links=("https://www.postfix.org/DEBUG_README.html",),
)
