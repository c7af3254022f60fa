from diagnose.knowledge.causes.tls import README
from diagnose.model import REFUTES, Cause, Impact, sign

CAUSE = Cause(
    id="tls-policy-failure",
    title="A TLS policy (table, DANE or MTA-STS) cannot be met",
    impact=Impact.PARTIAL,
    station="relay",
    explanation=(
        "A stricter rule than the general one applies to this destination: an entry in smtp_tls_policy_maps, a "
        "pinned certificate, or DANE, which needs DNSSEC from the resolver and from the recipient's domain. "
        "Postfix keeps the mail while the rule cannot be met."
    ),
    remedy=(
        "Correct or remove the entry in the policy table, or have the program that answers for it look the policy up again; a pinned "
        "fingerprint must be updated with the certificate. For DANE, use the level dane, which falls back where there is no "
        "DNSSEC, and a validating resolver on this host."
    ),
    rules_out="No policy table matches the destination, and the level is neither dane-only nor fingerprint.",
    flow=REFUTES,
    signs=(
        sign("tls.policy", "proves", kind=("invalid", "pinned", "match")),
        sign("tls.policy", "speaks", kind="table"),
        sign("tls.policy", "fits", "warning", kind="pinned"),
        sign("tls.dane", "proves"),
        sign("tls.dane", "hints", "warning"),
    ),
    explains=("relay-certificate-invalid",),
    links=(f"{README}#client_tls_policy", f"{README}#client_tls_dane"),
)
