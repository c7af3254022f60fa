from diagnose.knowledge.causes.policy import POSTFIX
from diagnose.model import DOUBTS, Cause, Impact

CAUSE = Cause(
    id="rate-limited",
    title="The relay or the receivers throttle this host",
    impact=Impact.PLACEMENT,
    station="recipient",
    explanation=(
        "The other side accepts mail only at a certain rate: 421 or 4.7.x with 'too many' or 'rate limit'. "
        "Postfix tries again, so the mail is late rather than lost."
    ),
    remedy=(
        "Send more slowly, and find out what is sending so much. A new address must build up its volume "
        "slowly; a relay's limit is raised in its console."
    ),
    rules_out="Refusals that are permanent (5xx), or come on the very first message of the day.",
    flow=DOUBTS,
    signs=(),
    links=(f"{POSTFIX}#default_destination_rate_delay", "https://support.google.com/a/answer/81126"),
)
