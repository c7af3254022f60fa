"""The check of rewritten recipients."""

import pytest

from checks.postfix.rewriting import rewriting
from diagnose.check import Lookup
from diagnose.host.query import DnsReply, MapReply
from diagnose.knowledge.smtp import OWN_HELO
from diagnose.model import Status
from tests.checks.pretended_postfix import failed, machine, of, run

TO = "user@example.org"
USE = {"virtual_alias_maps": "hash:/etc/postfix/virtual"}


def answer(key: str, value: str) -> dict[tuple[str, str], MapReply]:
    return {("hash:/etc/postfix/virtual", key): MapReply(found=True, value=value)}


def test_not_rewritten() -> None:
    assert failed(run(rewriting, machine(USE), TO)) == []


def test_address_and_whole_domain() -> None:
    for key in (TO, "@example.org"):
        assert failed(run(rewriting, machine(USE, maps=answer(key, "dev@example.com")), TO)) == ["config.rewritten"]


def test_copy_beside_the_recipient_is_a_note() -> None:
    assert failed(run(rewriting, machine(USE, maps=answer(TO, f"{TO}, archive@example.com")), TO)) == []


def test_alias_of_an_own_domain_is_a_note() -> None:
    host = machine({**USE, "virtual_alias_domains": "example.org"}, maps=answer(TO, "dev@example.com"))
    assert [o.status for o in of(run(rewriting, host, TO), "config.rewritten")] == [Status.WARNING]


def test_a_pattern_that_takes_every_domain_makes_none_an_own_one() -> None:
    """virtual_alias_domains is $virtual_alias_maps by default."""
    catch = "regexp:/etc/postfix/catch"
    settings = {"virtual_alias_maps": catch}
    keys = (TO, "example.org", f"postmaster@{OWN_HELO}")
    for caught, wanted in ((keys, ["config.rewritten"]), (keys[:2], [])):
        maps = {(catch, key): MapReply(found=True, value="root@localhost") for key in caught}
        assert failed(run(rewriting, machine(settings, maps=maps), TO)) == wanted


def test_an_address_of_the_own_name_that_an_entry_forwards() -> None:
    """A team's address is meant to go on; a whole domain is not."""
    own, team = {**USE, "myorigin": "example.org"}, "team@example.org"
    for key, status in ((team, Status.WARNING), ("@example.org", Status.FAILED)):
        host = machine(own, maps=answer(key, "dev@example.com"), log=(_sent("dev@example.com", "4A1B2C3D4E", team),))
        assert {o.status for o in of(run(rewriting, host, team), "config.rewritten")} == {status}


def test_what_the_client_itself_rewrites() -> None:
    """smtp_generic_maps takes recipients as well; the log shows them as they were, and of this host's own it is meant."""
    taken = "Nov 25 12:00:00 app postfix/smtp[9]: 4A1: to=<{}>, relay=mx.test[192.0.2.9]:25, delay=0, dsn=2.0.0, status=sent (250 ok)"
    for to, found in ((TO, ["config.rewritten"]), ("root@app.example.com", [])):
        host = machine(
            {"smtp_generic_maps": "static:me@isp.test", "myhostname": "app.example.com"}, log=(taken.format(to),)
        )
        assert failed(run(rewriting, host)) == found


def test_static_map_takes_everything() -> None:
    assert failed(run(rewriting, machine({"virtual_alias_maps": "static:dev@example.com"}), TO)) == ["config.rewritten"]


def test_the_log_shows_it() -> None:
    line = f"Nov 22 12:25:19 a postfix/local[2]: 06: to=<x@localhost>, orig_to=<{TO}>, relay=local, delay=0.2, dsn=2.0.0, status=sent (delivered to file: /dev/null)"
    assert failed(run(rewriting, machine(log=(line,)), TO)) == ["config.rewritten"]


def test_table_that_cannot_be_asked_is_unknown() -> None:
    host = machine(
        USE, maps={("hash:/etc/postfix/virtual", TO): MapReply(problem="permission denied: only root may read it")}
    )
    assert [o.status for o in of(run(rewriting, host, TO), "config.rewritten")] == [Status.UNKNOWN]


ALIASED = "Nov 25 12:00:00 app postfix/local[9]: C6B: to=<staging@app.test>, orig_to=<you@elsewhere.test>, relay=local, delay=0, dsn=2.0.0, status=sent (delivered)"


def test_mail_that_a_table_keeps_here_is_missed_by_whom_it_was_written_to() -> None:
    """The log calls it sent, so that no failure names the recipient."""
    maps = {("regexp:/etc/postfix/v", "you@elsewhere.test"): MapReply(found=True, value="staging@app.test")}
    host = machine({"virtual_alias_maps": "regexp:/etc/postfix/v"}, maps=maps, log=(ALIASED,))
    found = [o for o in run(rewriting, host) if o.status is Status.FAILED]
    assert {o.data["recipient"] for o in found} == {"you@elsewhere.test"}


def _sent(to: str, queue_id: str, orig: str = "") -> str:
    rewritten = f" orig_to=<{orig}>," if orig else ""
    return f"Nov 25 12:00:00 app postfix/smtp[9]: {queue_id}: to=<{to}>,{rewritten} relay=mx.test[192.0.2.9]:25, delay=0, dsn=2.0.0, status=sent (250 ok)"


@pytest.mark.parametrize(
    ("log", "rcode", "wanted"),
    [
        ((_sent("dev@own.test", "C6B", TO),), "NOERROR", ["config.rewritten"]),  # a catch-all left from a test
        ((_sent("dev@own.test", "C6B", TO),), "NXDOMAIN", []),  # a name of the LAN, rewritten to one that is real
        ((_sent("u.ser@example.org", "C6B", TO),), "NOERROR", []),
        ((_sent(TO, "C6B"), _sent("archive@own.test", "C6B", TO)), "NOERROR", []),  # a copy
        ((_sent(TO, "C6A"), _sent("dev@own.test", "C6B", TO)), "NOERROR", ["config.rewritten"]),
        ((_sent("dev@own.test", "C6B", TO), _sent(TO, "C6C")), "NOERROR", []),  # mended since
    ],
)
def test_mail_that_a_table_sends_to_another_host(log: tuple[str, ...], rcode: str, wanted: list[str]) -> None:
    reply = DnsReply(rcode=rcode, answers=("10 mx.example.org.",) if rcode == "NOERROR" else ())
    host = machine(log=log, more={Lookup("example.org", "MX"): reply})
    assert failed(run(rewriting, host)) == wanted
