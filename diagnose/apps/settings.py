"""An application's mail settings, whatever their format: server, TLS, login, and problems."""

from __future__ import annotations

from diagnose.parse.text.secret import Shape
from diagnose.record import frozen


@frozen
class Problem:
    """A problem in the settings. kind: see `diagnose.apps.kinds`; line: 0 if the key is missing; path: of another
    file that contains it, or ''."""

    kind: str
    key: str
    line: int
    text: str
    path: str = ""


@frozen
class MailSettings:
    """Where and how the application connects.

    tls: none, starttls, starttls-required, implicit, implicit-with-fallback (retries in plain text on
    `fallback_port`). auth: whether it logs in. password: None if not set; user_key, password_key, sender_key: the
    keys that set these or should, without prefix. trust: '' for the trust store, '*' or hosts. prefix: '' or 'che.'.
    configured: whether there is any mail setting. program: the sendmail command used instead of a server, or ''.
    api: the service whose API takes the mail, or ''. elsewhere: why the login is not in the file, or ''.
    ca_file, ca_key, ca_line: the CA certificates that it checks the server's against, and where they are named; ''
    and 0 for the system's.
    """

    host: str = ""
    port: int = 0
    tls: str = "none"
    fallback_port: int | None = None
    auth: bool = False
    user: str = ""
    user_key: str = ""
    password: Shape | None = None
    password_key: str = ""
    sender: str = ""
    sender_key: str = ""
    trust: str = ""
    tls_protocols: str = ""
    prefix: str = ""
    configured: bool = True
    problems: tuple[Problem, ...] = ()
    program: str = ""
    api: str = ""
    elsewhere: str = ""
    ca_file: str = ""
    ca_key: str = ""
    ca_line: int = 0
