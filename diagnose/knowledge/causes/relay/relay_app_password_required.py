from diagnose.knowledge.causes.relay import CLIENT, WORKS
from diagnose.model import PROVES, Cause, Impact, Remedy, Sign

CAUSE = Cause(
    id="relay-app-password-required",
    title="The relay wants an application password",
    impact=Impact.OUTAGE,
    explanation=(
        "The account is protected by a second factor or a sign-in check, and the provider takes no ordinary password over SMTP "
        "(Gmail: 534-5.7.9). It issues passwords for applications instead."
    ),
    remedy=Remedy(
        text="Create an application password in the account's security settings and put it into the password map in place of the "
        "account's own password.",
    ),
    rules_out="The password is one that the provider issued for an application.",
    signs=(
        Sign("relay.login", PROVES, where=(("label", "relay-app-password-required"),)),
        WORKS,
    ),
    explains=("relay-credentials-rejected",),
    links=("https://support.google.com/accounts/answer/185833", CLIENT),
)
