"""What is set, and means something else that lies beside it on the host: links into nothing, swapped files, another port's login."""

from __future__ import annotations

from tests.lab.fault import fault
from tests.lab.internet.world import World
from tests.lab.steps import mail, nft, older, pause, relay, run, settings, shell, write

QUEUE = "/var/spool/postfix"
RELAY = "smtp.mandrillapp.com"

FAULTS = (
    fault(
        "public-is-dead-link",
        "queue-permissions",
        "public/ is a link of a migration, and leads nowhere",
        shell(f"rm -rf {QUEUE}/public; ln -s /srv/mail/public {QUEUE}/public"),
        proof=("postfix status; echo $?", "^[1-9]"),
    ),
    fault(
        "aliases-index-dead-link",
        "lookup-table-broken",
        "aliases.db is a link to a disk that is gone",
        shell("rm /etc/aliases.db; ln -s /srv/shared/aliases.db /etc/aliases.db"),
        then=(mail("root@localhost"),),
        args=("--to", "root@localhost"),
        shows="alias database unavailable",
    ),
    fault(
        "chroot-resolv-dead-link",
        "chroot-resolver-stale",
        "the chroot's resolv.conf is a link as outside, and leads nowhere inside",
        then=(
            shell(f"cd {QUEUE}/etc; rm -f resolv.conf; ln -s ../run/stub-resolv.conf resolv.conf; postfix reload"),
            pause(1.0),
            mail(),
        ),
        shows="status=deferred",
    ),
    fault(
        "chroot-hosts-old-address",
        "chroot-resolver-stale",
        "native look-ups; the chroot's hosts file has an address of the relay that no longer answers",
        nft("isp", "forward ip daddr 192.0.2.0/24 drop"),
        relay(),
        settings(smtp_host_lookup="native"),
        then=(shell(f"echo 192.0.2.77 {RELAY} >>{QUEUE}/etc/hosts"), mail()),
        shows="status=deferred",
    ),
    fault(
        "transport-name-gone-not-compiled",
        "relay-name-not-found",
        "the entry of a server that is gone was corrected in transport, and postmap was not run",
        write("/etc/postfix/transport", "northwind-trading.com smtp:[old.northwind-trading.com]\n"),
        run("postmap", "/etc/postfix/transport"),
        older("/etc/postfix/transport.db", 3600),
        write("/etc/postfix/transport", "northwind-trading.com smtp:\n"),
        settings(transport_maps="hash:/etc/postfix/transport"),
        world=World(records={("old.northwind-trading.com", "*"): "NXDOMAIN"}),
        shows="old.northwind-trading.com",
    ),
    fault(
        "client-certificate-and-key-swapped",
        "postfix-config-error",
        "the client certificate's two files are swapped",
        shell(
            "cd /etc/postfix; openssl req -x509 -newkey rsa:2048 -nodes -keyout client.key -out client.pem -days 900"
            " -subj /CN=app; chmod 600 client.key"
        ),
        relay(smtp_tls_cert_file="/etc/postfix/client.key", smtp_tls_key_file="/etc/postfix/client.pem"),
        shows="cannot get RSA certificate",
    ),
    fault(
        "relay-port-other-than-the-logins",
        ("relay-unreachable", "sasl-key-mismatch"),  # one slip: neither the port nor the key fits
        "two digits of the relay's port are swapped; the login stands under the right one",
        nft("isp", "forward tcp dport 578 drop"),
        relay(next_hop=f"[{RELAY}]:578", key=f"[{RELAY}]:587"),
        shows="status=deferred .*timed out",
    ),
    fault(
        "relayhost-of-the-sample",
        "relay-name-not-found",
        "the sample's relayhost was uncommented; port 25 is open",
        settings(relayhost="[gateway.my.domain]"),
        shows="status=(deferred|bounced) .*not found",
    ),
    fault(
        "block-inserted-indented",
        ("postfix-config-error", "interface-not-ready"),  # the value is both
        "an indented block, inserted below inet_interfaces, became a part of its value",
        shell("sed -i 's/^inet_interfaces.*/&\\n\\tsmtp_tls_loglevel = 1/' /etc/postfix/main.cf"),
    ),
)
