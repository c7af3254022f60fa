from diagnose.model import Cause, Impact, Remedy

CAUSE = Cause(
    id="recipient-suppressed",
    title="The relay no longer sends to this recipient",
    impact=Impact.PARTIAL,
    station="relay",
    explanation=(
        "After a bounce or a complaint the relay puts an address on its suppression list. It then drops or "
        "refuses mail for it; the recipient's own server never sees it."
    ),
    remedy=Remedy(
        text="Take {recipient} off the suppression (bounce) list in the relay's console or by its API, after the reason of the first bounce is gone.",
    ),
    rules_out="Other recipients at the same domain do not get mail either.",
    signs=(),
    links=(
        "https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html",
        "https://www.twilio.com/docs/sendgrid/ui/sending-email/bounces",
    ),
)
