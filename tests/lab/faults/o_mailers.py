"""Hosts whose MTA is Exim: its commonest faults, by the real program, and healthy ones."""

from __future__ import annotations

from typing import Any

from tests.lab.fault import Fault
from tests.lab.internet.world import World, one_server
from tests.lab.machine import SECRET, Machine
from tests.lab.steps import Step, mail, nft, replace, run, shell, wait

RELAY = "smtp.mandrillapp.com"
EXIM = """\
dc_eximconfig_configtype='{kind}'
dc_other_hostnames='app.brightwater-labs.com'
dc_local_interfaces='127.0.0.1 ; ::1'
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='false'
dc_relay_nets=''
dc_smarthost='{smarthost}'
CFILEMODE='644'
dc_use_split_config='false'
dc_hide_mailname=''
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
"""
CONFIGURATION = "/etc/exim4/update-exim4.conf.conf"
LOGINS = "/etc/exim4/passwd.client"
MACROS = "/etc/exim4/exim4.conf.localmacros"


def exim(
    smarthost: str = f"{RELAY}::587",
    *more: Step,
    kind: str = "smarthost",
    entry: str = f"{RELAY}:lab-user:{SECRET}\n",
    macros: str = "",
    daemon: bool = True,
) -> tuple[Step, ...]:
    """Debian's Exim as its own tools set it up; it waits for connections as briefly as the lab's Postfix."""

    def begin(m: Machine) -> None:
        m.log_file, m.before = "/var/log/exim4/mainlog", 0
        m.write(CONFIGURATION, EXIM.format(kind=kind, smarthost=smarthost))
        m.run("chown", "root:Debian-exim", LOGINS)
        m.path(LOGINS).write_text(entry)
        if macros:
            m.write(MACROS, macros)
        template = m.read("/etc/exim4/exim4.conf.template")
        m.write(
            "/etc/exim4/exim4.conf.template",
            template.replace("  driver = smtp\n", "  driver = smtp\n  connect_timeout = 2s\n  command_timeout = 4s\n"),
        )

    def start(m: Machine) -> None:
        done = m.run("update-exim4.conf")
        m.started = True
        assert not done.returncode, done.stderr
        if daemon:
            m.run("exim4", "-bd", "-q30m")

    return (begin, *more, start)


def case(name: str, about: str, *accept: str, mailer: str = "exim", **more: Any) -> Fault:
    kind = "fault" if accept else "healthy"
    return Fault(id=name, about=about, accept=accept, kind=kind, mailer=mailer, start=False, **more)


def _opened(m: Machine) -> None:
    m.network.run("isp", "nft", "flush", "chain", "inet", "filter", "forward")


DEFERRED = r" == .*defer"
SENT = r" => .*C=\"250"

FAULTS = (
    case("exim-healthy-smarthost", "Debian's Exim with a smarthost and a login", setup=exim(), shows=SENT),
    case("exim-healthy-direct", "an internet site that delivers by itself", setup=exim(kind="internet"), shows=SENT),
    case(
        "exim-healthy-465",
        "a smarthost on 465",
        setup=exim(
            "smtp.fastmail.com::465",
            entry=f"smtp.fastmail.com:lab-user:{SECRET}\n",
            macros="REMOTE_SMTP_SMARTHOST_PROTOCOL = smtps\n",
        ),
        shows=SENT,
    ),
    case(
        "exim-healthy-second-smarthost",
        "the first of two smarthosts is away",
        world=one_server("smtp.sendgrid.net", connect="close"),
        setup=exim(f"smtp.sendgrid.net::587;{RELAY}::587"),
        shows=SENT,
    ),
    case(
        "exim-healthy-old-troubles",
        "a panic of last week, and a frozen bounce to a sender that does not exist",
        setup=exim(),
        then=(
            shell(
                "echo '2026-01-01 10:00:00 failed to open /etc/exim4/x for linear search: Permission denied' >/var/log/exim4/paniclog"
            ),
            shell(
                "printf 'Subject: bounce\\n\\n' | exim4 -odq -f '<>' nobody@app.brightwater-labs.com; exim4 -Mf $(exim4 -bp | awk '/</{print $3}')"
            ),
            mail(),
        ),
        shows=SENT,
        proof=("exim4 -bp", "frozen"),
    ),
    case(
        "exim-domain-local",
        "a customer's domain among dc_other_hostnames",
        "recipient-domain-local",
        setup=(
            *exim(kind="internet"),
            replace(CONFIGURATION, "app.bright", "northwind-trading.com;app.bright"),
            run("update-exim4.conf"),
        ),
        shows="Unrouteable address",
    ),
    case(
        "exim-panic-today",
        "a log that Exim could not open, while mail passes",
        "mailer-panic-logged",
        setup=exim(),
        then=(mail(), shell("echo $(date '+%F %T') Cannot open /etc/exim4/dkim.key >/var/log/exim4/paniclog")),
        shows=SENT,
    ),
    case(
        "exim-smarthost-of-addresses",
        "a smarthost without logins that does not know this address",
        "relay-access-denied",
        world=one_server(
            "smtp.kestrel-hosting.net",
            auth=(),
            needs_tls=False,
            needs_auth=False,
            replies={"RCPT": "550 relay not permitted"},
        ),
        setup=exim("smtp.kestrel-hosting.net", entry=""),
        shows="relay not permitted",
    ),
    case(
        "exim-isp-blocks-587",
        "the provider drops 587",
        "egress-submission-blocked",
        setup=(nft("isp", "forward tcp dport 587 drop"), *exim()),
        shows=DEFERRED,
    ),
    case(
        "exim-isp-drops-25",
        "an internet site behind a provider that drops 25",
        "egress-port-25-blocked",
        setup=(nft("isp", "forward tcp dport 25 drop"), *exim(kind="internet")),
        shows=DEFERRED,
    ),
    case(
        "exim-wrong-password",
        "the key was changed at the relay",
        "relay-credentials-rejected",
        setup=exim(entry=f"{RELAY}:lab-user:old-key-1-of-march\n"),
        shows=r"(535|530|uthentica)",
    ),
    case(
        "exim-no-login",
        "passwd.client was never filled",
        "relay-auth-not-attempted",
        setup=exim(entry="# password file used when the local exim is authenticating\n"),
        shows=r"(530|uthenticat)",
    ),
    case(
        "exim-login-under-alias",
        "passwd.client has the alias that dc_smarthost is; Exim looks for the name that it leads to",
        "sasl-key-mismatch",
        world=World(records={("smtp.relay-alias.com", "CNAME"): (RELAY,)}),
        setup=exim(
            "smtp.relay-alias.com::587",
            entry=f"smtp.relay-alias.com:lab-user:{SECRET}\n",
            macros="REMOTE_SMTP_SMARTHOST_TLS_VERIFY_HOSTS = :\n",
        ),
        shows="530 5.7.0 Authentication required",
    ),
    case(
        "exim-certificate-expired",
        "the smarthost's certificate has expired: Exim goes on without TLS, and so without a login",
        "relay-certificate-invalid",
        world=one_server(RELAY, tls="expired"),
        setup=exim(),
        shows="certificate verification failed",
    ),
    case(
        "exim-own-firewall",
        "this host's packet filter drops 587",
        "local-firewall-blocks-smtp",
        setup=(
            nft("host", "table inet f {\n chain out { type filter hook output priority 0;\n tcp dport 587 drop\n }\n}"),
            *exim(),
        ),
        shows=DEFERRED,
    ),
    case(
        "exim-queue-read-only",
        "the file system of the queue is mounted read-only",
        "queue-permissions",
        "disk-full",
        setup=exim(),
        then=(
            shell("mount --bind /var/spool/exim4 /var/spool/exim4 && mount -o remount,ro,bind /var/spool/exim4"),
            mail(),
        ),
        proof=("touch /var/spool/exim4/x", "Read-only"),
    ),
    case(
        "exim-465-without-smtps",
        "port 465, and no REMOTE_SMTP_SMARTHOST_PROTOCOL",
        "tls-wrapper-mismatch",
        setup=exim("smtp.fastmail.com::465", entry=f"smtp.fastmail.com:lab-user:{SECRET}\n"),
        shows=DEFERRED,
    ),
    case(
        "exim-smarthost-typo",
        "a smarthost that does not exist",
        "relay-name-not-found",
        world=World(records={(RELAY, "*"): "NXDOMAIN"}),
        setup=exim(),
        shows=r" (==|\*\*) ",
    ),
    case(
        "exim-local-only",
        "as Debian installs it: mail within the host",
        "mailer-local-only",
        setup=exim("", kind="local"),
        shows=r" \*\* .*remote domains not supported",
    ),
    case(
        "exim-daemon-down",
        "the daemon was stopped, and a relay that was away for a moment left mail behind",
        "mailer-not-running",
        setup=(nft("isp", "forward tcp dport 587 drop"), *exim(daemon=False)),
        then=(mail(), wait(DEFERRED), _opened),
    ),
    case(
        "exim-passwd-unreadable",
        "passwd.client belongs to root alone",
        "mailer-config-error",
        setup=exim(f"{RELAY}::587", run("chown", "root:root", LOGINS), run("chmod", "600", LOGINS)),
        shows="(Permission denied|failed to open)",
    ),
    case(
        "exim-queue-full",
        "the file system of the queue is full",
        "disk-full",
        setup=exim(),
        then=(
            shell(
                "mount -t tmpfs -o size=256k full /var/spool/exim4 && mkdir -p /var/spool/exim4/input /var/spool/exim4/db /var/spool/exim4/msglog && chown -R Debian-exim:Debian-exim /var/spool/exim4; dd if=/dev/zero of=/var/spool/exim4/x bs=1k 2>/dev/null"
            ),
            mail(),
        ),
        proof=("df /var/spool/exim4 | grep 100%", "100%"),
    ),
    case(
        "exim-frozen",
        "somebody froze what waits",
        "mail-on-hold",
        setup=(nft("isp", "forward tcp dport 587 drop"), *exim()),
        then=(mail(), wait(DEFERRED), shell("exim4 -Mf $(exim4 -bp | awk '/</{print $3}')"), _opened),
        proof=("exim4 -bp", "frozen"),
    ),
    case(
        "exim-config-broken",
        "an option that does not exist",
        "mailer-config-error",
        setup=exim(daemon=False),
        then=(
            shell(
                "sed -i 's/^host_lookup/host_lookkup/;t;1i smtp_accept_maxx = 3' /var/lib/exim4/config.autogenerated"
            ),
            mail(),
        ),
        proof=("exim4 -bV", "(?i)error"),
    ),
    case(
        "exim-spool-of-root",
        "root's rights to input/, after a restore",
        "queue-permissions",
        setup=exim(),
        then=(
            mail(),
            wait(SENT),
            shell("chown -R root:root /var/spool/exim4/input; chmod 700 /var/spool/exim4/input"),
            mail(),
        ),
        proof=("stat -c %U /var/spool/exim4/input", "root"),
    ),
)
