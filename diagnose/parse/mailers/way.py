"""Where a mailer other than Postfix hands its mail on, as its own settings say."""

from __future__ import annotations

from diagnose.record import dataclass


@dataclass(frozen=True, kw_only=True)
class Way:
    """kind: relay, direct (to the recipients' own servers), local (nothing leaves this host), or "" where that is not known, with
    the reason in `problem`. more: hosts and ports that are tried after the first. tls: none, starttls (where offered), starttls-required or implicit; verifies: a certificate that
    does not verify is not taken; pin: the fingerprint that it must have instead. ca_file: "" for the system's bundle. tls_by, relay_by: the setting that says so.
    login_by: whether it logs in where a password is found: "file" (the mailer's own file of logins), "settings", or "" for no
    login; "elsewhere" where that is not read here."""

    kind: str
    host: str = ""
    port: int = 25
    more: tuple[tuple[str, int], ...] = ()
    tls: str = "none"
    verifies: bool = False
    pin: str = ""
    ca_file: str = ""
    tls_by: str = "its settings"
    relay_by: str = ""
    helo: str = ""
    user: str = ""
    login_by: str = ""
    problem: str = ""
