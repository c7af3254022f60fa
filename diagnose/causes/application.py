"""Causes in the settings of the application that sends the mail (JavaMail, as Codenvy and Che use it)."""

from __future__ import annotations

from diagnose.model import Cause, Impact, Remedy, Sign, Status

_SMTP_PACKAGE = "https://javaee.github.io/javamail/docs/api/com/sun/mail/smtp/package-summary.html"
_PROPERTIES = "https://docs.oracle.com/javase/8/docs/api/java/util/Properties.html#load-java.io.Reader-"
_APPLY = (
    "puppet agent -t        # where Puppet renders the file",
    "service codenvy restart        # the mail session is made once, when the application starts",
)
# The application that hands its mail to this host's Postfix has none of these troubles with an outside server.
_BY_POSTFIX = Sign("app.route", -12, Status.OK, where=(("direct", False),))
_SENDS = Sign("app.login", -20, Status.OK, where=(("label", "accepted"),))

CAUSES: tuple[Cause, ...] = (
    Cause(
        id="app-smtp-unreachable",
        title="The mail server in the application's settings does not answer",
        impact=Impact.OUTAGE,
        explanation=(
            "The application sends by a server of its own settings, not by this host's Postfix, and that server cannot be reached "
            "on that port: the name is wrong, the port is wrong, or something on the way drops the connection. Java reports it as "
            "MailConnectException or UnknownHostException; with the documented settings it may even print the wrong port."
        ),
        remedy=Remedy(
            text="Correct host and port in {path} (now {host}:{port}); what this server does answer on: {works}. "
            "Set: {setting}. Then let Puppet render the file and restart the application.",
            commands=("getent hosts {host}", "timeout 5 bash -c '</dev/tcp/{host}/{port}' && echo open", *_APPLY),
        ),
        rules_out="A connection from this host to that host and port that is greeted.",
        signs=(
            Sign("app.server", 6, where=(("local", False),)),
            # relay-name-not-found says it more exactly.
            Sign("app.server", 20, where=(("local", False), ("outcome", "name-not-found"))),
            Sign("app.server", 20, where=(("local", False), ("outcome", ("silent", "greeting")))),
            Sign("app.server", 22, where=(("local", False), ("others", ("open", "private")))),
            Sign("app.server", 14, where=(("local", False), ("others", "unknown"))),
            # Unrelated servers fail on that port too: the network stops it, and egress-…-blocked explains this.
            Sign("app.server", 20, where=(("local", False), ("others", "blocked"))),
            Sign("mail.app-smtp-unreachable", 8),
            Sign("mail.app-connect-failed", 4),
            Sign("mail.app-host-not-found", 5),
            Sign("mail.app-read-timeout", 3),
            Sign("app.server", -25, Status.OK),
            # Nothing at all is reached: not this server's doing.
            Sign("egress.internet", -15),
            Sign("dns.resolver", -12),
            _BY_POSTFIX,
        ),
        explains=("nothing-submitted",),
        links=(_SMTP_PACKAGE,),
    ),
    Cause(
        id="app-tls-mismatch",
        title="The application begins TLS in a way that its mail server's port does not take",
        impact=Impact.OUTAGE,
        explanation=(
            "Port 465 expects TLS from the first byte, ports 587 and 25 begin in plain text and switch by STARTTLS. The application's "
            "settings do the other thing, or leave out the TLS that the server insists on. With TLS on a plain port Java says "
            "'Unsupported or unrecognized SSL message'; in plain text on 465 it hangs until its read time-out."
        ),
        remedy=Remedy(
            text="In {path} (or the template and variables that it is made from) make port and TLS agree. What works with {host}: "
            "{setting}. Remove the mail.smtp.socketFactory lines where STARTTLS is used. Then render the file and restart the application.",
            commands=(
                "openssl s_client -connect {host}:465 -crlf -brief </dev/null",
                "openssl s_client -starttls smtp -connect {host}:587 -crlf -brief </dev/null",
                *_APPLY,
            ),
        ),
        rules_out="A TLS handshake begun as the settings begin it.",
        signs=(
            Sign("app.tls", 22, where=(("proven", True),)),
            # By what is usual on the port, the server not heard.
            Sign("app.tls", 14, where=(("proven", False),)),
            # The mail goes out, each time after a failed handshake and in the clear.
            Sign("app.tls", 12, Status.WARNING, where=(("kind", "fallback"),)),
            Sign("mail.app-tls-mismatch", 12),
            Sign("mail.app-read-timeout", 4),
            Sign("app.tls", -25, Status.OK),
            _SENDS,
        ),
        explains=("app-smtp-unreachable", "nothing-submitted"),
        links=("https://javaee.github.io/javamail/docs/SSLNOTES.txt", _SMTP_PACKAGE),
    ),
    Cause(
        id="app-credentials-rejected",
        title="The mail server refuses the application's login, or demands one that it does not make",
        impact=Impact.OUTAGE,
        explanation=(
            "The server was reached and TLS is in order, but the user name and password in the application's settings are refused, or "
            "none are sent although the server wants them. Gmail, Yahoo and Microsoft take no account password here: they want "
            "an application password, or have switched this kind of login off."
        ),
        remedy=Remedy(
            text="Put a valid user and password into {path} ({label}): mail.smtp.auth=true (the bare word), mail.smtp.auth.username, "
            "mail.smtp.auth.password. For Gmail create an application password. In a properties file write \\\\ for each backslash.",
            commands=_APPLY,
        ),
        rules_out="A login with the same user and password that the server answers with 235.",
        signs=(
            Sign("app.login", 22),
            Sign("mail.app-credentials-rejected", 12),
            Sign("app.login", -25, Status.OK),
        ),
        explains=("nothing-submitted",),
        links=("https://support.google.com/accounts/answer/185833", _SMTP_PACKAGE),
    ),
    Cause(
        id="app-certificate-untrusted",
        title="Java does not trust the mail server's certificate",
        impact=Impact.OUTAGE,
        explanation=(
            "Java holds the server's certificate against a trust store of its own (cacerts). Its issuer is missing there, or the "
            "certificate has expired, is self-signed or is for another name; Java then says 'PKIX path building failed' and "
            "sends nothing, whatever the system's own CA bundle says."
        ),
        remedy=Remedy(
            text="Reason: {why}, issuer {issuer}. An expired or foreign certificate is the server's to renew. For a CA of your own, import "
            "it into Java's trust store ({store}), or update Java and the package ca-certificates-java. As a stopgap only: "
            "mail.smtp.ssl.trust={host} in {path}.",
            commands=(
                "openssl s_client -starttls smtp -connect {host}:{port} -showcerts </dev/null",
                "keytool -importcert -cacerts -alias mail-relay -file ca.pem",
                *_APPLY,
            ),
            debian=("apt-get install --reinstall ca-certificates-java",),
            rhel=("update-ca-trust",),
        ),
        rules_out="The chain and the name verify against the trust store of the Java that runs the application.",
        signs=(
            Sign("app.certificate", 22),
            Sign("app.certificate", 3, Status.WARNING),
            Sign("mail.app-certificate-untrusted", 14),
            Sign("app.certificate", -22, Status.OK),
            _SENDS,
        ),
        explains=("app-smtp-unreachable", "nothing-submitted"),
        links=("https://docs.oracle.com/en/java/javase/17/docs/specs/man/keytool.html",),
    ),
    Cause(
        id="app-tls-too-old",
        title="The application's Java and the mail server have no TLS version in common",
        impact=Impact.OUTAGE,
        explanation=(
            "Mail servers take TLS 1.2 or newer. The settings (mail.smtp.ssl.protocols), an old Java or an old javax.mail library "
            "offer only versions that the server, or Java's own security policy, has switched off; or the server knows only those."
        ),
        remedy=Remedy(
            text="Set mail.smtp.ssl.protocols=TLSv1.2 TLSv1.3 in {path} or remove the line, and run a current Java and javax.mail 1.6 or newer.",
            commands=(
                "java -version",
                "openssl s_client -starttls smtp -connect {host}:{port} -tls1_2 </dev/null",
                *_APPLY,
            ),
        ),
        rules_out="A handshake with the versions that the application's Java offers.",
        signs=(
            # What the settings or the runtime allow; that this tool's own TLS passes says nothing about Java's.
            Sign("app.protocol", 21),
            Sign("mail.app-tls-too-old", 14),
        ),
        explains=("app-smtp-unreachable", "app-tls-mismatch", "nothing-submitted"),
        links=("https://www.java.com/en/configure_crypto.html", _SMTP_PACKAGE),
    ),
    Cause(
        id="app-config-invalid",
        title="The application's mail settings are incomplete or malformed",
        impact=Impact.OUTAGE,
        explanation=(
            "A setting is missing, still the example's placeholder, contradicts another, or is not what Java makes of the line: a backslash "
            "at a line's end swallows the next line, blanks and quotes are part of the value, mail.port is not read at all "
            "(mail.smtp.port or mail.smtp.socketFactory.port is), and anything but the bare word true is false."
        ),
        remedy=Remedy(
            text="Correct {key} in {path}, line {line}. {setting} Where the file is generated, correct the template or the variable that "
            "fills it. No backslash, quote or comment may stand behind a value.",
            commands=("grep -nE '\\\\$|[[:space:]]$|<%' {path}", *_APPLY),
        ),
        rules_out="The settings, read as Java reads them, lead to a server that takes them.",
        signs=(
            Sign("app.settings", 23, where=(("proven", True),)),
            # Odd, but not seen to be what stops the mail.
            Sign("app.settings", 12, where=(("proven", False),)),
            Sign("mail.app-config-invalid", 14),
            Sign("mail.app-send-failed", 3),
        ),
        explains=(
            "app-smtp-unreachable",
            "app-tls-mismatch",
            "app-credentials-rejected",
            "app-certificate-untrusted",
            "app-tls-too-old",
            "smtp-listener-missing",
            "relay-name-not-found",
            "nothing-submitted",
        ),
        links=(_SMTP_PACKAGE, _PROPERTIES),
    ),
    Cause(
        id="app-config-not-applied",
        title="The template was edited, and the application still runs with the old settings",
        impact=Impact.OUTAGE,
        explanation=(
            "The application reads the file that Puppet generates, once, when it starts. The template says something else than that file, "
            "or the file is newer than the running application: Puppet was not run, is disabled or fails, or the service was "
            "not restarted."
        ),
        remedy=Remedy(
            text="Let Puppet render {template} into {path}, and restart the application. ({kind}; {key} differs.)",
            commands=("puppet agent --enable", *_APPLY),
        ),
        rules_out="The generated file says what the template says, and the application was started after it was written.",
        signs=(
            Sign(
                "app.applied", 24, where=(("kind", ("template-newer", "agent-disabled", "run-failed", "not-managed")),)
            ),
            # The file's time alone does not show that what the application uses has changed in it.
            Sign("app.applied", 12, where=(("kind", "not-restarted"),)),
            Sign("app.applied", 4, Status.WARNING, where=(("kind", "edited-by-hand"),)),
        ),
        explains=(
            "app-config-invalid",
            "app-smtp-unreachable",
            "app-tls-mismatch",
            "app-credentials-rejected",
            "app-certificate-untrusted",
            "app-tls-too-old",
            "smtp-listener-missing",
            "relay-name-not-found",
            "nothing-submitted",
        ),
        links=("https://www.puppet.com/docs/puppet/latest/man/agent.html",),
    ),
)
