from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="mailer-local-only",
    title="This host's mailer is set up for local delivery only",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "This is the default of Debian's Exim (dc_eximconfig_configtype='local'): it bounces mail to other hosts at once with 'Mailing to remote "
        "domains not supported'. It needs a smarthost, or must be set to deliver directly."
    ),
    remedy="Choose how mail leaves this host (through a smarthost, or directly), and send bounced mail again.",
    rules_out="The mailer has a router that sends mail to other hosts.",
    signs=(
        sign("mailer.mode", "proves"),
        sign("mailer.mode", "hints", "warning"),
        # The application sends by a server of its own.
        sign("app.route", "refutes", "ok", direct=True),
        sign("relay.reachable", "refutes", "ok"),
    ),
    explains=("nothing-submitted", "relay-not-configured"),
    links=("https://manpages.debian.org/stable/exim4-config/update-exim4.conf.8.en.html",),
)
