"""Faults of the login at the relay: maps, keys, mechanisms."""

from __future__ import annotations

from tests.lab.fault import fault
from tests.lab.internet.world import one_server
from tests.lab.machine import SECRET
from tests.lab.steps import Step, append, mail, older, relay, settings, shell, write

MISSING = ("sasl-map-missing",)
STALE = ("sasl-map-stale",)
KEY = ("sasl-key-mismatch",)
MALFORMED = ("sasl-passwd-malformed",)
MECHANISM = ("sasl-mechanism-missing",)
EXCLUDED = ("sasl-options-exclude-all",)
TYPE = ("lookup-table-unsupported",)

ENTRY = "[smtp.mandrillapp.com]:587 lab-user:"
AUTH_WANTED = "status=bounced .*(uthentication [rR]equired|not authenticated|Unauthenticated senders)"


def changed_password(kind: str = "hash") -> Step:
    """The table was made from a wrong password; the source was corrected since, an hour later."""

    def step(m) -> None:  # type: ignore[no-untyped-def]
        m.write("/etc/postfix/sasl_passwd", ENTRY + "old-key-1\n", 0o600)
        m.run("postmap", f"{kind}:/etc/postfix/sasl_passwd")
        older(f"/etc/postfix/sasl_passwd.{'db' if kind == 'hash' else kind}", 7200)(m)
        m.write("/etc/postfix/sasl_passwd", ENTRY + SECRET + "\n", 0o600)
        older("/etc/postfix/sasl_passwd", 3600)(m)

    return step


FAULTS = (
    fault(
        "sasl-off",
        "relay-auth-not-attempted",
        "a relay that wants a login; SASL was never switched on",
        relay(smtp_sasl_auth_enable=None),
        shows=AUTH_WANTED,
    ),
    fault(
        "sasl-nothing-set",
        "relay-auth-not-attempted",
        "only relayhost was set",
        settings(relayhost="[smtp.sendgrid.net]:587"),
        shows=AUTH_WANTED,
    ),
    fault(
        "sasl-map-parameter-missing",
        MISSING,
        "SASL on, no map named",
        relay(smtp_sasl_password_maps=None),
        shows="(no SASL|status=|fatal)",
    ),
    fault(
        "sasl-map-never-compiled",
        MISSING,
        "sasl_passwd was written, postmap never run",
        relay(compile_map=False),
        shows="status=deferred .*local data error",
    ),
    fault(
        "sasl-map-path-wrong",
        MISSING,
        "the map's path is misspelt",
        relay(smtp_sasl_password_maps="hash:/etc/postfix/sasl/passwd"),
        shows="status=deferred .*local data error",
    ),
    fault(
        "sasl-texthash-missing",
        MISSING,
        "texthash without its file",
        relay("smtp.gmail.com", kind="texthash"),
        shell("rm /etc/postfix/sasl_passwd"),
        shows="status=deferred .*local data error",
    ),
    fault(
        "sasl-map-stale",
        STALE,
        "the password was corrected, postmap forgotten",
        relay(),
        changed_password(),
        shows="status=deferred .*535",
    ),
    fault(
        "sasl-map-stale-lmdb",
        STALE,
        "the same with lmdb",
        relay(kind="lmdb"),
        changed_password("lmdb"),
        shows="status=deferred .*535",
    ),
    fault(
        "sasl-map-stale-key-added",
        STALE,
        "the relay's line was added after postmap ran",
        relay(line="[smtp.gmail.com]:587 someone@gmail.com:abcd"),
        older("/etc/postfix/sasl_passwd.db", 9000),
        append("/etc/postfix/sasl_passwd", ENTRY + SECRET + "\n"),
        older("/etc/postfix/sasl_passwd", 4000),
        shows=AUTH_WANTED,
    ),
    fault(
        "sasl-key-no-port",
        KEY,
        "the key lacks the port",
        relay(key="[smtp.mandrillapp.com]"),
        shows=AUTH_WANTED,
    ),
    fault(
        "sasl-key-no-brackets",
        KEY,
        "the key lacks the brackets",
        relay("smtp.sendgrid.net", key="smtp.sendgrid.net:587"),
        shows=AUTH_WANTED,
    ),
    fault(
        "sasl-key-other-host",
        KEY,
        "the key names the provider's other host",
        relay("smtp.eu.mailgun.org", key="[smtp.mailgun.org]:587"),
        shows=AUTH_WANTED,
    ),
    fault(
        "sasl-key-other-port",
        KEY,
        "the relay moved to 2525, the key did not",
        relay("smtp.sendgrid.net", 2525, key="[smtp.sendgrid.net]:587"),
        shows=AUTH_WANTED,
    ),
    fault(
        "sasl-passwd-trailing-backslash",
        (*MALFORMED, "config-paste-artifact"),
        "the documented line with its backslash: both causes tell of the pasted backslash",
        relay(line=ENTRY + SECRET + "\\"),
        shows="status=deferred .*535",
    ),
    fault(
        "sasl-passwd-quoted",
        MALFORMED,
        "user and password in quotes",
        relay(line=f'[smtp.mandrillapp.com]:587 "lab-user:{SECRET}"'),
        shows="status=deferred .*535",
    ),
    fault(
        "sasl-passwd-no-colon",
        MALFORMED,
        "user and password separated by a blank",
        relay(line=f"[smtp.mandrillapp.com]:587 lab-user {SECRET}"),
        shows="status=deferred",
    ),
    fault(
        "sasl-passwd-no-user",
        MALFORMED,
        "the user is empty",
        relay(line=f"[smtp.mandrillapp.com]:587 :{SECRET}"),
        shows="status=deferred .*(generic failure|SASL)",
    ),
    fault(
        "sasl-passwd-readable",
        "sasl-passwd-exposed",
        "the password file is readable by everyone",
        relay(mode=0o644),
        shows="status=sent",
    ),
    fault(
        "sasl-passwd-db-readable",
        "sasl-passwd-exposed",
        "only the compiled table is readable",
        relay(),
        shell("chmod 644 /etc/postfix/sasl_passwd.db"),
        shows="status=sent",
    ),
    fault(
        "sasl-passwd-owned-by-user",
        "sasl-passwd-exposed",
        "the file belongs to www-data",
        relay(),
        shell("chown www-data /etc/postfix/sasl_passwd"),
        shows="status=sent",
    ),
    fault(
        "sasl-plugins-missing",
        MECHANISM,
        "libsasl2-modules is not installed",
        relay(),
        shell(
            "rm -f /usr/lib/*/sasl2/liblogin* /usr/lib/*/sasl2/libplain* /usr/lib/*/sasl2/libcrammd5*"
            " /usr/lib/*/sasl2/libdigestmd5*"
        ),
        shows="status=deferred .*no mechanism available",
    ),
    fault(
        "sasl-plugins-missing-gmail",
        MECHANISM,
        "the whole plug-in folder is gone",
        relay("smtp.gmail.com"),
        shell("rm -rf /usr/lib/*/sasl2"),
        shows="status=deferred .*no mechanism available",
    ),
    fault(
        "sasl-noplaintext",
        EXCLUDED,
        "noplaintext stands although TLS protects",
        relay(
            smtp_sasl_security_options="noplaintext, noanonymous",
            smtp_sasl_tls_security_options="noplaintext, noanonymous",
        ),
        shows="status=deferred .*no mechanism available",
    ),
    fault(
        "sasl-default-options",
        EXCLUDED,
        "the default security options, no TLS options either",
        relay(smtp_sasl_security_options=None),
        shows="status=deferred .*no mechanism available",
    ),
    fault(
        "sasl-mechanism-filter",
        EXCLUDED,
        "the filter allows only CRAM-MD5",
        relay(smtp_sasl_mechanism_filter="cram-md5"),
        shows="status=deferred .*no compatible authentication",
    ),
    fault(
        "sasl-server-xoauth2-only",
        EXCLUDED,
        "the server offers XOAUTH2 alone",
        relay("smtp.rhein-mail.de"),
        world=one_server("smtp.rhein-mail.de", auth=("XOAUTH2",)),
        shows="status=deferred .*no mechanism available",
    ),
    fault(
        "map-type-btree2",
        TYPE,
        "a map type that does not exist",
        relay(smtp_sasl_password_maps="hash2:/etc/postfix/sasl_passwd"),
        shows="status=deferred .*local data error",
    ),
    fault(
        "map-type-lmdb-module-gone",
        TYPE,
        "lmdb: without its module",
        relay(kind="lmdb"),
        shell(
            "rm -f /usr/lib/postfix/postfix-lmdb.so /etc/postfix/dynamicmaps.cf.d/lmdb*;"
            " sed -i /lmdb/d /etc/postfix/dynamicmaps.cf"
        ),
        shows="status=deferred .*local data error",
    ),
    fault(
        "map-type-mysql",
        TYPE,
        "mysql: without postfix-mysql",
        write("/etc/postfix/mysql-sasl.cf", "hosts = 127.0.0.1\nuser = postfix\ndbname = mail\n", 0o640),
        relay(smtp_sasl_password_maps="mysql:/etc/postfix/mysql-sasl.cf"),
        shows="status=deferred .*local data error",
    ),
    fault(
        "aliases-db-missing",
        "lookup-table-broken",
        "aliases.db was lost",
        shell("rm /etc/aliases.db"),
        then=(mail("root@localhost", user="root"),),
        shows="status=deferred .*alias database unavailable",
    ),
    fault(
        "transport-map-missing",
        "lookup-table-broken",
        "transport_maps names a table that was never made",
        write("/etc/postfix/transport", "example.net smtp:[mail.example.net]\n"),
        settings(transport_maps="hash:/etc/postfix/transport"),
        shows="(transport_maps lookup failure|open database /etc/postfix/transport.db)",
    ),
    fault(
        "virtual-regexp-broken",
        "lookup-table-broken",
        "sender_canonical by TCP table that is down",
        settings(sender_canonical_maps="tcp:127.0.0.1:10001"),
        shows="(tcp:127.0.0.1:10001|connect to TCP map)",
    ),
)
