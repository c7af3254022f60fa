from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="delivery-throttled-by-settings",
    title="Postfix's own settings slow this mail down",
    impact=Impact.PLACEMENT,
    station="Postfix",
    explanation=(
        "{parameter|A rate delay, a concurrency limit, a long back-off or a short time-out} makes Postfix wait between two "
        "deliveries or two attempts, or give up before a slow server has answered. The mail stays in the queue meanwhile."
    ),
    remedy=(
        "If the delay is not intended, remove {parameter} and reload Postfix. If a receiver asked for it, keep it short "
        "and give that receiver a transport of its own."
    ),
    rules_out="Messages remain without an attempt although the setting has its default value.",
    signs=(
        sign("config.throttle", "proves", kind=("delay", "patience", "pause", "reach")),
        sign("config.throttle", "speaks", kind="width"),
        # The failure may still last: then the pause only delays the next attempt.
        sign("config.throttle", "hints", "warning"),
        sign("config.suspended", "doubts"),
    ),
    explains=(
        "retry-pending",
        "queue-congested",
        "greylisted",
        "rate-limited",
        "path-mtu-blackhole",
        "relay-unreachable",
        "remote-server-failing",
        "remote-server-unreachable",
    ),
    links=(
        "https://www.postfix.org/postconf.5.html#default_destination_rate_delay",
        "https://www.postfix.org/QSHAPE_README.html",
    ),
)
