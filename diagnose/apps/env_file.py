"""Mail settings in a .env file: Laravel's MAIL_*, Django's EMAIL_*, nodemailer's and others' SMTP_*, and their URLs.

The grammar is python-dotenv's. What TLS a word means is the program's: Laravel 9 and Symfony begin it at once on port 465 and
else by STARTTLS (EsmtpTransportFactory); Django does as EMAIL_USE_SSL and EMAIL_USE_TLS say; nodemailer's URL smtp: stays plain
on any port; in Django's EMAIL_URL (django-environ, dj-email-url) smtps: means STARTTLS.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from diagnose.apps.javamail import MailSettings, Problem
from diagnose.knowledge.smtp import IMPLICIT_TLS_PORTS, STARTTLS_PORTS
from diagnose.parse.text.secret import placeholder, shape

PLACE = re.compile(r"(?:^|/)(?:\.env(?:\.[\w-]+)*|[\w-]+\.env)$")
_URLS = ("MAILER_DSN", "MAILER_URL", "EMAIL_URL", "SMTP_URL", "MAIL_URL")
# For each family: its first key that is set counts.
_FAMILIES = (
    {
        "host": ("MAIL_HOST", "MAIL_SERVER"), "port": ("MAIL_PORT",), "user": ("MAIL_USERNAME", "MAIL_USER"),
        "password": ("MAIL_PASSWORD", "MAIL_PASS"), "sender": ("MAIL_FROM_ADDRESS", "MAIL_DEFAULT_SENDER", "MAIL_FROM"),
    },
    {
        "host": ("EMAIL_HOST",), "port": ("EMAIL_PORT",), "user": ("EMAIL_HOST_USER", "EMAIL_USER", "EMAIL_USERNAME"),
        "password": ("EMAIL_HOST_PASSWORD", "EMAIL_PASSWORD", "EMAIL_PASS"), "sender": ("DEFAULT_FROM_EMAIL", "EMAIL_FROM"),
    },
    {
        "host": ("SMTP_HOST", "SMTP_SERVER", "SMTP_ADDRESS"), "port": ("SMTP_PORT",),
        "user": ("SMTP_USERNAME", "SMTP_USER", "SMTP_LOGIN"), "password": ("SMTP_PASSWORD", "SMTP_PASS"),
        "sender": ("SMTP_FROM_ADDRESS", "SMTP_FROM", "MAIL_FROM"),
    },
)  # fmt: skip
_DRIVERS = ("MAIL_MAILER", "MAIL_DRIVER", "EMAIL_BACKEND")
_NOWHERE = re.compile(
    r"^(?:log|array|null)$|\b(?:console|dummy|locmem|filebased)\b|^(?:console|dummy|memory|file)mail$"
)
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_YES = ("true", "1", "yes", "on")


def read(text: str) -> MailSettings | str:
    """The settings of a text, which may be masked, or why nothing can be said of them."""
    from dotenv.parser import parse_stream

    bindings = {one.key: one for one in parse_stream(io.StringIO(text)) if one.key and one.value is not None}
    raw = {key: one.value or "" for key, one in bindings.items()}
    values = {key: _VARIABLE.sub(lambda m: raw.get(m[1], m[0]), value).strip() for key, value in raw.items()}
    lines = {key: one.original.line for key, one in bindings.items()}
    driver = next((key for key in _DRIVERS if values.get(key)), "")
    word = values.get(driver, "")
    if _NOWHERE.search(word.lower()):
        return _discarding(driver, word, lines)
    if driver and not re.search("smtp|failover|roundrobin", word, re.I):
        return f"{driver}={word} sends by other means than SMTP"
    # Laravel reads the bare word null as no value.
    values = {key: "" if value.lower() in ("null", "(null)") else value for key, value in values.items()}
    url = next((key for key in _URLS if values.get(key)), "")
    if url and not driver:
        return _of_url(url, values[url], lines)
    family = next((one for one in _FAMILIES if any(values.get(key) for key in one["host"])), None)
    if family is None:
        return "it names no mail server"
    keys = {name: next((key for key in of if values.get(key)), of[0]) for name, of in family.items()}
    if unset := next((key for key in keys.values() if _VARIABLE.search(values.get(key, ""))), ""):
        return f"{unset} comes from a variable that this file does not set"
    host, port, user = (values.get(keys[name], "") for name in ("host", "port", "user"))
    if not port:
        return f"{keys['port']} is not set, and its default is the program's own"
    if not port.isdigit() or not 0 < int(port) < 65536:
        return f"{keys['port']} is no port number ({port[:20]!r})"
    secret = values.get(keys["password"], "")
    sender = values.get(keys["sender"], "")
    return _judged(host, int(port), _tls(values, keys["host"], int(port)), user, secret, sender, keys, lines)


def _tls(values: Mapping[str, str], host_key: str, port: int) -> str:
    """How the program begins TLS, where its own settings say; else at once on port 465 and by STARTTLS elsewhere."""
    prefix = host_key.partition("_")[0]

    def said(*names: str) -> bool:
        return any(values.get(f"{prefix}_{name}", "").lower() in _YES for name in names)

    scheme = values.get(f"{prefix}_SCHEME", "") or values.get(f"{prefix}_ENCRYPTION", "")
    if scheme.lower() == "smtps" or said("USE_SSL", "SSL") or (prefix == "SMTP" and said("SECURE")):
        return "implicit"
    if said("USE_TLS"):
        return "starttls-required"
    return "implicit" if port == 465 and values.get("SMTP_SECURE", "").lower() != "false" else "starttls"


def _of_url(key: str, value: str, lines: Mapping[str, int]) -> MailSettings | str:
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:
        return f"{key} is no valid URL: percent-encode the special characters of user and password"
    scheme = url.scheme.lower()
    if scheme == "null" or _NOWHERE.search(scheme):
        return _discarding(key, f"{scheme}:", lines)
    if scheme not in ("smtp", "smtps", "submission", "smtp+tls", "smtp+ssl") or not url.hostname:
        return f"{key} sends by {scheme}:, which is not read"
    by_django = key == "EMAIL_URL"
    if scheme == "smtp+ssl" or (scheme == "smtps" and not by_django):
        tls, usual = "implicit", 465
    elif by_django:
        tls, usual = ("none", 25) if scheme == "smtp" else ("starttls-required", 587)
    else:
        # Symfony takes port 465 for TLS at once; nodemailer takes the scheme's word for it.
        tls, usual = "implicit" if port == 465 and key.startswith("MAILER_") else "starttls", 25
    keys = dict.fromkeys(("host", "port", "user", "password"), key)
    user, secret = unquote(url.username or ""), unquote(url.password or "")
    return _judged(url.hostname, port or usual, tls, user, secret, "", keys, lines)


def _discarding(key: str, word: str, lines: Mapping[str, int]) -> MailSettings:
    text = f"{key}={word} drops mail or writes it down; nothing is sent"
    problem = Problem(kind="mail-discarded", key=key, line=lines.get(key, 0), text=text)
    return _settings("", 0, "none", "", "", "", {"user": key, "password": key}, (problem,))


def _judged(
    host: str,
    port: int,
    tls: str,
    user: str,
    secret: str,
    sender: str,
    keys: Mapping[str, str],
    lines: Mapping[str, int],
) -> MailSettings:
    problems = []

    def problem(kind: str, name: str, text: str) -> None:
        problems.append(Problem(kind=kind, key=keys[name], line=lines.get(keys[name], 0), text=text))

    if placeholder(host) or host.endswith((".example.com", ".example.org", ".example")):
        problem("host-placeholder", "host", f"{host} is an example's name")
    elif re.search(r"\s", host):
        problem("host-has-blank", "host", "a blank is part of the name, which then does not resolve")
    for name, value in (("user", user), ("password", secret)):
        if placeholder(value):
            problem("placeholder", name, f"{keys[name]} still has a placeholder")
    if user and not secret:
        problem("credentials-missing", "password", f"{keys['user']} is set and {keys['password']} is not")
    if tls == "implicit" and port in STARTTLS_PORTS:
        problem("implicit-on-starttls-port", "port", f"TLS from the first byte, on port {port} which begins in plain")
    elif tls != "implicit" and port in IMPLICIT_TLS_PORTS:
        kind = "plain-on-implicit-port" if tls == "none" else "starttls-on-implicit-port"
        problem(kind, "port", f"port {port} expects TLS from the first byte, these settings begin in plain text")
    return _settings(host, port, tls, user, secret, sender, keys, tuple(problems))


def _settings(
    host: str,
    port: int,
    tls: str,
    user: str,
    secret: str,
    sender: str,
    keys: Mapping[str, str],
    problems: tuple[Problem, ...],
) -> MailSettings:
    return MailSettings(
        host=host,
        port=port,
        tls=tls,
        fallback_port=None,
        auth=bool(user),
        user=user,
        user_key=keys["user"],
        password=shape(secret) if secret else None,
        password_key=keys["password"],
        sender=sender,
        protocol="smtp",
        trust="",
        tls_protocols="",
        prefix="",
        configured=bool(host),
        problems=problems,
    )


def lines(settings: MailSettings, port: int, tls: str) -> str:
    """What to write into the file for another port and beginning of TLS, "; " between the lines."""
    key = settings.user_key
    if key in _URLS:
        scheme = "smtp+ssl" if key == "EMAIL_URL" else "smtps"
        plain = "smtp+tls" if key == "EMAIL_URL" else "smtp"
        return f"{key}={scheme if tls == 'implicit' else plain}://USER:PASSWORD@{settings.host}:{port}"
    if key.startswith("EMAIL_"):
        return f"EMAIL_PORT={port}; EMAIL_USE_SSL={tls == 'implicit'}; EMAIL_USE_TLS={tls == 'starttls'}"
    if key.startswith("MAIL_"):
        return f"MAIL_PORT={port}; MAIL_SCHEME={'smtps' if tls == 'implicit' else 'smtp'}"
    return f"SMTP_PORT={port}; SMTP_SECURE={str(tls == 'implicit').lower()}"
