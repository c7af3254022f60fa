"""The machines that faults are put on, each drawn anew: where it stands, its way out, how mail is handed to it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.lab.internet.world import Manner, Server
from tests.lab.machine import Machine, authority
from tests.lab.neighbours import login_service
from tests.lab.steps import Step, append, mail, run, settings, smtp_mail
from tests.lab.surroundings import container

from .site import Relay, Site

PEOPLE = (
    "maria@northwind-trading.com",
    "olav@fjord-shipping.no",
    "post@gemeinde-auental.ch",
    "j.roth@kanzlei-roth.de",
    "ventas@tienda-sol.es",
    "maria.example@gmail.com",
)
# host: ports that its operator documents
RELAYS = {
    "smtp.mandrillapp.com": (587, 465, 2525),
    "smtp.sendgrid.net": (587, 465, 2525),
    "smtp.gmail.com": (587, 465),
    "smtp.mailgun.org": (587, 465, 2525),
    "email-smtp.eu-west-1.amazonaws.com": (587, 465, 2587),
    "smtp.fastmail.com": (465, 587),
    "smtp.rhein-mail.de": (587, 465),
    "smtp.hosting-nord.net": (587,),
}
PLAIN_RELAYS = ("relay.rhein-mail.de", "relay.stadtwerke-auen.de", "relay.campus-nord.org")

_CLIENT = """\
import smtplib, ssl
s = smtplib.SMTP("127.0.0.1", 587, local_hostname="laptop.lan", timeout=12)
s.starttls(context=ssl._create_unverified_context())
s.login("portal", "not-a-secret")
s.sendmail("noreply@brightwater-labs.com", [{to!r}], "From: noreply@brightwater-labs.com\\nTo: {to}\\nSubject: Verify\\n\\nHello.")
"""


def signed_in_mail(to: str) -> Step:
    """As a mail program hands it over: 587, STARTTLS, a login."""
    return run("/usr/bin/python3", "-c", _CLIENT.format(to=to), user="www-data")


def smtp_to(to: str) -> Step:
    return smtp_mail(to)


def out_by_relay(site: Site, login: bool) -> None:
    """A relay with a login, or one on 25 that knows the address."""
    if login:
        host = site.pick(*RELAYS)
        port = site.pick(*RELAYS[host])
        kind, tls = site.pick("hash", "hash", "lmdb", "texthash"), site.pick("encrypt", "encrypt", "secure")
        site.relay = Relay(host=host, port=port, kind=kind, tls=tls)
        site.before.append(site.login())
        return
    host = site.pick(*PLAIN_RELAYS)
    site.relay = Relay(host=host, port=25, login=False, tls="may")
    manner = Manner(starttls=site.pick(True, False), auth=(), needs_auth=False, needs_tls=False)
    site.servers.append(Server(host=host, manner=manner))
    site.before.append(settings(relayhost=site.pick(f"[{host}]", f"[{host}]:25")))


def _direct(site: Site) -> None:
    if site.pick(True, False):
        site.before.append(settings(inet_interfaces="loopback-only"))


def _relay(site: Site) -> None:
    out_by_relay(site, login=True)


def _null_client(site: Site) -> None:
    out_by_relay(site, login=site.pick(True, False))
    site.before.append(
        settings(mydestination="", inet_interfaces="loopback-only", local_transport="error:no local delivery")
    )


def _certificate(m: Machine) -> None:
    chain, key = authority()[0].issue(m.fault.hostname, "good")
    m.write("/etc/ssl/private/mail.pem", key + chain, 0o600)


def _submission(site: Site) -> None:
    if site.pick(True, False):
        out_by_relay(site, login=True)
    site.before += [
        _certificate,
        settings(
            smtpd_sasl_type="dovecot",
            smtpd_sasl_path="private/auth",
            smtpd_tls_chain_files="/etc/ssl/private/mail.pem",
            smtpd_tls_security_level="may",
        ),
        append(
            "/etc/postfix/master.cf",
            "submission inet n - y - - smtpd\n  -o syslog_name=postfix/submission\n  -o smtpd_tls_security_level=encrypt\n"
            "  -o smtpd_sasl_auth_enable=yes\n  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n",
        ),
        login_service(),
    ]
    site.submit = site.pick(signed_in_mail, smtp_to, mail)


_SECOND = (
    "/usr/lib/postfix/configure-instance.sh -; cp -a /etc/postfix /etc/postfix-out; cp -a /var/spool/postfix /var/spool/postfix-out; mkdir -p /var/lib/postfix-out;"
    " chown postfix /var/lib/postfix-out; postconf -c /etc/postfix-out -e queue_directory=/var/spool/postfix-out"
    " data_directory=/var/lib/postfix-out multi_instance_name=postfix-out multi_instance_enable=yes"
    " multi_instance_directories= maillog_file={log}; sed -i 's/^smtp  *inet.*/127.0.0.1:10026 inet n - y - - smtpd/'"
    " /etc/postfix-out/master.cf; postconf -e multi_instance_enable=yes multi_instance_directories=/etc/postfix-out"
    " 'multi_instance_wrapper=$command_directory/postmulti -p --'"
)


def _second(site: Site) -> None:
    """Two instances: the first hands all mail to the second, or the second stands idle beside the first."""
    if through := site.pick(True, False):
        site.config, site.spool = "/etc/postfix-out", "/var/spool/postfix-out"
    log = site.pick("/var/log/mail.log", "/var/log/postfix-out.log") if through else "/var/log/postfix-out.log"
    if through:
        site.log = log
    inner = settings(relayhost="[127.0.0.1]:10026", smtp_tls_security_level="none")

    def step(m: Machine) -> None:
        m.run("sh", "-c", _SECOND.format(log=log))
        if through:
            inner(m)
            m.config, m.log_file = "/etc/postfix-out", log
            m.before = 0 if log != "/var/log/mail.log" else m.before

    site.before.append(step)
    site.after.append(run("true"))
    if site.pick(True, False):
        out_by_relay(site, login=True)


def _container(site: Site) -> None:
    if site.pick(True, False):
        out_by_relay(site, login=True)
    site.start = False
    site.log = ""
    site.after.append(container())


BASES: dict[str, Callable[[Site], None]] = {
    "direct": _direct,
    "relay": _relay,
    "null-client": _null_client,
    "submission": _submission,
    "multi-instance": _second,
    "container": _container,
}


def drawn(base: str, rng: Random) -> Site:
    """A machine of that kind."""
    site = Site(rng=rng, base=base, to=rng.choice(PEOPLE))
    if base not in ("submission", "container") and rng.random() < 0.4:
        site.submit = smtp_to
    BASES[base](site)
    return site
