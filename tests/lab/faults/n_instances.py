"""More than one Postfix on one host: the mail is handed to one and leaves by another."""

from __future__ import annotations

from tests.lab.fault import fault, healthy
from tests.lab.faults.n_hung import mute
from tests.lab.steps import Step, mail, nft, pause, shell, wait


def out(*lines: str, start: bool = True) -> Step:
    """A second instance that takes what the first hands it at 10026, and sends it."""
    more = "".join(f" -e {line!r}" for line in lines)
    return shell(
        "postmulti -e init; postmulti -I postfix-out -e create; c=/etc/postfix-out;"
        " cp /etc/postfix/master.cf $c/master.cf;"
        " sed -i -E 's/^smtp +inet/127.0.0.1:10026 inet/' $c/master.cf;"
        " postconf -c $c -e master_service_disable= inet_interfaces=127.0.0.1 mynetworks=127.0.0.0/8 authorized_submit_users=root"
        " 'smtpd_relay_restrictions=permit_mynetworks,reject' maillog_file=/var/log/mail.log syslog_name=postfix-out"
        " myhostname=out.brightwater-labs.com mydestination= local_recipient_maps= smtp_connect_timeout=2s inet_protocols=ipv4"
        " multi_instance_enable=yes;"
        + (f' for l in {" ".join(repr(x) for x in lines)}; do postconf -c $c -e "$l"; done;' if more else "")
        + " postconf -e 'relayhost=[127.0.0.1]:10026'; touch -d '-600 seconds' $c/main.cf $c/master.cf /etc/postfix/main.cf;"
        + (
            " mkdir -p /var/spool/postfix-out/etc; cp /etc/resolv.conf /etc/hosts /etc/services /etc/nsswitch.conf /var/spool/postfix-out/etc/;"
        )
        + (" postmulti -i postfix-out -p start" if start else " true")
    )


FAULTS = (
    fault(
        "second-instance-before-blocked-25",
        "egress-port-25-blocked",
        "the sending instance cannot reach port 25 at the provider's",
        nft("isp", "forward tcp dport 25 drop"),
        out(),
        then=(mail(), pause(3)),
        shows="postfix-out/smtp.*timed out",
    ),
    fault(
        "second-instance-stopped",
        "postfix-not-running",
        "the sending instance was not started after the boot",
        then=(out(start=False), shell("postfix reload; sleep 1"), mail()),
        shows="10026.*refused",
    ),
    fault(
        "second-instance-defers",
        "delivery-suspended-by-config",
        "the sending instance has defer_transports",
        out("defer_transports=smtp"),
        then=(mail(), pause(2)),
        shows="postfix-out/.*deferred transport",
    ),
    fault(
        "second-instance-s-milter-hangs",
        "milter-down",
        "the sending instance waits for a milter that says nothing, and the first one's mail waits for it",
        mute(8893),
        out("smtpd_milters=inet:127.0.0.1:8893", "milter_connect_timeout=2s", "milter_command_timeout=2s"),
        then=(mail(), pause(5)),
        shows="postfix-out/smtpd.*milter",
    ),
    fault(
        "second-instance-deleted-by-hand",
        "postfix-config-error",
        "another instance's directory was deleted; `postfix start` stops at it",
        shell("postmulti -e init; postmulti -I postfix-news -e create; rm -r /etc/postfix-news"),
    ),
    healthy(
        "second-instance-relays",
        "two instances, and mail flows through both",
        out(),
        then=(mail(), wait("postfix-out/smtp.*status=sent")),
    ),
)
