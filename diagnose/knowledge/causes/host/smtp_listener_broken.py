from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="smtp-listener-broken",
    title="This host's SMTP port is open, but does not serve clients",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "A program that submits mail on this host's port {port|25 or 587} connects, but gets no greeting, no TLS or "
        "no answer: "
        "smtpd waits for a proxy, all its processes are busy, postscreen cannot hand clients on to it, or it cannot start. The sendmail command may still work."
    ),
    remedy="Correct what keeps smtpd from serving clients, and reload Postfix.",
    rules_out="A greeting and an answer to EHLO on that port.",
    flow=0,
    signs=(
        sign("listener.dialogue", "proves", kind=("busy", "pass", "proxy")),
        sign("listener.dialogue", "strong", kind="closed"),
        # A filter, a milter or a name server may be what it waits for.
        sign("listener.dialogue", "speaks", kind=("mute", "refused")),
        # Perhaps nobody but the proxy is to connect there.
        sign("listener.dialogue", "hints", "warning"),
        sign("listener.tls", "proves"),
        sign("listener.tls", "hints", "warning"),
        sign("postfix.master", "doubts"),
    ),
    explains=("nothing-submitted", "app-smtp-unreachable"),
    links=("https://www.postfix.org/STRESS_README.html", "https://www.postfix.org/TLS_README.html#server_enable"),
)
