"""What Java programs make of their settings: keys, blanks, variables, generated files; and such programs with nothing wrong."""

from __future__ import annotations

from typing import Any

from tests.lab.fault import Fault, fault, healthy
from tests.lab.internet.world import one_server
from tests.lab.machine import SECRET
from tests.lab.steps import Step, append, nft, older, run, write

from .h_application import (
    CUSTOM,
    GENERATED,
    INVALID,
    MISMATCH,
    NOT_APPLIED,
    REJECTED,
    TEMPLATE,
    case,
    explicit,
    implicit,
    template,
)

MANIFEST = "/etc/puppet/manifests/nodes/codenvy/codenvy.pp"
ENVIRONMENT = "/etc/codenvy/codenvy.env"
COMPANY = "relay.rhein-mail.de"
PLAIN: dict[str, Any] = {"starttls": False, "needs_tls": False, "needs_auth": False, "auth": ()}
LOOKUPS = """\
# This file is managed by puppet
<% if scope.lookupvar('codenvy::use_local_mail_host') == "true" -%>
mail.host=localhost
mail.port=25
mail.smtp.auth=false
<% else -%>
mail.host=<%= scope.lookupvar('codenvy::mail_host') %>
mail.smtp.port=<%= scope.lookupvar('codenvy::mail_host_port') %>
mail.smtp.starttls.enable=true
mail.smtp.auth=<%= scope.lookupvar('codenvy::mail_smtp_auth') %>
mail.smtp.auth.username=<%= scope.lookupvar('codenvy::mail_smtp_auth_username') %>
mail.smtp.auth.password=<%= scope.lookupvar('codenvy::mail_smtp_auth_password') %>
<% end -%>
"""


def manifest(host: str) -> str:
    return (
        f'$use_local_mail_host = "false"\n$mail_host = "{host}"\n$mail_host_port = "587"\n$mail_smtp_auth = "true"\n'
        f'$mail_smtp_auth_username = "lab-user"\n$mail_smtp_auth_password = "{SECRET}"\n'
    )


def rendered(host: str) -> str:
    return (
        f"# This file is managed by puppet\nmail.host={host}\nmail.smtp.port=587\nmail.smtp.starttls.enable=true\n"
        f"mail.smtp.auth=true\nmail.smtp.auth.username=lab-user\nmail.smtp.auth.password={SECRET}\n"
    )


def well(name: str, about: str, *setup: Step, **more: Any) -> Fault:
    return healthy(name, about, *setup, then=(), history=True, **more)


_FAULTS = (
    case(
        "app-factory-without-port",
        MISMATCH,
        "socketFactory.class without its port: TLS is begun on port 25",
        implicit(mail__smtp__socketFactory__port=""),
    ),
    case(
        "app-fallback-in-the-clear",
        MISMATCH,
        "TLS on a plain port, and fallback is not false: it goes on without TLS",
        implicit(
            COMPANY,
            mail__port="587",
            mail__smtp__socketFactory__port="587",
            mail__smtp__socketFactory__fallback="",
            mail__smtp__auth="false",
            mail__smtp__port="587",
        ),
        world=one_server(COMPANY, **PLAIN),
    ),
    case(
        "app-login-under-other-keys",
        REJECTED,
        "user and password under keys that nobody reads",
        explicit(
            mail__smtp__auth__username="",
            mail__smtp__auth__password="",
            mail__smtp__username="lab-user",
            mail__smtp__password=SECRET,
        ),
    ),
    case(
        "app-auth-true-and-a-blank",
        INVALID,
        "'true ' is not true: no login is made",
        explicit(mail__smtp__auth="true "),
    ),
    case(
        "app-host-and-a-blank", INVALID, "a blank behind the host's name", explicit("smtp.sendgrid.net "), option=True
    ),
    case("app-host-quoted", INVALID, "the host's name in quotes", explicit('"smtp.sendgrid.net"')),
    case(
        "app-undefined-variables",
        INVALID,
        "variables that nobody defined are rendered as nothing",
        "mail.host=\nmail.port=\nmail.transport.protocol=smtp\nmail.smtp.auth=\nmail.smtp.socketFactory.class="
        "javax.net.ssl.SSLSocketFactory\nmail.smtp.socketFactory.fallback=false\nmail.smtp.socketFactory.port=465\n",
    ),
    case(
        "app-backslash-before-auth",
        INVALID,
        "the documented backslash swallows mail.smtp.auth",
        implicit()
        .replace("mail.smtp.auth=true\n", "")
        .replace("fallback=false\n", "fallback=false\\\nmail.smtp.auth=true\n"),
    ),
    fault(
        "app-docker-defaults",
        INVALID,
        "codenvy.env names the host, and leaves the login at its default",
        write(ENVIRONMENT, "CODENVY_HOST=10.0.0.2\nCODENVY_MAIL_HOST=smtp.gmail.com\n"),
        then=(),
        history=True,
    ),
    fault(
        "app-docker-cyrillic",
        INVALID,
        "a variable of codenvy.env was copied with a Cyrillic letter",
        write(
            ENVIRONMENT,
            "\u0421ODENVY_MAIL_HOST=smtp.gmail.com\nCODENVY_MAIL_SMTP_AUTH_USERNAME=lab-user\n"
            f"CODENVY_MAIL_SMTP_AUTH_PASSWORD={SECRET}\n",
        ),
        then=(),
        history=True,
    ),
    fault(
        "app-manifest-newer",
        NOT_APPLIED,
        "the manifest was changed, the generated file has the old host",
        write(TEMPLATE, LOOKUPS),
        older(TEMPLATE, 9e6),
        write(MANIFEST, manifest("smtp.sendgrid.net")),
        older(MANIFEST, 3600),
        write(GENERATED, rendered("smtp.mandrillapp.com")),
        older(GENERATED, 9e5),
        then=(),
        history=True,
    ),
    fault(
        "app-not-restarted",
        NOT_APPLIED,
        "the file was corrected, the application runs since last week",
        run(
            "bash",
            "-c",
            "cp /bin/sleep /opt/java; (exec -a /usr/lib/jvm/java-8/bin/java /opt/java 900 >/dev/null 2>&1 &); sleep 3",
        ),
        write(GENERATED, explicit()),
        older(GENERATED, 0),
        then=(),
        history=True,
    ),
    case(
        "app-port-25-blocked",
        ("egress-port-25-blocked", "app-smtp-unreachable"),
        "the application dials 25, which the ISP drops: both say so",
        explicit(mail__smtp__port="25"),
        nft("isp", "forward tcp dport 25 drop"),
    ),
)

_WELL = (
    well(
        "healthy-app-documented",
        "the documented example, its backslash at the file's end included",
        *template(implicit().rstrip("\n") + "\\\n"),
    ),
    well(
        "healthy-app-starttls",
        "587 with STARTTLS and a login, in the form of Che",
        *template(explicit().replace("mail.", "che.mail.")),
    ),
    well(
        "healthy-app-company-relay",
        "a company relay with its own CA, trusted by name",
        write(CUSTOM, explicit(COMPANY)),
        append(CUSTOM, f"mail.smtp.ssl.trust={COMPANY}\n"),
        world=one_server(COMPANY, tls="unknown"),
        args=("--app-config", CUSTOM),
    ),
    well(
        "healthy-app-plain-relay",
        "an internal relay without TLS and login on 25",
        *template(f"mail.host={COMPANY}\nmail.port=25\nmail.smtp.auth=false\n"),
        world=one_server(COMPANY, **PLAIN),
    ),
    well(
        "healthy-app-hiera",
        "the template takes its values from elsewhere; the generated file is good",
        write(TEMPLATE, LOOKUPS),
        write(GENERATED, rendered("smtp.sendgrid.net")),
    ),
    well(
        "healthy-app-manifest",
        "manifest, template and file agree",
        write(TEMPLATE, LOOKUPS),
        write(MANIFEST, manifest("smtp.sendgrid.net")),
        write(GENERATED, rendered("smtp.sendgrid.net")),
    ),
    well(
        "healthy-app-465-while-25-blocked",
        "25 is blocked; the application sends by 465",
        *template(implicit()),
        nft("isp", "forward tcp dport 25 drop"),
    ),
)

FAULTS = (*_FAULTS, *_WELL)
