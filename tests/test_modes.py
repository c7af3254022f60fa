"""What is said where less can be seen: without root, without the network. Nothing is called certain on half the evidence."""

from __future__ import annotations

from collections.abc import Iterable

from checks.postfix.chroot_names import chroot_names
from diagnose.knowledge.causes import all_causes
from diagnose.model import Observation, Outcome, Run, Scalar, Status
from diagnose.rank import rank
from diagnose.registry import discover, probed
from tests.checks.pretended_postfix import MASTER, machine, run


def said(observations: Iterable[Observation], network: bool = True) -> dict[str, str]:
    """Every cause named, first things first, and how sure."""
    runs = (Run(check="c", outcome=Outcome.COMPLETED, observations=tuple(observations)),)
    untried = () if network else probed(discover()[0])
    return {d.cause.id: d.confidence.word for d in rank(all_causes(), runs, untried=untried)}


def see(sign: str, status: Status = Status.FAILED, **data: Scalar) -> Observation:
    return Observation(sign=sign, status=status, subject="s", summary="so it is", data=data)


def test_a_loop_is_certain_only_with_the_recipient_s_dns() -> None:
    """An exchanger that is 127.0.0.1 makes the same words, and without the network nobody knows."""
    loop = see("mail.mail-loops-back", route="direct")
    assert said([loop])["mail-loops-back"] == "likely"
    assert said([loop, see("dns.recipient-domain", Status.OK)])["mail-loops-back"] == "certain"


def test_a_relay_of_the_hosts_file_blames_the_chroot_s_copy() -> None:
    """The log says "not found", as it does of a relay that does not exist; the two files tell which it is."""
    relay = {"relayhost": "[mailrelay.lan]:587", "smtp_host_lookup": "native"}
    files = {
        "/etc/hosts": "127.0.0.1 localhost\n198.51.100.7 mailrelay.lan\n",
        "/var/spool/postfix/etc/hosts": "127.0.0.1 localhost\n",
    }
    files |= {f"{root}/etc/resolv.conf": "nameserver 192.0.2.53\n" for root in ("", "/var/spool/postfix")}
    host = machine(relay, master=MASTER, files=files)
    log = [see("mail.relay-name-not-found", route="relay"), see("mail.relayhost-problem", route="relay")]
    assert said(log)["relay-name-not-found"] == "certain"
    assert next(iter(said([*log, *run(chroot_names, host)]))) == "chroot-resolver-stale"


def test_a_relay_without_mail_servers_says_nothing_of_the_recipient() -> None:
    """The very words stand in the log for a recipient's domain and for a relay that lacks its brackets."""
    words = "mail.recipient-domain-accepts-no-mail"
    assert said([see(words, route="direct")]) == {"recipient-domain-accepts-no-mail": "certain"}
    assert said([see(words, route="relay")]) == {"recipient-domain-accepts-no-mail": "possible"}


def test_one_dead_domain_is_no_sure_fault_where_the_log_cannot_be_read() -> None:
    """Every server has mail for some domain that is gone; only the log tells whether the rest goes out."""
    dead = [see("destination.reachable", outcome="timeout"), see("mail.connect-timeout", route="direct")]
    assert said([*dead, see("mail.flow")])["remote-server-unreachable"] == "certain"
    assert said([*dead, see("mail.flow", Status.UNKNOWN, asked=False)])["remote-server-unreachable"] == "possible"
    # Of the domain at which somebody misses mail it need not tell.
    assert said([*dead, see("mail.flow", Status.UNKNOWN, asked=True)])["remote-server-unreachable"] == "certain"
    assert said([*dead, see("mail.flow", Status.OK)])["remote-server-unreachable"] == "possible"


def test_that_the_cause_is_gone_takes_a_probe_of_the_way() -> None:
    """Mail flows, one message waits: without the network that is a dead domain as well as a fault that is over."""
    seen = [see("queue.waiting", failed=True, late=False), see("mail.flow", Status.OK)]
    assert said(seen)["retry-pending"] == "possible"
    assert said([*seen, see("destination.reachable", Status.OK)])["retry-pending"] == "likely"


def test_one_message_that_a_receiver_puts_off_is_no_fault_where_other_mail_flows() -> None:
    """It waits for what the receiver said to be over, and nothing has shown that it is."""
    fine = [see("mail.flow", Status.OK), see("destination.reachable", Status.OK), see("egress.mail-port", Status.OK)]
    assert said([see("queue.waiting", failed=True, late=True), *fine]) == {}
    assert said([see("queue.waiting", failed=True, late=False), *fine])["retry-pending"] == "likely"


def test_without_the_network_the_log_alone_is_not_certain() -> None:
    """The password may have been corrected since; a login would tell. What stands in a file here needs no probe."""
    log = [see("mail.relay-app-password-required", route="relay")]
    assert said(log)["relay-app-password-required"] == "certain"
    assert said(log, network=False)["relay-app-password-required"] == "likely"
    here = [see("sasl.key", kind="near"), see("mail.auth-required", route="relay")]
    assert said(here, network=False)["sasl-key-mismatch"] == "certain"


def test_a_rule_that_discards_most_mail_is_certain() -> None:
    """Whether it was most is yes or no here, and no limit of a weight."""
    found = said([see("config.content-rule", how="discard", most=True), see("config.suspended", Status.OK)])
    assert found["delivery-suspended-by-config"] == "certain"


def test_a_port_shut_for_this_user_is_not_shut_for_postfix() -> None:
    """Good servers let only Postfix out on 25; an ordinary user sees the port shut, and not the rule."""
    unread = see("firewall.smtp", Status.UNKNOWN)
    shut = see("egress.mail-port", port=25, kind="local")
    near = see("path.dies", port=25, where="host")
    idle, stuck = see("queue.waiting", Status.OK), see("queue.waiting", failed=True)
    assert said([unread, shut, near, idle])["local-firewall-blocks-smtp"] == "possible"
    assert said([unread, shut, near, stuck])["local-firewall-blocks-smtp"] == "likely"
    silent = see("egress.mail-port", port=25, kind="blocked")
    assert said([unread, silent, near, idle]).get("egress-port-25-blocked", "possible") == "possible"
    assert said([unread, silent, see("path.dies", port=25, where="isp"), stuck])["egress-port-25-blocked"] == "likely"


def test_a_host_that_nobody_named_is_not_missing_a_listener() -> None:
    """JavaMail falls back on localhost; without a dialogue the settings' gap is only a remark."""
    seen = [
        see("app.smtp-listener-missing", host="localhost", port=465),
        see("listener.smtp", Status.OK, kind="open"),
        see("app.settings", Status.WARNING, kind="missing", problem="host-missing", proven=False),
    ]
    assert said(seen, network=False)["smtp-listener-missing"] == "possible"


def test_packets_that_end_at_the_gateway_clear_the_relay() -> None:
    """No other operator's host could be tried; where the packets end tells whose fault it is."""
    seen = [
        see("relay.reachable", outcome="timeout", port=587),
        see("path.dies", where="gateway", port=587, service="submission"),
    ]
    assert next(iter(said(seen))) == "egress-submission-blocked"
