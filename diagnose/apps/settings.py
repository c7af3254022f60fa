"""What an application's settings say, whatever their format: where it connects, how, as whom, and what is odd about them."""

from __future__ import annotations

from diagnose.parse.text.secret import Shape
from diagnose.record import dataclass


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One trouble with the settings; `line` 0 if a key is missing; `path` of another file that has it, or ''. `diagnose.apps.kinds` knows the kinds."""

    kind: str
    key: str
    line: int
    text: str
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class MailSettings:
    """Where and how the application connects.

    `tls`: none, starttls, starttls-required, implicit, implicit-with-fallback (then it retries in plain text on
    `fallback_port`). `auth`: whether it will sign in. `password` None if no key gives one; `user_key`, `password_key`: where
    both stand or belong, without prefix; `sender_key`: the sender. `trust`: '' for the trust store, '*' or hosts. `prefix`: '' or 'che.'. `configured`:
    whether there is any mail setting at all. `program`: the sendmail command that takes the mail instead of a server, or ''.
    `api`: the service whose own interface takes it, or ''. `elsewhere`: why the login is not known from the file, or ''.
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
    protocol: str = "smtp"
    trust: str = ""
    tls_protocols: str = ""
    prefix: str = ""
    configured: bool = True
    problems: tuple[Problem, ...] = ()
    program: str = ""
    api: str = ""
    elsewhere: str = ""
