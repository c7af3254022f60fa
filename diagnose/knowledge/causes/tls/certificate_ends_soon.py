from diagnose.knowledge.causes.tls import README
from diagnose.model import SPEAKS, Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="certificate-ends-soon",
    title="A certificate that mail depends on expires soon",
    impact=Impact.LATENT,
    explanation=(
        "Automatic renewal happens a month before the end; with three weeks or less left, nothing seems to renew this "
        "one. "
        "Once it has ended, peers that "
        "verify it break off."
    ),
    remedy=Remedy(
        text="Renew the certificate of {path|the relay} before {date|it ends}, and reload Postfix where it is this "
        "host's. The "
        "relay's own is for its operator to renew: tell them.",
    ),
    rules_out="The file holds a newer certificate, or nobody verifies it.",
    signs=(Sign("certificate.ends", SPEAKS, Status.WARNING, where=(("kind", ("relay", "client", "server")),)),),
    links=(f"{README}#client_cert_key", f"{README}#server_cert_key"),
)
