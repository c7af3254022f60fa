"""Programs beside Postfix that take connections and say nothing, and ways that only the mail's own settings take."""

from __future__ import annotations

from tests.lab.fault import fault, healthy
from tests.lab.internet.world import Manner, Server, World, one_server
from tests.lab.steps import Step, append, mail, mapped, pause, settings, shell, smtp_mail, wait, write

SENT = wait("status=sent")


def mute(port: int) -> Step:
    """A server on this host that accepts connections, and is silent."""
    return shell(
        f'(setsid /usr/bin/python3 -c \'import socket,time\ns=socket.create_server(("127.0.0.1",{port}),backlog=50)\nk=[]\n'
        "while True: k.append(s.accept())' >/dev/null 2>&1 &); sleep 0.5"
    )


_MILTER = """import socketserver, struct
class Asked(socketserver.StreamRequestHandler):
    def handle(self):
        while head := self.rfile.read(4):
            said = self.rfile.read(*struct.unpack("!I", head))
            answer = b"c"
            if said[:1] == b"O":
                answer = said[:9] + b"\\0\\0\\0\\0"
            elif said[:1] == b"E":
                answer = b"y550 5.7.1 rejected by DMARC policy for brightwater-labs.com\\0"
            if said[:1] not in b"DAQ":
                self.wfile.write(struct.pack("!I", len(answer)) + answer)
socketserver.ThreadingTCPServer(("127.0.0.1", 8893), Asked).serve_forever()
"""


FAULTS = (
    fault(
        "milter-hangs-and-postfix-still-waits",
        "milter-down",
        "the milter answers nothing, and the first message came three seconds ago: the log has no word of it yet",
        mute(8891),
        settings(smtpd_milters="inet:127.0.0.1:8891", non_smtpd_milters="$smtpd_milters"),
        then=(mail(), pause(3)),
    ),
    fault(
        "milter-judges-own-mail",
        "submission-rejected",
        "OpenDMARC is asked about outgoing mail as well, and rejects the own domain's, in the words of a receiver",
        write("/opt/milter.py", _MILTER),
        shell("setsid /usr/bin/python3 /opt/milter.py >/dev/null 2>&1 & sleep 0.7"),
        settings(non_smtpd_milters="inet:127.0.0.1:8893"),
        shows="milter-reject: END-OF-MESSAGE",
    ),
    fault(
        "milter-hangs-for-sendmail",
        "milter-down",
        "the milter of non_smtpd_milters accepts and answers nothing",
        mute(8891),
        settings(
            non_smtpd_milters="inet:127.0.0.1:8891",
            milter_default_action="tempfail",
            milter_connect_timeout="2s",
            milter_command_timeout="2s",
        ),
        then=(mail(), pause(5)),
        shows="milter inet:127.0.0.1:8891: ",
    ),
    fault(
        "content-filter-hangs",
        "content-filter-down",
        "the content filter's port accepts and never greets",
        mute(10024),
        append("/etc/postfix/master.cf", "scan unix - - n - 2 smtp\n  -o smtp_helo_timeout=3s\n"),
        settings(content_filter="scan:[127.0.0.1]:10024"),
        shows="status=deferred .*timed out",
    ),
    fault(
        "policy-server-hangs",
        "content-filter-down",
        "the policy service accepts and answers nothing",
        mute(10031),
        settings(
            smtpd_recipient_restrictions="check_policy_service inet:127.0.0.1:10031, permit_mynetworks, reject",
            smtpd_policy_service_timeout="3s",
            smtpd_policy_service_max_idle="5s",
        ),
        then=(smtp_mail(), pause(2), mail(), SENT),
        shows="policy|timeout|Server configuration",
    ),
    fault(
        "postlog-commented-out",
        ("mail-log-missing", "postfix-config-error", "smtp-transport-missing"),
        "maillog_file is set, and the postlog service is commented out: nothing is logged",
        shell("sed -i 's/^postlog/#postlog/' /etc/postfix/master.cf"),
        then=(mail(), pause(2)),
        proof=("grep -c '' /var/log/mail.log || true", r"^\d"),
    ),
    fault(
        "tls-policy-of-the-parent-domain",
        ("tls-required-not-offered", "tls-policy-failure"),
        "a policy for .northwind-trading.com demands TLS of a subdomain's server that has none",
        mapped("smtp_tls_policy_maps", ".northwind-trading.com encrypt\n"),
        world=World(
            servers=(Server(host="mx?.news.northwind-trading.com", manner=Manner(starttls=False)),),
            records={("news.northwind-trading.com", "MX"): ("10 mx1.news.northwind-trading.com",)},
        ),
        then=(mail("maria@news.northwind-trading.com"),),
        shows="status=deferred .*TLS is required",
    ),
    fault(
        "one-process-and-a-slow-receiver",
        ("delivery-throttled-by-settings", "queue-congested"),
        "one smtp process for all, held by a receiver that says a word every ten seconds",
        shell("sed -i -E 's/^(smtp +unix +- +- +y +- +)-/\\11/' /etc/postfix/master.cf"),
        settings(smtp_helo_timeout="300s", smtp_mail_timeout="300s", smtp_connect_timeout="30s"),
        world=one_server("mx?.northwind-trading.com", stall=20.0),
        then=(mail(), pause(1), mail("kim@gmail.com", times=15), pause(64)),
        proof=("postqueue -p | tail -1", "Requests"),
    ),
    healthy(
        "healthy-milter-that-speaks-late",
        "a milter that is only there for smtpd and is asked by nobody yet; default action accept",
        mute(8891),
        settings(
            smtpd_milters="inet:127.0.0.1:8891",
            milter_default_action="accept",
            milter_connect_timeout="1s",
            milter_command_timeout="1s",
        ),
        then=(mail(), SENT),
    ),
    fault(
        "filter-hands-mail-back-to-itself",
        "mail-loops-back",
        "the port that takes mail back from the filter has the filter on as well",
        append("/etc/postfix/master.cf", "127.0.0.1:10026 inet n - y - - smtpd\n"),
        settings(content_filter="smtp:[127.0.0.1]:10026", hopcount_limit="10"),
        then=(mail(), pause(5)),
        shows="too many hops",
    ),
    fault(
        "milter-socket-outside-the-chroot",
        "milter-down",
        "the milter's socket is in /run, and the smtpd that asks it is chrooted",
        shell(
            "mkdir -p /run/opendkim; (setsid /usr/bin/python3 -c 'import socket,time,os; s=socket.socket(socket.AF_UNIX);"
            ' p="/run/opendkim/opendkim.sock"; s.bind(p); os.chmod(p,0o777); s.listen(); time.sleep(900)\' >/dev/null 2>&1 &);'
            " sleep 1"
        ),
        settings(smtpd_milters="unix:/run/opendkim/opendkim.sock", milter_default_action="tempfail"),
        then=(smtp_mail(), pause(1), mail(), SENT),
        shows="milter|Service unavailable",
    ),
)
