from diagnose.model import Cause, Impact

CAUSE = Cause(
    id="smtputf8-unsupported",
    title="The next server does not support internationalised addresses",
    impact=Impact.PARTIAL,
    station="Postfix",
    explanation=(
        "An address with non-ASCII characters before the @ can be delivered only to a server that offers SMTPUTF8."
    ),
    remedy="Use an address in ASCII; a domain may be written in its xn-- form. Another relay may support SMTPUTF8.",
    rules_out="Both addresses are plain ASCII.",
    signs=(),
    links=("https://www.postfix.org/SMTPUTF8_README.html",),
)
