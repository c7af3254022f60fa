from diagnose.knowledge.causes.relay import CLIENT, WORKS
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="relay-app-password-required",
    title="The relay requires an application password",
    impact=Impact.OUTAGE,
    station="relay",
    explanation=(
        "For an account with a second factor the provider accepts no ordinary password over SMTP (Gmail: "
        "534-5.7.9). It issues application passwords instead."
    ),
    remedy=(
        "Create an application password in the account's security settings and put it into the password map in place of the "
        "account's own password."
    ),
    rules_out="The password is one that the provider issued for an application.",
    signs=(
        sign("relay.login", "proves", label="relay-app-password-required"),
        WORKS,
    ),
    explains=("relay-credentials-rejected",),
    links=("https://support.google.com/accounts/answer/185833", CLIENT),
)
