"""Lookup tables that Postfix cannot use."""

from __future__ import annotations

from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSES = (
    Cause(
        id="lookup-table-unsupported",
        title="A lookup table is of a type that this Postfix does not have",
        impact=Impact.OUTAGE,
        explanation=(
            "{parameter} names a table of type {type}, which this Postfix was built without, or whose package is missing. "
            "Red Hat 10 and Alpine have no hash: and btree: any more. The mail that needs the table waits."
        ),
        remedy=Remedy(
            text="Use a type that `postconf -m` lists (lmdb: or texthash: instead of hash:), or install the type's package; then "
            "compile the table again.",
            commands=(
                "postconf -m",
                "postconf -n | grep -n '{type}:'",
                "sed -i 's/{type}:/lmdb:/g' /etc/postfix/main.cf   # then postmap lmdb:FILE for each table",
                "postfix reload && postqueue -f",
            ),
            debian=("apt-get install {package}",),
            rhel=("dnf install {package}",),
            alpine=("apk add {package}",),
        ),
        rules_out="`postconf -m` lists the type.",
        signs=(
            Sign("table.supported", 22),
            Sign("sasl.map-type", 22),
            Sign("mail.lookup-table-unsupported", 20),
            # Only local mailboxes or incoming mail need it.
            Sign("table.supported", 6, Status.WARNING),
            Sign("mail.table-unavailable", 3),
            Sign("mail.local-data-error", 3),
            Sign("mail.flow", -25, Status.OK),
        ),
        explains=("lookup-table-broken", "sasl-map-missing", "relay-auth-not-attempted", "sasl-map-stale"),
        links=("https://www.postfix.org/DATABASE_README.html", "https://www.postfix.org/NON_BERKELEYDB_README.html"),
    ),
    Cause(
        id="lookup-table-broken",
        title="Postfix cannot use one of its lookup tables",
        impact=Impact.OUTAGE,
        explanation=(
            "{parameter} names the table {table}, and Postfix cannot open or ask it: it is missing, was never compiled, is "
            "malformed, or its database does not answer. Mail that needs it is put off with 'Temporary lookup failure' or "
            "stays in maildrop."
        ),
        remedy=Remedy(
            text="Make or repair the table: compile an indexed one with postmap (aliases with newaliases), or correct the name.",
            commands=(
                "ls -l {path}*",
                "postmap {table}",
                "postmap -q test {table}; echo $?",
                "newaliases",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="`postmap -q` of the table answers without a warning.",
        signs=(
            Sign("table.present", 22),
            Sign("table.readable", 18),
            Sign("table.works", 20),
            Sign("mail.lookup-table-broken", 18),
            Sign("mail.table-unavailable", 8),
            Sign("mail.table-permission-denied", 5),
            # Tables that only local mailboxes or incoming mail need.
            Sign("table.present", 6, Status.WARNING),
            Sign("table.works", 4, Status.WARNING),
            Sign("table.stale", 4, Status.WARNING, where=(("kind", "differs"),)),
            Sign("mail.flow", -25, Status.OK),
        ),
        explains=("submission-rejected", "nothing-submitted"),
        links=("https://www.postfix.org/DATABASE_README.html", "https://www.postfix.org/postmap.1.html"),
    ),
)
