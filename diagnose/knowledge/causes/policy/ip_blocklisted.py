from diagnose.model import DOUBTS, Cause, Impact, sign

CAUSE = Cause(
    id="ip-blocklisted",
    title="Receivers refuse this host's address: it is on a blocklist",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "Addresses of home connections, clouds and formerly abused machines are on blocklists, some permanently, "
        "because they are not meant to send mail directly."
    ),
    remedy=(
        "Look the address up on the list that the reply names, and follow its removal procedure once the "
        "reason is fixed. If the list contains dynamic or cloud addresses by policy (Spamhaus PBL and the "
        "like), send through a relay."
    ),
    rules_out="Other receivers that use the same list accept the mail.",
    flow=DOUBTS,
    otherwise="The blocklist's operator removes an address on request, once the reason is gone.",
    signs=(
        sign("blocklist.listed", "fits"),
        # A relay refuses clients that it does not know, without giving the reason.
        sign("relay.banner", "against", label="greeting-refused"),
    ),
    relay=True,
    explains=("rate-limited",),
    links=("https://check.spamhaus.org/", "https://www.postfix.org/BASIC_CONFIGURATION_README.html#relayhost"),
)
