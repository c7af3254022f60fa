"""Machines whose first process is systemd, with Debian's own units."""

from __future__ import annotations

from tests.lab.fault import fault
from tests.lab.steps import mail, shell, systemd

FAULTS = (
    fault(
        "systemd-postfix-stopped",
        "postfix-not-running",
        "systemd runs the host, and Postfix was stopped by systemctl",
        systemd,
        start=False,
        then=(shell("systemctl stop postfix"), mail()),
        proof=("systemctl is-active postfix; :", "inactive"),
    ),
    fault(
        "systemd-postfix-masked",
        "postfix-not-running",
        "systemd runs the host, and Postfix was stopped and masked",
        systemd,
        start=False,
        then=(shell("systemctl stop postfix; systemctl mask postfix"), mail()),
        proof=("systemctl is-enabled postfix; :", "masked"),
    ),
    fault(
        "systemd-instance-masked",
        "postfix-not-running",
        "the instance's unit is masked; postfix.service looks active, and Postfix does not run",
        systemd,
        start=False,
        then=(
            shell("systemctl stop postfix@-; systemctl mask postfix@-; systemctl restart postfix; sleep 1"),
            mail(),
        ),
        proof=("systemctl is-enabled postfix@-; postfix status || echo down", "(?s)masked.*down"),
    ),
    fault(
        "systemd-bad-boolean",
        "postfix-config-error",
        "systemd runs the host; a boolean setting has an invalid value",
        systemd,
        shell("postconf -e smtp_tls_note_starttls_offer=maybe; systemctl restart postfix; :"),
        start=False,
        then=(mail(),),
    ),
)
