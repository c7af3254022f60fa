"""The route of outgoing mail in a mailer other than Postfix, from its own settings."""

from __future__ import annotations

from diagnose.record import frozen


@frozen
class Way:
    """kind: relay, direct (to the recipients' own servers), local (nothing leaves this host), or "" if unknown, with
    the reason in `problem`. more: hosts and ports tried after the first. tls: none, starttls (where offered),
    starttls-required or implicit; verifies: an unverified certificate is rejected; pin: the fingerprint required
    instead. ca_file: "" for the system's bundle. tls_by, relay_by: the setting that decides. login_by: where the
    password is found: "file" (the mailer's own file of logins), "settings", "" for no login, or "elsewhere" if that
    is not read here."""

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
