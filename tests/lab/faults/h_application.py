"""Faults of an application that talks SMTP itself, by JavaMail properties. Postfix is well on these machines."""

from __future__ import annotations

from tests.lab.fault import Fault, fault
from tests.lab.internet.world import World, one_server
from tests.lab.machine import SECRET
from tests.lab.steps import Step, nft, older, write

TEMPLATE = "/etc/puppet/modules/all_in_one/templates/email-connection.properties.erb"
GENERATED = "/home/codenvy/codenvy-data/conf/email-connection.properties"
CUSTOM = "/opt/portal/conf/mail.properties"
BY_OPTION = ("--app-config", CUSTOM)

UNREACHABLE = ("app-smtp-unreachable",)
MISMATCH = ("app-tls-mismatch",)
REJECTED = ("app-credentials-rejected",)
UNTRUSTED = ("app-certificate-untrusted",)
OLD = ("app-tls-too-old",)
INVALID = ("app-config-invalid",)
NOT_APPLIED = ("app-config-not-applied",)


def implicit(host: str = "smtp.gmail.com", **changed: str) -> str:
    """The documented Gmail form: implicit TLS by a socket factory, with the keys of `changed` set otherwise."""
    keys = {
        "mail.host": host,
        "mail.port": "465",
        "mail.transport.protocol": "smtp",
        "mail.smtp.auth": "true",
        "mail.smtp.auth.username": "lab-user",
        "mail.smtp.auth.password": SECRET,
        "mail.smtp.socketFactory.port": "465",
        "mail.smtp.socketFactory.class": "javax.net.ssl.SSLSocketFactory",
        "mail.smtp.socketFactory.fallback": "false",
    }
    return lines(keys, changed)


def explicit(host: str = "smtp.sendgrid.net", **changed: str) -> str:
    """STARTTLS on 587 with a login."""
    keys = {
        "mail.smtp.host": host,
        "mail.smtp.port": "587",
        "mail.smtp.auth": "true",
        "mail.smtp.auth.username": "lab-user",
        "mail.smtp.auth.password": SECRET,
        "mail.smtp.starttls.enable": "true",
        "mail.smtp.starttls.required": "true",
    }
    return lines(keys, changed)


def lines(keys: dict[str, str], changed: dict[str, str]) -> str:
    for name, value in changed.items():
        key = name.replace("__", ".")
        if value:
            keys[key] = value
        else:
            keys.pop(key, None)
    return "".join(f"{key}={value}\n" for key, value in keys.items())


def template(text: str) -> tuple[Step, ...]:
    """The file at the documented place, and what Puppet made of it."""
    return (write(TEMPLATE, text), write(GENERATED, text, 0o644))


def named(text: str) -> tuple[Step, ...]:
    return (write(CUSTOM, text),)


def case(
    name: str,
    accept: tuple[str, ...],
    about: str,
    text: str,
    *more: Step,
    world: World | None = None,
    option: bool = False,
) -> Fault:
    """Properties at the documented place, or (option) in a file that the command line names."""
    return Fault(
        id=name,
        accept=accept,
        about=about,
        world=world or World(),
        then=(),
        setup=(*(named(text) if option else template(text)), *more),
        args=BY_OPTION if option else (),
        history=True,
    )


_ERB = """\
mail.host=<%= scope.lookupvar('codenvy::mail_host') %>
mail.port=<%= scope.lookupvar('codenvy::mail_host_port') %>
mail.transport.protocol=smtp
mail.smtp.auth=<%= scope.lookupvar('codenvy::mail_smtp_auth') %>
"""

FAULTS = (
    case(
        "app-465-blocked",
        (*UNREACHABLE, "egress-submission-blocked"),
        "465 is dropped by the ISP, for every relay: both say so",
        implicit(),
        nft("isp", "forward tcp dport 465 drop"),
    ),
    case(
        "app-host-refuses",
        UNREACHABLE,
        "the relay refuses 587",
        explicit("smtp.mandrillapp.com"),
        nft("internet", "special ip daddr 198.2.128.0/18 reject with tcp reset"),
        option=True,
    ),
    case(
        "app-host-not-found",
        (*UNREACHABLE, "relay-name-not-found"),
        "the host's name is misspelt; the name is the application's relay",
        implicit("smtp.gmial.com"),
        world=World(records={("smtp.gmial.com", "*"): "NXDOMAIN"}),
    ),
    case(
        "app-plain-on-465",
        MISMATCH,
        "plain SMTP on an implicit-TLS port",
        explicit(
            "smtp.gmail.com", mail__smtp__port="465", mail__smtp__starttls__enable="", mail__smtp__starttls__required=""
        ),
        option=True,
    ),
    case(
        "app-ssl-on-587",
        MISMATCH,
        "an SSL socket factory on a STARTTLS port",
        implicit("smtp.mandrillapp.com", mail__port="587", mail__smtp__socketFactory__port="587"),
    ),
    case(
        "app-starttls-required-not-offered",
        MISMATCH,
        "starttls.required, the company relay offers none",
        explicit("relay.rhein-mail.de"),
        world=one_server("relay.rhein-mail.de", starttls=False, needs_tls=False),
        option=True,
    ),
    case(
        "app-starttls-not-enabled",
        MISMATCH,
        "587 without starttls.enable; the server demands TLS",
        explicit(mail__smtp__starttls__enable="", mail__smtp__starttls__required=""),
        option=True,
    ),
    case(
        "app-password-wrong",
        REJECTED,
        "the relay refuses the password",
        implicit(mail__smtp__auth__password="wrong-one"),
        world=one_server(
            "smtp.gmail.com",
            replies={
                "AUTH": "535-5.7.8 Username and Password not accepted. For more information, go to\n"
                "535 5.7.8  https://support.google.com/mail/?p=BadCredentials d94 - gsmtp"
            },
        ),
    ),
    case(
        "app-key-revoked",
        REJECTED,
        "SendGrid refuses the key",
        explicit(mail__smtp__auth__password="SG.revoked-key"),
        option=True,
    ),
    case(
        "app-no-login",
        REJECTED,
        "the relay wants a login, mail.smtp.auth is false",
        explicit(mail__smtp__auth="false", mail__smtp__auth__username="", mail__smtp__auth__password=""),
        option=True,
    ),
    case(
        "app-ca-unknown",
        UNTRUSTED,
        "a company CA that the trust store lacks",
        explicit("smtp.rhein-mail.de"),
        world=one_server("smtp.rhein-mail.de", tls="unknown"),
        option=True,
    ),
    case(
        "app-certificate-self-signed",
        UNTRUSTED,
        "self-signed on 465",
        implicit("smtp.rhein-mail.de"),
        world=one_server("smtp.rhein-mail.de", tls="selfsigned"),
    ),
    case(
        "app-certificate-expired",
        UNTRUSTED,
        "the server's certificate has expired",
        implicit("smtp.rhein-mail.de"),
        world=one_server("smtp.rhein-mail.de", tls="expired"),
    ),
    case(
        "app-protocols-tls1",
        OLD,
        "ssl.protocols allows TLSv1 alone",
        explicit(mail__smtp__ssl__protocols="TLSv1"),
        option=True,
    ),
    case(
        "app-protocols-tls11-465", OLD, "TLSv1 and TLSv1.1 on 465", implicit(mail__smtp__ssl__protocols="TLSv1 TLSv1.1")
    ),
    case(
        "app-placeholders",
        INVALID,
        "the documented placeholders stand still",
        implicit(
            mail__smtp__auth__username="YOUR_GMAIL_LOGIN@gmail.com", mail__smtp__auth__password="YOUR_GMAIL_PASSWORD"
        ),
    ),
    case(
        "app-backslash-swallows",
        INVALID,
        "a backslash makes two properties one",
        implicit()
        .replace("fallback=false\n", "fallback=false\\\nmail.smtp.connectiontimeout=5000\n")
        .replace("465\nmail.transport", "465\\\nmail.transport"),
    ),
    case("app-erb-not-rendered", INVALID, "the generated file still holds ERB tags", _ERB, option=True),
    case(
        "app-mail-port-ignored",
        INVALID,
        "mail.port=587 alone: JavaMail ignores it and dials 25",
        "mail.host=smtp.sendgrid.net\nmail.port=587\nmail.transport.protocol=smtp\nmail.smtp.auth=true\n"
        f"mail.smtp.auth.username=lab-user\nmail.smtp.auth.password={SECRET}\nmail.smtp.starttls.enable=true\n",
        option=True,
    ),
    case(
        "app-trailing-blank",
        INVALID,
        "mail.smtp.port=587 with a trailing blank",
        explicit(mail__smtp__port="587 "),
        option=True,
    ),
    fault(
        "app-template-newer",
        NOT_APPLIED,
        "the template was edited, puppet agent is disabled",
        write(GENERATED, "mail.host=localhost\nmail.port=25\nmail.transport.protocol=smtp\nmail.smtp.auth=false\n"),
        older(GENERATED, 86400 * 40),
        write(TEMPLATE, implicit()),
        older(TEMPLATE, 3600),
        write("/var/lib/puppet/state/agent_disabled.lock", '{"disabled_message":"maintenance"}'),
        then=(),
        history=True,
    ),
    fault(
        "app-template-puppet-failing",
        NOT_APPLIED,
        "the last puppet run failed before the file was made",
        write(GENERATED, explicit("smtp.old-provider.net")),
        older(GENERATED, 86400 * 3),
        write(TEMPLATE, implicit()),
        older(TEMPLATE, 7200),
        write(
            "/var/lib/puppet/state/last_run_summary.yaml",
            "---\nversion:\n  config:\n  puppet: 3.8.7\ntime:\n  last_run: 1763700000\nevents:\n  failure: 1\n"
            "  success: 0\n  total: 1\nresources:\n  failed: 1\n",
        ),
        then=(),
        history=True,
        world=World(records={("smtp.old-provider.net", "*"): "NXDOMAIN"}),
    ),
)
