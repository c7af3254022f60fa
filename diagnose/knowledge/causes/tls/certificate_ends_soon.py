from diagnose.knowledge.causes.tls import README
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="certificate-ends-soon",
    title="A certificate that mail depends on expires soon",
    impact=Impact.LATENT,
    explanation=(
        "Automatic renewal usually happens a month before expiry; with three weeks or less left, nothing seems "
        "to renew this one. Once it has expired, peers that verify it close the connection."
    ),
    remedy=(
        "Have the certificate of {path|the relay} renewed before {date|it expires}: this host's by its ACME "
        "client or CA (then reload Postfix), the relay's by its operator."
    ),
    rules_out="The file holds a newer certificate, or nobody verifies it.",
    signs=(sign("certificate.ends", "speaks", "warning", kind=("relay", "client", "server")),),
    links=(f"{README}#client_cert_key", f"{README}#server_cert_key"),
)
