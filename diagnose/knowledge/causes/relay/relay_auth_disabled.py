from diagnose.knowledge.causes.relay import CLIENT, WORKS
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="relay-auth-disabled",
    title="The provider has disabled password logins over SMTP",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "The provider or the organisation's administrator has switched this kind of login off (Microsoft: "
        "5.7.139 or 5.7.57). No password will be accepted."
    ),
    remedy=(
        "Have SMTP AUTH enabled for this mailbox if the provider still allows that, or send through a relay that takes an SMTP "
        "login."
    ),
    rules_out="Another mailbox of the same organisation signs in from here.",
    signs=(
        sign("relay.login", "proves", label="relay-auth-disabled"),
        sign("relay.envelope", "speaks", label="relay-auth-disabled"),
        # Without a login from this side the provider says much the same.
        sign("sasl.enabled", "refutes"),
        sign("sasl.key", "refutes"),
        sign("sasl.map", "refutes"),
        WORKS,
    ),
    relay=True,
    explains=("relay-credentials-rejected",),
    links=(
        "https://learn.microsoft.com/en-us/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission",
        CLIENT,
    ),
)
