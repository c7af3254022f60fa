"""Postfix and this host: Postfix itself and its settings."""

from __future__ import annotations

from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSES = (
    Cause(
        id="postfix-not-installed",
        title="Postfix is not installed on this host",
        impact=Impact.OUTAGE,
        explanation=(
            "Nothing on this host can take mail and send it on: there is no Postfix. Programs that hand mail to "
            "/usr/sbin/sendmail or to localhost port 25 fail at once."
        ),
        remedy=Remedy(
            text="Install Postfix, or give the application the name of a mail server that takes its mail directly.",
            debian=("apt-get install postfix libsasl2-modules ca-certificates",),
            rhel=("dnf install postfix cyrus-sasl-plain ca-certificates", "systemctl enable --now postfix"),
            alpine=("apk add postfix cyrus-sasl cyrus-sasl-login ca-certificates", "rc-service postfix start"),
        ),
        rules_out="postconf(1) on this host, or an application that is configured for another host's mail server.",
        signs=(
            Sign("mail.postfix-not-installed", 8),
            Sign("postfix.installed", 12),
            # What an earlier installation left shows that mail was meant to go this way.
            Sign("postfix.installed", 20, where=(("left", True),)),
            Sign("listener.smtp", 4, Status.WARNING),
            Sign("listener.smtp", -8, Status.OK),
            # Another mailer does the work.
            Sign("postfix.sendmail-command", -6, Status.WARNING),
            # Whom the application hands its mail to: this host, or a server of its own.
            Sign("app.route", 8, Status.OK, where=(("direct", False),)),
            Sign("app.route", -30, Status.OK, where=(("direct", True),)),
            Sign("postfix.installed", -40, Status.OK),
            Sign("mail.flow", -25, Status.OK),
        ),
        explains=("smtp-listener-missing", "nothing-submitted", "mail-log-missing"),
        links=("https://www.postfix.org/INSTALL.html",),
    ),
    Cause(
        id="postfix-not-running",
        title="Postfix is not running",
        impact=Impact.OUTAGE,
        explanation=(
            "The master process is not there. The sendmail command still reports success: its mail waits in the maildrop "
            "directory until Postfix is started. Programs that use SMTP get 'connection refused'."
        ),
        remedy=Remedy(
            text="Start Postfix and look at what it says; mail that waits is sent then. On Debian up to 12 and Ubuntu up to "
            "24.04 the unit postfix.service says 'active (exited)' whatever happens: look at postfix@-.service.",
            commands=("postfix start", "postfix status", "postqueue -p"),
            debian=("journalctl -u postfix@- -u postfix -n 50",),
            rhel=("systemctl enable --now postfix", "journalctl -u postfix -n 50"),
            alpine=("rc-service postfix start",),
        ),
        rules_out="A process that holds the lock on pid/master.pid below the queue directory.",
        signs=(
            Sign("queue.maildrop", 4),
            # Nobody holds the lock; or, without the right to ask for it, no such process shows.
            Sign("postfix.master", 24, where=(("kind", ("down", "zombie", "dead", "stopped", "tracing-stop")),)),
            Sign("postfix.master", 18),
            Sign("mail.postfix-not-running", 8),
            Sign("listener.expected", 4),
            Sign("postfix.master", -40, Status.OK),
        ),
        explains=(
            "smtp-listener-missing",
            "nothing-submitted",
            "queue-congested",
            "retry-pending",
            "app-smtp-unreachable",
            "config-not-reloaded",
            "backend-down",
            # The start script fills the chroot.
            "chroot-resolver-stale",
        ),
        links=("https://www.postfix.org/postfix.1.html",),
    ),
    Cause(
        id="postfix-config-error",
        title="A setting of Postfix is wrong, and its daemons cannot work with it",
        impact=Impact.OUTAGE,
        explanation=(
            "main.cf or master.cf holds something that Postfix cannot use. A daemon that reads such a value ends at once, is "
            "started again and ends again; the mail stays in the queue without a reason. `postfix check` and `postfix start` "
            "do not complain about values."
        ),
        remedy=Remedy(
            text="Correct {parameter} ({path} line {line}), then let Postfix read it again and flush the queue. Values stand "
            "without quotes and without a comment behind them; a line that begins with a blank belongs to the line before.",
            commands=(
                "postconf -n {parameter}",
                "postconf -n >/dev/null && postconf -M >/dev/null",
                "postfix reload || postfix start",
                "postqueue -f",
            ),
        ),
        rules_out="postconf -n without a word on stderr, and no 'fatal:' of a Postfix daemon in the log.",
        signs=(
            # The agent that should take the message cannot start: no attempt, no reason.
            Sign("queue.stuck", 6),
            Sign("config.syntax", 24),
            # With Postfix down nothing else can be what stops the mail today.
            Sign("postfix.master", 3),
            # A value that every message's way needs; others break only their own daemon.
            Sign("config.value", 20, where=(("everything", True),)),
            Sign("config.value", 12),
            Sign("config.unknown-parameter", 10),
            Sign("config.readable", 20),
            # The client's own certificate: without it TLS is switched off.
            Sign("tls.key", 22),
            Sign("mail.postfix-config-error", 20, where=(("weak", (False, None)),)),
            Sign("mail.postfix-config-error", 4),
            Sign("mail.daemon-failed", 6),
            Sign("postfix.daemons", 2, Status.WARNING, where=(("service", "qmgr"),)),
            # Pasted characters are the better name for the same broken value.
            Sign("config.paste", -8, where=(("plain", False),)),
            Sign("mail.flow", -25, Status.OK),
        ),
        explains=(
            "postfix-not-running",
            "smtp-listener-missing",
            "queue-congested",
            "nothing-submitted",
            "relay-auth-not-attempted",
        ),
        links=("https://www.postfix.org/postconf.5.html", "https://www.postfix.org/DEBUG_README.html"),
    ),
    Cause(
        id="config-not-reloaded",
        title="The settings were changed, and Postfix still runs on the old ones",
        impact=Impact.OUTAGE,
        explanation=(
            "main.cf or master.cf is newer than the daemons that run. They read their settings when they start; the queue "
            "manager and the address resolver keep the old ones until Postfix is reloaded."
        ),
        remedy=Remedy(
            text="Reload Postfix and try the waiting mail again; after a change of inet_interfaces or inet_protocols, restart it.",
            commands=("postfix reload", "postqueue -f"),
        ),
        rules_out="A start or 'reload --' line of the master in the log after the file's last change.",
        signs=(
            # Somebody editing while they look for another fault leaves the same trace: not decisive alone.
            Sign("config.reloaded", 6),
            Sign("config.behaviour", 16),
            Sign("mail.flow", 2),
            Sign("config.reloaded", -30, Status.OK),
            Sign("mail.flow", -25, Status.OK),
        ),
        explains=(
            "egress-port-25-blocked",
            "relay-unreachable",
            "relay-name-not-found",
            "recipient-domain-local",
            "remote-server-unreachable",
        ),
        links=("https://www.postfix.org/postfix.1.html",),
    ),
    Cause(
        id="relay-not-configured",
        title="A relay is meant, and Postfix does not use it",
        impact=Impact.OUTAGE,
        explanation=(
            "This host has a login for a relay, or names one, yet the setting that routes mail there (relayhost) is empty, "
            "lost, misspelt or overridden. Postfix therefore connects to the recipients' own servers, or to the wrong port."
        ),
        remedy=Remedy(
            text="Set relayhost once, with brackets and port exactly as the password map spells them, and reload.",
            commands=(
                "grep -n relayhost {path}",
                "postconf -e 'relayhost = [smtp.example.net]:587'   # the relay's name and port",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="`postconf relayhost` shows the relay, or mail is delivered without one.",
        signs=(
            Sign("config.relay-meant", 17),
            Sign("config.relay-meant", 19, where=(("kind", ("overridden", "indented", "misspelt")),)),
            Sign("config.relay-meant", 2, Status.WARNING),
            Sign("config.relay-port", 16),
            Sign("config.relay-port", 3, Status.WARNING),
            # What direct sending meets on hosts that need a relay.
            Sign("mail.connect-timeout", 7, where=(("port", 25),)),
            Sign("mail.connect-refused", 5, where=(("port", 25),)),
            Sign("mail.ip-blocklisted", 4),
            Sign("mail.reverse-dns-missing", 4),
            Sign("egress.mail-port", 5),
            Sign("mail.flow", -25, Status.OK),
        ),
        # Without a sign that a relay is meant, what direct sending meets must not name it.
        prior=-9,
        explains=("egress-port-25-blocked", "relay-unreachable", "postfix-config-error", "remote-server-unreachable"),
        relay=True,
        links=(
            "https://www.postfix.org/SASL_README.html#client_sasl",
            "https://www.postfix.org/postconf.5.html#relayhost",
        ),
    ),
    Cause(
        id="config-paste-artifact",
        title="Text pasted from a web page is left in Postfix' settings",
        impact=Impact.OUTAGE,
        explanation=(
            "A line of {path} carries what a document put there: a backslash at its end, typographic quotes, a non-breaking "
            "space or a prompt. Postfix has no line continuation by backslash and takes each character as part of the value. "
            "A daemon that reads such a value ends at once, and the mail stays in the queue without a reason."
        ),
        remedy=Remedy(
            text="Take the characters out of line {line} of {path} ({parameter}), let Postfix read it again and flush the queue.",
            commands=(
                "grep -nP '[^\\x00-\\x7F]|\\\\\\s*$' {path}",
                "sed -i '{line}s/[\\\\ ]*$//' {path}",
                "postconf {parameter}",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="Settings in plain ASCII, none of which ends in a backslash.",
        signs=(
            Sign("config.paste", 24, where=(("plain", False),)),
            Sign("config.paste", 4),
            # Postfix itself cannot read the line: no daemon starts with it.
            Sign("config.syntax", 3),
            # With Postfix down nothing else can be what stops the mail today.
            Sign("postfix.master", 3),
            Sign("mail.config-paste-artifact", 20),
            Sign("mail.flow", -25, Status.OK),
        ),
        explains=(
            "postfix-config-error",
            "tls-ca-bundle-missing",
            "relay-requires-tls",
            "relay-auth-not-attempted",
            "relay-name-not-found",
            "sasl-map-missing",
            "sasl-key-mismatch",
            "relay-unreachable",
            "lookup-table-broken",
            "queue-congested",
        ),
        links=("https://www.postfix.org/postconf.5.html",),
    ),
    Cause(
        id="smtp-transport-missing",
        title="The transport that the mail needs is missing from master.cf",
        impact=Impact.OUTAGE,
        explanation=(
            "Postfix hands each message to a transport, a service of master.cf. The one that this mail needs ({service}) is "
            "not there, so the queue manager puts it off with 'mail transport unavailable'."
        ),
        remedy=Remedy(
            text="Put the service back into master.cf, or correct the setting that names it, and reload. The line of smtp reads:",
            commands=(
                "postconf -M {service}/unix",
                "postconf -M 'smtp/unix=smtp unix - - y - - smtp'   # for smtp and relay; chroot y on Debian, n elsewhere",
                "postfix reload && postqueue -f",
            ),
        ),
        rules_out="`postconf -M {service}/unix` shows the service.",
        signs=(
            Sign("queue.stuck", 3),
            Sign("postfix.transport", 22),
            # Nothing moves without it, whatever else is there.
            Sign("postfix.service", 33),
            Sign("mail.smtp-transport-missing", 20),
            Sign("mail.transport-unavailable", 4),
            Sign("postfix.transport", -12, Status.OK),
            Sign("mail.flow", -25, Status.OK),
        ),
        explains=("queue-congested", "content-filter-down"),
        links=("https://www.postfix.org/master.5.html",),
    ),
)
