from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="lookup-table-broken",
    title="Postfix cannot use one of its lookup tables",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "{table|The table} is missing, was never compiled, is malformed, or its database does not answer. Mail "
        "that needs it is deferred with 'Temporary lookup failure' or stays in maildrop."
    ),
    remedy="Create or repair the table: compile an indexed one with postmap (aliases with newaliases), or correct the name.",
    rules_out="`postmap -q` of the table answers without a warning.",
    signs=(
        sign("table.present", "proves"),
        sign("table.readable", "strong"),
        sign("table.works", "proves"),
        # Tables that only local mailboxes or incoming mail need.
        sign("table.present", "fits", "warning"),
        sign("table.works", "hints", "warning"),
        sign("table.stale", "hints", "warning", kind="differs"),
    ),
    explains=("submission-rejected", "nothing-submitted", "retry-pending"),
    links=("https://www.postfix.org/DATABASE_README.html", "https://www.postfix.org/postmap.1.html"),
)
