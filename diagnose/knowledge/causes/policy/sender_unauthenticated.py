from diagnose.model import DOUBTS, Cause, Impact, Remedy

CAUSE = Cause(
    id="sender-unauthenticated",
    title="Receivers refuse the mail because SPF, DKIM or DMARC fail",
    impact=Impact.PARTIAL,
    explanation=(
        "The receiver checked whether this host may send for the sender's domain, and it may not: the SPF record does not "
        "list its address, no valid DKIM signature is there, or DMARC tells receivers to refuse what fails both."
    ),
    remedy=Remedy(
        text="Add this host's public address (or the relay's include) to the SPF record of the sender's domain {domain}, sign with DKIM, or send from "
        "an address of a domain that is yours.",
    ),
    rules_out="The same sender is accepted by the same receiver through this host.",
    flow=DOUBTS,
    signs=(),
    links=(
        "https://support.google.com/a/answer/81126",
        "https://www.rfc-editor.org/rfc/rfc7208",
        "https://www.rfc-editor.org/rfc/rfc7489",
    ),
)
