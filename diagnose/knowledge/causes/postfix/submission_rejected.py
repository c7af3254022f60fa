from diagnose.model import DOUBTS, Cause, Impact, sign

CAUSE = Cause(
    id="submission-rejected",
    title="This host's own Postfix refuses the application's mail",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "The client is not in mynetworks, the sender or the HELO name fails a restriction, a milter rejects the message, or "
        "the user may not submit. The log has a NOQUEUE: reject or milter-reject line."
    ),
    remedy=(
        "Allow the application's address (narrowly: an open relay is found within hours), and put "
        "permit_mynetworks before other restrictions; or correct the sender address. Programs without TLS "
        "need a port that does not require it. A milter that judges incoming mail should leave out mail from this host."
    ),
    rules_out="No NOQUEUE: reject or milter-reject line for the application's address.",
    flow=DOUBTS,
    signs=(
        sign("config.submission-refused", "proves"),
        # A rule that would refuse mail, where the log cannot show whether it does.
        sign("config.submission-refused", "hints", "warning", kind="rule"),
        sign("config.submit-users", "proves", used=(True,)),
        sign("config.submit-users", "proves", kind=("misspelt",)),
        sign("config.submit-users", "speaks"),
        # A list that may well name the application's account, while nothing was handed in.
        sign("config.submit-users", "fits", "warning", idle=True),
    ),
    explains=(
        "relay-access-denied",
        "sender-domain-not-found",
        "helo-name-invalid",
        "nothing-submitted",
        "sender-not-allowed",
        "smtp-listener-broken",
    ),
    links=(
        "https://www.postfix.org/SMTPD_ACCESS_README.html",
        "https://www.postfix.org/BASIC_CONFIGURATION_README.html#relay_from",
    ),
)
