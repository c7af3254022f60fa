"""Postfix' programs that end with a fatal error: accounts, files and libraries that went away."""

from __future__ import annotations

from tests.lab.fault import Fault
from tests.lab.steps import append, mail, pause, relay, settings, shell, wait, write

SENT = wait("status=sent")
BROKEN = ("postfix-config-error",)

FAULTS = (
    Fault(
        id="mail-owner-deleted",
        accept=BROKEN,
        about="the account postfix is gone from /etc/passwd",
        setup=(shell("sed -i '/^postfix:/d' /etc/passwd /etc/shadow"),),
        proof=((("postconf", "-h", "mail_owner"), "postfix"), (("sh", "-c", "id postfix"), "no such user")),
    ),
    Fault(
        id="setgid-group-deleted",
        accept=BROKEN,
        about="the group postdrop is gone from /etc/group",
        setup=(shell("sed -i '/^postdrop:/d' /etc/group /etc/gshadow"),),
        proof=((("sh", "-c", "getent group postdrop || echo none"), "none"),),
    ),
    Fault(
        id="queue-manager-halted",
        accept=("postfix-not-running",),
        about="a signal stopped the queue manager, and nobody let it go on",
        then=(mail("kim@gmail.com"), SENT, shell("pkill -STOP -x qmgr"), mail(), pause(2)),
        proof=((("pgrep", "-r", "T", "-x", "qmgr"), r"\d"),),
    ),
    Fault(
        id="sendmail-is-a-stand-in",
        accept=("wrong-mta",),
        about="a developer's stub takes what programs hand to sendmail, and throws it away",
        then=(
            shell(
                "rm /usr/sbin/sendmail; printf '#!/bin/sh\\ncat >/dev/null\\n' > /usr/sbin/sendmail; chmod 755 /usr/sbin/sendmail"
            ),
            mail(),
        ),
    ),
    Fault(
        id="mailname-deleted",
        accept=BROKEN,
        about="myorigin names /etc/mailname, which is gone",
        setup=(shell("rm /etc/mailname"),),
        proof=((("sh", "-c", "test -e /etc/mailname || echo none"), "none"),),
    ),
    Fault(
        id="tls-library-gone",
        accept=BROKEN,
        about="Postfix' TLS library went away with an upgrade",
        setup=(shell("rm -f /usr/lib/postfix/libpostfix-tls.so*"),),
        proof=((("sh", "-c", "ls /usr/lib/postfix/libpostfix-tls* || echo none"), "none"),),
    ),
    Fault(
        id="crypto-library-gone-while-running",
        accept=BROKEN,
        about="an upgrade took a library from under the running Postfix",
        then=(shell("rm -f /usr/lib/postfix/libpostfix-dns.so*"), mail()),
        shows="exit status 127",
    ),
    Fault(
        id="default-privs-of-nobody",
        accept=BROKEN,
        about="default_privs names an account that does not exist",
        setup=(settings(default_privs="nobodyy"),),
        proof=((("postconf", "-h", "default_privs"), "nobodyy"),),
    ),
    Fault(
        id="data-directory-gone",
        accept=("postfix-config-error", "queue-permissions"),
        about="/var/lib/postfix was cleared away",
        setup=(shell("rm -rf /var/lib/postfix; touch /var/lib/postfix"),),
    ),
    Fault(
        id="submission-without-tlsmgr",
        accept=("smtp-transport-missing",),
        about="tlsmgr is commented out, and every TLS session needs it",
        setup=(relay(), shell("sed -i 's/^tlsmgr/#tlsmgr/' /etc/postfix/master.cf")),
        shows="private/tlsmgr",
    ),
    Fault(
        id="cleanup-is-private",
        accept=("smtp-transport-missing",),
        about="cleanup's line says private, so that its socket stands elsewhere",
        setup=(shell("sed -i -E 's/^(cleanup +unix +)n/\\1y/' /etc/postfix/master.cf"),),
        shows="public/cleanup",
    ),
    Fault(
        id="rewrite-commented-out",
        accept=("smtp-transport-missing",),
        about="the rewrite service is commented out",
        setup=(shell("sed -i 's/^rewrite/#rewrite/' /etc/postfix/master.cf"),),
        shows="private/rewrite",
    ),
    Fault(
        id="proxymap-commented-out",
        accept=("smtp-transport-missing",),
        about="a table is read through proxymap, whose service is commented out",
        setup=(
            append("/etc/postfix/transport", "example.net smtp:\n"),
            shell("postmap hash:/etc/postfix/transport; sed -i 's/^proxymap/#proxymap/' /etc/postfix/master.cf"),
            settings(transport_maps="proxy:hash:/etc/postfix/transport"),
        ),
        shows="private/proxymap",
    ),
    Fault(
        id="cleanup-program-gone",
        accept=("smtp-transport-missing", "postfix-config-error"),
        about="the cleanup program is gone",
        setup=(shell("rm -f /usr/lib/postfix/sbin/cleanup"),),
        shows="cleanup",
    ),
    Fault(
        id="pickup-is-inet",
        accept=("postfix-config-error", "smtp-transport-missing"),
        about="pickup stands as an inet service",
        setup=(shell("sed -i -E 's/^pickup +(unix|fifo) +n/9999      inet  n/' /etc/postfix/master.cf"),),
    ),
    Fault(
        id="filter-of-an-old-python",
        accept=("content-filter-down",),
        about="the filter's first line asks env for python2, which went with an upgrade",
        setup=(
            write("/usr/local/bin/disclaimer", "#!/usr/bin/env python2\nprint(1)\n", 0o755),
            append(
                "/etc/postfix/master.cf",
                "note unix - n n - - pipe\n  user=nobody argv=/usr/local/bin/disclaimer ${recipient}\n",
            ),
            settings(content_filter="note:"),
        ),
        shows="status 127",
    ),
    Fault(
        id="tlsmgr-of-old",
        accept=("postfix-config-error",),
        about="tlsmgr is a fifo, as in the master.cf of Postfix 2.2",
        setup=(relay(), shell("sed -i -E 's/^tlsmgr .*/tlsmgr fifo - - n 300 1 tlsmgr/' /etc/postfix/master.cf")),
        shows="unsupported transport type",
    ),
    Fault(
        id="private-sockets-swept",
        accept=("queue-permissions",),
        about="a script deleted old sockets below /var/spool",
        then=(shell("find /var/spool/postfix/private -type s -delete"), mail(), pause(2)),
    ),
    Fault(
        id="queue-s-empty-folders-swept",
        accept=("queue-permissions",),
        about="a script deleted the empty directories below /var/spool while Postfix ran",
        then=(shell("find /var/spool/postfix -mindepth 1 -type d -empty -delete"), mail(), pause(1)),
    ),
    Fault(
        id="anvil-and-scache-off",
        accept=(),
        kind="healthy",
        about="services that this mail does not need are commented out",
        setup=(shell("sed -i -E 's/^(scache|proxywrite|relay|trace|verify)/#\\1/' /etc/postfix/master.cf"),),
        then=(mail(), SENT),
    ),
    Fault(
        id="group-of-another-name",
        accept=(),
        kind="healthy",
        about="setgid_group is another group that exists, with the rights set so",
        setup=(shell("groupadd -r mailsubmit; postconf -e setgid_group=mailsubmit; postfix set-permissions"),),
        then=(mail(), SENT),
    ),
)
