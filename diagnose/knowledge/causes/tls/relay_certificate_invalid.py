from diagnose.knowledge.causes.tls import README
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="relay-certificate-invalid",
    title="The server's certificate fails verification",
    impact=Impact.OUTAGE,
    station="relay",
    explanation=(
        "The TLS level requires a valid certificate from a known CA for the server's name. It fails where the "
        "certificate has expired, is self-signed, is for another name, or comes from a CA not in the bundle, as "
        "when a firewall inspects TLS."
    ),
    remedy=(
        "Check what is wrong with the certificate: if it has expired, its owner must renew it; if it names another host, use that "
        "name in relayhost; if your own CA signed it, add that CA to the bundle. Lowering the level to encrypt keeps the mail "
        "secret, but no longer proves the server's identity."
    ),
    rules_out="The certificate verifies with the CA file that Postfix uses, or the level does not require that.",
    signs=(
        sign("relay.certificate", "proves", verifies=True),
        sign("relay.certificate", "refutes", "ok"),
    ),
    links=(f"{README}#client_tls_verify", f"{README}#client_tls_secure"),
)
