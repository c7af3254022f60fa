"""Mutated input for every parser: cut, doubled, shuffled, with NUL, foreign octets and lines of a megabyte.

`python -m tests.bench mutations` gives each parser 10 000 of them; the tests give a share, or as many as MUTATIONS says.
"""

from __future__ import annotations

import json
import random
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from diagnose.apps import erb, formats, javamail, masked, properties
from diagnose.errors import MailDiagnoseError
from diagnose.host.secretfile import starred
from diagnose.knowledge import recognise
from diagnose.mail import explain
from diagnose.parse.log import logline, maillog, stalls, story, submitted, trail
from diagnose.parse.mailers import exim, log as mailer_log, queues, settings as mailer_settings, trail as mailer_trail
from diagnose.parse.pasted import (
    bounce,
    dialogue,
    evidence,
    mailq,
    message,
    other_mta,
    pasted_line,
    program_text,
    prose,
    server,
    settings as pasted_settings,
)
from diagnose.parse.postfix import (
    main_cf,
    master_cf,
    nexthop,
    pattern_rule,
    postconf,
    queue,
    sasl_passwd,
    table,
    tls_settings,
)
from diagnose.parse.sender import dkim, dmarc, signers, spf
from diagnose.parse.system import ip_text, iproute, iptables, nameservice, nft, os_release, outcomes, truststore
from diagnose.parse.text import address, duration, masking, secret
from diagnose.parse.words import reason, smtp_reply

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=timezone.utc)
DATA = Path(__file__).parent.parent / "data"
MEGABYTE_EVERY = 500

_TRAIL = """\
Nov 22 13:00:00 h postfix/pickup[1]: 4D2C1A5F33: uid=33 from=<a@b.example>
Nov 22 13:00:00 h postfix/cleanup[2]: 4D2C1A5F33: message-id=<1@b.example>
Nov 22 13:00:00 h postfix/qmgr[3]: 4D2C1A5F33: from=<a@b.example>, size=300, nrcpt=1 (queue active)
Nov 22 13:00:01 h postfix/smtp[4]: connect to mx.c.example[192.0.2.1]:25: Connection timed out
Nov 22 13:00:01 h postfix/smtp[4]: 4D2C1A5F33: to=<u@c.example>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (connect to mx.c.example[192.0.2.1]:25: Connection timed out)
Nov 22 13:00:02 h postfix/bounce[5]: 4D2C1A5F33: sender non-delivery notification: 5D2C1A5F34
Nov 22 13:00:02 h postfix/qmgr[3]: 4D2C1A5F33: removed
"""
_MAIN_CF = "relayhost = [smtp.example.org]:587\n# comment\nsmtp_tls_security_level = encrypt\n  more\nmynetworks = 127.0.0.0/8 [::1]/128\nsmtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd\n"
_MASTER_CF = "smtp      inet  n       -       y       -       -       smtpd\n  -o smtpd_tls_security_level=encrypt\nrelay unix - - n - - smtp -o { smtp_fallback_relay = x }\n"
_PROPERTIES = "mail.smtp.host=smtp.example.org\nmail.smtp.port = 587\nmail.smtp.auth: true\\\n  x\n!c\nmail.smtp.password=\\u0041b c\n"
_SASL = "[smtp.example.org]:587 user:pass word\n@example.org u:p\n# c\nsmtp.example.org\n  indented x\n"
_IPTABLES = "*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT DROP [0:0]\n-A OUTPUT -p tcp -m tcp --dport 25 -m owner ! --uid-owner 108 -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n"
_NFT = "table inet f {\n set p {\n  type inet_service\n  elements = { 25, 465-587 }\n }\n chain o {\n  type filter hook output priority filter; policy accept;\n  tcp dport @p meta skuid != 0 counter packets 1 bytes 2 drop\n  ct state vmap { new : drop, established : accept }\n }\n}\n"  # fmt: skip
_ROUTES = json.dumps([{"dst": "default", "gateway": "10.0.0.1", "dev": "eth0", "flags": []}, {"type": "prohibit", "dst": "203.0.113.0/24"}])  # fmt: skip
_QUEUE = json.dumps({"queue_name": "deferred", "queue_id": "4D2C1A5F33", "arrival_time": 1795000000, "message_size": 300, "sender": "a@b.example", "recipients": [{"address": "u@c.example", "delay_reason": "connect to mx.c.example[192.0.2.1]:25: Connection timed out"}]})  # fmt: skip
_MAILQ = "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n4D2C1A5F33      770 Thu Mar 21 00:35:27  a@b.example\n(connect to mx.c.example[192.0.2.1]:25: Connection timed out)\n                                         u@c.example\n\n-- 1 Kbytes in 1 Request.\n"
_POSTCONF = "relayhost = [smtp.example.org]:587\npostconf: warning: /etc/postfix/main.cf: unused parameter: foo=bar\nmydestination = $myhostname, ${x?{a}:{b}}\n"
_ERB = "mail.smtp.host=<%= scope.lookupvar('codenvy::mail_host') -%>\n$codenvy_mail_host = 'x'\n<% if @x %>a<% end %>\nFOO=bar\n"
_HOSTS = "nameserver 127.0.0.53\noptions edns0\n127.0.0.1 localhost a\nhosts: files dns [NOTFOUND=return]\nsmtp 25/tcp mail\n"
_RELEASE = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'
_TABLE = "proxy:hash:/etc/postfix/x, inline:{ a=b, {c = d} }, static:{x y}, pcre:/etc/x\n[a.example]:587, smtp:[b]:submission\n"
_PATTERNS = "# c\nif /x/\n/^(.*)@.*\\/b\\.com$/i  $1@example.org\n!/x/ REJECT no\nendif\n|a| DISCARD\n"
_POLICY = "encrypt match=nexthop protocols=!SSLv2:!SSLv3 ciphers=high\nsecure match=.example.org\n"


_SENDER = (
    "v=spf1 include:_spf.example.com a:mx.example.org/24 mx ip4:192.0.2.0/24 ip6:2001:db8::/32 exists:%{ir}.x.example.org redirect=b.example.org ~all\n"
    "v=DKIM1; k=rsa; t=y; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQ==\nv=DMARC1; p=reject; sp=none; adkim=s; pct=50; psd=n\n"
    'Domain example.org\nSelector mail\nKeyFile /etc/dkim/mail.private\nKeyTable refile:/etc/opendkim/keys\ndomain { example.org { selector = "a"; path = "/x"; } }\n'
    "dkim_key('example.org', 'a', '/x');\n-----BEGIN PUBLIC KEY-----\nMFkwEwYH\n-----END PUBLIC KEY-----\n"
)
_EXIM_SETTINGS = (
    "route_list = * smtp.example.org::587 byname\nhosts_require_tls = *\nsmarthost router:\ndriver = manualroute\ntransport = remote_smtp_smarthost\n"
    " 3h  1.2K 1iLooQ-0002aM-3F <a@example.org> *** frozen ***\n          b@example.net\n\nDSmtp.example.org\n"
    'action "relay" relay host smtp+tls://me@smtp.example.org auth <secrets>\nmatch from local for any action "relay"\n'
    "12:00:00 1700000000.1 a@example.org b@example.net\nID      : 1a2b\nFrom    : a@example.org\nTo      : b@example.net\n"
)


_APPLICATION = (
    "MAIL_HOST=smtp.example.org\nMAIL_PASSWORD='a b'\nspring:\n  mail:\n    host: \"smtp.example.org\"\n    password: !!str x\n"
    '{"mail": {"host": "smtp.example.org", "auth": {"user": "a", "pass": "b"}}}\n[smtp]\nhost = smtp.example.org:587\n'
    "<network host='smtp.example.org' password='x' />\n<?php define('SMTP_HOST', 'smtp.example.org'); $a = ['password' => env('P', 'x')];\n"
    "EMAIL_HOST = os.environ.get('H', 'smtp.example.org')\naccount default\nhost smtp.example.org\nEnvironment=\"SMTP_PASS=a b\" X=y\n"
    "docker run -d -e SMTP_HOST=smtp.example.org --env-file /srv/.env \\\n  --network host image\n"
)
_FILES = (".env", "a.yml", "a.json", "a.ini", "a.toml", "a.php", "a.py", "a.rb", "web.config", "a.properties", "msmtprc", "a.service", "docker-compose.yml", "a.sh")  # fmt: skip


def _application(text: str) -> None:
    path = f"/srv/{_FILES[len(text) % len(_FILES)]}"
    formats.read(path, text)
    masked.masked(path, text, masking.Secrets(), starred)


def _masking(text: str) -> object:
    return masking.mask(text), masking.veil(text.encode("utf-8", "surrogateescape")), masking.normalise(text)


def _posted() -> str:
    lines = (DATA / "field_cases.jsonl").read_text(encoding="utf-8").splitlines()
    return "\n".join(json.loads(line)["text"] for line in lines)


def _messages() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((DATA.parent / "messages").glob("*.eml")))


@dataclass(frozen=True, slots=True)
class Parser:
    """A reader and what to mutate. lines: how many lines of the seed one input has."""

    read: Callable[[str], object]
    seed: str
    lines: int = 6


def _mailer_trail(text: str) -> object:
    follower = mailer_trail.Follower(mailer_log.Reader(NOW), "u@c.example")
    follower.read(text.splitlines())
    return follower.stories(), follower.lines


def _trail(text: str) -> object:
    data = text.encode("utf-8", "replace")
    found = trail.trail(lambda: iter([data]), "u@c.example")
    return [story.tell(name, lines, NOW) for name, lines in found.lines.items()]


_BESIDE = """$ postconf relayhost
relayhost = [smtp.example.net]:587
# cat /etc/postfix/sasl_passwd
[smtp.example.org]:587 user:x
$ postmap -q '[smtp.example.net]:587' hash:/etc/postfix/sasl_passwd
smtp_destination_rate_delay = 60s
MAIL_HOST=smtp.example.com
/.*/ root@example.org
$ postmap -q example.com hash:/etc/postfix/tls_policy
dane-only
"""
_EXIM = (
    "2026-11-22 13:00:00 1iLooQ-0002aM-3F H=smtp.example.org [2001:db8::6c] Network is unreachable\n"
    "2026-11-22 13:00:00 1iLooQ-0002aM-3F ** u@c.example R=smarthost T=remote_smtp_smarthost H=smtp.example.org "
    '[192.0.2.1] DN="C=US,O=Example": SMTP error from remote mail server after MAIL FROM:<a@b>: 530 5.5.1 Authentication\n'
    "2026-11-22 13:00:01 1iLooR-0002aM-3F == u@c.example R=dnslookup T=remote_smtp defer (110): Connection timed out\n"
    "Nov 22 13:00:02 h sm-mta[5]: x1: to=<u@c.example>, delay=0:01, mailer=esmtp, relay=mx.c.example. [192.0.2.1], "
    "dsn=4.0.0, stat=Deferred: Connection refused by mx.c.example.\n"
    "Nov 22 13:00:03 host=smtp.example.org tls=on auth=on recipients=u@c.example errormsg='x' exitcode=EX_TEMPFAIL\n"
    'Nov 22 13:00:04 h smtpd[6]: delivery to=<u@c.example> result="TempFail" stat="Network error"\n'
)


def _pasted(text: str) -> object:
    return [
        [pasted_line.unquoted(part) for part in pasted_line.parts(pasted_line.cleaned(line))]
        for line in text.splitlines()
    ]


def _program(text: str) -> object:
    return (
        program_text.is_program(text),
        server.server_in(text),
        program_text.read([*enumerate(text[:9000].splitlines())], "other"),
    )


def _small(text: str) -> object:
    """Readers of a word or a line."""
    line = text[:3000]
    try:
        address.check_address(line, "x")
    except MailDiagnoseError:
        pass
    outcomes.greeting_name(line)
    outcomes.masked(line)
    recognise.split_next_hop(line)
    recognise.identify(line)
    secret.placeholder(line)
    return duration.seconds(line), tls_settings.certificate_problem(line), tls_settings.handshake_problem(line)


def parsers() -> dict[str, Parser]:
    """Every parser by name."""
    posted = _posted()
    return {
        "applications": Parser(_application, _APPLICATION, 4),
        "masking": Parser(_masking, posted + _APPLICATION, 12),
        "bounce": Parser(lambda t: bounce.read(list(enumerate(t.splitlines(), 1))), posted),
        "message": Parser(lambda t: list(message.split(enumerate(t.splitlines(), 1))), _messages(), 60),
        "dialogue": Parser(lambda t: [dialogue.read(line) for line in t.splitlines()], posted),
        "erb": Parser(lambda t: (erb.render(t, {}), erb.manifest(t), erb.environment(t), erb.variables_of(t)), _ERB),
        "evidence": Parser(lambda t: list(evidence.read_lines(t.splitlines(), NOW)), posted, 12),
        "other_mta": Parser(lambda t: [other_mta.read(line) for line in t.splitlines()], _EXIM),
        "pasted_settings": Parser(_beside, _BESIDE),
        "prose": Parser(lambda t: (prose.is_account(t), prose.quotes(t)), posted, 12),
        "pasted_line": Parser(_pasted, posted),
        "program_text": Parser(_program, posted),
        "explain": Parser(lambda t: explain.explain(t.splitlines(), "x", NOW), posted, 12),
        "ip_text": Parser(lambda t: [ip_text.as_json((word,), t) for word in ("route", "rule", "addr")], _ROUTES),
        "iproute": Parser(lambda t: (iproute.routes(t), iproute.policy_rules(t), iproute.addresses(t), iproute.links(t)), _ROUTES),
        "iptables": Parser(iptables.parse, _IPTABLES),
        "logline": Parser(lambda t: [logline.parse(line, NOW) for line in t.splitlines()], posted),
        "mailq": Parser(lambda t: mailq.messages_of_mailq(t, NOW), _MAILQ),
        "maillog": Parser(lambda t: maillog.read(t.splitlines(), NOW), posted, 12),
        "main.cf": Parser(main_cf.parse, _MAIN_CF),
        "master.cf": Parser(lambda t: (master_cf.parse(t), master_cf.parse_overrides(t)), _MASTER_CF),
        "nameservice": Parser(lambda t: (nameservice.resolv_conf(t), nameservice.hosts(t), nameservice.nsswitch(t), nameservice.services(t)), _HOSTS),
        "pattern table": Parser(lambda t: [pattern_rule.parse(line) for line in t.split("\n")], _PATTERNS),
        "nexthop": Parser(lambda t: (nexthop.parse_list(t), nexthop.parse(t), nexthop.parse_route(t)), _TABLE),
        "nft": Parser(nft.parse, _NFT),
        "os-release": Parser(os_release.parse, _RELEASE),
        "postconf": Parser(lambda t: (postconf.parse_settings(t), postconf.complaints(t), postconf.expand(t, {"a": "$b", "b": "$a"})), _POSTCONF),
        "properties": Parser(lambda t: javamail.mail_settings(properties.parse(t)), _PROPERTIES),
        "queue": Parser(lambda t: queue.summarise(t.splitlines(), 0.0), _QUEUE),
        "reason": Parser(lambda t: (reason.classify(t), reason.mask(t), reason.normalise(t)), posted, 2),
        "sasl_passwd": Parser(sasl_passwd.parse, _SASL),
        "small": Parser(_small, _TABLE + _POLICY + posted[:4000], 1),
        "smtp_reply": Parser(lambda t: (smtp_reply.parse(t), smtp_reply.find(t)), posted, 3),
        "stalls": Parser(lambda t: stalls.stalls(t.splitlines()), posted),
        "table": Parser(lambda t: [(table.files(each), table.inline_entries(each)) for each in table.parse_list(t)], _TABLE),
        "tls_settings": Parser(lambda t: (tls_settings.policy(t), tls_settings.versions(t)), _POLICY),
        "trail": Parser(_trail, _TRAIL, 7),
        "dkim": Parser(lambda t: (dkim.published(tuple(t.splitlines())), dkim.of_private(t)), _SENDER),
        "dmarc": Parser(lambda t: dmarc.policy(lambda name: tuple(t.splitlines()), "a.example.org"), _SENDER),
        "exim": Parser(lambda t: (exim.way(exim.blocks(t), exim.blocks(t), exim.options(t)), list(exim.waiting(t, 0.0))), _EXIM_SETTINGS),
        "mailer_trail": Parser(_mailer_trail, _EXIM),
        "mailer_log": Parser(lambda t: (mailer_log.read(t.splitlines(), NOW), mailer_log.panics(t, NOW)), _EXIM),
        "mailer_queues": Parser(lambda t: [list(each(t, 0.0)) for each in (queues.nullmailer, queues.dma, queues.sendmail, queues.opensmtpd)], _EXIM_SETTINGS),
        "mailer_settings": Parser(lambda t: (mailer_settings.sendmail(t), mailer_settings.smtpd(t)), _EXIM_SETTINGS),
        "signers": Parser(lambda t: (signers.opendkim(t), signers.rspamd(t, "example.org"), list(signers.amavis(t, "example.org")), signers.logged(t.splitlines())), _SENDER),
        "spf": Parser(lambda t: spf.evaluate(lambda name, kind: tuple(t.splitlines()), "example.org", "192.0.2.1", sender="a@example.org", helo="h.example.org"), _SENDER),
        "submitted": Parser(lambda t: submitted.domains(t.splitlines()), posted),
        "truststore": Parser(lambda t: truststore.certificates(t.encode("utf-8", "replace")), _RELEASE),
    }  # fmt: skip


_BAD = ("\0", "\x1b[31m", "\ufffd\udcff", "\u202e", "((((", "[[[", "{{{", '"', "'", "<>", "\\", "=", "%", ": ", "550-", "status=", "to=<", "$(", "${", "\r", "\t", "\n", "\n\n", "é", "\u2028")  # fmt: skip


def mutations(seed: str, lines: int, count: int, chance: random.Random) -> Iterator[str]:
    """`count` inputs made of a seed's lines."""
    source = seed.splitlines(keepends=True)
    for number in range(count):
        begin = chance.randrange(max(1, len(source) - lines + 1))
        text = "".join(source[begin : begin + lines])
        for _ in range(chance.randrange(1, 5)):
            text = _mutate(text, chance)
        if number % MEGABYTE_EVERY == MEGABYTE_EVERY - 1:
            piece = text[: chance.randrange(1, 80)] or "x"
            text = text + piece * (1_000_000 // len(piece)) + text
        yield text


def _mutate(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    kind = chance.randrange(8)
    if kind == 0:
        return text[:at]
    if kind == 1:
        return text[at:]
    if kind == 2:
        return text[:at] + chance.choice(_BAD) * chance.randrange(1, 4) + text[at:]
    if kind == 3:
        return text[:at] + text[at + chance.randrange(1, 6) :]
    if kind == 4:
        split = text.splitlines(keepends=True)
        chance.shuffle(split)
        return "".join(split)
    if kind == 5:
        return text[:at] + text[: chance.randrange(1, 200)] + text[at:]
    if kind == 6:
        # Octets of one character set read as another.
        data = bytearray(text.encode("utf-8", "replace"))
        for _ in range(chance.randrange(1, 5)):
            if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
        return bytes(data).decode(chance.choice(("utf-8", "latin-1", "utf-16")), "replace")
    return text[:at] + str(chance.randrange(10**18)) + text[at:]


@dataclass(frozen=True, slots=True)
class Survived:
    """Processor seconds of all inputs and of the worst one; what was read when an error came, "" if none did."""

    seconds: float
    worst: float
    error: str = ""
    input: str = ""


def _beside(text: str) -> None:
    found = pasted_settings.Settings()
    list(found.lines(enumerate(text.splitlines(), 1)))
    list(found.remarks())


def survive(name: str, count: int) -> Survived:
    """Gives a parser `count` inputs."""
    parser = parsers()[name]
    chance = random.Random(f"{name} 1")
    total = worst = 0.0
    for text in mutations(parser.seed, parser.lines, count, chance):
        began = time.process_time()
        try:
            parser.read(text)
        except Exception as error:
            return Survived(total, worst, f"{type(error).__name__}: {error}", text[:2000])
        took = time.process_time() - began
        total += took
        worst = max(worst, took)
    return Survived(total, worst)


def main(count: int) -> None:
    """Prints a line for each parser."""
    for name in parsers():
        got = survive(name, count)
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        verdict = f"FAILED: {got.error} on {got.input!r}" if got.error else "no traceback"
        print(
            f"{name:14} {count} mutated: {verdict}; {got.seconds:.1f} s, the worst {got.worst * 1000:.0f} ms; {size} MB",
            flush=True,
        )
