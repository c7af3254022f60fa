"""Planted secrets of every spelling and shape: none is in what is shown. PLANTED_SEED=N plants other values."""

from __future__ import annotations

import json
import re
import shlex
import string
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import pytest

from diagnose.host.secretfile import mask_read
from diagnose.mail.explain import explain
from diagnose.parse.text import shapes
from diagnose.parse.text.masking import Secrets, mask, veil
from diagnose.remedy.make import pasteable
from diagnose.report.json_ import as_plain, render as as_json
from diagnose.report.text import render as as_text
from tests.hostile import spellings
from tests.hostile.planted import LINES, RANDOM, SHAPES, WORDS, b64, leaked
from tests.pace import pace

NOW = datetime(2026, 11, 25, 12, 5, tzinfo=timezone.utc)


def _filled(template: str, value: str) -> str:
    xoauth2 = b64(f"user=acme\1auth=Bearer {value}\1\1")
    marks = {"§": value, "±": b64(value), "þ": b64(f"\0acme\0{value}"), "ø": xoauth2, "ß": b64(f"acme:{value}")}
    return re.sub("[§±þøß]", lambda mark: marks[mark[0]], template)


def _key(pattern: str) -> str:
    letters = {
        "h": "0123456789abcdef",
        "U": string.ascii_uppercase + string.digits,
        "": string.ascii_letters + string.digits,
    }
    return re.sub(
        r"\{([hU]?)(\d+)\}",
        lambda each: "".join(RANDOM.choice(letters[each[1]]) for _ in range(int(each[2]))),
        pattern,
    )


def planted() -> Iterator[tuple[str, str]]:
    """(text, the secret in it), as a program wrote it and as syslog kept it."""
    for template in spellings.WORD.strip().split("\n"):
        for shape in WORDS:
            if not (shape in ("signs", "base64") and ("://" in template or "&" in template)):
                yield from _both(template, SHAPES[shape]())
    for template in spellings.LINE.strip().split("\n"):
        for shape in LINES:
            yield from _both(template, SHAPES[shape]())
    for template in spellings.LAID_OUT:
        for shape in ("word", "dashes", "hex", "short"):
            value = SHAPES[shape]()
            yield _filled(template, value), value
    for template in spellings.CODED:
        for shape in WORDS:
            yield from _both(template, SHAPES[shape]())
    for pattern in spellings.PROVIDER:
        for around in spellings.AROUND:
            key = _key(pattern)
            yield around.replace("§", key), re.sub(r"^(?:SG\.|xkeysib-|xsmtpsib-|md-|re_|key-)", "", key)


def said() -> Iterator[tuple[str, str]]:
    """What people, programs and documents write: prose in some languages, dialogues, code, dumps, command lines."""
    for template in (Path(__file__).with_name("said.txt")).read_text(encoding="utf-8").strip().split("\n"):
        for shape in ("word", "dashes", "signs", "hex", "dots"):
            yield from _both(template, SHAPES[shape]())


def _both(template: str, value: str) -> Iterator[tuple[str, str]]:
    text = _filled(template, value)
    yield text, value
    yield "".join(f"{spellings.HEAD}{line}\n" for line in text.split("\n")), value


def test_no_spelling_gets_through() -> None:
    tried, found = 0, []
    for text, value in (*planted(), *said()):
        tried += 1
        for shown in (
            (mask(text), mask(veil(text.encode()).decode())) if text.startswith(spellings.HEAD) else (mask(text),)
        ):
            if form := leaked(shown, value):
                found.append((text, form, shown))
    print(f"\nsecrets in text: leaked {len(found)} of {tried}")
    assert tried > 7500
    assert not found, found[:5]


@pytest.mark.parametrize("template", spellings.LOWER)
def test_a_word_of_small_letters_is_masked_where_it_is_the_password(template: str) -> None:
    value = f"{SHAPES['lower']()}x"
    assert not leaked(mask(template.replace("§", value)), value)
    assert not leaked(mask(f"{spellings.HEAD}{template.replace('§', value)}\n"), value)


def test_no_report_of_a_pasted_text_shows_one() -> None:
    """As a terminal with -v and as JSON, with a failure beside it that makes the text worth showing."""
    texts = list(planted())
    step = max(1, len(texts) // 400)
    tried, found = 0, []
    for text, value in texts[RANDOM.randrange(step) :: step]:
        tried += 1
        pasted = f"{text.rstrip()}\n535 5.7.8 Error: authentication failed\n"
        report = explain(mask(pasted).splitlines(), "standard input", NOW)
        shown = as_text(as_plain(report), verbose=2) + as_json(report)
        found += [(text, form) for form in [leaked(shown, value)] if form]
    print(f"\nsecrets in explain: leaked {len(found)} of {tried}")
    assert not found, found[:5]


# What nothing betrays, beside a failure in a program's words.
UNSPELT = """
signing on with § gave 535 5.7.8 no such login
acme,§,relay.example.com -> 550 5.7.1 relaying denied
acme § relay.example.com: 421 4.7.0 try again later
§ => 535 Authentication failed
mailer.send(relay.example.com, 587, acme, §): 535 5.7.8 no such login
mailer: dial(relay.example.com, 587, acme, §) failed: Connection timed out
mailer: cannot connect to relay.example.com:587 (acme / § @ relay): Connection refused
mailer {relay.example.com acme § true}: dial tcp 192.0.2.1:587: connect: connection refused
smtp [acme § starttls] relay.example.com:587: certificate has expired
Nov 25 12:00:01 mail shop[7]: acme § was refused: 535 5.7.8 no such login
Nov 25 12:00:01 mail shop[7]: sending by relay.example.com (acme § 587): Connection timed out
smtplib.SMTPAuthenticationError for acme, §: (535, b'5.7.8 no such login')
java.lang.RuntimeException: smtp acme § relay.example.com; nested exception is: 554 5.7.1 relay access denied
"""


def test_what_stands_beside_a_failure_is_not_shown() -> None:
    """No pattern finds these: what is quoted of a text is the failure alone."""
    tried, found, told = 0, [], 0
    for template in UNSPELT.strip().split("\n"):
        for shape in ("lower", "word", "dots", "dashes", "umlaut", "blank", "at"):
            value = SHAPES[shape]()
            tried += 1
            report = explain([template.replace("§", value)], "standard input", NOW)
            told += bool(report.diagnoses)
            shown = as_text(as_plain(report), verbose=2) + as_json(report)
            found += [(template, value, form) for form in [leaked(shown, value)] if form]
    print(f"\nsecrets that nothing betrays: leaked {len(found)} of {tried}, {told} explained")
    assert not found, found[:5]
    assert told >= tried * 0.9


@pytest.mark.parametrize(
    "text",
    [
        '"******** support is deprecated"',
        "password authentication failed",
        "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6",
        "no password specified?",
        "key not found",
        "we sign in with password authentication on port 587",
        "tried it with user and password combination on two hosts",
        "unsupported dictionary type: proxy:hash:/etc/postfix/x",
        "unsupported dictionary type: lmdb (Is the postfix-lmdb package installed?)",
        "unsupported dictionary type: lmdb (lmdb:/etc/postfix/sasl_passwd)",
        "relay=smtp.example.com[192.0.2.1]:587: connected",
        'Missing credentials for "PLAIN"',
        "wrong SMTP user or password: SES takes its own",
        "smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd",
        "fatal: open database /etc/postfix/sasl_passwd.db: Permission denied",
        "virtual_alias_maps = inline:{ a@example.com=b@example.net }",
        "smtpd_sasl_mechanism_filter = !external, static:rest",
        "DKIM = did not pass  SPF = pass",
        "#smtpd     pass  -       -       y       -       -       smtpd",
        "kpasswd\t\t464/tcp",
        "key exchange X25519 server-signature ECDSA server-digest SHA256",
        "2603:1026:479:e87d:3142:f0a5:a2ad:a896",
        "passwd: Connection refused",
        "You must update password when asked",
        "{host: smtp.example.com, password: not given, port: 587}",
        "INSERT INTO t (user, password_policy) VALUES ('a','strict')",
        "SMTP password:\n    the server did not accept the login\n",
        "user bob\npassword is wrong\n",
        "mail.example.com:postfix:Failed",
        "password: the server does not accept it",
        "name | password file | host\nthree | cells | here\n",
        "auth: passwd-file(acme): Password mismatch",
        "'password' => env('MAIL_PASSWORD'),",
        "unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
        "contraseña incorrecta",
        "mot de passe oublié",
        "das Passwort ist richtig, im Webmail geht es",
        "password_query = SELECT password FROM users",
        "public_key = AAAAB3NzaC1yc2E",
        "пароль неверен",
        "fix --yes relay-credentials-rejected --secret-file /root/s",
        "Password: (none)",
        "password: !vault |",
        'password = os.environ["SMTP_PASSWORD"]',
        "password: process.env.SMTP_PASS,",
        "$mail->Password = getenv('SMTP_PASS');",
        "secretName: smtp-credentials",
        "journalctl -u postfix -p err",
    ],
)
def test_no_word_is_eaten(text: str) -> None:
    assert mask(text) == text


def test_a_password_in_the_place_of_a_users_name_is_masked() -> None:
    names = "authorized_submit_users = root, www-data, "
    assert mask(f"{names}!Yp4kQ7vRw2xLmZ, static:all") == f"{names}!********, static:all"


@pytest.mark.parametrize(
    "setting",
    [
        "relayhost = [smtp.example.com]:587, smtp.example.net:26",
        "smtp_sasl_password_maps = proxy:mysql:/etc/postfix/my.cf, ldap:people acme:/etc/x",
        "virtual_transport = lmtp:inet:127.0.0.1:24",
        "Socket inet:8892@127.0.0.1",
        "Socket inet6:8892@[::1]",
        "mailbox_transport = lmtp:unix:/run/cyrus/socket/lmtp",
        "header_checks = regexp:{ {/^Subject: (.*)/ REJECT no way} }",
    ],
)
def test_a_next_hop_or_a_table_is_no_login(setting: str) -> None:
    assert mask(setting) == setting


def test_nothing_of_ordinary_texts_is_masked() -> None:
    """Log lines, replies, bounces and traces as people post them, and the words of our own tables."""
    texts = [
        value
        for path in (Path(__file__).parents[1] / "data").glob("*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
        for value in json.loads(line).values()
        if isinstance(value, str)
    ]
    tables = (Path(__file__).parents[2] / "diagnose" / "knowledge").rglob("*.toml")
    texts += [text for path in tables for text in re.findall(r'"([^"\\\n]*)"', path.read_text(encoding="utf-8"))]
    eaten = [
        (text, mask(text))
        for text in texts
        if mask(text) != text and not re.search("AUTH PLAIN \\S*x{4}|password = \\*$", text, re.I | re.M)
    ]
    print(f"\nordinary texts masked: {len(eaten)} of {len(texts)}")
    assert len(texts) > 3000
    assert not eaten


def test_known_values_are_struck_in_every_form() -> None:
    for shape, make in SHAPES.items():
        if shape in ("short", "at", "dots"):
            continue
        value, known = make(), Secrets()
        known.add(value)
        for template in ("x § y", "±", "þ", "ø", "ß"):
            assert not leaked(known.hide(_filled(template, value)), value), (shape, template)


@pytest.mark.parametrize(
    "value", ["relay", "password", "mail.example.com", "abc12", "/etc/postfix/main.cf", "192.0.2.1"]
)
def test_a_password_that_is_a_word_does_not_blank_the_report(value: str) -> None:
    known = Secrets()
    known.add(value)
    assert known.hide(f"the {value} stands") == f"the {value} stands"


def test_no_suggested_command_holds_one() -> None:
    for hop in ("acme:Zq7xK9pLm@[smtp.example.com]:587", "acme:********@[smtp.example.com]:587"):
        assert not pasteable(shlex.join(("postmap", "-q", hop, "hash:/etc/x")))
    assert pasteable("postmap -q '[h.example]:587' hash:/etc/x")


# Beside every word that the shapes look for: what makes one pattern try again where another has been.
_UNITS = (
    "a", "aB", "a:", "a@b:", "a:b@c.d", "a@[", "-.", "::::", "://", "a://b:c", "http://a?", "https://hooks.", "http://h/a/", "1,", "{{a",
    '"', "'", '\\"', "\\n", "static:{", "static:a@b.c,", "inline:{a=b, ", "pipemap:{", "sasl: = ", "xsasl: ", "duplicate entry: a:",
    "AUTH LOGIN\n", "AUTH PLAIN a", '334 "AAAABBBB', "token:,", "login  ", 'user "', "login '", 'password="a', 'password="""x',
    "password <<E ", "password: 'x\\", "password,", "password\n", "key=a1A", "key=aaaaa1", "authenticat", "mail", "curl ", "-u ",
    "Nov 25 12:00:01 mail app[7]: password\n", "-----BEGIN PRIVATE KEY-----\n", "eyJabcdefg-", "a/b/", "a-b_c", "<a b=\"c\">",
)  # fmt: skip


def test_no_text_takes_long() -> None:
    """Four times the text takes about four times as long, not sixteen times."""
    units = sorted({*_UNITS, *shapes.NAMES, *(word for word in shapes.words() if word[0] != "\0")})
    repeated: list[tuple[str, Callable[[int], str]]] = [(unit, partial(_repeated, unit)) for unit in units]
    for line in ("password=Zx{}q9 ", "password: {}aQ\n", "http://a:b{}@c.d ", "--pass 'a b{}c$d'\n"):
        repeated.append((line, partial(_counted, line)))
    slow, longest = [], 5 * pace()
    for unit, text in repeated:
        if _seconds(text(30_000)) > 0.05:
            # The least of three: a busy machine makes any single one longer.
            short, long = (min(_seconds(text(size)) for _ in range(3)) for size in (25_000, 100_000))
            if long / short > 10 or long > longest:
                slow.append((unit, short, long))
    print(f"\nmasking: {len(repeated)} repeated units, {len(slow)} slow")
    assert not slow


def test_nested_aliases_are_masked_in_time() -> None:
    lists = "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True))
    text = f"a: &a [x, x, x]\n{lists}mail: {{host: smtp.example.com, password: *h}}\n"
    began = time.process_time()
    assert mask_read(text, "settings", Secrets(), "/x.yml").count("\n") == text.count("\n")
    assert time.process_time() - began < 5 * pace()


def test_a_log_of_lines_full_of_names_is_read_in_time() -> None:
    line = f"{spellings.HEAD}helo=<{'(secret=' * 110}>\n".encode()
    began = time.process_time()
    assert veil(line * 4000).count(b"\n") == 4000
    assert time.process_time() - began < 8 * pace()


def _repeated(unit: str, size: int) -> str:
    return (unit * size)[:size]


def _counted(line: str, size: int) -> str:
    """Each time with another number in it."""
    return "".join(line.format(n) for n in range(size // len(line)))


def _seconds(text: str) -> float:
    began = time.process_time()
    mask(text)
    return time.process_time() - began
