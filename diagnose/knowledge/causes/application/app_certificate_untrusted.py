from diagnose.knowledge.causes.application import SENDS
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="app-certificate-untrusted",
    title="The application does not trust the mail server's certificate",
    impact=Impact.OUTAGE,
    station="application",
    explanation=(
        "Applications often use a CA store of their own, which lacks the issuer: a private CA, a "
        "self-signed certificate, an intermediate that the server does not send, or a device on the way that "
        "presents its own certificate."
    ),
    remedy=(
        "An expired certificate, or one for another name, must be replaced on the server ({why}; issuer {issuer}). "
        "It names {names}, which may be how the application should name the server. "
        "If the CA is your own, add it to the application's trust store ({store}; Java has one of its own). As a "
        "stopgap only, set {stopgap} to {host|the server's name} in {path}."
    ),
    rules_out="The chain and the name verify against the trust store of the Java that runs the application.",
    flow=0,
    signs=(
        sign("app.certificate", "proves"),
        sign("app.certificate", "hints", "warning"),
        sign("app.certificate", "refutes", "ok"),
        SENDS,
    ),
    explains=("app-smtp-unreachable", "nothing-submitted"),
    links=("https://docs.oracle.com/en/java/javase/17/docs/specs/man/keytool.html",),
)
