"""Postfix and this host: what it does with mail by its settings, its filters and its backends."""

from __future__ import annotations

from diagnose.model import Cause, Impact, Remedy, Sign, Status

SEEN = (("kind", ("refused", "missing")),)
# Judged without the right to look: a container's socket in a shared directory is not on this host's list.
UNLISTED = (("kind", "unlisted"),)

CAUSES = (
    Cause(
        id="delivery-suspended-by-config",
        title="The settings hold this mail back or throw it away",
        impact=Impact.OUTAGE,
        explanation=(
            "Somebody told Postfix to stop this mail: defer_transports keeps it waiting, an error: transport returns it, a "
            "discard: transport drops it and calls it sent. Debian's set-up choice 'Local only' does the same."
        ),
        remedy=Remedy(
            text="If it is no longer meant, take the setting {parameter} away ({how}), reload and flush the queue.",
            commands=(
                "postconf -n defer_transports default_transport relay_transport transport_maps soft_bounce header_checks",
                "postconf -X {parameter}",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="The recipient's transport is smtp or relay, and defer_transports is empty.",
        signs=(
            # What Postfix would do with this very recipient: success elsewhere hardly speaks against it.
            Sign("config.suspended", 30),
            Sign("mail.delivery-suspended-by-config", 20),
            Sign("config.content-rule", 20, where=(("how", ("discard", "reject", "redirect")),)),
            # More than half of what this host handed in, so that other mail, or its bounces, flows all the same.
            Sign("config.content-rule", 40, where=(("how", ("discard", "reject", "redirect")), ("most", True))),
            Sign("config.content-rule", 3, Status.WARNING, where=(("how", ("discard", "reject", "redirect")),)),
            # The log, which would show whether it was applied, cannot be read.
            Sign(
                "config.content-rule",
                14,
                Status.WARNING,
                where=(("how", ("discard", "reject", "redirect")), ("unlogged", True)),
            ),
            Sign("mail.flow", -18, Status.OK),
            Sign("config.soft-bounce", 2, Status.WARNING),
            Sign("config.suspended", -10, Status.OK),
        ),
        explains=("queue-congested", "mail-on-hold", "retry-pending"),
        links=("https://www.postfix.org/postconf.5.html#defer_transports", "https://www.postfix.org/transport.5.html"),
    ),
    Cause(
        id="recipient-domain-local",
        title="This host takes the recipient's domain for its own",
        impact=Impact.PARTIAL,
        explanation=(
            "{domain} is listed in {parameter} on this host, so its mail is delivered here and never sent to the domain's "
            "exchanger. Recipients without an account here get 'unknown user', others a mailbox that nobody reads."
        ),
        remedy=Remedy(
            text="Take {domain} out of {parameter} (often it is there as $mydomain or $myhostname), and reload.",
            commands=(
                "postconf mydestination virtual_alias_domains virtual_mailbox_domains relay_domains mydomain myhostname",
                "postconf -e 'mydestination = $myhostname, localhost.$mydomain, localhost'",
                "postfix reload",
            ),
        ),
        rules_out="The log shows relay=host[address] for that recipient, not relay=local; or its exchanger is this host.",
        signs=(
            Sign("config.recipient-local", 20),
            # Behind NAT a mail server does not see its own public address.
            Sign("config.recipient-local", 5, Status.WARNING),
            Sign("mail.local-user-unknown", 6),
            Sign("mail.recipient-domain-local", 14),
        ),
        explains=("recipient-unknown", "recipient-domain-not-found"),
        links=("https://www.postfix.org/ADDRESS_CLASS_README.html",),
    ),
    Cause(
        id="mail-loops-back",
        title="Mail loops back to this host",
        impact=Impact.PARTIAL,
        explanation=(
            "The next server for this mail is this host itself: relayhost points here, or the recipient's exchanger is an "
            "address of this host while the domain is not in mydestination. Postfix stops such loops."
        ),
        remedy=Remedy(
            text="Point relayhost to another server; or, if this host is the domain's mail server, list the domain in "
            "mydestination or virtual_mailbox_domains. Behind NAT, set proxy_interfaces to the public address.",
            commands=(
                "postconf relayhost transport_maps mydestination proxy_interfaces inet_interfaces",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="The next hop resolves to another host's address.",
        signs=(
            # The recipient's own DNS may lead here as well (an exchanger that is 127.0.0.1), which only DNS tells.
            Sign("mail.mail-loops-back", 20),
            Sign("dns.recipient-domain", 4, Status.OK),
            Sign("mail.flow", -25, Status.OK),
        ),
        prior=-3,  # a recipient's domain that is in order says nothing by itself
        links=("https://www.postfix.org/postconf.5.html#proxy_interfaces",),
    ),
    Cause(
        id="recipient-rewritten",
        title="A table of this host sends the mail to someone else",
        impact=Impact.PARTIAL,
        explanation=(
            "{parameter} turns {recipient} into {value} before the mail is sent, so the recipient himself gets nothing. The "
            "log shows both addresses, as to= and orig_to=."
        ),
        remedy=Remedy(
            text="Take the entry {key} out of {table}, or correct it; compile the table again if it is of an indexed type.",
            commands=("postmap -q {key} {table}", "postmap {table}", "postfix reload"),
        ),
        rules_out="No orig_to= in the log line of that message, and postmap -q finds nothing for the address or its @domain.",
        signs=(
            Sign("config.rewritten", 22),
            # An alias of a domain that this host holds: ordinary, unless it is the mail that is missed.
            Sign("config.rewritten", 4, Status.WARNING),
            # The rewritten address then fails.
            Sign("mail.local-user-unknown", 5),
            Sign("mail.recipient-unknown", 3),
        ),
        explains=(
            "recipient-domain-local",
            "recipient-unknown",
            "recipient-domain-not-found",
            "delivered-to-remote",
            "nothing-submitted",
        ),
        links=("https://www.postfix.org/ADDRESS_REWRITING_README.html",),
    ),
    Cause(
        id="content-filter-down",
        title="A content filter or policy service on this host does not answer",
        impact=Impact.OUTAGE,
        explanation=(
            "Postfix hands every message to a filter or asks a policy service before it goes on ({parameter}). Nothing "
            "answers at {endpoint}, so mail waits, or is refused with '451 Server configuration problem'."
        ),
        remedy=Remedy(
            text="Start the filter; where it is no longer used, take {parameter} out of main.cf and master.cf.",
            commands=(
                "ss -ltnp | grep -E ':{port}|10024|10031'",
                "systemctl status amavis amavisd rspamd postgrey policyd-spf 2>/dev/null | head -30",
                "postconf -n content_filter smtpd_proxy_filter smtpd_recipient_restrictions",
                "postfix reload && postsuper -r ALL   # lets waiting mail forget a filter that was taken away",
            ),
        ),
        rules_out="A connection to the filter's port is accepted.",
        signs=(
            Sign("filter.content", 18, where=SEEN),
            Sign("filter.content", 9, where=UNLISTED),
            # A proxy before the queue: all mail by SMTP is refused, while the sendmail command's goes on.
            Sign("filter.content", 38, where=(("parameter", "smtpd_proxy_filter"),)),
            Sign("filter.policy", 14, where=SEEN),
            Sign("filter.policy", 8, where=UNLISTED),
            Sign("filter.program", 21, where=(("role", "content"),)),
            Sign("mail.content-filter-down", 16),
            Sign("mail.connect-refused", 6, where=(("address", ("127.0.0.1", "::1")),)),
            Sign("mail.transport-unavailable", 3),
            Sign("filter.content", -10, Status.OK),
            Sign("mail.flow", -25, Status.OK),
        ),
        explains=("queue-congested", "relay-unreachable", "remote-server-unreachable"),
        links=("https://www.postfix.org/FILTER_README.html", "https://www.postfix.org/SMTPD_POLICY_README.html"),
    ),
    Cause(
        id="milter-down",
        title="A mail filter (milter) does not answer, and mail is put off for it",
        impact=Impact.OUTAGE,
        explanation=(
            "Postfix asks a milter such as OpenDKIM or rspamd about every message. Nothing answers at {endpoint}, and "
            "milter_default_action puts the mail off: SMTP clients get 451 4.7.1, mail of the sendmail command stays in maildrop."
        ),
        remedy=Remedy(
            text="Start the milter and check its socket (a chrooted Postfix looks for it below the queue directory); or let mail "
            "pass without it.",
            commands=(
                "postconf smtpd_milters non_smtpd_milters milter_default_action",
                "systemctl restart opendkim rspamd 2>/dev/null; ss -lxtnp | grep -E 'opendkim|rspamd|milter'",
                "postconf -e milter_default_action=accept && postfix reload   # mail passes unfiltered meanwhile",
            ),
        ),
        rules_out="The milter's socket accepts a connection, or milter_default_action is accept.",
        signs=(
            Sign("filter.milter", 16, where=SEEN),
            Sign("filter.milter", 9, where=UNLISTED),
            Sign("mail.milter-down", 20),
            # With milter_default_action = accept mail passes all the same.
            Sign("filter.milter", -14, Status.WARNING),
            Sign("mail.flow", -25, Status.OK),
        ),
        explains=("nothing-submitted", "submission-rejected"),
        links=("https://www.postfix.org/MILTER_README.html",),
    ),
    Cause(
        id="backend-down",
        title="A service behind Postfix (mailbox delivery or login) does not answer",
        impact=Impact.PARTIAL,
        explanation=(
            "Postfix passes mail for local mailboxes, or logins of its clients, to another program such as Dovecot "
            "({parameter}). Its socket {endpoint} is missing or refuses."
        ),
        remedy=Remedy(
            text="Start the service and check that it makes its socket where Postfix looks, with rights for Postfix.",
            commands=(
                "postconf {parameter}",
                "systemctl restart dovecot",
                "ls -l /var/spool/postfix/private/auth /var/spool/postfix/private/dovecot-lmtp",
                "postqueue -f",
            ),
        ),
        rules_out="The socket exists and accepts connections, and no line of the log names it.",
        signs=(
            Sign("filter.backend", 14, where=SEEN),
            Sign("filter.backend", 8, where=UNLISTED),
            Sign("filter.program", 14, where=(("role", "backend"),)),
            Sign("mail.backend-down", 18),
            Sign("filter.backend", -8, Status.OK),
        ),
        explains=("submission-rejected",),
        links=(
            "https://www.postfix.org/SASL_README.html#server_dovecot",
            "https://www.postfix.org/VIRTUAL_README.html",
        ),
    ),
    Cause(
        id="submission-rejected",
        title="This host's own Postfix refuses the application's mail",
        impact=Impact.OUTAGE,
        explanation=(
            "The application reaches Postfix, and Postfix refuses: the client is not in mynetworks, the sender's domain or the "
            "HELO name does not pass a restriction, or the user may not submit. The log has a NOQUEUE: reject line."
        ),
        remedy=Remedy(
            text="Let the application's address in (narrowly: an open relay is found within hours), and put permit_mynetworks "
            "before other restrictions; or correct the sender address.",
            commands=(
                "postconf mynetworks smtpd_relay_restrictions smtpd_recipient_restrictions smtpd_sender_restrictions authorized_submit_users",
                "postconf -e 'mynetworks = 127.0.0.0/8 [::1]/128 172.18.0.0/16'   # the application's network",
                "postfix reload",
            ),
        ),
        rules_out="No NOQUEUE: reject line for the application's address.",
        signs=(
            Sign("mail.submission-rejected", 20),
            Sign("config.submission-refused", 22),
            # A rule that would, where the log cannot tell whether it does.
            Sign("config.submission-refused", 4, Status.WARNING, where=(("kind", "rule"),)),
            Sign("config.submit-users", 12),
            # Other ways in may work all the while.
            Sign("mail.flow", -6, Status.OK),
        ),
        explains=(
            "relay-access-denied",
            "sender-domain-not-found",
            "helo-name-invalid",
            "nothing-submitted",
            "sender-not-allowed",
        ),
        links=(
            "https://www.postfix.org/SMTPD_ACCESS_README.html",
            "https://www.postfix.org/BASIC_CONFIGURATION_README.html#relay_from",
        ),
    ),
    Cause(
        id="smtputf8-unsupported",
        title="An internationalised address meets a server that cannot take it",
        impact=Impact.PARTIAL,
        explanation=(
            "Sender or recipient has letters outside ASCII before the @, and the next server does not offer SMTPUTF8. Such "
            "mail cannot be handed over."
        ),
        remedy=Remedy(
            text="Use an address in ASCII; a domain may be written in its xn-- form. Another relay may support SMTPUTF8.",
            commands=("postconf smtputf8_enable smtputf8_autodetect_classes",),
        ),
        rules_out="Both addresses are plain ASCII.",
        signs=(Sign("mail.smtputf8-unsupported", 20),),
        links=("https://www.postfix.org/SMTPUTF8_README.html",),
    ),
)
