"""How JavaMail (com.sun.mail.smtp 1.4 to 1.6, Angus) interprets its properties: where and how it connects.

Also Codenvy's and Che's own keys: mail.smtp.auth.username and .password, the prefix che., mail.from_email_address.
Measured with JavaMail 1.6.5 and 1.4.1; the rules on ports and socket factories are those of SMTPTransport and
SocketFetcher.
"""

import re

from diagnose.apps.properties import Properties, Property
from diagnose.apps.remarks import distance
from diagnose.apps.settings import MailSettings, Problem
from diagnose.knowledge.smtp import IMPLICIT_TLS_PORTS, STARTTLS_PORTS
from diagnose.parse.text.secret import Shape, placeholder

_OWN_KEY = re.compile(r"(?:che\.)?mail\.(?:host|port|user|transport\.\w+|smtps?\.\w+)\b")
_SSL_FACTORY = "javax.net.ssl.SSLSocketFactory"
_PLAIN_FACTORY = "javax.net.SocketFactory"
_EXAMPLE_HOST = re.compile(
    r"(?:^|\.)(?:example\.(?:com|net|org)|example|invalid)\.?$|^(?:your|my)[-_.]|CHANGE|<|\$\{", re.I
)
_KNOWN = frozenset(
    f"mail.{key}"
    for key in (
        "host port ssl user from debug transport.protocol transport.protocol.rfc822 smtp.host smtp.port smtp.auth "
        "smtp.user smtp.from smtp.localhost smtp.localaddress smtp.ehlo smtp.auth.username smtp.auth.password "
        "smtp.auth.mechanisms smtp.starttls.enable smtp.starttls.required smtp.ssl.enable smtp.sasl.enable "
        "smtp.ssl.trust smtp.ssl.protocols smtp.ssl.checkserveridentity smtp.socketFactory.class "
        "smtp.socketFactory.port smtp.socketFactory.fallback smtp.connectiontimeout smtp.timeout "
        "smtp.writetimeout smtp.quitwait smtp.sendpartial smtp.dsn.notify smtp.ssl.socketFactory.class "
        "smtp.ssl.socketFactory.port smtp.ssl.ciphersuites smtp.allow8bitmime from_email_address"
    ).split()
)


class _Reader:
    """The entries by name without the prefix che., and the problems found so far."""

    def __init__(self, properties: Properties) -> None:
        keys = [entry.key for entry in properties.entries]
        self.prefix = "che." if any(key.startswith("che.mail.") for key in keys) else ""
        self.entries: dict[str, Property] = {}
        for entry in properties.entries:
            self.entries[entry.key.removeprefix(self.prefix)] = entry
        self.problems: list[Problem] = []

    def problem(self, kind: str, key: str, text: str) -> None:
        entry = self.entries.get(key)
        self.problems.append(Problem(kind=kind, key=self.prefix + key, line=entry.line if entry else 0, text=text))

    def text(self, key: str) -> str:
        entry = self.entries.get(key)
        return entry.value if entry else ""

    def has(self, key: str) -> bool:
        return key in self.entries

    def flag(self, key: str, default: bool = False) -> bool:
        """A boolean as JavaMail reads it: the default unless the value, with its blanks, is exactly the opposite word."""
        value = self.text(key).lower()
        if not self.has(key):
            return default
        if value.strip() in ("true", "false") and value != value.strip():
            counts = "true" if default else "false"
            self.problem("blank-in-boolean", key, f"{key} has a blank next to its value, so it counts as {counts}")
        return value != "false" if default else value == "true"

    def number(self, key: str) -> int | None:
        value = self.text(key)
        if not value:
            return None
        if re.fullmatch(r"[+-]?[0-9]{1,9}", value):
            return int(value) if int(value) >= 0 else None
        self.problem(
            "port-not-a-number", key, f"{key} is not a number as written ({value[:20]!r}), so the default is used"
        )
        return None


def recognises(properties: Properties) -> bool:
    """Whether a file holds settings for JavaMail; a key such as php.ini's mail.log does not count."""
    return any(_OWN_KEY.match(entry.key) for entry in properties.entries)


def way_lines(port: int, tls: str) -> str:
    """The properties for a port and TLS mode, joined by "; "."""
    base = f"mail.smtp.port={port}"
    if tls == "implicit":
        return f"{base}; mail.smtp.ssl.enable=true; mail.smtp.starttls.enable=false"
    return f"{base}; mail.smtp.starttls.enable=true; mail.smtp.starttls.required=true; mail.smtp.ssl.enable=false"


def mail_settings(properties: Properties, codenvy: bool = True) -> MailSettings:
    """Derives JavaMail's behaviour from a .properties file. codenvy: the login is taken only from Codenvy's own
    keys; other applications pass mail.smtp.user and mail.smtp.password to JavaMail.

    Kinds of problem: not-loadable, not-configured, host-missing, host-placeholder, host-has-blank, port-ignored
    (mail.port is no JavaMail key), ssl-ignored (nor is mail.ssl), port-not-a-number, blank-in-boolean,
    trailing-blank, swallowed-line, swallowed-comment, unrendered, empty-value, placeholder, quoted-value,
    inline-comment, name-not-ascii, duplicate, smtps-protocol-ignored, smtps-keys-ignored, implicit-on-starttls-port,
    starttls-on-implicit-port, plain-on-implicit-port, fallback-to-plaintext, starttls-not-enabled,
    starttls-not-required, tls-both-ways, unknown-socket-factory, factory-port-without-factory, auth-not-boolean,
    credentials-missing, credentials-unused, credentials-under-other-key, from-invalid, old-tls-only, no-timeouts,
    misspelt-key, verification-off.
    """
    reader = _Reader(properties)
    _remarks_of_file(reader, properties)
    route = reader.text("mail.transport.protocol.rfc822") or "smtp"
    protocol = reader.text("mail.transport.protocol") or "smtp"
    if not codenvy and protocol.strip() == "smtps" and reader.has("mail.smtps.host"):
        route = "smtps"  # the application then requests that transport itself
    base = "mail.smtps" if route == "smtps" else "mail.smtp"
    if protocol.strip() == "smtps" and route != "smtps":
        reader.problem(
            "smtps-protocol-ignored",
            "mail.transport.protocol",
            "Transport.send() uses smtp for every address anyway",
        )
    if route != "smtps" and (unused := [key for key in reader.entries if key.startswith("mail.smtps.")]):
        reader.problem("smtps-keys-ignored", unused[0], f"{len(unused)} mail.smtps.* keys are not read")
    host = _host(reader, base)
    port, tls, fallback_port = _connection(reader, base, route == "smtps")
    auth, user_key, password_key, password = _credentials(reader, base, codenvy)
    _judge_connection(reader, base, port, tls, auth, fallback_port)
    sender, sender_key = "", "mail.smtp.from"
    for key in ("mail.from_email_address", "mail.from", f"{base}.from", "mail.smtp.from"):
        if reader.text(key) and not sender:
            sender, sender_key = reader.text(key), key
        if reader.text(key) and not re.fullmatch(r"(?:[^<>@]*<)?[^\s@<>]+@[^\s@<>]+>?", reader.text(key).strip()):
            reader.problem("from-invalid", key, "not an address of the form user@domain")
    if not any(reader.has(f"{base}.{key}") for key in ("connectiontimeout", "timeout")):
        reader.problem(
            "no-timeouts", f"{base}.connectiontimeout", "without time-outs a silent server hangs the request"
        )
    for key in (f"{base}.connectiontimeout", f"{base}.timeout"):
        if re.fullmatch(r"[1-9]\d?", reader.text(key).strip()):
            reader.problem("setting-odd", key, "it is in milliseconds: no server answers as fast")
    if reader.text(f"{base}.ssl.trust").strip() == "*" and tls != "none":
        reader.problem("verification-off", f"{base}.ssl.trust", "the server's certificate is not checked")
    protocols = reader.text(f"{base}.ssl.protocols")
    if protocols and not re.search(r"TLSv1\.[23]", protocols):
        reader.problem("old-tls-only", f"{base}.ssl.protocols", f"only {protocols.strip()} is allowed")
    configured = any(key.startswith("mail.") for key in reader.entries)
    if not configured:
        reader.problems = [problem for problem in reader.problems if problem.kind == "not-loadable"]
        reader.problem("not-configured", "mail.host", "there is no mail setting in this file")
    return MailSettings(
        host=host,
        port=port,
        tls=tls,
        fallback_port=fallback_port,
        auth=auth,
        user=reader.text(user_key),
        user_key=user_key,
        password=password,
        password_key=password_key,
        sender=sender,
        sender_key=sender_key,
        trust=reader.text(f"{base}.ssl.trust"),
        tls_protocols=protocols,
        prefix=reader.prefix,
        configured=configured,
        problems=tuple(sorted(set(reader.problems), key=lambda p: (p.line, p.kind, p.key))),
    )


def _remarks_of_file(reader: _Reader, properties: Properties) -> None:
    if not properties.loads:
        reader.problem("not-loadable", "", "Java refuses the whole file for a malformed \\u escape")
    for finding in properties.findings:
        kinds = (
            "swallowed-line",
            "swallowed-comment",
            "unrendered",
            "name-not-ascii",
            "quoted-value",
            "inline-comment",
        )
        if finding.kind in (*kinds, "duplicate", "trailing-blank"):
            reader.problems.append(
                Problem(
                    kind=finding.kind, key=finding.text, line=finding.line, text=f"line {finding.line}: {finding.text}"
                )
            )
    for key, entry in reader.entries.items():
        if not key.startswith("mail."):
            continue
        if (entry.secret is None and not entry.value.strip()) or (
            entry.secret is not None and entry.secret.length == "empty"
        ):
            reader.problem("empty-value", key, f"{key} has no value")
        elif (
            entry.value.strip() in ("undef", "NULL", "null", "nil")
            or (entry.secret and entry.secret.has("placeholder"))
            or (entry.secret is None and not key.endswith("host") and placeholder(entry.value.partition("@")[0]))
        ):
            reader.problem("placeholder", key, f"{key} still has a placeholder")
        plain = re.sub(r"^mail\.smtps\.", "mail.smtp.", key)
        if plain.startswith("mail.smtp") and plain not in _KNOWN:
            folded = {known.lower().replace("-", ""): known for known in _KNOWN}
            name = plain.lower().replace("_", ".").replace("-", "")
            meant = folded.get(name) or next((full for low, full in folded.items() if distance(low, name) == 1), "")
            if meant:
                reader.problem("misspelt-key", key, f"JavaMail reads {meant}; names are case-sensitive")


def _host(reader: _Reader, base: str) -> str:
    key = f"{base}.host" if reader.text(f"{base}.host") else "mail.host"
    raw = reader.text(key)
    host = raw.strip()
    if not host:
        reader.problem("host-missing", key, "no host is named, so JavaMail connects to localhost")
        return "localhost"
    if raw != host or re.search(r"\s", host):
        reader.problem("host-has-blank", key, "a blank is part of the name, which then does not resolve")
    if _EXAMPLE_HOST.search(host) or placeholder(host):
        reader.problem("host-placeholder", key, f"{host} is an example's name")
    return host


def _connection(reader: _Reader, base: str, smtps: bool) -> tuple[int, str, int | None]:
    ssl = smtps or reader.flag(f"{base}.ssl.enable")
    plain_port = reader.number(f"{base}.port")
    default = 465 if ssl else 25
    port = plain_port if plain_port is not None else default
    factory = reader.text(f"{base}.socketFactory.class")
    factory_port = reader.number(f"{base}.socketFactory.port")
    fallback: int | None = None
    if factory:
        if factory not in (_SSL_FACTORY, _PLAIN_FACTORY) and factory.strip().startswith(("javax.net.", "java.net.")):
            reader.problem("unknown-socket-factory", f"{base}.socketFactory.class", f"Java has no class {factory!r}")
        if reader.flag(f"{base}.socketFactory.fallback", default=True):
            fallback = port
        ssl = ssl or factory.strip() != _PLAIN_FACTORY
        port = factory_port if factory_port is not None else port
    elif factory_port is not None:
        reader.problem(
            "factory-port-without-factory",
            f"{base}.socketFactory.port",
            "this port is used only with socketFactory.class",
        )
    ignored = reader.text("mail.port")
    if ignored.strip() and ignored.strip() != str(port):
        reader.problem("port-ignored", "mail.port", f"JavaMail does not read mail.port; it will dial {port}")
    required = reader.flag(f"{base}.starttls.required")
    enabled = reader.flag(f"{base}.starttls.enable")
    if ssl:
        if reader.text("mail.ssl").strip() and not factory and not reader.has(f"{base}.ssl.enable") and not smtps:
            reader.problem("ssl-ignored", "mail.ssl", "JavaMail does not read mail.ssl")
        return port, "implicit-with-fallback" if fallback is not None else "implicit", fallback
    if reader.text("mail.ssl").strip().lower() == "true" and not (enabled or required):
        reader.problem("ssl-ignored", "mail.ssl", "JavaMail does not read mail.ssl: nothing here switches TLS on")
    return port, "starttls-required" if required else "starttls" if enabled else "none", None


def _credentials(reader: _Reader, base: str, codenvy: bool) -> tuple[bool, str, str, Shape | None]:
    auth = reader.flag(f"{base}.auth")
    value = reader.text(f"{base}.auth")
    if value and value.lower() not in ("true", "false"):
        reader.problem("auth-not-boolean", f"{base}.auth", f"{value[:20]!r} counts as false: there will be no login")
    users = [f"{base}.auth.username", f"{base}.user", "mail.user"]
    passwords = [f"{base}.auth.password"]
    others = ["mail.smtp.auth.pass"]
    (others if codenvy else users).extend((f"{base}.username", "mail.username"))
    (others if codenvy else passwords).extend((f"{base}.password", "mail.password"))
    user_key = next((key for key in users if reader.text(key)), users[0])
    password_key = next((key for key in passwords if reader.has(key)), passwords[0])
    entry = reader.entries.get(password_key)
    for other in filter(reader.has, others):
        reader.problem("credentials-under-other-key", other, "this key is not read for the login")
    for missing in [key for key in (user_key, password_key) if not reader.has(key)][:1] if auth else ():
        reader.problem("credentials-missing", missing, f"{base}.auth is true and {missing} is not set")
    if not auth and (reader.text(f"{base}.auth.username") or entry):
        reader.problem("credentials-unused", f"{base}.auth", f"a login is given, but {base}.auth is not true")
    return auth, user_key, password_key, entry.secret if entry else None


def _judge_connection(reader: _Reader, base: str, port: int, tls: str, auth: bool, fallback: int | None) -> None:
    port_key = f"{base}.port" if reader.has(f"{base}.port") else "mail.port"
    if tls.startswith("implicit"):
        if port in STARTTLS_PORTS:
            reader.problem(
                "implicit-on-starttls-port",
                port_key,
                f"TLS from the first byte, on port {port}, which starts in plain text",
            )
        if fallback is not None:
            key = f"{base}.socketFactory.fallback"
            reader.problem("fallback-to-plaintext", key, f"when TLS fails it retries in plain text on port {fallback}")
        if reader.flag(f"{base}.starttls.enable") or reader.flag(f"{base}.starttls.required"):
            reader.problem("tls-both-ways", f"{base}.starttls.enable", "implicit TLS and STARTTLS are both asked for")
    elif port in IMPLICIT_TLS_PORTS:
        kind = "plain-on-implicit-port" if tls == "none" else "starttls-on-implicit-port"
        reader.problem(
            kind, port_key, f"port {port} expects TLS from the first byte, but these settings start in plain text"
        )
    elif tls == "none" and auth and port in STARTTLS_PORTS:
        reader.problem(
            "starttls-not-enabled", f"{base}.starttls.enable", "the login is sent without TLS, or is refused"
        )
    elif tls == "starttls":
        reader.problem(
            "starttls-not-required",
            f"{base}.starttls.required",
            "if STARTTLS is stripped, the login is sent in the clear",
        )
