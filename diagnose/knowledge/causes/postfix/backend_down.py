from diagnose.knowledge.causes.postfix import SEEN, UNLISTED
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="backend-down",
    title="A service behind Postfix (mailbox delivery or login) does not answer",
    impact=Impact.PARTIAL,
    station="Postfix",
    explanation=(
        "Postfix passes mail for local mailboxes, or its clients' logins, to another program such as Dovecot. It "
        "must listen at {endpoint|the socket in Postfix's settings}."
    ),
    remedy="Start the service, and check that its socket is where Postfix looks for it and that Postfix can access it.",
    rules_out="The socket exists and accepts connections, and no line of the log names it.",
    signs=(
        sign("filter.backend", "strong", kind=SEEN),
        sign("filter.backend", "fits", kind=UNLISTED),
        sign("filter.program", "strong", role="backend"),
        sign("filter.backend", "doubts", "ok"),
    ),
    explains=(
        "submission-rejected",
        "smtp-listener-broken",
    ),
    links=(
        "https://www.postfix.org/SASL_README.html#server_dovecot",
        "https://www.postfix.org/VIRTUAL_README.html",
    ),
)
