from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="sending-spam",
    title="An account or program on this host appears to send spam",
    impact=Impact.OUTAGE,
    explanation=(
        "One sender submits mail to many domains in a short time and most of it is refused: a stolen password, "
        "an abused web form or script, or an open relay. This is the most common reason why a provider blocks port "
        "25, a blocklist lists an address and a relay suspends an account."
    ),
    remedy=(
        "Stop it first: hold or delete its mail, and close the hole: change the account's password, or take "
        "that user's script offline. Only then ask for delisting, for port 25 or for another relay: "
        "before that, requests are refused, or their effect does not last."
    ),
    rules_out="The messages of that sender are expected: a newsletter to people who asked for it, with few bounces.",
    flow=0,
    signs=(
        sign("senders.storm", "proves"),
        sign("senders.queue", "speaks"),
    ),
    explains=(
        "egress-port-25-blocked",
        "egress-submission-blocked",
        "ip-blocklisted",
        "reverse-dns-missing",
        "rate-limited",
        "greylisted",
        "relay-not-configured",
        "relay-account-restricted",
        "relay-auth-disabled",
        "relay-unreachable",
        "content-rejected",
        "queue-congested",
        "mail-on-hold",
        "recipient-unknown",
        "recipient-domain-not-found",
        "remote-server-unreachable",
    ),
    links=("https://www.postfix.org/QSHAPE_README.html", "https://www.spamhaus.org/resource-hub/compromised-hosts/"),
)
