from diagnose.model import DOUBTS, Cause, Impact, sign

CAUSE = Cause(
    id="sender-unauthenticated",
    title="Receivers refuse the mail because SPF, DKIM or DMARC fail",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "The receiver checks whether this host may send for the sender's domain: its address must be in the SPF "
        "record, or the message must carry a valid DKIM signature; DMARC tells receivers to refuse mail that "
        "fails both."
    ),
    remedy=(
        "Add this host's public address (or the relay's include) to the SPF record of the domain of {sender|the sender}, sign "
        "with DKIM, or send from an address of a domain that is yours."
    ),
    rules_out="The same sender is accepted by the same receiver through this host.",
    flow=DOUBTS,
    signs=(
        sign("sender.spf", "fits", kind="fail"),
        sign("sender.dmarc", "fits", kind="unaligned"),
    ),
    links=(
        "https://support.google.com/a/answer/81126",
        "https://www.rfc-editor.org/rfc/rfc7208",
        "https://www.rfc-editor.org/rfc/rfc9989",
    ),
)
