from diagnose.knowledge.causes.relay import POSTCONF
from diagnose.model import Cause, Impact, sign

KINDS = ("nxdomain", "no-data", "hosts-only", "spelling", "port-name", "family", "sinkhole")

CAUSE = Cause(
    id="relay-name-not-found",
    title="The relay's host name does not resolve",
    impact=Impact.OUTAGE,
    station="relay",
    explanation=(
        "The name of the next hop is misspelt or gone, is written in a way Postfix does not accept, is in the "
        "hosts file only, has no address that Postfix may use (inet_protocols, a filtering resolver), or lacks "
        "its brackets, so that Postfix looks for MX records."
    ),
    remedy=(
        "Write the relay as [name]:port in relayhost (or the transport table), using a name that DNS "
        "resolves, and give the password map's entry the same key. For a name that is only in the hosts "
        "file set smtp_host_lookup = dns, native; if its addresses are of the other family, set "
        "inet_protocols = all; a filtering resolver must allow this name. An application that sends by "
        "itself has the name in its own settings."
    ),
    rules_out="The name resolves in the DNS that Postfix asks.",
    signs=(
        sign("relay.name", "proves", kind=KINDS),
        sign("relay.name", "strong", kind="brackets"),
        sign("relay.name", "speaks", kind="pasted"),
        # The application's own mail host.
        sign("app.server", "proves", outcome="name-not-found", local=False, intended=True),
        sign("relay.name", "strong", "warning", kind="servfail"),
        sign("dns.resolver", "refutes"),
        sign("relay.name", "against", "ok"),
        # The host knows the name by its hosts file, which Postfix is told to read: the chroot's copy lacks it.
        sign("dns.chroot-file", "refutes", lacks_relay=True),
    ),
    explains=(
        "relay-unreachable",
        "postfix-config-error",
        "recipient-domain-not-found",
        "recipient-domain-accepts-no-mail",
        # The login lies under the name that was meant.
        "sasl-key-mismatch",
    ),
    links=(f"{POSTCONF}#relayhost", f"{POSTCONF}#smtp_host_lookup"),
)
