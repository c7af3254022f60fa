"""What upgrades, hardening and restores leave behind: values of another version, folders that lack or let nobody through."""

from __future__ import annotations

from tests.lab.fault import Fault, fault, healthy
from tests.lab.steps import Step, append, mail, mapped, pause, relay, settings, shell, wait, write

CONFIG = ("postfix-config-error",)
ATTEMPT = (mail(), pause(2))


def stopped(name: str, about: str, *setup: Step, accept: tuple[str, ...] = CONFIG) -> Fault:
    """Postfix does not start, or nothing leaves."""
    return fault(name, accept, about, *setup, then=ATTEMPT)


FAULTS = (
    stopped("hop-count-of-nought", "hopcount_limit = 0", settings(hopcount_limit="0")),
    stopped("level-with-a-comma", "compatibility_level = 3,6", settings(compatibility_level="3,6")),
    stopped(
        "commands-elsewhere", "command_directory of a build from source", settings(command_directory="/usr/local/sbin")
    ),
    stopped("services-lost-in-a-merge", "master.cf is empty", shell(": > /etc/postfix/master.cf")),
    stopped(
        "marks-of-a-merge",
        "the marks of a merge stand in main.cf",
        append("/etc/postfix/main.cf", "<<<<<<< ours\nmax_use = 90\n=======\nmax_use = 80\n>>>>>>> theirs\n"),
        accept=("config-paste-artifact", *CONFIG),  # the marks are the pasted text
    ),
    stopped(
        "spool-for-root-alone", "chmod 700 /var/spool", shell("chmod 700 /var/spool"), accept=("queue-permissions",)
    ),
    stopped(
        "libraries-for-root-alone",
        "Postfix' libraries were copied under umask 077",
        shell("chmod 700 /usr/lib/postfix /usr/lib/postfix/sbin"),
        accept=("queue-permissions",),
    ),
    stopped(
        "queue-on-a-lost-disk",
        "queue_directory lies on a disk that is not there",
        settings(queue_directory="/srv/spool/postfix"),
        accept=(*CONFIG, "queue-permissions"),  # the setting, and the directory that it names
    ),
    stopped(
        "localhost-without-an-address",
        "the hosts file lacks localhost, where Postfix listens",
        shell("sed -i /localhost/d /etc/hosts"),
        settings(inet_interfaces="localhost"),
        accept=("interface-not-ready",),
    ),
    stopped(
        "random-device-gone",
        "tls_random_source names a device of the former machine",
        relay(tls_random_source="dev:/dev/hwrng9"),
    ),
    healthy(
        "healthy-setting-written-twice",
        "main.cf sets a parameter twice, of which every daemon warns",
        append("/etc/postfix/main.cf", "max_use = 90\nmax_use = 80\n"),
        then=(mail(), wait("status=sent"), shell("postqueue -p")),
    ),
    fault(
        "map-of-two-types",
        ("lookup-table-broken", "lookup-table-unsupported"),  # the type, and the table that it names
        "transport_maps = cidr:hash:/etc/postfix/transport",
        write("/etc/postfix/transport", "example.net :\n"),
        shell("postmap /etc/postfix/transport"),
        settings(transport_maps="cidr:hash:/etc/postfix/transport"),
        then=ATTEMPT,
    ),
    fault(
        "senders-relay-given-up",
        "relay-name-not-found",
        "sender_dependent_relayhost_maps names a relay that is gone; relayhost is right",
        relay(),
        mapped("sender_dependent_relayhost_maps", "@brightwater-labs.com [smtp.former-relay.invalid]:587\n"),
        shows="status=bounced",
    ),
)
