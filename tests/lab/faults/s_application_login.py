"""Applications whose login or sender the server refuses, by settings files of several kinds. Postfix is well on these machines."""

from __future__ import annotations

from tests.lab.fault import Fault, fault
from tests.lab.internet.world import Manner, Server, World
from tests.lab.machine import SECRET
from tests.lab.steps import shell, write

_LOGIN = ("app-credentials-rejected",)
_MASTODON = f"""LOCAL_DOMAIN=social.brightwater-labs.com
SMTP_SERVER=relay.rhein-mail.de
SMTP_PORT=587
SMTP_LOGIN=lab-user
SMTP_PASSWORD={SECRET}
"""
_LARAVEL = f"""MAIL_MAILER=smtp
MAIL_HOST=smtp.office365.com
MAIL_PORT=587
MAIL_USERNAME=lab-user
MAIL_PASSWORD={SECRET}
MAIL_FROM_ADDRESS=shop@brightwater-labs.com
"""
_SPRING = f"""spring.mail.host=smtp.gmail.com
spring.mail.port=587
spring.mail.username=lab-user
spring.mail.password={SECRET}
spring.mail.properties.mail.smtp.auth=true
spring.mail.properties.mail.smtp.starttls.enable=true
"""
_DJANGO = f"""EMAIL_HOST = "relay.rhein-mail.de"
EMAIL_PORT = 587
EMAIL_USE_TLS = True
EMAIL_HOST_USER = "lab-user"
EMAIL_HOST_PASSWORD = "{SECRET}"
DEFAULT_FROM_EMAIL = "Shop <shop@intranet.brightwater-labs.com>"
"""


def case(name: str, accept: tuple[str, ...], about: str, path: str, text: str, host: str, **manner: object) -> Fault:
    server = Server(host=host, manner=Manner(**manner))  # type: ignore[arg-type]
    return fault(
        name,
        accept,
        about,
        write(path, text),
        world=World(servers=(server,)),
        then=(),
        args=("--app-config", path),
    )


FAULTS = (
    case(
        "app-sender-of-the-program",
        ("sender-not-allowed",),
        "Mastodon without SMTP_FROM_ADDRESS sends as notifications@localhost, which the relay refuses",
        "/home/mastodon/live/.env.production",
        _MASTODON,
        "relay.rhein-mail.de",
        replies={"MAIL": "553 5.7.1 <notifications@localhost>: Sender address rejected: not owned by user lab-user"},
    ),
    case(
        "app-sender-domain-put-off",
        ("sender-not-allowed", "sender-domain-not-found"),
        "Django's DEFAULT_FROM_EMAIL is of a domain that no DNS has, and the relay's Postfix puts it off with 450",
        "/srv/shop/shop/settings.py",
        _DJANGO,
        "relay.rhein-mail.de",
        replies={"MAIL": "450 4.1.8 <shop@intranet.brightwater-labs.com>: Sender address rejected: Domain not found"},
    ),
    case(
        "app-password-logins-off",
        _LOGIN,
        "Exchange Online takes no passwords by SMTP for Laravel's account",
        "/var/www/shop/.env",
        _LARAVEL,
        "smtp.office365.com",
        replies={
            "AUTH": "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. "
            "Visit https://aka.ms/smtp_auth_disabled for more information."
        },
    ),
    case(
        "app-password-of-the-account",
        _LOGIN,
        "Spring Boot has the Google account's own password",
        "/opt/orders/application.properties",
        _SPRING,
        "smtp.gmail.com",
        replies={
            "AUTH": "534-5.7.9 Application-specific password required. For more information, go to\n"
            "534 5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor ffacd0b85a97d-38259 - gsmtp"
        },
    ),
    case(
        "app-server-takes-tokens-alone",
        _LOGIN,
        "the server offers XOAUTH2 alone, and Django has a password",
        "/srv/shop/shop/settings.py",
        _DJANGO,
        "relay.rhein-mail.de",
        auth=("XOAUTH2",),
    ),
    fault(
        "app-account-may-not-send",
        "local-firewall-blocks-smtp",
        "the packet filter rejects the mail ports for www-data, as whom the shop runs; root passes",
        write("/srv/shop/.env", _LARAVEL, 0o640, "www-data", "www-data"),
        shell(
            "cd /srv/shop && (setsid setpriv --reuid=www-data --regid=www-data --clear-groups"
            " /usr/bin/python3 -c 'import time; time.sleep(300)' >/dev/null 2>&1 &);"
            " nft add table inet u; nft 'add chain inet u o { type filter hook output priority 0; }';"
            " nft add rule inet u o meta skuid www-data tcp dport '{ 25, 465, 587 }' reject"
        ),
        then=(),
        args=("--app-config", "/srv/shop/.env"),
    ),
)
