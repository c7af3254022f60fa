from diagnose.knowledge.causes.application import SENDS, SMTP_PACKAGE
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="app-tls-mismatch",
    title="The application's TLS mode does not fit its mail server's port",
    impact=Impact.OUTAGE,
    station="application",
    explanation=(
        "Port 465 expects TLS from the first byte; ports 587 and 25 begin in clear text and switch with "
        "STARTTLS. An application that starts TLS on a clear-text port reports a wrong version; one that speaks "
        "clear text on 465 hangs until it times out."
    ),
    remedy=(
        "In {path} (or its template and variables) make port and TLS mode agree (what works with {host}: "
        "{setting|what its operator says}). {hint|} {restart|Then restart the application.}"
    ),
    rules_out="A TLS handshake that starts the way the settings start it succeeds.",
    flow=0,
    signs=(
        sign("app.tls", "proves", proven=True),
        # By what is usual on the port, the server not heard.
        sign("app.tls", "strong", proven=False),
        # The mail goes out, each time after a failed handshake and in the clear.
        sign("app.tls", "speaks", "warning", kind="fallback"),
        sign("app.tls", "refutes", "ok"),
        SENDS,
    ),
    explains=("app-smtp-unreachable", "nothing-submitted"),
    links=("https://javaee.github.io/javamail/docs/SSLNOTES.txt", SMTP_PACKAGE),
)
