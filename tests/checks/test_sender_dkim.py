"""The check of DKIM: the signer's key against the DNS, a signer that is not asked, and who signs nothing."""

from __future__ import annotations

import base64

import pytest

from checks.mail.sender_dkim import sender_dkim
from diagnose.check import Exec, Glob
from diagnose.host.query import DnsReply, ExecReply, GlobReply, StatReply
from diagnose.model import Observation, Status
from tests.checks.pretended_network import World, network
from tests.checks.pretended_postfix import of, run
from tests.checks.test_sender_spf import REFUSED, SENT

# What openssl prints of two keys; the octets need not be a key's.
OWN, OTHER = (base64.b64encode(letter * 162).decode() for letter in (b"A", b"B"))
KEY = "/etc/dkimkeys/mail.private"
CONF = {"/etc/opendkim.conf": f"Domain sender.com\nSelector mail\nKeyFile {KEY}\nSocket inet:8891@localhost\n"}
ME = "www@sender.com"
NOTHING = Observation(sign="", status=Status.OK, subject="", summary="nothing told")
MILTERS = {"smtpd_milters": "inet:localhost:8891", "non_smtpd_milters": "$smtpd_milters"}


def commands(query: Exec) -> ExecReply:
    if query.argv[:4] == ("openssl", "pkey", "-in", KEY):
        return ExecReply(code=0, out=f"-----BEGIN PUBLIC KEY-----\n{OWN}\n-----END PUBLIC KEY-----\n")
    return ExecReply(problem=f"not found: {query.argv[0]}")


def seen(
    record: str | None,
    settings: dict[str, str] | None = None,
    files: dict[str, str] | None = None,
    log: tuple[str, ...] = SENT,
    readable: bool = True,
    sender: str | None = None,
    **places: str,
) -> Observation:
    records = {("mail._domainkey.sender.com", "TXT"): DnsReply(rcode="NOERROR", answers=(record,) if record else ())}
    records |= {
        (f"{name}._domainkey.sender.com", "TXT"): DnsReply(rcode="NOERROR", answers=(text,))
        for name, text in places.items()
    }
    host = network(
        World(records=records),
        settings,
        log=log,
        files=files,
        stats={KEY: StatReply(exists=True, kind="file")} if readable else {},
        commands=commands,
        more={Glob("/etc/amavis/conf.d/*"): GlobReply()},
    )
    (found,) = of(run(sender_dkim, host, None, sender), "sender.dkim") or [NOTHING]
    return found


@pytest.mark.parametrize(
    ("record", "status", "kind"),
    [
        (f"v=DKIM1; k=rsa; p={OWN}", "ok", None),
        (f"v=DKIM1; k=rsa; p={OTHER}", "failed", "mismatch"),
        (None, "failed", "missing"),
        ("v=DKIM1; k=rsa; p=", "failed", "revoked"),
        ("v=DKIM1; k=rsa; p=%", "failed", "syntax"),
        (f"v=DKIM1; t=y; p={OWN}", "warning", "testing"),
    ],
)
def test_the_key_of_the_milter(record: str | None, status: str, kind: str | None) -> None:
    found = seen(record, MILTERS, CONF)
    assert (found.status.word, found.data.get("kind")) == (status, kind)
    assert found.data["place"] == "mail._domainkey.sender.com"


def test_a_key_that_may_not_be_read_is_not_compared() -> None:
    found = seen(f"v=DKIM1; p={OTHER}", MILTERS, CONF, readable=False)
    assert found.status.word == "ok"
    assert "cannot be read here" in found.summary


def test_a_refusal_is_told() -> None:
    assert seen(None, MILTERS, CONF, REFUSED).data["refused"] is True


def test_mail_of_the_sendmail_command_passes_the_milter_by() -> None:
    found = seen(f"v=DKIM1; p={OWN}", {"smtpd_milters": "inet:localhost:8891"}, CONF)
    assert (found.status.word, found.data["kind"]) == ("warning", "not-for-commands")


def test_a_signer_that_nobody_asks() -> None:
    assert seen(None, None, CONF).data["kind"] == "not-asked"


def test_nothing_signs() -> None:
    assert (seen(None).status.word, seen(None).data["kind"]) == ("warning", "unsigned")


def test_a_milter_that_is_not_known_may_sign() -> None:
    assert seen(None, MILTERS) is NOTHING
    assert seen(None, MILTERS, sender=ME).status.word == "unknown"
    assert seen(None, MILTERS, log=REFUSED).status.word == "unknown"


def test_a_milter_for_something_else_beside_a_left_over_configuration() -> None:
    found = seen(None, {"smtpd_milters": "unix:/run/clamav/clamav-milter.ctl"}, CONF, sender=ME)
    assert found.status.word == "unknown"


def test_the_log_tells_the_selector() -> None:
    line = "Nov 22 14:00:00 app opendkim[77]: 4F1A300001: DKIM-Signature field added (s=new, d=sender.com)"
    found = seen(None, MILTERS, CONF, (*SENT, line), new=f"v=DKIM1; p={OTHER}")
    assert (found.status.word, found.data["selector"]) == ("ok", "new")


def test_a_relay_that_signs_with_the_domains_key() -> None:
    relay = {"relayhost": "[smtp.gmail.com]:587"}
    assert seen(None, relay, google=f"v=DKIM1; p={OTHER}").status.word == "ok"
    assert seen(None, relay) is NOTHING
    assert seen(None, relay, sender=ME).status.word == "unknown"
    assert seen(None, {**MILTERS, **relay}, CONF).status.word == "warning"
