"""The relay: its name, its answer, and the login."""

from diagnose.model import sign

POSTCONF = "https://www.postfix.org/postconf.5.html"
README = "https://www.postfix.org/SASL_README.html"
CLIENT = f"{README}#client_sasl"
WORKS = sign("relay.login", "refutes", "ok")  # the relay has just taken this very login
DECISIVE = (
    "no-colon", "empty-user", "empty-password", "quoted-value", "trailing-backslash", "smart-quote", "nbsp", "zero-width",
    "inline-comment", "leading-blank", "unrendered", "equals-sign", "key-without-value", "no-key-separator", "colon-after-key",
    "whole-line-quoted", "indented", "url-key", "prompt", "bom",
)  # fmt: skip
