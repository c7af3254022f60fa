from diagnose.knowledge.causes.postfix import SEEN, UNLISTED
from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="backend-down",
    title="A service behind Postfix (mailbox delivery or login) does not answer",
    impact=Impact.PARTIAL,
    explanation=(
        "Postfix passes mail for local mailboxes, or logins of its clients, to another program such as Dovecot "
        "({parameter}). Its socket {endpoint} is missing or refuses."
    ),
    remedy=Remedy(
        text="Start the service and check that it makes its socket where Postfix looks, with rights for Postfix.",
        commands=(
            "postconf {parameter}",
            "systemctl restart dovecot",
            "ls -l /var/spool/postfix/private/auth /var/spool/postfix/private/dovecot-lmtp",
            "postqueue -f",
        ),
    ),
    rules_out="The socket exists and accepts connections, and no line of the log names it.",
    signs=(
        Sign("filter.backend", 14, where=SEEN),
        Sign("filter.backend", 8, where=UNLISTED),
        Sign("filter.program", 14, where=(("role", "backend"),)),
        Sign("mail.backend-down", 18),
        Sign("filter.backend", -8, Status.OK),
    ),
    explains=("submission-rejected",),
    links=(
        "https://www.postfix.org/SASL_README.html#server_dovecot",
        "https://www.postfix.org/VIRTUAL_README.html",
    ),
)
