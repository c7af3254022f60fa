from diagnose.model import Cause, Impact

CAUSE = Cause(
    id="recipient-suppressed",
    title="The relay no longer sends to this recipient",
    impact=Impact.PARTIAL,
    station="relay",
    explanation=(
        "After a bounce or a complaint the relay puts an address on its suppression list. It then drops or "
        "refuses mail for it; the recipient's own server never sees it."
    ),
    remedy=(
        "Remove {recipient} from the suppression (bounce) list in the relay's console or through its API, once the "
        "reason for the first bounce is fixed."
    ),
    rules_out="Other recipients at the same domain do not get mail either.",
    signs=(),
    links=(
        "https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html",
        "https://www.twilio.com/docs/sendgrid/ui/sending-email/bounces",
    ),
)
