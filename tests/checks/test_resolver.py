"""The check of this host's name servers."""

from typing import Any

import pytest

from checks.network.resolver import resolver
from diagnose.check import Lookup
from diagnose.host.query import DnsReply, StatReply
from diagnose.model import Status
from tests.checks.pretended_postfix import MASTER, machine, of, run

FIRST, SECOND = "192.0.2.1", "192.0.2.2"
TWO = f"nameserver {FIRST}\nnameserver {SECOND}\n"
GOOD, NOTHING = DnsReply(rcode="NOERROR", answers=("192.0.2.9",)), DnsReply(rcode="NXDOMAIN")
CUT = DnsReply(problem="its answer does not fit UDP, and over TCP: no answer", truncated=True)
FREE = MASTER.replace("smtp       unix  -       -       y", "smtp       unix  -       -       n")


def told(
    replies: dict[str, DnsReply],
    mx: DnsReply = GOOD,
    master: str = MASTER,
    settings: Any = None,
    more_files: Any = None,
    **more: Any,
) -> Any:
    """The kind of what is wrong, None where nothing is."""
    kinds: dict[Any, Any] = {Lookup: lambda q: mx if q.rtype == "MX" else replies[q.server]}
    files = {"/etc/resolv.conf": TWO, "/etc/nsswitch.conf": "hosts: files\n", **(more_files or {})}
    host = machine(settings, master=master, files=files, by_kind=kinds, **more)
    (found,) = of(run(resolver, host, "user@example.org"), "dns.resolver")
    return found.data["kind"] if found.status is Status.FAILED else None


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [(GOOD, GOOD, None), (NOTHING, GOOD, "differ"), (GOOD, NOTHING, None), (NOTHING, NOTHING, None), (DnsReply(problem="no answer"), GOOD, None),
     (DnsReply(problem="no answer"), DnsReply(problem="no answer"), "silent")],
)  # fmt: skip
def test_the_first_that_answers_is_believed(first: DnsReply, second: DnsReply, kind: str | None) -> None:
    assert told({FIRST: first, SECOND: second}) == kind


def test_an_answer_too_long_for_udp() -> None:
    assert told({FIRST: GOOD, SECOND: GOOD}, mx=CUT) == "tcp"


def test_a_server_that_knows_no_mx_records() -> None:
    assert told({FIRST: GOOD, SECOND: GOOD}, mx=DnsReply(rcode="SERVFAIL")) == "rcode"
    assert told({FIRST: GOOD, SECOND: GOOD}, mx=DnsReply(rcode="NODATA")) is None


def test_answers_that_come_later_than_resolv_conf_waits() -> None:
    slow = DnsReply(rcode="NOERROR", answers=("192.0.2.9",), seconds=1.5)
    for options, kind in (("timeout:1 attempts:1", "slow"), ("timeout:1 attempts:2", None), ("ndots:1", None)):
        files = {"/etc/resolv.conf": f"{TWO}options {options}\n"}
        assert told({FIRST: slow, SECOND: slow}, more_files=files) == kind


def test_what_only_root_may_read() -> None:
    """smtp(8) outside a chroot reads the host's own files as Postfix's user."""
    for mode, master, kind in ((0o600, FREE, "view"), (0o644, FREE, None), (0o600, MASTER, None)):
        stats = {"/etc/resolv.conf": StatReply(exists=True, kind="file", mode=mode, owner="root", group="root")}
        assert told({FIRST: GOOD, SECOND: GOOD}, master=master, stats=stats) == kind


def test_a_hosts_file_that_only_root_may_read() -> None:
    settings = {"relayhost": "[hub.example.net]", "smtp_host_lookup": "dns, native"}
    closed = {"/etc/hosts": StatReply(exists=True, kind="file", mode=0o640, owner="root", group="root")}
    for text, kind in (("192.0.2.7 hub.example.net", "view"), ("192.0.2.7 other.example.net", None)):
        found = told(
            {FIRST: GOOD, SECOND: GOOD}, master=FREE, settings=settings, stats=closed, more_files={"/etc/hosts": text}
        )
        assert found == kind


def test_a_look_up_order_without_the_dns() -> None:
    for order, kind in (("native", "view"), ("dns, native", None), ("dns", None)):
        assert told({FIRST: GOOD, SECOND: GOOD}, master=FREE, settings={"smtp_host_lookup": order}) == kind


def test_queries_that_a_rule_keeps_from_postfix_alone() -> None:
    """Asked only where Postfix got no answer of late; then its user's query is tried beside root's."""
    late = "Nov 22 13:00:00 app postfix/smtp[1]: 0A5D1166: to=<user@example.org>, relay=none, dsn=4.4.3, status=deferred (Host or domain name not found. Name service error for name=example.org type=MX: Host not found, try again)"
    refused = DnsReply(problem="192.0.2.1: Operation not permitted")
    for log, mine, wanted in (((late,), refused, ["postfix"]), ((), refused, []), ((late,), GOOD, [])):
        kinds = {Lookup: lambda query, mine=mine: mine if query.user else GOOD}
        host = machine(files={"/etc/resolv.conf": TWO}, by_kind=kinds, log=log)
        found = of(run(resolver, host, "user@example.org"), "dns.as-postfix")
        assert [o.data["user"] for o in found if o.status is Status.FAILED] == wanted
