"""Postfix' programs that end with a fatal error: accounts, files and libraries that went away."""

from __future__ import annotations

from tests.lab.fault import fault, healthy
from tests.lab.steps import append, mail, pause, relay, settings, shell, wait, write

SENT = wait("status=sent")
BROKEN = ("postfix-config-error",)

FAULTS = (
    fault(
        "mail-owner-deleted",
        BROKEN,
        "the account postfix is gone from /etc/passwd",
        shell("sed -i '/^postfix:/d' /etc/passwd /etc/shadow"),
        proof=("postconf -h mail_owner; id postfix", "(?s)^postfix.*no such user"),
    ),
    fault(
        "setgid-group-deleted",
        BROKEN,
        "the group postdrop is gone from /etc/group",
        shell("sed -i '/^postdrop:/d' /etc/group /etc/gshadow"),
        proof=("getent group postdrop || echo none", "none"),
    ),
    fault(
        "queue-manager-halted",
        "postfix-not-running",
        "a signal stopped the queue manager, and nobody let it go on",
        then=(mail("kim@gmail.com"), SENT, shell("pkill -STOP -x qmgr"), mail(), pause(2)),
        proof=("pgrep -r T -x qmgr", r"\d"),
    ),
    fault(
        "sendmail-is-a-stand-in",
        "wrong-mta",
        "a developer's stub takes what programs hand to sendmail, and throws it away",
        then=(
            shell(
                "rm /usr/sbin/sendmail; printf '#!/bin/sh\\ncat >/dev/null\\n' > /usr/sbin/sendmail; chmod 755 /usr/sbin/sendmail"
            ),
            mail(),
        ),
    ),
    fault(
        "mailname-deleted",
        BROKEN,
        "myorigin names /etc/mailname, which is gone",
        shell("rm /etc/mailname"),
        proof=("test -e /etc/mailname || echo none", "none"),
    ),
    fault(
        "mailname-emptied",
        BROKEN,
        "myorigin names /etc/mailname, which is empty",
        shell("echo > /etc/mailname"),
        proof=("grep -q . /etc/mailname || echo empty", "empty"),
    ),
    fault(
        "tls-library-gone",
        BROKEN,
        "Postfix' TLS library went away with an upgrade",
        shell("rm -f /usr/lib/postfix/libpostfix-tls.so*"),
        proof=("ls /usr/lib/postfix/libpostfix-tls* || echo none", "none"),
    ),
    fault(
        "crypto-library-gone-while-running",
        BROKEN,
        "an upgrade took a library from under the running Postfix",
        then=(shell("rm -f /usr/lib/postfix/libpostfix-dns.so*"), mail()),
        shows="exit status 127",
    ),
    fault(
        "default-privs-of-nobody",
        BROKEN,
        "default_privs names an account that does not exist",
        settings(default_privs="nobodyy"),
        proof=("postconf -h default_privs", "nobodyy"),
    ),
    fault(
        "data-directory-gone",
        ("postfix-config-error", "queue-permissions"),
        "/var/lib/postfix was cleared away",
        shell("rm -rf /var/lib/postfix; touch /var/lib/postfix"),
    ),
    fault(
        "submission-without-tlsmgr",
        "smtp-transport-missing",
        "tlsmgr is commented out, and every TLS session needs it",
        relay(),
        shell("sed -i 's/^tlsmgr/#tlsmgr/' /etc/postfix/master.cf"),
        shows="private/tlsmgr",
    ),
    fault(
        "cleanup-is-private",
        "smtp-transport-missing",
        "cleanup's line says private, so that its socket stands elsewhere",
        shell("sed -i -E 's/^(cleanup +unix +)n/\\1y/' /etc/postfix/master.cf"),
        shows="public/cleanup",
    ),
    fault(
        "rewrite-commented-out",
        "smtp-transport-missing",
        "the rewrite service is commented out",
        shell("sed -i 's/^rewrite/#rewrite/' /etc/postfix/master.cf"),
        shows="private/rewrite",
    ),
    fault(
        "proxymap-commented-out",
        "smtp-transport-missing",
        "a table is read through proxymap, whose service is commented out",
        append("/etc/postfix/transport", "example.net smtp:\n"),
        shell("postmap hash:/etc/postfix/transport; sed -i 's/^proxymap/#proxymap/' /etc/postfix/master.cf"),
        settings(transport_maps="proxy:hash:/etc/postfix/transport"),
        shows="private/proxymap",
    ),
    fault(
        "cleanup-program-gone",
        ("smtp-transport-missing", "postfix-config-error"),
        "the cleanup program is gone",
        shell("rm -f /usr/lib/postfix/sbin/cleanup"),
        shows="cleanup",
    ),
    fault(
        "pickup-is-inet",
        ("postfix-config-error", "smtp-transport-missing"),
        "pickup stands as an inet service",
        shell("sed -i -E 's/^pickup +(unix|fifo) +n/9999      inet  n/' /etc/postfix/master.cf"),
    ),
    fault(
        "filter-of-an-old-python",
        "content-filter-down",
        "the filter's first line asks env for python2, which went with an upgrade",
        write("/usr/local/bin/disclaimer", "#!/usr/bin/env python2\nprint(1)\n", 0o755),
        append(
            "/etc/postfix/master.cf",
            "note unix - n n - - pipe\n  user=nobody argv=/usr/local/bin/disclaimer ${recipient}\n",
        ),
        settings(content_filter="note:"),
        shows="status 127",
    ),
    fault(
        "tlsmgr-of-old",
        "postfix-config-error",
        "tlsmgr is a fifo, as in the master.cf of Postfix 2.2",
        relay(),
        shell("sed -i -E 's/^tlsmgr .*/tlsmgr fifo - - n 300 1 tlsmgr/' /etc/postfix/master.cf"),
        shows="unsupported transport type",
    ),
    fault(
        "private-sockets-swept",
        "queue-permissions",
        "a script deleted old sockets below /var/spool",
        then=(shell("find /var/spool/postfix/private -type s -delete"), mail(), pause(2)),
    ),
    fault(
        "queue-s-empty-folders-swept",
        "queue-permissions",
        "a script deleted the empty directories below /var/spool while Postfix ran",
        then=(shell("find /var/spool/postfix -mindepth 1 -type d -empty -delete"), mail(), pause(1)),
    ),
    healthy(
        "anvil-and-scache-off",
        "services that this mail does not need are commented out",
        shell("sed -i -E 's/^(scache|proxywrite|relay|trace|verify)/#\\1/' /etc/postfix/master.cf"),
        then=(mail(), SENT),
    ),
    healthy(
        "group-of-another-name",
        "setgid_group is another group that exists, with the rights set so",
        shell("groupadd -r mailsubmit; postconf -e setgid_group=mailsubmit; postfix set-permissions"),
        then=(mail(), SENT),
    ),
)
