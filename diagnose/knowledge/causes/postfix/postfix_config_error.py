from diagnose.model import DOUBTS, FITS, HINTS, PROVES, SETTLES, SPEAKS, Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="postfix-config-error",
    title="A Postfix setting is invalid",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "A daemon that reads an invalid value exits at once, is started again and exits again; the mail stays in "
        "the queue without a reason. `postfix check` and `postfix start` do not complain about values."
    ),
    remedy=Remedy(
        text="Correct {parameter} ({path} line {line}) and restart Postfix. Values take no "
        "quotes and no trailing comment; a line that begins with white space continues the previous line.",
    ),
    rules_out="postconf -n prints nothing on stderr, and the log has no 'fatal:' from a Postfix daemon.",
    signs=(
        # The agent that should take the message cannot start: no attempt, no reason.
        Sign("queue.stuck", FITS),
        Sign("config.syntax", PROVES),
        # Of a program that was run here and now.
        Sign("config.fatal", SETTLES, where=(("named", True),)),
        Sign("config.fatal", FITS, where=(("named", False),)),
        # With Postfix down nothing else can be what stops the mail today.
        Sign("postfix.master", HINTS),
        # A value that every message's way needs; others break only their own daemon.
        Sign("config.value", PROVES, where=(("everything", True),)),
        Sign("config.value", SPEAKS),
        Sign("config.unknown-parameter", SPEAKS),
        Sign("config.readable", PROVES),
        # The client's own certificate: without it TLS is switched off.
        Sign("tls.key", PROVES),
        Sign("postfix.daemons", HINTS, Status.WARNING, where=(("service", "qmgr"),)),
        # Pasted characters are the better name for the same broken value.
        Sign("config.paste", DOUBTS, where=(("plain", False),)),
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
