from diagnose.model import DOUBTS, Cause, Impact, sign

CAUSE = Cause(
    id="clock-wrong",
    title="This host's clock is wrong",
    impact=Impact.PARTIAL,
    station="Postfix",
    explanation=(
        "With a wrong clock, valid certificates seem expired or not yet valid, and time-stamped signatures and "
        "logins are refused."
    ),
    remedy="Set the clock, and keep it synchronised with a time service (chrony, systemd-timesyncd).",
    rules_out="The time service reports that the clock is right.",
    flow=DOUBTS,
    signs=(
        sign("host.clock", "proves"),
        sign("host.clock", "refutes", "ok", sure=True),
    ),
    explains=("relay-certificate-invalid", "app-certificate-untrusted", "relay-credentials-rejected"),
    links=("https://www.postfix.org/TLS_README.html",),
)
