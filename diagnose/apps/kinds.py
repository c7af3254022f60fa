"""Properties of each kind of problem in an application's settings, whichever reader reports it."""

# The stages at which each kind of problem can stop mail.
STAGES = {
    "port": ("server", "tls", "protocol"),
    "host": ("server",),
    "auth": ("login",),
    "tls": ("tls",),
    "any": ("server", "tls", "protocol", "certificate", "login", "sender"),
}
BREAKS = {
    "port-ignored": "port",
    "port-not-a-number": "port",
    "factory-port-without-factory": "port",
    "smtps-protocol-ignored": "port",
    "smtps-keys-ignored": "port",
    "ssl-ignored": "port",
    "unknown-socket-factory": "any",
    "host-missing": "host",
    "auth-not-boolean": "auth",
    "login-name": "auth",
    "fallback-to-plaintext": "any",
    "swallowed-line": "any",
    "swallowed-comment": "any",
    "unrendered": "any",
    "name-not-ascii": "any",
    "misspelt-key": "any",
}
# Kinds whose effect depends on the key (case-insensitive): blanks, quotes and comments that become part of the value.
VALUE_KINDS = ("trailing-blank", "quoted-value", "inline-comment", "empty-value", "blank-in-boolean")
BY_KEY = (
    (r"\.host$", "host"),
    (r"(?:port|socketFactory\.(?:class|fallback))$", "port"),
    (r"(?:auth|user(?:_?name)?|login|pass\w*|secret)$", "auth"),
    (r"(?:starttls\.\w+|ssl\.\w+|\.ssl)$", "tls"),
)
# Wrong whatever the server answers.
ALWAYS = tuple(
    "localhost-in-container mail-discarded setting-wrong not-loadable not-configured host-has-blank "
    "unknown-socket-factory unrendered".split()
)
# Reported by themselves only if the server's demand for a login (app.login) was not seen.
LOGIN = ("credentials-missing", "credentials-under-other-key", "credentials-unused")
LOUD = (
    "swallowed-line",
    "port-ignored",
    "name-not-ascii",
    "from-invalid",
    "port-not-a-number",
    "smtps-protocol-ignored",
    "setting-odd",
)
SPOKEN = {
    "missing": ("not-configured", "credentials-missing", "empty-value", "host-missing"),
    "placeholder": ("placeholder", "host-placeholder"),
    "no-port": ("port-ignored", "factory-port-without-factory"),
    "swallowed-line": ("swallowed-line", "swallowed-comment"),
}
