from diagnose.model import Cause, Impact

CAUSE = Cause(
    id="recipient-address-malformed",
    title="A recipient's address is malformed",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "An address with no @, two of them, a space, a comma or an empty domain is refused before any mailbox is "
        "looked up. One such recipient may stop the whole message."
    ),
    remedy=(
        "Correct the address at its source (the user's record, a list, a setting), and check addresses when "
        "they are entered."
    ),
    rules_out="The same recipient, written as local-part@domain and nothing else, is refused as well.",
    signs=(),
    links=(
        "https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2",
        "https://www.rfc-editor.org/rfc/rfc3463#section-3.2",
    ),
)
