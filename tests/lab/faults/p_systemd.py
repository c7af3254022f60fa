"""Machines whose first process is systemd, with Debian's own units."""

from __future__ import annotations

from tests.lab.fault import Fault
from tests.lab.steps import mail, shell, systemd

FAULTS = (
    Fault(
        id="systemd-postfix-stopped",
        accept=("postfix-not-running",),
        about="systemd runs the host, and Postfix was stopped by systemctl",
        setup=(systemd,),
        start=False,
        then=(shell("systemctl stop postfix"), mail()),
        proof=((("sh", "-c", "systemctl is-active postfix; :"), "inactive"),),
    ),
    Fault(
        id="systemd-postfix-masked",
        accept=("postfix-not-running",),
        about="systemd runs the host, and Postfix was stopped and masked",
        setup=(systemd,),
        start=False,
        then=(shell("systemctl stop postfix; systemctl mask postfix"), mail()),
        proof=((("sh", "-c", "systemctl is-enabled postfix; :"), "masked"),),
    ),
    Fault(
        id="systemd-instance-masked",
        accept=("postfix-not-running",),
        about="the instance's unit is masked; postfix.service looks active, and Postfix does not run",
        setup=(systemd,),
        start=False,
        then=(
            shell("systemctl stop postfix@-; systemctl mask postfix@-; systemctl restart postfix; sleep 1"),
            mail(),
        ),
        proof=((("sh", "-c", "systemctl is-enabled postfix@-; postfix status || echo down"), "(?s)masked.*down"),),
    ),
    Fault(
        id="systemd-bad-boolean",
        accept=("postfix-config-error",),
        about="systemd runs the host; a boolean has a value that is none",
        setup=(systemd, shell("postconf -e smtp_tls_note_starttls_offer=maybe; systemctl restart postfix; :")),
        start=False,
        then=(mail(),),
    ),
)
