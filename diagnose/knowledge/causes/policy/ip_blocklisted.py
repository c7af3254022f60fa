from diagnose.model import AGAINST, DOUBTS, FITS, Cause, Impact, Remedy, Sign

CAUSE = Cause(
    id="ip-blocklisted",
    title="Receivers refuse this host's address: it is on a blocklist",
    impact=Impact.PARTIAL,
    station="recipient",
    explanation=(
        "Addresses of homes, clouds and formerly abused machines stand on blocklists; some permanently, because "
        "they should not send mail directly."
    ),
    remedy=Remedy(
        text="Look the address up at the list that the reply names and follow its removal procedure once the reason "
        "is fixed. Where "
        "the list holds dynamic or cloud addresses by policy (Spamhaus PBL and the like), send through a relay.",
    ),
    rules_out="Other receivers, that use the same list, take the mail.",
    flow=DOUBTS,
    otherwise="The blocklist's operator removes an address on request, once the reason is gone.",
    signs=(
        Sign("blocklist.listed", FITS),
        # A relay refuses whom it does not know, and says no more.
        Sign("relay.banner", AGAINST, where=(("label", "greeting-refused"),)),
    ),
    relay=True,
    explains=("rate-limited",),
    links=("https://check.spamhaus.org/", "https://www.postfix.org/BASIC_CONFIGURATION_README.html#relayhost"),
)
