from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="mailer-config-error",
    title="The mailer on this host rejects its own configuration",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "Exim, sendmail, OpenSMTPD or another mailer does not start, or does not deliver: an unknown keyword, a "
        "file that is missing, unreadable or owned by the wrong user, an address in use. Mail submitted to it "
        "waits."
    ),
    remedy="Correct what the mailer reports ({path|its configuration}), and have it check its own configuration before you restart it.",
    rules_out="The mailer's own check of its configuration passes and its daemon runs.",
    signs=(
        sign("mailer.settings", "proves"),
        # Readable for root alone, who may be the only one to send.
        sign("mailer.settings", "fits", "warning"),
    ),
    explains=(
        "nothing-submitted",
        "smtp-listener-missing",
        "mailer-panic-logged",
        "mailer-not-running",
        "relay-auth-not-attempted",
        "sasl-key-mismatch",
        "mail-on-hold",
        "relay-access-denied",
        "relay-requires-tls",
        "lookup-table-broken",
        "queue-permissions",
    ),
    links=(
        "https://www.exim.org/exim-html-current/doc/html/spec_html/ch-the_exim_command_line.html",
        "https://man.openbsd.org/smtpd.8",
    ),
)
