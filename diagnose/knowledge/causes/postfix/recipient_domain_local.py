from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="recipient-domain-local",
    title="This host treats the recipient's domain as its own",
    impact=Impact.PARTIAL,
    station="Postfix",
    explanation=(
        "Mail for a domain in mydestination, virtual_alias_domains or virtual_mailbox_domains is delivered here "
        "and never sent to the domain's MX. Recipients without an account here get 'unknown user', others a "
        "mailbox that nobody reads."
    ),
    remedy="Remove {domain} from {parameter} (often listed as $mydomain or $myhostname), and reload.",
    rules_out="The log shows relay=host[address] for that recipient, not relay=local; or the domain's MX is this host.",
    signs=(
        sign("config.recipient-local", "proves"),
        # Behind NAT a mail server does not see its own public address.
        sign("config.recipient-local", "fits", "warning"),
    ),
    explains=("recipient-unknown", "recipient-domain-not-found"),
    links=("https://www.postfix.org/ADDRESS_CLASS_README.html",),
)
