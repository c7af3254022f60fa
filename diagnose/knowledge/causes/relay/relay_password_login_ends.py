from diagnose.knowledge.causes.relay import CLIENT
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="relay-password-login-ends",
    title="The relay will soon stop accepting passwords",
    impact=Impact.LATENT,
    explanation=(
        "Mail flows today. {provider|The provider} has announced a date from which password logins over SMTP are "
        "off by default; from then on every message is refused at the login."
    ),
    remedy=(
        "Before {date|that day}, sign in with OAuth (a SASL plug-in for XOAUTH2), have the administrator "
        "keep password logins for this mailbox for as long as the provider allows it, or send through a "
        "relay that accepts an SMTP login."
    ),
    rules_out="The provider's own announcement gives another date, or this login uses a token.",
    signs=(sign("relay.password-end", "speaks", "warning"),),
    links=(
        "https://techcommunity.microsoft.com/blog/exchange/updated-exchange-online-smtp-auth-basic-authentication-deprecation-timeline/4489835",
        CLIENT,
    ),
)
