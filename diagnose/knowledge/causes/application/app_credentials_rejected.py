from diagnose.knowledge.causes.application import SMTP_PACKAGE
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="app-credentials-rejected",
    title="The mail server rejects the application's login",
    impact=Impact.OUTAGE,
    station="application",
    explanation=(
        "The user name or password in the application's settings is wrong or missing. Gmail, Yahoo and Microsoft "
        "accept no account password over SMTP: they require an application password, or have disabled password "
        "logins."
    ),
    remedy=(
        "{advice|Put a user and a password that the server accepts into the application's settings.} (In {path}: "
        "{keys}.) {rule|} {restart|Then restart the application, so that it reads its settings again.}"
    ),
    rules_out="A login with the same user and password that the server answers with 235.",
    flow=0,
    signs=(
        sign("app.login", "proves"),
        sign("app.login", "refutes", "ok"),
    ),
    explains=("nothing-submitted",),
    links=("https://support.google.com/accounts/answer/185833", SMTP_PACKAGE),
)
