"""Hosts whose MTA is msmtp or nullmailer: the commonest faults of each, by the real programs, and healthy ones."""

from __future__ import annotations

from tests.lab.internet.world import Manner, Server, World
from tests.lab.machine import SECRET, Machine
from tests.lab.steps import Step, mail, nft, shell

from .o_mailers import RELAY, case

MSMTP = """\
defaults
tls on
tls_starttls {starttls}
logfile /var/log/msmtp

account relay
host {host}
port {port}
from noreply@brightwater-labs.com
auth {auth}
user lab-user
password {password}

account default : relay
"""


def msmtp(
    host: str = RELAY,
    port: int = 587,
    *,
    starttls: str = "on",
    auth: str = "on",
    password: str = SECRET,
    mode: int = 0o644,
    more: str = "",
) -> tuple[Step, ...]:
    text = MSMTP.format(host=host, port=port, starttls=starttls, auth=auth, password=password)
    text = text.replace("tls on\n", f"tls on\n{more}", 1)

    def step(m: Machine) -> None:
        m.log_file, m.before = "/var/log/msmtp", 0
        m.write("/etc/msmtprc", text, mode)
        m.write("/var/log/msmtp", "", 0o666)
        m.started = True

    return (step,)


_MSMTP = (
    case("msmtp-healthy", "a relay on 587", setup=msmtp(), shows="exitcode=EX_OK", mailer="msmtp"),
    case(
        "msmtp-wrong-password",
        "the key was changed at the relay",
        "relay-credentials-rejected",
        setup=msmtp(password="old-key-1-of-march"),
        shows="exitcode=EX_(NOPERM|UNAVAILABLE)",
        mailer="msmtp",
    ),
    case(
        "msmtp-587-at-once",
        "tls_starttls off on 587",
        "tls-wrapper-mismatch",
        setup=msmtp(starttls="off"),
        shows="exitcode=EX_",
        mailer="msmtp",
    ),
    case(
        "msmtp-auth-off",
        "auth off is left from a test",
        "relay-auth-not-attempted",
        setup=msmtp(auth="off"),
        shows="530 5.7.0",
        mailer="msmtp",
    ),
    case(
        "msmtp-tls-off",
        "the relay offers its login inside TLS only",
        "relay-requires-tls",
        setup=msmtp(more="tls off\n"),
        shows="does not support authentication",
        mailer="msmtp",
    ),
    case(
        "msmtp-recipient-typo",
        "the relay finds no such domain",
        "recipient-domain-not-found",
        world=World(
            servers=(
                Server(
                    host=RELAY,
                    manner=Manner(replies={"RCPT": "550 5.1.2 Recipient address rejected: Domain not found"}),
                ),
            ),
            records={("northwind-tradnig.com", "*"): "NXDOMAIN"},
        ),
        then=(mail("maria@northwind-tradnig.com"),),
        setup=msmtp(),
        shows="EX_DATAERR",
        mailer="msmtp",
    ),
    case(
        "msmtp-ca-missing",
        "a bundle of another distribution",
        "tls-ca-bundle-missing",
        setup=msmtp(more="tls_trust_file /etc/pki/tls/certs/ca-bundle.crt\n"),
        shows="exitcode=EX_",
        mailer="msmtp",
    ),
    case(
        "msmtp-blocked",
        "the provider drops 587",
        "egress-submission-blocked",
        setup=(nft("isp", "forward tcp dport 587 drop"), *msmtp(more="timeout 3\n")),
        shows="exitcode=EX_",
        mailer="msmtp",
    ),
    case(
        "msmtp-unreadable",
        "the settings are root's alone",
        "mailer-config-error",
        setup=msmtp(mode=0o600),
        mailer="msmtp",
        proof=("ls -l /etc/msmtprc", "-rw-------"),
    ),
    case(
        "msmtp-account-misspelt",
        "the default account names one that is not there",
        "mailer-config-error",
        setup=(*msmtp(), shell("sed -i 's/^account default : relay/account default : relai/' /etc/msmtprc")),
        mailer="msmtp",
        proof=("msmtp --pretend x@example.org </dev/null", "not .yet. defined"),
    ),
)


def nullmailer(
    line: str = f"{RELAY} smtp --port=587 --starttls --user=lab-user --pass={SECRET}",
    *,
    daemon: bool = True,
    owner: str = "mail",
) -> tuple[Step, ...]:
    """nullmailer-send as its unit runs it: as mail, its words in syslog's form."""

    def step(m: Machine) -> None:
        m.log_file, m.before = "/var/log/mail.log", 0
        m.write("/etc/nullmailer/remotes", line + "\n", 0o600, owner, owner)
        m.write("/etc/nullmailer/sendtimeout", "6\n")
        m.write("/etc/nullmailer/helohost", "app.brightwater-labs.com\n")
        m.write("/var/log/mail.log", "")
        m.started = True
        if daemon:
            stamp = "while IFS= read -r l; do echo \"$(date '+%b %e %H:%M:%S') app nullmailer[1]: $l\"; done >>/var/log/mail.log"
            m.run(
                "sh",
                "-c",
                f"cd /var/spool/nullmailer; (setsid setpriv --reuid=mail --regid=mail --clear-groups nullmailer-send 2>&1 | {stamp}) >/dev/null 2>&1 &",
            )

    return (step,)


_NULLMAILER = (
    case("nullmailer-healthy", "a relay on 587", setup=nullmailer(), shows="Sent file", mailer="nullmailer"),
    case(
        "nullmailer-down",
        "nobody started it",
        "mailer-not-running",
        setup=nullmailer(daemon=False),
        mailer="nullmailer",
        proof=("mailq", "bytes"),
    ),
    case(
        "nullmailer-wrong-password",
        "the key was changed at the relay",
        "relay-credentials-rejected",
        setup=nullmailer(f"{RELAY} smtp --port=587 --starttls --user=lab-user --pass=old-key-1-of-march"),
        shows="Sending failed",
        mailer="nullmailer",
    ),
    case(
        "nullmailer-name-typo",
        "a relay that does not exist",
        "relay-name-not-found",
        world=World(records={(RELAY, "*"): "NXDOMAIN"}),
        setup=nullmailer(),
        shows="Sending failed",
        mailer="nullmailer",
    ),
    case(
        "nullmailer-option-misspelt",
        "--startls in remotes",
        "mailer-config-error",
        setup=nullmailer(f"{RELAY} smtp --port=587 --startls --user=lab-user --pass={SECRET}"),
        shows="Sending failed",
        mailer="nullmailer",
    ),
    case(
        "nullmailer-no-remotes",
        "remotes has a comment only",
        "mailer-config-error",
        setup=nullmailer("# smtp.example.net smtp"),
        shows="No remote hosts",
        mailer="nullmailer",
    ),
    case(
        "nullmailer-unreadable",
        "remotes belongs to root alone",
        "mailer-config-error",
        setup=nullmailer(owner="root"),
        mailer="nullmailer",
        proof=("mailq", "bytes"),
    ),
)

FAULTS = (*_MSMTP, *_NULLMAILER)
