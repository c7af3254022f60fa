from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="lookup-table-unsupported",
    title="Postfix has no support for a lookup table's type",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "Postfix was built without {type|this type}, or its package is not installed. RHEL 10 and Alpine no "
        "longer have hash: and btree:. Mail that needs the table waits."
    ),
    remedy=(
        "Use a type that `postconf -m` lists (lmdb: or texthash: instead of hash:), or install the type's package; then "
        "compile the table again."
    ),
    rules_out="`postconf -m` lists the type.",
    signs=(
        sign("table.supported", "proves"),
        sign("sasl.map-type", "proves"),
        # Only local mailboxes or incoming mail need it.
        sign("table.supported", "fits", "warning"),
    ),
    explains=("lookup-table-broken", "sasl-map-missing", "relay-auth-not-attempted", "sasl-map-stale"),
    links=("https://www.postfix.org/DATABASE_README.html", "https://www.postfix.org/NON_BERKELEYDB_README.html"),
)
