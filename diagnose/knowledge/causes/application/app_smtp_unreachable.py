from diagnose.knowledge.causes.application import BY_POSTFIX, SMTP_PACKAGE
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="app-smtp-unreachable",
    title="The mail server in the application's settings cannot be reached",
    impact=Impact.OUTAGE,
    station="application",
    explanation=(
        "The application sends through the server in its own settings, not through Postfix. The host name or "
        "port is wrong, or something on the way drops the connection."
    ),
    remedy=(
        "{mend|Correct host and port in} {path} (now {host}:{port}). This server answers on {works}. "
        "Set {setting}. {restart|Then restart the application, so that it reads its settings again.}"
    ),
    rules_out="A connection from this host to that host and port gets a greeting.",
    flow=0,
    signs=(
        sign("app.server", "fits", local=False),
        # relay-name-not-found says it more exactly.
        sign("app.server", "proves", local=False, outcome="name-not-found"),
        sign("app.server", "proves", outcome=("silent", "greeting")),
        sign("app.server", "proves", local=False, others=("open", "private")),
        sign("app.server", "strong", local=False, others="unknown"),
        # Unrelated servers fail on that port too: the network stops it, and egress-…-blocked explains this.
        sign("app.server", "proves", local=False, others="blocked"),
        sign("app.server", "refutes", "ok"),
        sign("app.server", "refutes", outcome="local"),
        # Nothing at all is reached: not this server's doing.
        sign("egress.internet", "against"),
        sign("dns.resolver", "against"),
        BY_POSTFIX,
    ),
    explains=("nothing-submitted",),
    links=(SMTP_PACKAGE,),
)
