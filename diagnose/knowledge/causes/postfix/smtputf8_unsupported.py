from diagnose.model import Cause, Impact, Remedy

CAUSE = Cause(
    id="smtputf8-unsupported",
    title="An internationalised address meets a server that cannot take it",
    impact=Impact.PARTIAL,
    explanation=(
        "Sender or recipient has letters outside ASCII before the @, and the next server does not offer SMTPUTF8. Such "
        "mail cannot be handed over."
    ),
    remedy=Remedy(
        text="Use an address in ASCII; a domain may be written in its xn-- form. Another relay may support SMTPUTF8.",
    ),
    rules_out="Both addresses are plain ASCII.",
    signs=(),
    links=("https://www.postfix.org/SMTPUTF8_README.html",),
)
