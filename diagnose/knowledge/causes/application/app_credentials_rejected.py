from diagnose.knowledge.causes.application import SMTP_PACKAGE
from diagnose.model import PROVES, REFUTES, Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="app-credentials-rejected",
    title="The mail server refuses the application's login, or demands one that it does not make",
    impact=Impact.OUTAGE,
    explanation=(
        "The server was reached and TLS is in order, but the user name and password in the application's settings are refused, or "
        "none are sent although the server wants them. Gmail, Yahoo and Microsoft take no account password here: they want "
        "an application password, or have switched this kind of login off."
    ),
    remedy=Remedy(
        text="Put a valid user and password into {path} ({label}); for JavaMail with mail.smtp.auth=true (the bare word). "
        "For Gmail create an application password. In a properties file write \\\\ for each backslash.",
    ),
    rules_out="A login with the same user and password that the server answers with 235.",
    flow=0,
    signs=(
        Sign("app.login", PROVES),
        Sign("app.login", REFUTES, Status.OK),
    ),
    explains=("nothing-submitted",),
    links=("https://support.google.com/accounts/answer/185833", SMTP_PACKAGE),
)
