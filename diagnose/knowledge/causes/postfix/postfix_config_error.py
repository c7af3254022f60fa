from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="postfix-config-error",
    title="A Postfix setting is invalid",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "A daemon that reads an invalid value exits at once, is started again and exits again; the mail stays in "
        "the queue without a reason. `postfix check` and `postfix start` do not complain about values."
    ),
    remedy=(
        "Correct {parameter} ({path} line {line}) and restart Postfix. Values take no "
        "quotes and no trailing comment; a line that begins with white space continues the previous line."
    ),
    rules_out="postconf -n prints nothing on stderr, and the log has no 'fatal:' from a Postfix daemon.",
    signs=(
        # The agent that should take the message cannot start: no attempt, no reason.
        sign("queue.stuck", "fits"),
        sign("config.syntax", "proves"),
        # From a program that this tool ran just now.
        sign("config.fatal", "settles", named=True),
        sign("config.fatal", "fits", named=False),
        # With Postfix down nothing else can be what stops the mail today.
        sign("postfix.master", "hints"),
        # A value that all mail depends on; others break only their own daemon.
        sign("config.value", "proves", everything=True),
        sign("config.value", "speaks"),
        sign("config.unknown-parameter", "speaks"),
        sign("config.readable", "proves"),
        # The client's own certificate: without it TLS is switched off.
        sign("tls.key", "proves"),
        sign("postfix.daemons", "hints", "warning", service="qmgr"),
        # Pasted characters are the better name for the same broken value.
        sign("config.paste", "doubts", plain=False),
    ),
    explains=(
        "postfix-not-running",
        "smtp-listener-missing",
        "queue-congested",
        "nothing-submitted",
        "lookup-table-broken",
        "chroot-resolver-stale",
        "relay-auth-not-attempted",
        "smtp-listener-broken",
    ),
    links=("https://www.postfix.org/postconf.5.html", "https://www.postfix.org/DEBUG_README.html"),
)
