"""What is set, and means something else that lies beside it on the host: links into nothing, swapped files, another port's login."""

from __future__ import annotations

from tests.lab.fault import Fault
from tests.lab.internet.world import World
from tests.lab.steps import mail, nft, older, pause, relay, run, settings, shell, write

QUEUE = "/var/spool/postfix"
RELAY = "smtp.mandrillapp.com"

FAULTS = (
    Fault(
        id="public-is-dead-link",
        accept=("queue-permissions",),
        about="public/ is a link of a migration, and leads nowhere",
        setup=(shell(f"rm -rf {QUEUE}/public; ln -s /srv/mail/public {QUEUE}/public"),),
        proof=((("sh", "-c", "postfix status; echo $?"), "^[1-9]"),),
    ),
    Fault(
        id="aliases-index-dead-link",
        accept=("lookup-table-broken",),
        about="aliases.db is a link to a disk that is gone",
        setup=(shell("rm /etc/aliases.db; ln -s /srv/shared/aliases.db /etc/aliases.db"),),
        then=(mail("root@localhost"),),
        args=("--to", "root@localhost"),
        shows="alias database unavailable",
    ),
    Fault(
        id="chroot-resolv-dead-link",
        accept=("chroot-resolver-stale",),
        about="the chroot's resolv.conf is a link as outside, and leads nowhere inside",
        then=(
            shell(f"cd {QUEUE}/etc; rm -f resolv.conf; ln -s ../run/stub-resolv.conf resolv.conf; postfix reload"),
            pause(1.0),
            mail(),
        ),
        shows="status=deferred",
    ),
    Fault(
        id="chroot-hosts-old-address",
        accept=("chroot-resolver-stale",),
        about="native look-ups; the chroot's hosts file has an address of the relay that no longer answers",
        setup=(
            nft("isp", "forward ip daddr 192.0.2.0/24 drop"),
            relay(),
            settings(smtp_host_lookup="native"),
        ),
        then=(shell(f"echo 192.0.2.77 {RELAY} >>{QUEUE}/etc/hosts"), mail()),
        shows="status=deferred",
    ),
    Fault(
        id="transport-name-gone-not-compiled",
        accept=("relay-name-not-found",),
        about="the entry of a server that is gone was corrected in transport, and postmap was not run",
        world=World(records={("old.northwind-trading.com", "*"): "NXDOMAIN"}),
        setup=(
            write("/etc/postfix/transport", "northwind-trading.com smtp:[old.northwind-trading.com]\n"),
            run("postmap", "/etc/postfix/transport"),
            older("/etc/postfix/transport.db", 3600),
            write("/etc/postfix/transport", "northwind-trading.com smtp:\n"),
            settings(transport_maps="hash:/etc/postfix/transport"),
        ),
        shows="old.northwind-trading.com",
    ),
    Fault(
        id="client-certificate-and-key-swapped",
        accept=("postfix-config-error",),
        about="the client certificate's two files are swapped",
        setup=(
            shell(
                "cd /etc/postfix; openssl req -x509 -newkey rsa:2048 -nodes -keyout client.key -out client.pem -days 900"
                " -subj /CN=app; chmod 600 client.key"
            ),
            relay(smtp_tls_cert_file="/etc/postfix/client.key", smtp_tls_key_file="/etc/postfix/client.pem"),
        ),
        shows="cannot get RSA certificate",
    ),
    Fault(
        id="relay-port-other-than-the-logins",
        accept=("relay-unreachable", "sasl-key-mismatch"),  # one slip: neither the port nor the key fits
        about="two digits of the relay's port are swapped; the login stands under the right one",
        setup=(
            nft("isp", "forward tcp dport 578 drop"),
            relay(next_hop=f"[{RELAY}]:578", key=f"[{RELAY}]:587"),
        ),
        shows="status=deferred .*timed out",
    ),
    Fault(
        id="block-inserted-indented",
        accept=("postfix-config-error", "interface-not-ready"),  # the value is both
        about="an indented block, inserted below inet_interfaces, became a part of its value",
        setup=(shell("sed -i 's/^inet_interfaces.*/&\\n\\tsmtp_tls_loglevel = 1/' /etc/postfix/main.cf"),),
    ),
)
