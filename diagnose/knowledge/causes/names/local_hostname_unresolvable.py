from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="local-hostname-unresolvable",
    title="Mail to local users goes to a host name that does not resolve",
    impact=Impact.PARTIAL,
    station="Postfix",
    explanation=(
        "Mail to root or from cron gets the domain in myorigin. If that name is neither local (mydestination) "
        "nor in DNS, such mail waits or bounces, while mail to other domains may flow."
    ),
    remedy=(
        "Add {domain|this host's name} to mydestination, or set myorigin to a domain that exists, and alias root to a real "
        "mailbox."
    ),
    rules_out="The name is listed in mydestination, or resolves.",
    signs=(
        # True of many hosts whose mail to others works: only failing mail makes it more than a note.
        sign("identity.hostname", "proves", failing=True),
        sign("identity.hostname", "refutes", "ok"),
        sign("dns.resolver", "refutes"),
    ),
    explains=("recipient-domain-not-found",),
    links=("https://www.postfix.org/postconf.5.html#mydestination",),
)
