"""Names as Postfix looks them up, where root's look-up answers otherwise; and odd resolvers that serve well."""

from __future__ import annotations

from tests.lab.fault import fault, healthy
from tests.lab.internet.world import World
from tests.lab.network import RESOLVER_IPV4
from tests.lab.steps import append, mail, nft, relay, replace, settings, shell, wait, write

SENT = wait("status=sent")
UNCHROOTED = shell("sed -i -E 's/^((smtp|relay) +unix +- +- +)y/\\1n/' /etc/postfix/master.cf")

FAULTS = (
    fault(
        "resolv-conf-for-root-only",
        "resolver-failing",
        "/etc/resolv.conf has mode 600: Postfix' unchrooted smtp asks 127.0.0.1",
        UNCHROOTED,
        shell("chmod 600 /etc/resolv.conf"),
        shows="status=deferred",
    ),
    fault(
        "no-dns-for-postfix-alone",
        "local-firewall-blocks-smtp",
        "a rule by owner drops the queries of Postfix' user; root's are answered",
        nft(
            "host",
            'table inet own {\n chain o {\n type filter hook output priority 0;\n meta skuid "postfix" udp dport 53 drop\n }\n}\n',
        ),
        shows="status=deferred.*try again",
    ),
    fault(
        "hosts-for-root-only",
        ("relay-name-not-found", "resolver-failing"),
        "the relay stands in /etc/hosts alone, which only root may read",
        UNCHROOTED,
        shell(
            "a=$(getent ahostsv4 mx1.hosted-mail.net | awk 'NR==1{print $1}'); echo $a mailhub.internal >> /etc/hosts"
        ),
        shell("chmod 640 /etc/hosts"),
        settings(relayhost="[mailhub.internal]", smtp_host_lookup="native"),
        shows="status=deferred",
    ),
    fault(
        "nsswitch-without-dns-native",
        "resolver-failing",
        "smtp_host_lookup = native, and nsswitch.conf names files alone",
        relay(),
        shell("sed -i 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf"),
        settings(smtp_host_lookup="native"),
        shows="status=deferred",
    ),
    fault(
        "dns-over-tcp-shut",
        "resolver-failing",
        "an answer does not fit UDP, and TCP 53 is shut at the gateway",
        nft("gateway", "forward tcp dport 53 drop"),
        world=World(
            records={
                ("northwind-trading.com", "MX"): tuple(
                    f"10 mx{n}.long-name-of-a-mail-exchanger-{n:03}.northwind-trading.com" for n in range(60)
                ),
            }
        ),
        shows="status=deferred",
    ),
    fault(
        "second-resolver-knows-nothing",
        "resolver-failing",
        "of two name servers the first knows only the inner zone and says NXDOMAIN to all else",
        shell(
            "ip addr add 10.20.0.77/32 dev lo; cat > /root/ns.py <<'E'\nimport socket,struct\n"
            "s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('10.20.0.77',53))\n"
            "while True:\n d,a=s.recvfrom(4096); s.sendto(d[:2]+b'\\x81\\x83'+d[4:6]+bytes(6)+d[12:].split(b'\\0',1)[0]+b'\\0'+d[12:].split(b'\\0',1)[1][:4],a)\nE\n"
            "(setsid /usr/bin/python3 /root/ns.py >/dev/null 2>&1 &); sleep 0.5"
        ),
        write("/etc/resolv.conf", f"nameserver 10.20.0.77\nnameserver {RESOLVER_IPV4}\n"),
        world=World(records={}),
        shows="status=(deferred|bounced)",
    ),
    fault(
        "search-list-catches-the-relay",
        "relay-name-not-found",
        "a search list with a wildcard answers for the relay's short name by the system's look-up alone",
        write("/etc/resolv.conf", f"search corp.northwind-trading.com\nnameserver {RESOLVER_IPV4}\n"),
        settings(relayhost="[mailhub]"),
        world=World(records={("*.corp.northwind-trading.com", "A"): ("10.20.0.66",)}),
        shows="status=deferred|status=bounced",
    ),
    fault(
        "resolver-by-tcp-alone",
        "resolver-failing",
        "resolv.conf asks by TCP alone, which the gateway rejects",
        append("/etc/resolv.conf", "options use-vc timeout:1 attempts:1\n"),
        nft("gateway", "forward tcp dport 53 reject with tcp reset"),
        shows="status=deferred .*try again",
    ),
    healthy(
        "resolver-second-dead",
        "the second of two name servers is dead, the first serves",
        append("/etc/resolv.conf", "nameserver 10.20.0.222\n"),
        then=(mail(), SENT),
    ),
    healthy(
        "ndots-five-and-a-search-list",
        "a container's resolv.conf with ndots:5 and three search domains",
        write(
            "/etc/resolv.conf",
            f"search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver {RESOLVER_IPV4}\noptions ndots:5\n",
        ),
        then=(mail(), SENT),
    ),
    healthy(
        "hosts-native-and-readable",
        "smtp_host_lookup = dns, native, and all files readable",
        settings(smtp_host_lookup="dns, native"),
        then=(mail(), SENT),
    ),
)
_ = (replace, wait)
