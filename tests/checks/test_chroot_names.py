"""The chroot's hosts file against the host's own, where native look-ups read it."""

from __future__ import annotations

import pytest

from checks.postfix.chroot_names import chroot_names
from diagnose.model import Status
from tests.checks.pretended_postfix import machine, of, run


@pytest.mark.parametrize(
    ("look_up", "copy", "status"),
    [
        ("native", "192.0.2.7 relay.test\n", Status.FAILED),
        ("native", "198.51.100.1 relay.test\n", None),
        ("native", "198.51.100.1 relay.test\n192.0.2.7 other.test\n", Status.WARNING),
        ("dns", "192.0.2.7 relay.test\n", Status.WARNING),
    ],
)
def test_a_copy_that_gives_the_relay_another_address(look_up: str, copy: str, status: Status | None) -> None:
    settings = {"relayhost": "[relay.test]:587", "smtp_host_lookup": look_up}
    servers = "nameserver 192.0.2.53\n"
    files = {
        "/etc/hosts": "198.51.100.1 relay.test\n",
        "/etc/resolv.conf": servers,
        "/var/spool/postfix/etc/hosts": copy,
        "/var/spool/postfix/etc/resolv.conf": servers,
    }
    found = of(run(chroot_names, machine(settings, files=files)), "dns.chroot-file")
    assert [seen.status for seen in found if seen.data.get("file") == "hosts"] == ([status] if status else [])
