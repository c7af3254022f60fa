from diagnose.knowledge.causes.relay import README
from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="sasl-passwd-exposed",
    title="The relay's password is readable by other users of this host",
    impact=Impact.LATENT,
    explanation=(
        "Anybody who can run a program here can read a password file, or its compiled table, that is world-readable "
        "or not owned by root. postmap copies the text file's mode only to a new table. Mail itself works."
    ),
    remedy="Make root the owner of both files, mode 0600 (Postfix opens them as root), and change the password if others had access.",
    rules_out="Both files belong to root with mode 0600 or 0640, or lie in a directory that others cannot enter.",
    signs=(
        sign("sasl.exposed", "proves", kind="readable"),
        sign("sasl.exposed", "proves", kind="owner"),
    ),
    links=(f"{README}#client_sasl_enable", "https://www.postfix.org/postmap.1.html"),
)
