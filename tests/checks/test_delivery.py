"""The check of mail that settings hold back or keep."""

import json
from typing import Any

from checks.mail.delivery import delivery
from diagnose.check import Exec, Lookup, MailLog, Resolve
from diagnose.host.query import DnsReply, ExecReply, LogReply, MapReply, ResolveReply
from diagnose.model import Status
from tests.checks.pretended_postfix import failed, machine, of, run

OWN = {
    Exec(("ip", "-j", "addr")): ExecReply(
        code=0, out=json.dumps([{"addr_info": [{"local": "45.76.1.5", "scope": "global"}]}])
    )
}


def exchanger(domain: str, host: str, address: str) -> dict[Any, Any]:
    return {
        Lookup(domain, "MX"): DnsReply(rcode="NOERROR", answers=(f"10 {host}.",)),
        Resolve(host): ResolveReply(addresses=(address,)),
        **OWN,
    }


def test_plain_delivery() -> None:
    assert failed(run(delivery, machine(), "user@example.org")) == []


def test_deferred_transport() -> None:
    found = of(run(delivery, machine({"defer_transports": "smtp"}), "user@example.org"), "config.suspended")
    assert found[0].data["how"] == "defer"


def test_other_transport_deferred_is_fine() -> None:
    assert failed(run(delivery, machine({"defer_transports": "uucp"}), "user@example.org")) == []


def test_error_and_discard_by_default() -> None:
    for value, how in (("error:no mail from here", "error"), ("discard:", "discard")):
        found = of(run(delivery, machine({"default_transport": value}), "user@example.org"), "config.suspended")
        assert found[0].data["how"] == how


def test_exception_for_another_domain_is_fine() -> None:
    maps = {("hash:/etc/postfix/transport", "noise.example"): MapReply(found=True, value="discard:")}
    host = machine({"transport_maps": "hash:/etc/postfix/transport"}, maps=maps)
    assert failed(run(delivery, host, "user@example.org")) == []
    assert failed(run(delivery, host, "user@noise.example")) == ["config.suspended"]


def test_domain_kept_here_while_its_exchanger_is_elsewhere() -> None:
    host = machine(
        {"mydestination": "$myhostname, example.org"}, more=exchanger("example.org", "mx.example.org", "198.51.100.9")
    )
    found = of(run(delivery, host, "user@example.org"), "config.recipient-local")
    assert (failed(found), found[0].data["parameter"]) == (["config.recipient-local"], "mydestination")


def test_mail_server_for_its_own_domain_is_fine() -> None:
    host = machine(
        {"mydestination": "$myhostname, example.org"}, more=exchanger("example.org", "mx.example.org", "45.76.1.5")
    )
    assert failed(run(delivery, host, "user@example.org")) == []


def test_learns_the_domain_from_a_local_bounce() -> None:
    line = 'Nov 22 12:25:08 app postfix/local[2]: 0A5: to=<user@example.org>, relay=local, delay=0.1, dsn=5.1.1, status=bounced (unknown user: "user")'
    host = machine(
        {"mydestination": "example.org"}, log=(line,), more=exchanger("example.org", "mx.example.org", "198.51.100.9")
    )
    assert "config.recipient-local" in failed(run(delivery, host))


def test_a_host_that_is_named_as_its_mail_domain() -> None:
    """An address looked for in vain tells it; not that of a sender, whose bounce came back, nor mail that found its box."""
    sent = "Nov 22 12:25:07 app postfix/qmgr[2]: 0A5: from=<user@a.example.org>, size=9, nrcpt=1 (queue active)"
    line = "Nov 22 12:25:08 app postfix/local[2]: 0A5: to=<user@a.example.org>, relay=local, delay=0.1, dsn=5.1.1, status={}"
    nobody, box = line.format('bounced (unknown user: "user")'), line.format("sent (delivered to mailbox)")
    for log, wanted in (((nobody,), ["config.recipient-local"]), ((sent, nobody), []), ((box,), [])):
        more = exchanger("a.example.org", "mx.example.org", "198.51.100.9")
        host = machine({"myhostname": "a.example.org", "mydestination": "$myhostname"}, log=log, more=more)
        assert failed(of(run(delivery, host), "config.recipient-local")) == wanted, log


def test_learns_the_domain_from_what_smtpd_refused() -> None:
    """An application that hands in by SMTP sees no bounce: the recipient is refused at once."""
    said = "550 5.1.1 <user@example.org>: Recipient address rejected: User unknown in virtual mailbox table"
    line = f"Nov 22 12:25:08 app postfix/smtpd[2]: NOQUEUE: reject: RCPT from localhost[127.0.0.1]: {said}; from=<a@example.net> to=<user@example.org> proto=ESMTP helo=<app>"
    settings = {"virtual_mailbox_domains": "example.org", "virtual_transport": "virtual"}
    for address, wanted in (("198.51.100.9", ["config.recipient-local"]), ("45.76.1.5", [])):
        host = machine(settings, log=(line,), more=exchanger("example.org", "mx.example.org", address))
        assert failed(run(delivery, host)) == wanted


def test_mail_that_others_bring_for_a_domain_is_meant_for_this_host() -> None:
    """Behind a filtering service the MX is the service's, and it hands mail on; strangers alone may hold an old address."""
    there = exchanger("example.org", "mx1.filter-cloud.test", "198.51.100.9")
    settings = {"mydestination": "$myhostname, example.org"}
    log = (
        "Nov 25 12:00:00 app postfix/smtpd[7]: 4F00000001: client={client}",
        "Nov 25 12:00:01 app postfix/local[9]: 4F00000001: to=<eva@example.org>, relay=local, delay=0.1, dsn=2.0.0, status=sent (delivered to mailbox)",
    )
    for client, wanted in (
        ("out7.eu.filter-cloud.test[198.51.100.77]", Status.OK),
        ("mail.stranger.test[203.0.113.9]", Status.WARNING),
        ("unknown[203.0.113.9]", Status.WARNING),
        ("localhost[127.0.0.1]", Status.FAILED),
        ("printer.lan[192.168.1.20]", Status.FAILED),
        ("laptop.filter-cloud.test[203.0.113.9], sasl_method=PLAIN, sasl_username=eva", Status.FAILED),
    ):
        lines = tuple(line.format(client=client) for line in log)
        host = machine(settings, more={**there, MailLog(): LogReply(lines=lines)})
        found = of(run(delivery, host), "config.recipient-local")
        assert [each.status for each in found] == [wanted], client


def test_no_dns_is_unknown() -> None:
    host = machine({"mydestination": "example.org"}, more=OWN)
    assert failed(run(delivery, host, "user@example.org")) == []


def test_mail_server_behind_nat_is_not_accused_unless_its_users_are_unknown() -> None:
    private = {Exec(("ip", "-j", "addr")): ExecReply(code=0, out=json.dumps([{"addr_info": [{"local": "10.0.0.5"}]}]))}
    answers = {**exchanger("example.org", "mail.example.org", "45.76.1.9"), **private}
    host = machine({"mydestination": "$myhostname, example.org"}, more=answers)
    found = of(run(delivery, host, "user@example.org"), "config.recipient-local")
    assert [o.status for o in found] == [Status.WARNING]


def test_without_log_and_queue_the_domains_of_main_cf_are_compared() -> None:
    """As a hint only: mail may come in by a filter of another's, and be meant for this host."""
    elsewhere = {**OWN, **exchanger("brightwater.example", "mx.provider.example", "45.76.9.9")}
    unread = {MailLog(86_400.0): LogReply(problem="permission denied: /var/log/mail.log")}
    settings = {"mydestination": "$myhostname, localhost, brightwater.example"}
    kept = of(run(delivery, machine(settings, root=False, more={**elsewhere, **unread})), "config.recipient-local")
    assert [(o.subject, o.status) for o in kept] == [("brightwater.example", Status.WARNING)]
    seen = of(run(delivery, machine(settings, more=elsewhere)), "config.recipient-local")
    assert [o.status for o in seen] == [Status.OK]


THROWN = "Nov 25 12:00:00 app postfix/discard[9]: C6B: to=<you@elsewhere.test>, relay=none, delay=0, dsn=2.0.0, status=sent (load test)"


def test_mail_that_was_thrown_away_is_found_though_the_log_calls_it_sent() -> None:
    maps = {("pcre:/etc/postfix/t", "you@elsewhere.test"): MapReply(found=True, value="discard:load test")}
    host = machine({"transport_maps": "pcre:/etc/postfix/t"}, maps=maps, log=(THROWN,))
    (found,) = of(run(delivery, host), "config.suspended")
    assert (found.status, found.data["how"], found.data["domain"]) == (Status.FAILED, "discard", "elsewhere.test")


def test_a_discarded_copy_is_not_missed() -> None:
    """always_bcc into a transport that discards, beside the mail itself, which was delivered."""
    maps = {("hash:/etc/postfix/t", "elsewhere.test"): MapReply(found=True, value="discard:")}
    settings = {"transport_maps": "hash:/etc/postfix/t", "always_bcc": "you@elsewhere.test"}
    delivered = "Nov 25 12:00:00 app postfix/smtp[9]: C6B: to=<x@there.test>, relay=mx.test[192.0.2.9]:25, dsn=2.0.0, status=sent (250 ok)"
    host = machine(settings, maps=maps, log=(delivered, THROWN))
    assert failed(run(delivery, host)) == []


def test_all_mail_given_to_the_mailboxes_of_this_host() -> None:
    for transport, found in (("local:$myhostname", ["config.suspended"]), ("smtp", [])):
        assert failed(run(delivery, machine({"default_transport": transport}), "x@y.test")) == found


def test_a_filter_of_the_client_that_makes_a_later_a_never() -> None:
    line = "Nov 25 12:00:00 app postfix/smtp[9]: C6B: to=<x@y.test>, relay=mx.y.test[192.0.2.9]:25, dsn={}, status=bounced (host mx.y.test[192.0.2.9] said: {} greylisted (in reply to RCPT TO command))"
    settings = {"smtp_delivery_status_filter": "pcre:/etc/postfix/filter"}
    for dsn, code, found in (("5.2.0", "450 4.2.0", ["config.suspended"]), ("5.1.1", "550 5.1.1", [])):
        host = machine(settings, log=(line.format(dsn, code),))
        assert failed(run(delivery, host, "x@y.test")) == found


def test_a_mailbox_that_a_table_put_in_the_place_of_another_hosts_is_not_what_keeps_mail_here() -> None:
    line = "Nov 25 12:00:00 app postfix/local[9]: C6B: to=<staging@kept.test>, orig_to=<you@elsewhere.test>, relay=local, status=sent (delivered)"
    host = machine(
        {"mydestination": "kept.test"}, log=(line,), more=exchanger("kept.test", "mx.kept.test", "45.76.9.9")
    )
    assert of(run(delivery, host), "config.recipient-local")[0].status is Status.OK
