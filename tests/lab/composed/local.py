"""Faults of Postfix and of the host that it runs on."""

from __future__ import annotations

from tests.lab.faults.g_host import SMALL_SPOOL
from tests.lab.machine import Machine
from tests.lab.steps import Step, append, mail, pause, replace, run, settings, write

from .bases import smtp_to
from .site import Broken, Site, Trouble, direct, owns_network, sh

APP = "/srv/portal/conf/mail.properties"


def _stopped(site: Site) -> Broken:
    how = site.pick("stop", "killed")
    kill = "kill -9 $(cat /var/spool/postfix/pid/master.pid); sleep 0.3; pkill -9 -x 'pickup|qmgr|tlsmgr|cleanup|smtp|postlogd|showq'; true"
    breaks = {"stop": run("postfix", "stop"), "killed": sh(kill)}[how]
    return Broken(breaks=(breaks,), mends=(run("postfix", "start"),), late=True, unread=True, shows="")


def _bad_value(site: Site) -> Broken:
    """A value that a program of Postfix will not read."""
    name, value = site.pick(
        ("smtp_sasl_auth_enable", "true"),
        ("smtp_use_tls", "ja"),
        ("smtp_tls_security_level", "on"),
        ("smtp_tls_security_level", "required"),
        ("smtp_connect_timeout", "10x"),
        ("smtp_destination_recipient_limit", "many"),
        ("smtp_address_preference", "ip4"),
    )
    return Broken(breaks=(settings(**{name: value}),), restart=True, shows="fatal")


def _transport(site: Site) -> Broken:
    """Mail is given to no transport, to one that is not there, or to this very host."""
    how = site.pick("commented", "unknown", "deferred", "error", "loop", "loop")
    if how == "commented":
        change = replace(f"{site.config}/master.cf", "\nsmtp      unix", "\n#smtp      unix")
        return Broken(accept=("smtp-transport-missing",), breaks=(change,), restart=True, shows="")
    if how == "unknown":
        name = site.pick("smarthost", "relay-out", "smtps")
        change = settings(default_transport=name)
        return Broken(accept=("smtp-transport-missing",), breaks=(change,), shows="")
    suspended = ("delivery-suspended-by-config",)
    if how == "deferred":
        return Broken(accept=suspended, breaks=(settings(defer_transports="smtp"),), shows="deferred transport")
    if how == "error":
        said = site.pick("error:outside mail is switched off", "retry:4.3.2 maintenance", "discard:staging")
        return Broken(accept=suspended, breaks=(settings(default_transport=said),), shows="status=|NOQUEUE: reject")
    me = site.pick("[127.0.0.1]", "[127.0.0.1]:25", "[127.0.0.1]:smtp")
    return Broken(accept=("mail-loops-back",), breaks=(settings(relayhost=me),), shows="loops back")


def _loops(site: Site) -> bool:
    # A null client and an out-going instance do not listen where they would meet themselves.
    return site.base in ("direct", "relay", "submission")


def _middle(site: Site) -> Broken:
    """Something that every message passes does not answer."""
    how, port = site.pick("filter", "milter", "milter-socket"), site.rng.randint(10020, 10099)
    if how == "filter":
        name = site.pick("smtp-amavis", "scan", "smtp")
        steps: tuple[Step, ...] = (settings(content_filter=f"{name}:[127.0.0.1]:{port}"),)
        if name != "smtp":
            steps = (append(f"{site.config}/master.cf", f"{name} unix - - y - 2 smtp\n"), *steps)
        return Broken(accept=("content-filter-down",), breaks=steps, restart=True, shows=f"status=deferred .*{port}")
    address = (
        f"inet:127.0.0.1:{port}"
        if how == "milter"
        else "unix:/" + site.pick("opendkim/opendkim", "rspamd/milter") + ".sock"
    )
    change = settings(smtpd_milters=address, non_smtpd_milters=address, milter_default_action="tempfail")
    return Broken(accept=("milter-down",), breaks=(change,), shows="ilter")


def _table(site: Site) -> Broken:
    """A table that every message is looked up in is broken, or of a kind that is not there."""
    name = site.pick("transport_maps", "sender_canonical_maps", "virtual_alias_maps", "recipient_canonical_maps")
    how = site.pick(
        "hash:{config}/table",
        "lmdb:{config}/table",
        "tcp:127.0.0.1:10001",
        "mysql:{config}/sql.cf",
        "hash2:{config}/table",
    )
    text = "old.example.net new.example.net\n"
    steps = (write(f"{site.config}/table", text), sh(f"postconf -c {{config}} -e {name}={how}"))
    broken = ("lookup-table-broken",) if how.split(":")[0] in ("hash", "lmdb", "tcp") else ("lookup-table-unsupported",)
    return Broken(accept=broken, breaks=steps, shows="")


def _spool(site: Site) -> Broken:
    how = site.pick("full", "owner", "maildrop")
    if how == "full":
        fill = "dd if=/dev/zero of={spool}/core bs=1k 2>/dev/null; true"
        make = SMALL_SPOOL.format(size=f"size={site.rng.randint(6, 9)}m").replace("/var/spool/postfix", "{spool}")
        return Broken(
            accept=("disk-full",),
            breaks=(sh(make), sh(fill)),
            mends=(sh("rm {spool}/core"),),
            submit=smtp_to,
            restart=True,
            shows="",
        )
    if how == "owner":
        make, mend = "chown root:root {spool}/incoming; chmod 700 {spool}/incoming", "chown postfix {spool}/incoming"
        return Broken(
            accept=("queue-permissions",), breaks=(sh(make),), mends=(sh(mend),), submit=smtp_to, restart=True, shows=""
        )
    return Broken(
        accept=("queue-permissions",),
        breaks=(sh("chgrp root /var/spool/postfix/maildrop; chmod 700 /var/spool/postfix/maildrop"),),
        mends=(sh("chgrp postdrop /var/spool/postfix/maildrop; chmod 1730 /var/spool/postfix/maildrop"),),
        submit=mail,
        shows="",
    )


def _refused(site: Site) -> Broken:
    """This Postfix refuses what the application hands over."""
    name, value = site.pick(
        ("smtpd_relay_restrictions", "permit_sasl_authenticated, reject_unauth_destination"),
        ("smtpd_sender_restrictions", "check_sender_access inline:{brightwater-labs.com=REJECT}"),
        ("smtpd_client_restrictions", "permit_sasl_authenticated, reject"),
        ("smtpd_helo_restrictions", "reject_non_fqdn_helo_hostname"),
        ("mynetworks", "10.44.0.0/16"),
    )
    extra = {"smtpd_helo_required": "yes"} if "helo" in name else {}
    return Broken(breaks=(settings(**{name: value}, **extra),), submit=smtp_to, shows="NOQUEUE: reject")


def _local_domain(site: Site) -> Broken:
    """The recipient's domain is taken for one of this host's own."""
    how = site.pick("mydestination", "virtual_mailbox_domains", "virtual_alias_domains")
    if how == "mydestination":
        step = sh("postconf -c {config} -e 'mydestination=localhost, " + site.domain + "'")
    else:
        known = f"inline:{{{{sales@{site.domain}=root@localhost}}}}"
        users = "virtual_alias_maps" if "alias" in how else "virtual_mailbox_maps"
        step = settings(**{how: site.domain, users: known, "virtual_mailbox_base": "/var/mail"})
    return Broken(breaks=(step,), shows="status=bounced|NOQUEUE: reject")


def _held(site: Site) -> Broken:
    """Mail from before was put on hold and forgotten."""

    def hold(m: Machine) -> None:
        m.postconf(defer_transports="smtp, relay")
        m.run("postfix", "reload")
        for _ in range(site.rng.randint(2, 4)):
            site.submit(site.to)(m)
        m.run("sh", "-c", "sleep 1")
        m.run("postsuper", "-c", m.config, "-h", "ALL")
        m.postconf(defer_transports=None)
        m.run("postfix", "reload")

    return Broken(breaks=(hold, pause(0.3)), late=True, shows="")


def _application(site: Site) -> Broken:
    """The application dials a port of this host on which nothing listens."""
    port = site.pick(2525, 1025, 10587)
    text = f"mail.smtp.host={site.pick('localhost', '127.0.0.1')}\nmail.smtp.port={port}\nmail.smtp.auth=false\n"
    return Broken(breaks=(write(APP, text),), args=("--app-config", APP), shows="")


TROUBLES = (
    Trouble("stopped", ("postfix-not-running",), _stopped, lambda s: s.base not in ("container", "multi-instance")),
    Trouble("bad-value", ("postfix-config-error",), _bad_value, enters=False),
    Trouble("transport", (), _transport, _loops, kept=False),
    Trouble("middle", (), _middle, enters=False, kept=False),
    Trouble("table", (), _table, enters=False),
    Trouble("spool", (), _spool, lambda s: s.base in ("direct", "relay", "null-client"), enters=False, kept=False),
    Trouble("refused", ("submission-rejected",), _refused, lambda s: s.base in ("direct", "relay", "null-client"), enters=False, fresh=False, kept=False),
    Trouble("local-domain", ("recipient-domain-local",), _local_domain, lambda s: direct(s) and s.base != "multi-instance", enters=False, fresh=False, kept=False),
    Trouble("held", ("mail-on-hold",), _held, companion=True),
    Trouble("application", ("smtp-listener-missing",), _application, owns_network, companion=True),
)  # fmt: skip
