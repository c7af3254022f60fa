from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="smtp-listener-missing",
    title="Mail is sent to a local port where nothing listens",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "No mail server runs, Postfix's smtpd is switched off in master.cf or by master_service_disable, or it listens on other addresses "
        "(inet_interfaces). Inside a container, localhost is the container itself."
    ),
    remedy="Enable the smtp service and have it listen where the application connects, or correct the application's settings.",
    rules_out="A connection to that address and port is accepted.",
    flow=0,
    signs=(
        # The very address and port that the application is told to use; port 25 may well be open beside it.
        sign("app.smtp-listener-missing", "settles"),
        sign("app.smtp-listener-missing", "refutes", "ok"),
        # Not configured: without a host the application falls back on this one.
        sign("app.settings", "against", "warning", problem="host-missing"),
        # The port that master.cf promises is not there.
        # A port 25 that is open all the same belongs to another Postfix.
        sign("listener.expected", "settles", off=True),
        sign("listener.expected", "speaks", off=False),
        # A null client has no listener on purpose.
        sign("listener.smtp", "hints", "warning"),
        sign("listener.smtp", "against", "ok", kind="open"),
    ),
    explains=("nothing-submitted", "app-smtp-unreachable", "content-filter-down", "backend-down"),
    links=("https://www.postfix.org/postconf.5.html#inet_interfaces",),
)
