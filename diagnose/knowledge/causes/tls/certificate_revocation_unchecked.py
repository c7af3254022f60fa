from diagnose.model import Cause, Impact

CAUSE = Cause(
    id="certificate-revocation-unchecked",
    title="The program cannot check whether the server's certificate was revoked",
    impact=Impact.OUTAGE,
    station="relay",
    explanation=(
        "The program asks the issuer whether the certificate was revoked (CRL or OCSP over HTTP, port 80). A "
        "firewall blocks that, or the certificate names no such service, as is usual with a private CA and with "
        "Let's Encrypt (no OCSP since 2025)."
    ),
    remedy=(
        "Let this host reach the addresses that the certificate names (CRL Distribution Points, OCSP; port "
        "80), or turn off only the revocation check in the program, not the verification of the certificate."
    ),
    rules_out="The revocation addresses in the certificate answer this host.",
    signs=(),
    explains=("app-certificate-untrusted", "relay-certificate-invalid", "nothing-submitted"),
    links=("https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.13",),
)
