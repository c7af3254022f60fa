from diagnose.model import Cause, Impact, sign

_BAD = ("missing", "several", "syntax", "revoked", "mismatch")

CAUSE = Cause(
    id="dkim-key-mismatch",
    title="Mail is signed with a DKIM key that the domain does not publish",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "The milter signs, but verifiers do not find the matching public key at {place|the selector's name in "
        "DNS}, so every signature fails. If SPF does not pass either, DMARC makes receivers refuse the mail."
    ),
    remedy=(
        "Publish the public part of the signing key at {place|the selector's name}, or have the milter sign "
        "with the key that is published there."
    ),
    rules_out="opendkim-testkey -d DOMAIN -s SELECTOR -k KEYFILE reports no error, or a receiver's Authentication-Results say dkim=pass.",
    signs=(
        sign("sender.dkim", "fits", kind=_BAD),
        sign("sender.dkim", "proves", kind=_BAD, refused=True),
    ),
    explains=("sender-unauthenticated",),
    links=("https://www.rfc-editor.org/rfc/rfc6376#section-3.6.1", "https://support.google.com/a/answer/81126"),
)
