from diagnose.model import Cause, Impact, sign

_OWN = ("two-records", "syntax", "look-ups")  # what the record's owner alone can have done
_BROKEN = (*_OWN, "void", "include")

CAUSE = Cause(
    id="spf-record-invalid",
    title="The SPF record of the sender's domain is invalid",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "A domain may have only one SPF record, without a syntax error, that needs at most ten DNS lookups. "
        "Otherwise SPF ends in permerror: some receivers refuse the mail, and none counts SPF towards DMARC."
    ),
    remedy=(
        "Correct the SPF record of {domain}: merge two records into one; if it takes too many lookups, drop "
        "includes that are not needed or replace them with networks (ip4:, ip6:)."
    ),
    rules_out="An SPF checker evaluates the record for this host's address without an error.",
    signs=(
        sign("sender.spf", "fits", kind=_BROKEN),
        sign("sender.spf", "proves", kind=_OWN, refused=True),
    ),
    explains=("sender-unauthenticated",),
    links=("https://www.rfc-editor.org/rfc/rfc7208#section-4.6", "https://support.google.com/a/answer/81126"),
)
