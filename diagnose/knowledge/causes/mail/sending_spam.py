from diagnose.model import PROVES, SPEAKS, Cause, Impact, Remedy, Sign

CAUSE = Cause(
    id="sending-spam",
    title="This host, or one account on it, sends to many strangers and most of it bounces",
    impact=Impact.OUTAGE,
    explanation=(
        "One sender hands over mail to many domains in a short time and a large part of it is refused: a stolen password, a web form or "
        "a script that strangers use, or an open relay. It is the commonest reason why a provider blocks port 25, a blocklist lists "
        "the address and a relay suspends the account; mail of honest users then fails with it."
    ),
    remedy=Remedy(
        text="Stop it first: hold or delete its mail, and close the way in: change the account's password, or take the script of that "
        "user off line. Ask for delisting, a release of port 25 or another relay only then: it is refused, and lost again, before.",
    ),
    rules_out="The messages of that sender are expected: a newsletter to people who asked for it, few of whom bounce.",
    flow=0,
    signs=(
        Sign("senders.storm", PROVES),
        Sign("senders.queue", SPEAKS),
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
