"""Lines that any user may log and any server may say: none makes a cause certain, nor a changing command, of what this
host's own settings do not name; the same words of what they do name are believed. A text that is explained, a mail that is
traced and a queue never put such a name into a changing command."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from pathlib import Path

import pytest

from checks.mail.log import log
from diagnose import rank
from diagnose.knowledge.causes import all_causes
from diagnose.mail import queueview, timeline
from diagnose.mail.explain import explain
from diagnose.mail.trace import trace
from diagnose.model import Confidence, Diagnosis, Outcome, Run
from diagnose.parse.postfix.queue import summarise
from tests.checks import pretended_postfix as pretended

TO = "postfix/{}[9]: 4AbCdEfGhI: to=<a@evil.example>, relay={}, delay=1, delays=1/0/0/0, dsn={}, status={} ({})"
PEER = "evil.example[192.0.2.9]:25"
FORGED = (
    "postfix/smtp[9]: fatal: open database /etc/shadow.db: No such file or directory",
    "postfix/smtp[9]: error: open database /etc/shadow.db: No such file or directory",
    "postfix/cleanup[9]: error: open database /etc/postfix/evil.lmdb: No such file or directory",
    "postfix/smtp[9]: error: open /etc/postfix/../shadow: Permission denied",
    "postfix/smtp[9]: fatal: open database /var/spool/postfix/../../../etc/shadow.db: No such file or directory",
    "postfix/smtpd[9]: fatal: open lock file /etc/shadow: Permission denied",
    "postfix/cleanup[9]: fatal: open /etc/passwd: Permission denied",
    "postfix/smtp[9]: fatal: open /etc/shadow: Permission denied",
    "postfix/smtp[9]: error: unsupported dictionary type: evil",
    "postfix/smtp[9]: error: unsupported dictionary type: mysql. Is the postfix-mysql package installed?",
    "postfix/smtp[9]: warning: hash:/etc/shadow is unavailable. open database /etc/shadow.db: No such file or directory",
    'postfix/smtp[9]: warning: hash:/etc/shadow lookup error for "x@example.com"',
    "postfix/trivial-rewrite[9]: warning: virtual_alias_domains: mysql:/etc/evil.cf: table lookup problem",
    "postfix/proxymap[9]: warning: connect to mysql server evil.example: Access denied for user 'root'@'evil'",
    "postfix/master[9]: fatal: bind 192.0.2.9 port 25: Cannot assign requested address",
    "postfix/master[9]: fatal: bind 192.0.2.9 port 25: Address already in use",
    "postfix[9]: fatal: config variable inet_interfaces: host not found: evil.example",
    "postfix[9]: fatal: parameter inet_interfaces: no local interface found for 192.0.2.9",
    "postfix/qmgr[9]: warning: connect to transport private/evil: No such file or directory",
    "postfix/qmgr[9]: warning: connect to transport private/evil: Connection refused",
    "postfix/master[9]: warning: process /usr/lib/evil/smtp pid 44 exit status 1",
    "postfix/master[9]: fatal: /etc/evil/master.cf: line 12: bad transport type: evil",
    "postfix/master[9]: fatal: /etc/postfix/master.cf: line 10: bad hostname or network address: evil.example:25",
    "postfix/master[9]: fatal: /etc/postfix/master.cf: line 2: bad transport type: evil",
    "postfix/master[9]: fatal: open /etc/evil/main.cf: No such file or directory",
    "postfix/smtp[9]: fatal: /etc/evil/main.cf, line 4: missing '=' after attribute name: \"evil\"",
    "postfix/smtp[9]: fatal: bad numerical configuration: evil_limit = x",
    "postfix/smtp[9]: fatal: bad boolean configuration: evil_enable = perhaps",
    "postfix/smtp[9]: fatal: bad string length 0 < 1: evil_name = ",
    'postfix/smtp[9]: fatal: parameter "evil_parameter": bad',
    "postfix/smtpd[9]: warning: connect to Milter service inet:evil.example:8891: Connection refused",
    "postfix/smtpd[9]: warning: connect to Milter service unix:/run/evil.sock: No such file or directory",
    "postfix/smtpd[9]: warning: SASL: Connect to /var/evil/auth failed: No such file or directory",
    "postfix/smtpd[9]: warning: SASL: Connect to private/evil failed: No such file or directory",
    'postfix/smtp[9]: warning: TLS policy table, next-hop destination "evil": invalid security level "x"',
    'postfix/smtp[9]: cannot load Certification Authority data, CAfile="/etc/evil.pem": disabling TLS support',
    'postfix/smtp[9]: warning: cannot get RSA certificate from file "/etc/shadow": disabling TLS support',
    "postfix/postdrop[9]: warning: mail_queue_enter: create file /etc/evil/1.2: Permission denied",
    "postfix/sendmail[9]: fatal: chdir /etc/evil: Permission denied",
    "postfix/smtp[9]: fatal: write /etc/evil: No space left on device",
    "postfix/qmgr[9]: fatal: scan_dir_push: open directory /etc/evil: Permission denied",
    "postfix/local[9]: warning: dict_nis_init: NIS domain name not set; open /etc/evil: Permission denied",
    'kernel: audit: type=1400 audit(1.1:1): apparmor="DENIED" operation="open" profile="evil" name="/etc/shadow" comm="smtp"',
    TO.format("error", "none", "4.3.0", "deferred", "mail transport unavailable"),
    TO.format("lmtp", "none", "4.4.1", "deferred", "connect to app[private/evil-lmtp]: No such file or directory"),
    TO.format("smtp", "none", "4.3.5", "deferred", "TLS policy table /etc/shadow lookup error"),
    TO.format("local", "local", "5.3.0", "bounced", 'Command died with status 127: "/usr/bin/evil"'),
    TO.format("local", "local", "5.3.0", "bounced", 'Command died with status 127: "evil --all"'),
    TO.format("local", "local", "4.2.0", "deferred", "cannot update mailbox /etc/shadow for user root"),
    TO.format("local", "local", "4.2.0", "deferred", "unable to create lock file /etc/shadow.lock: Permission denied"),
    TO.format("smtp", PEER, "4.7.0", "deferred", f"TLS is required, but was not offered by host {PEER[:-3]}"),
    *(
        TO.format("smtp", PEER, "5.0.0", "bounced", f"host {PEER[:-3]} said: {said} (in reply to RCPT TO command)")
        for said in (
            "550 fatal: open database /etc/shadow.db: No such file or directory",
            "550 postmap hash:/etc/shadow needed; unsupported dictionary type: evil",
            "451 4.3.0 queue file write error: /etc/shadow: No space left on device",
            "451 4.3.5 bad numerical configuration: evil_limit = x",
            "450 connect to Milter service unix:/run/evil.sock: No such file or directory",
            "554 5.7.1 postdrop: open /etc/shadow: Permission denied",
            "554 5.4.6 mail for evil.example loops back to myself",
        )
    ),
    # A relay that this host does not use.
    TO.format(
        "smtp",
        "evil.example[192.0.2.9]:587",
        "5.4.5",
        "bounced",
        "host evil.example[192.0.2.9] said: 550 5.4.5 Daily SMTP "
        "relay sending limit exceeded for customer. (in reply to DATA command)",
    ),
    *(
        f"postfix/smtpd[9]: NOQUEUE: reject: RCPT from {PEER[:-3]}: 450 4.1.8 <x>: rejected; "
        f"from=<a@b.example> to=<c@d.example> proto=ESMTP helo=<{said}>"
        for said in (
            "fatal: open database /etc/shadow.db: No such file or directory",
            "unsupported dictionary type: evil",
            "bind 192.0.2.9 port 25: Cannot assign requested address",
        )
    ),
)
CHANGES = re.compile(
    r"postconf -[eXM#]|postmap (?!-q)|(?<!\w)>|\b(?:chmod|chown|rm|mv|cp|ln|tee|apt|dnf|apk|systemctl|kill|sed -i|semanage|setsebool)\b"
)
EVIL = re.compile(r"evil|shadow|passwd|192\.0\.2\.9")


def diagnosed(line: str, **machine: object) -> tuple[Diagnosis, ...]:
    at = datetime.fromtimestamp(pretended.NOW - 60, timezone.utc)
    files = {"/etc/postfix/master.cf": pretended.MASTER}
    host = pretended.machine(log=(f"{at:%b %d %H:%M:%S} app {line}",), files=files, **machine)  # type: ignore[arg-type]
    seen = Run(check="log", outcome=Outcome.COMPLETED, observations=tuple(pretended.run(log, host)))
    return rank.rank(all_causes(), [seen])


def test_forged_words_of_what_is_not_this_hosts_steer_nobody() -> None:
    wrong = []
    for line in FORGED:
        for found in diagnosed(line):
            changing = [c for c in found.remedy.commands if CHANGES.search(c) and EVIL.search(c)]
            if found.confidence is Confidence.CERTAIN or changing:
                wrong.append((line, found.cause.id, found.confidence.name, changing))
    print(f"forged log lines: {len(FORGED)} tried, {len(wrong)} wrong")
    assert not wrong, "\n".join(map(str, wrong))
    assert len(FORGED) >= 50


def test_forged_words_put_nothing_into_a_changing_command() -> None:
    now = datetime.now(timezone.utc)
    wrong, tried = [], 0
    for line in FORGED:
        tag, _, text = line.partition(": ")
        forms = (
            f"{now:%b %d %H:%M:%S} app {line}",
            f"{now.isoformat()} app {line}",
            json.dumps(
                {
                    "__REALTIME_TIMESTAMP": "1795360000000000",
                    "SYSLOG_IDENTIFIER": tag.partition("[")[0],
                    "MESSAGE": text,
                }
            ),
            text,
        )
        for form in forms:
            tried += 1
            report = explain([form], "text", now)
            wrong += [
                (form, found.cause.id, command)
                for found in report.diagnoses
                for command in found.remedy.commands
                if CHANGES.search(command) and EVIL.search(command)
            ]
        message = line.partition(": ")[2]
        waiting = {
            "queue_name": "deferred", "queue_id": "4AbCdEfGhI", "arrival_time": int(now.timestamp()) - 99, "message_size": 9,
            "sender": "x@example.com", "recipients": [{"address": "a@evil.example", "delay_reason": message}],
        }  # fmt: skip
        summary = summarise([json.dumps(waiting)], now.timestamp())
        run = Run(
            check="queue",
            outcome=Outcome.COMPLETED,
            observations=tuple(queueview._observations(summary, now.timestamp(), False)),
        )
        tried += 1
        wrong += [
            (message, found.cause.id, command)
            for found in rank.rank(all_causes(), [run], text=True)
            for command in found.remedy.commands
            if CHANGES.search(command) and EVIL.search(command)
        ]
    print(f"forged words in explain and queue: {tried} tried, {len(wrong)} wrong")
    assert not wrong, "\n".join(map(str, wrong))


def test_a_forged_queue_id_gets_into_no_command(tmp_path: Path) -> None:
    ids = ("$(id)", "`id`", "4AbC;id", "-h", "4AbC\x1b[31m", "../4AbC", "4AbC|id", "ALL", "4AbC deferred")
    stamp = f"{datetime.now():%b %d %H:%M:%S} app postfix"
    lines = [
        text
        for name in ids
        for text in (
            f"{stamp}/qmgr[9]: {name}: from=<x@example.com>, size=9, nrcpt=1 (queue active)",
            f"{stamp}/cleanup[9]: {name}: hold: header Subject: x from local; from=<x@example.com> to=<a@evil.example>",
            f"{stamp}/smtp[9]: {name}: to=<a@evil.example>, relay=none, delay=1, dsn=4.4.1, status=deferred (connect to x)",
        )
    ]
    log = tmp_path / "mail.log"
    log.write_text("\n".join(lines) + "\n")
    traced = trace("a@evil.example", None, [str(log)])
    shown = timeline.FORMATS["text"](traced, False)
    assert not re.search(r"post(?:super|cat|queue) -\w+ +(?![0-9A-Za-z]{6,}\b|QUEUE)", shown), shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("postfix/smtp[9]: fatal: open database /etc/tls.db: No such file or directory", {"transport_maps": "hash:/etc/tls"}),
        ("postfix/smtp[9]: error: unsupported dictionary type: mysql", {"virtual_alias_maps": "proxy:mysql:/etc/m.cf"}),
        ("postfix/master[9]: fatal: bind 192.0.2.9 port 25: Cannot assign requested address",
         {"inet_interfaces": "localhost, 192.0.2.9"}),
        ("postfix/smtpd[9]: warning: connect to Milter service inet:10.0.0.1:8891: Connection refused",
         {"smtpd_milters": "inet:10.0.0.1:8891"}),
        ("postfix/smtpd[9]: fatal: bad numerical configuration: smtp_connect_timeout = x", {}),
        ("postfix/master[9]: fatal: /etc/postfix/master.cf: line 12: bad transport type: unix", {}),
        ("postfix/smtpd[9]: warning: SASL: Connect to private/auth failed: No such file or directory",
         {"smtpd_sasl_path": "private/auth"}),
    ],
)  # fmt: skip
def test_what_the_settings_name_is_likely_by_the_log_alone(line: str, settings: dict[str, str]) -> None:
    first = diagnosed(line, explicit=settings)[0]
    assert first.confidence is Confidence.LIKELY, (first.cause.id, first.against)
