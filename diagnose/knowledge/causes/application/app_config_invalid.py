from diagnose.knowledge.causes.application import PROPERTIES, SMTP_PACKAGE
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="app-config-invalid",
    title="The application's mail settings are incomplete or malformed",
    impact=Impact.OUTAGE,
    station="application",
    explanation=(
        "A setting is missing, still holds the example's placeholder, contradicts another, or is not read the "
        "way it looks: spaces, quotes, backslashes and comments may become part of a value, and an unknown name "
        "is ignored."
    ),
    remedy=(
        "Correct {key|what is wrong} in {path}, line {line} ({wrong}). {setting|} {rule|} {restart|} Where the file is generated, correct the "
        "template or the variable that fills it."
    ),
    rules_out="The settings, read as the application reads them, lead to a server that accepts them.",
    flow=0,
    signs=(
        sign("app.settings", "proves", proven=True),
        # Other programs' mail may still flow.
        sign("app.sendmail-path", "proves"),
        # Odd, but not seen to be what stops the mail.
        sign("app.settings", "speaks", proven=False),
    ),
    explains=(
        "app-smtp-unreachable",
        "app-tls-mismatch",
        "app-credentials-rejected",
        "app-certificate-untrusted",
        "app-tls-too-old",
        "smtp-listener-missing",
        "relay-name-not-found",
        "nothing-submitted",
    ),
    links=(SMTP_PACKAGE, PROPERTIES),
)
