"""Faults of the login at the relay: maps, keys, mechanisms."""

from __future__ import annotations

from tests.lab.fault import Fault
from tests.lab.internet.world import Manner, Server, World
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
    Fault(
        id="sasl-off",
        accept=("relay-auth-not-attempted",),
        about="a relay that wants a login; SASL was never switched on",
        setup=(relay(smtp_sasl_auth_enable=None),),
        shows=AUTH_WANTED,
    ),
    Fault(
        id="sasl-nothing-set",
        accept=("relay-auth-not-attempted",),
        about="only relayhost was set",
        setup=(settings(relayhost="[smtp.sendgrid.net]:587"),),
        shows=AUTH_WANTED,
    ),
    Fault(
        id="sasl-map-parameter-missing",
        accept=MISSING,
        about="SASL on, no map named",
        setup=(relay(smtp_sasl_password_maps=None),),
        shows="(no SASL|status=|fatal)",
    ),
    Fault(
        id="sasl-map-never-compiled",
        accept=MISSING,
        about="sasl_passwd was written, postmap never run",
        setup=(relay(compile_map=False),),
        shows="status=deferred .*local data error",
    ),
    Fault(
        id="sasl-map-path-wrong",
        accept=MISSING,
        about="the map's path is misspelt",
        setup=(relay(smtp_sasl_password_maps="hash:/etc/postfix/sasl/passwd"),),
        shows="status=deferred .*local data error",
    ),
    Fault(
        id="sasl-texthash-missing",
        accept=MISSING,
        about="texthash without its file",
        setup=(relay("smtp.gmail.com", kind="texthash"), shell("rm /etc/postfix/sasl_passwd")),
        shows="status=deferred .*local data error",
    ),
    Fault(
        id="sasl-map-stale",
        accept=STALE,
        about="the password was corrected, postmap forgotten",
        setup=(relay(), changed_password()),
        shows="status=deferred .*535",
    ),
    Fault(
        id="sasl-map-stale-lmdb",
        accept=STALE,
        about="the same with lmdb",
        setup=(relay(kind="lmdb"), changed_password("lmdb")),
        shows="status=deferred .*535",
    ),
    Fault(
        id="sasl-map-stale-key-added",
        accept=STALE,
        about="the relay's line was added after postmap ran",
        setup=(
            relay(line="[smtp.gmail.com]:587 someone@gmail.com:abcd"),
            older("/etc/postfix/sasl_passwd.db", 9000),
            append("/etc/postfix/sasl_passwd", ENTRY + SECRET + "\n"),
            older("/etc/postfix/sasl_passwd", 4000),
        ),
        shows=AUTH_WANTED,
    ),
    Fault(
        id="sasl-key-no-port",
        accept=KEY,
        about="the key lacks the port",
        setup=(relay(key="[smtp.mandrillapp.com]"),),
        shows=AUTH_WANTED,
    ),
    Fault(
        id="sasl-key-no-brackets",
        accept=KEY,
        about="the key lacks the brackets",
        setup=(relay("smtp.sendgrid.net", key="smtp.sendgrid.net:587"),),
        shows=AUTH_WANTED,
    ),
    Fault(
        id="sasl-key-other-host",
        accept=KEY,
        about="the key names the provider's other host",
        setup=(relay("smtp.eu.mailgun.org", key="[smtp.mailgun.org]:587"),),
        shows=AUTH_WANTED,
    ),
    Fault(
        id="sasl-key-other-port",
        accept=KEY,
        about="the relay moved to 2525, the key did not",
        setup=(relay("smtp.sendgrid.net", 2525, key="[smtp.sendgrid.net]:587"),),
        shows=AUTH_WANTED,
    ),
    Fault(
        id="sasl-passwd-trailing-backslash",
        accept=(*MALFORMED, "config-paste-artifact"),
        about="the documented line with its backslash: both causes tell of the pasted backslash",
        setup=(relay(line=ENTRY + SECRET + "\\"),),
        shows="status=deferred .*535",
    ),
    Fault(
        id="sasl-passwd-quoted",
        accept=MALFORMED,
        about="user and password in quotes",
        setup=(relay(line=f'[smtp.mandrillapp.com]:587 "lab-user:{SECRET}"'),),
        shows="status=deferred .*535",
    ),
    Fault(
        id="sasl-passwd-no-colon",
        accept=MALFORMED,
        about="user and password separated by a blank",
        setup=(relay(line=f"[smtp.mandrillapp.com]:587 lab-user {SECRET}"),),
        shows="status=deferred",
    ),
    Fault(
        id="sasl-passwd-no-user",
        accept=MALFORMED,
        about="the user is empty",
        setup=(relay(line=f"[smtp.mandrillapp.com]:587 :{SECRET}"),),
        shows="status=deferred .*(generic failure|SASL)",
    ),
    Fault(
        id="sasl-passwd-readable",
        accept=("sasl-passwd-exposed",),
        about="the password file is readable by everyone",
        setup=(relay(mode=0o644),),
        shows="status=sent",
    ),
    Fault(
        id="sasl-passwd-db-readable",
        accept=("sasl-passwd-exposed",),
        about="only the compiled table is readable",
        setup=(relay(), shell("chmod 644 /etc/postfix/sasl_passwd.db")),
        shows="status=sent",
    ),
    Fault(
        id="sasl-passwd-owned-by-user",
        accept=("sasl-passwd-exposed",),
        about="the file belongs to www-data",
        setup=(relay(), shell("chown www-data /etc/postfix/sasl_passwd")),
        shows="status=sent",
    ),
    Fault(
        id="sasl-plugins-missing",
        accept=MECHANISM,
        about="libsasl2-modules is not installed",
        setup=(
            relay(),
            shell(
                "rm -f /usr/lib/*/sasl2/liblogin* /usr/lib/*/sasl2/libplain* /usr/lib/*/sasl2/libcrammd5*"
                " /usr/lib/*/sasl2/libdigestmd5*"
            ),
        ),
        shows="status=deferred .*no mechanism available",
    ),
    Fault(
        id="sasl-plugins-missing-gmail",
        accept=MECHANISM,
        about="the whole plug-in folder is gone",
        setup=(relay("smtp.gmail.com"), shell("rm -rf /usr/lib/*/sasl2")),
        shows="status=deferred .*no mechanism available",
    ),
    Fault(
        id="sasl-noplaintext",
        accept=EXCLUDED,
        about="noplaintext stands although TLS protects",
        setup=(
            relay(
                smtp_sasl_security_options="noplaintext, noanonymous",
                smtp_sasl_tls_security_options="noplaintext, noanonymous",
            ),
        ),
        shows="status=deferred .*no mechanism available",
    ),
    Fault(
        id="sasl-default-options",
        accept=EXCLUDED,
        about="the default security options, no TLS options either",
        setup=(relay(smtp_sasl_security_options=None),),
        shows="status=deferred .*no mechanism available",
    ),
    Fault(
        id="sasl-mechanism-filter",
        accept=EXCLUDED,
        about="the filter allows only CRAM-MD5",
        setup=(relay(smtp_sasl_mechanism_filter="cram-md5"),),
        shows="status=deferred .*no compatible authentication",
    ),
    Fault(
        id="sasl-server-xoauth2-only",
        accept=EXCLUDED,
        about="the server offers XOAUTH2 alone",
        world=World(servers=(Server(host="smtp.rhein-mail.de", manner=Manner(auth=("XOAUTH2",))),)),
        setup=(relay("smtp.rhein-mail.de"),),
        shows="status=deferred .*no mechanism available",
    ),
    Fault(
        id="map-type-btree2",
        accept=TYPE,
        about="a map type that does not exist",
        setup=(relay(smtp_sasl_password_maps="hash2:/etc/postfix/sasl_passwd"),),
        shows="status=deferred .*local data error",
    ),
    Fault(
        id="map-type-lmdb-module-gone",
        accept=TYPE,
        about="lmdb: without its module",
        setup=(
            relay(kind="lmdb"),
            shell(
                "rm -f /usr/lib/postfix/postfix-lmdb.so /etc/postfix/dynamicmaps.cf.d/lmdb*;"
                " sed -i /lmdb/d /etc/postfix/dynamicmaps.cf"
            ),
        ),
        shows="status=deferred .*local data error",
    ),
    Fault(
        id="map-type-mysql",
        accept=TYPE,
        about="mysql: without postfix-mysql",
        setup=(
            write("/etc/postfix/mysql-sasl.cf", "hosts = 127.0.0.1\nuser = postfix\ndbname = mail\n", 0o640),
            relay(smtp_sasl_password_maps="mysql:/etc/postfix/mysql-sasl.cf"),
        ),
        shows="status=deferred .*local data error",
    ),
    Fault(
        id="aliases-db-missing",
        accept=("lookup-table-broken",),
        about="aliases.db was lost",
        setup=(shell("rm /etc/aliases.db"),),
        then=(mail("root@localhost", user="root"),),
        shows="status=deferred .*alias database unavailable",
    ),
    Fault(
        id="transport-map-missing",
        accept=("lookup-table-broken",),
        about="transport_maps names a table that was never made",
        setup=(
            write("/etc/postfix/transport", "example.net smtp:[mail.example.net]\n"),
            settings(transport_maps="hash:/etc/postfix/transport"),
        ),
        shows="(transport_maps lookup failure|open database /etc/postfix/transport.db)",
    ),
    Fault(
        id="virtual-regexp-broken",
        accept=("lookup-table-broken",),
        about="sender_canonical by TCP table that is down",
        setup=(settings(sender_canonical_maps="tcp:127.0.0.1:10001"),),
        shows="(tcp:127.0.0.1:10001|connect to TCP map)",
    ),
)
