"""What is known of each kind of problem in an application's settings, whichever reader found it."""

# What each kind of problem can bring about: the stage at which the mail then stops.
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
# By the key that they stand at (letters' case does not count): blanks, quotes and comments that are taken for part of the value.
VALUE_KINDS = ("trailing-blank", "quoted-value", "inline-comment", "empty-value", "blank-in-boolean")
BY_KEY = (
    (r"\.host$", "host"),
    (r"(?:port|socketFactory\.(?:class|fallback))$", "port"),
    (r"(?:auth|user(?:_?name)?|login|pass\w*|secret)$", "auth"),
    (r"(?:starttls\.\w+|ssl\.\w+|\.ssl)$", "tls"),
)
# Wrong whatever the server says; `from-invalid` only where the application uses that key.
ALWAYS = tuple(
    "localhost-in-container mail-discarded setting-wrong not-loadable not-configured host-has-blank "
    "unknown-socket-factory unrendered".split()
)
# The server's demand for a login is the answer (app.login); only where it was not heard do they stand for themselves.
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
