"""What is said where less can be seen: without root, without the network. Nothing is called certain on half the evidence."""

from __future__ import annotations

from collections.abc import Iterable

from checks.chroot_names import chroot_names
from diagnose.causes import all_causes
from diagnose.model import Observation, Outcome, Run, Scalar, Status
from diagnose.rank import rank
from tests.checks.pretended_postfix import MASTER, machine, run


def said(observations: Iterable[Observation]) -> dict[str, str]:
    """Every cause named, first things first, and how sure."""
    found = rank(all_causes(), (Run(check="c", outcome=Outcome.COMPLETED, observations=tuple(observations)),))
    return {d.cause.id: d.confidence.word for d in found}


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
