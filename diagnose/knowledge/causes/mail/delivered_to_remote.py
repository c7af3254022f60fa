from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="delivered-to-remote",
    title="The recipient's server accepted the mail: check its spam folder",
    impact=Impact.NONE,
    station="recipient",
    explanation=(
        "After a 250 reply this host's part is done. The message is in a spam folder, a quarantine or another "
        "folder, or was forwarded or dropped on the recipient's side."
    ),
    remedy=(
        "Have the recipient check spam and quarantine, and give the receiving postmaster the time, this host's "
        "address and the queue id in the server's reply. If {host} is a relay, check its own delivery log."
    ),
    rules_out="A later attempt to the same recipient that failed.",
    otherwise="The recipient or their postmaster can look for it by its message id.",
    signs=(
        sign("log.recipient", "proves", kind="sent"),
        # It took an earlier message; a later one cannot get there.
        sign("destination.reachable", "refutes"),
        sign("relay.session", "refutes"),
        sign("relay.envelope", "refutes"),
    ),
    links=("https://www.postfix.org/DEBUG_README.html#logging",),
)
