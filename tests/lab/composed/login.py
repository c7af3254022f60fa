"""Faults of TLS and of the login at a relay."""

from __future__ import annotations

from tests.lab.internet.world import Manner, Server
from tests.lab.machine import SECRET, Machine
from tests.lab.steps import older, settings

from .site import Broken, Site, Trouble, sh, signs_in

AUTH_WANTED = "status=(bounced|deferred) .*(uthenticat|not authenticated)"


def _ca(site: Site) -> Broken:
    path = site.pick("/etc/pki/tls/certs/ca-bundle.crt", "{config}/cacert.pem", "/etc/ssl/ca-bundle.pem", "empty")
    if path == "empty":
        step = sh(": > {config}/ca.pem; postconf -c {config} -e smtp_tls_CAfile={config}/ca.pem")
    else:
        step = sh(f"postconf -c {{config}} -e smtp_tls_CAfile={path}")
    # A restart: after a reload, master(8) goes on throttling an smtp process that died, for a minute.
    return Broken(breaks=(step,), restart=True, shows="disabling TLS support|not verified")


def _certificate(site: Site) -> Broken:
    assert site.relay
    kind, level = site.pick("expired", "selfsigned", "foreign", "unknown", "notyet"), site.pick("secure", "verify")
    server = Server(host=site.relay.host, manner=Manner(tls=kind))
    return Broken(breaks=(settings(smtp_tls_security_level=level),), servers=(server,), shows="not verified")


def _tls_level(site: Site) -> Broken:
    """One side demands TLS, the other does not speak it."""
    assert site.relay
    if site.port == 587 and site.pick(True, False):
        level = site.pick("none", None)
        change = settings(smtp_tls_security_level=level, smtp_use_tls="no" if level is None else None)
        return Broken(accept=("relay-requires-tls",), breaks=(change,), shows="status=bounced .*STARTTLS|uthentic")
    how = site.pick("absent", "refused", "503")
    manner = {
        "absent": Manner(starttls=False, needs_tls=False),
        "refused": Manner(replies={"STARTTLS": "454 4.7.0 TLS not available due to local problem"}),
        "503": Manner(replies={"STARTTLS": "454 4.3.0 TLS currently unavailable"}),
    }[how]
    return Broken(
        accept=("tls-required-not-offered",),
        breaks=(settings(smtp_tls_security_level="encrypt"),),
        servers=(Server(host=site.relay.host, manner=manner),),
        shows="status=deferred .*TLS",
    )


def _wrapper(site: Site) -> Broken:
    if site.port in (465, 2465):
        return Broken(breaks=(settings(smtp_tls_wrappermode=site.pick("no", None)),), shows="status=deferred")
    return Broken(breaks=(settings(smtp_tls_wrappermode="yes"),), shows="status=deferred")


def _login_missing(site: Site) -> Broken:
    """The relay wants a login; Postfix was not told to give one, or finds none."""
    if site.pick(True, False):
        return _map_missing(site)
    how = site.pick("off", "no", "nothing")
    values: dict[str, str | None] = {"smtp_sasl_auth_enable": "no" if how == "no" else None}
    if how == "nothing":
        values["smtp_sasl_password_maps"] = None
    return Broken(accept=("relay-auth-not-attempted",), breaks=(settings(**values),), shows=AUTH_WANTED)


def _map_missing(site: Site) -> Broken:
    accept = ("sasl-map-missing",)
    how = site.pick("parameter", "path", "table")
    if how == "parameter":
        return Broken(
            accept=accept, breaks=(settings(smtp_sasl_password_maps=None),), restart=True, shows="status=|fatal: "
        )
    kind = site.relay.kind if site.relay else "hash"
    if how == "path":
        wrong = site.pick("{config}/sasl/passwd", "{config}/sasl_password", "/etc/sasl_passwd")
        return Broken(accept=accept, breaks=(sh(f"postconf -c {{config}} -e smtp_sasl_password_maps={kind}:{wrong}"),))
    file = "{config}/sasl_passwd" + {"hash": ".db", "lmdb": ".lmdb"}.get(kind, "")
    return Broken(accept=accept, breaks=(sh("rm " + file),))


def _key(site: Site) -> Broken:
    assert site.relay
    host, port = site.relay.host, site.relay.port
    first, _, rest = host.partition(".")
    other = 2525 if port != 2525 else 587
    key = site.pick(f"[{host}]", f"{host}:{port}", f"[{host}]:{other}", f"[{first}2.{rest}]:{port}", f"[{host}:{port}]")
    return Broken(breaks=(site.login(key=key),), shows=AUTH_WANTED)


def _stale(site: Site) -> Broken:
    """The source was corrected, the table was not made anew."""
    assert site.relay
    kind = site.pick("hash", "lmdb")
    wrong = site.pick("password", "key")
    made = site.login(
        kind=kind, **({"password": "old-key-1"} if wrong == "password" else {"key": "[old.relay.example]:587"})
    )
    line = f"{site.relay.hop} lab-user:{SECRET}\n"
    age = site.rng.randint(2, 90) * 3600
    suffix = "db" if kind == "hash" else kind

    def correct(m: Machine) -> None:
        path = f"{m.config}/sasl_passwd"
        older(f"{path}.{suffix}", age)(m)
        m.write(path, line, 0o600)
        older(path, age / 2)(m)

    return Broken(breaks=(made, correct), shows="status=(deferred|bounced) .*(535|uthenticat)")


# (host pattern's end or "", reply): what the relay says to a wrong password
WRONG = (
    ("gmail.com", "535-5.7.8 Username and Password not accepted. For more information, go to\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials 5b1f17b1804b1 - gsmtp"),
    ("sendgrid.net", "535 Authentication failed: Bad username / password"),
    ("amazonaws.com", "535 Authentication Credentials Invalid"),
    ("mailgun.org", "535 5.7.0 Mailgun is not loving your login or password"),
    ("fastmail.com", "535 5.7.8 Incorrect username or password."),
    ("", "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6"),
    ("", "535 5.7.8 Authentication credentials invalid"),
    ("", "535 Incorrect authentication data"),
)  # fmt: skip


def _password(site: Site) -> Broken:
    assert site.relay
    if site.pick(True, False):
        return Broken(breaks=(site.login(password=site.pick("revoked-key", "Summer2019", "wrong")),), shows="535")
    own = [reply for end, reply in WRONG if end and site.relay.host.endswith(end)]
    reply = site.pick(*(own or [reply for end, reply in WRONG if not end]))
    return Broken(servers=(Server(host=site.relay.host, manner=Manner(replies={"AUTH": reply})),), shows="535")


def _excluded(site: Site) -> Broken:
    """No mechanism is left that both sides may use."""
    how = site.pick("noplaintext", "unset", "filter", "plugins")
    excluded = ("sasl-options-exclude-all",)
    if how == "plugins":
        gone = sh(
            "mkdir /root/kept; for f in "
            + site.pick("lib", "libplain libcrammd5 libdigestmd5 liblogin")
            + "; do mv /usr/lib/*/sasl2/$f* /root/kept/; done"
        )
        back = sh("mv /root/kept/* /usr/lib/*/sasl2/")
        return Broken(accept=("sasl-mechanism-missing",), breaks=(gone,), mends=(back,), shows="no mechanism|SASL")
    if how == "filter":
        only = site.pick("cram-md5", "digest-md5, cram-md5", "xoauth2")
        return Broken(accept=excluded, breaks=(settings(smtp_sasl_mechanism_filter=only),))
    if how == "unset":
        return Broken(accept=excluded, breaks=(settings(smtp_sasl_security_options=None),))
    value = site.pick("noplaintext, noanonymous", "noanonymous, noplaintext")
    change = settings(smtp_sasl_security_options=value, smtp_sasl_tls_security_options="$smtp_sasl_security_options")
    return Broken(accept=excluded, breaks=(change,))


def _exposed(site: Site) -> Broken:
    how = site.pick(
        "chmod 644 {config}/sasl_passwd", "chmod 644 {config}/sasl_passwd*", "chown www-data {config}/sasl_passwd"
    )
    return Broken(breaks=(sh(how),), shows="")


TROUBLES = (
    Trouble("ca-missing", ("tls-ca-bundle-missing",), _ca, signs_in),
    Trouble("relay-certificate", ("relay-certificate-invalid",), _certificate, signs_in),
    Trouble("tls-level", (), _tls_level, lambda s: signs_in(s) and s.port not in (465, 2465), kept=False),
    Trouble("wrapper", ("tls-wrapper-mismatch",), _wrapper, signs_in),
    Trouble("login-missing", (), _login_missing, signs_in, kept=False),
    Trouble("key-mismatch", ("sasl-key-mismatch",), _key, signs_in, kept=False),
    Trouble("map-stale", ("sasl-map-stale",), _stale, signs_in, kept=False),
    Trouble("password", ("relay-credentials-rejected",), _password, signs_in),
    Trouble("no-mechanism", (), _excluded, signs_in),
    Trouble("exposed", ("sasl-passwd-exposed",), _exposed, signs_in, companion=True),
)
