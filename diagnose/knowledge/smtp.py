"""SMTP's ports: RFC 8314, RFC 6409, services(5), and the alternates that relays listen on."""

IMPLICIT_TLS_PORTS = frozenset({465, 2465, 8465})
"""Ports where TLS begins with the first octet; the others greet in the clear and offer STARTTLS."""

STARTTLS_PORTS = frozenset({25, 587, 2525, 2587})

PORT_NUMBERS = {"smtp": 25, "submission": 587, "submissions": 465, "smtps": 465, "urd": 465, "lmtp": 24}
"""Service names that Postfix takes for a port."""


def port_number(word: str, otherwise: int = 0) -> int:
    """A port as Postfix takes it, by its name or number."""
    return PORT_NUMBERS.get(word) or (int(word) if word.isdecimal() else otherwise)


OWN_HELO = "mail-diagnose.invalid"
"""How this tool greets this host's own Postfix: log lines that hold it are nobody's mail."""
