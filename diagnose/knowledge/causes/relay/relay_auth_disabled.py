from diagnose.knowledge.causes.relay import CLIENT, FLOW, WORKS
from diagnose.model import Cause, Impact, Remedy, Sign

CAUSE = Cause(
    id="relay-auth-disabled",
    title="The provider has switched this way of signing in off",
    impact=Impact.OUTAGE,
    explanation=(
        "The relay knows the account and takes no password from it over SMTP: the provider or the organisation's administrator "
        "has disabled it (Microsoft: 5.7.139 or 5.7.57), so that no password can be right."
    ),
    remedy=Remedy(
        text=(
            "Have SMTP AUTH enabled for this mailbox if the provider still allows that, or send through a relay that takes an SMTP "
            "login."
        ),
        commands=("postconf relayhost smtp_sasl_password_maps", "postqueue -f"),
    ),
    rules_out="Another mailbox of the same organisation signs in from here.",
    signs=(
        Sign("relay.login", 22, where=(("label", "relay-auth-disabled"),)),
        Sign("relay.envelope", 10, where=(("label", "relay-auth-disabled"),)),
        Sign("mail.relay-auth-disabled", 21),
        # Without a login from this side the provider says much the same.
        Sign("sasl.enabled", -25),
        Sign("sasl.key", -25),
        Sign("sasl.map", -25),
        WORKS,
        FLOW,
    ),
    relay=True,
    explains=("relay-credentials-rejected",),
    links=(
        "https://learn.microsoft.com/en-us/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission",
        CLIENT,
    ),
)
