from diagnose.knowledge.causes.relay import CLIENT, WORKS
from diagnose.model import PROVES, REFUTES, SPEAKS, Cause, Impact, Remedy, Sign

CAUSE = Cause(
    id="relay-auth-disabled",
    title="The provider has disabled password logins over SMTP",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "The provider or the organisation's administrator has switched this kind of login off (Microsoft: "
        "5.7.139 or 5.7.57). No password will be accepted."
    ),
    remedy=Remedy(
        text="Have SMTP AUTH enabled for this mailbox if the provider still allows that, or send through a relay that takes an SMTP "
        "login.",
    ),
    rules_out="Another mailbox of the same organisation signs in from here.",
    signs=(
        Sign("relay.login", PROVES, where=(("label", "relay-auth-disabled"),)),
        Sign("relay.envelope", SPEAKS, where=(("label", "relay-auth-disabled"),)),
        # Without a login from this side the provider says much the same.
        Sign("sasl.enabled", REFUTES),
        Sign("sasl.key", REFUTES),
        Sign("sasl.map", REFUTES),
        WORKS,
    ),
    relay=True,
    explains=("relay-credentials-rejected",),
    links=(
        "https://learn.microsoft.com/en-us/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission",
        CLIENT,
    ),
)
