"""Slips of those who run a host, each mended by one line: an entry that was forgotten, a rule too wide, an account that is gone."""

from __future__ import annotations

from tests.lab.fault import Fault
from tests.lab.steps import run, settings, write

FAILED = "status=(deferred|bounced)"


FAULTS = (
    Fault(
        id="transport-entry-to-a-dead-port",
        accept=("relay-unreachable",),
        about="a forgotten entry of the transport table sends one domain to a local port where nothing listens",
        setup=(
            write(
                "/etc/postfix/transport",
                "# test of 2019\nexample.org  smtp:\nnorthwind-trading.com smtp:[127.0.0.1]:10029\n",
            ),
            run("postmap", "/etc/postfix/transport"),
            settings(transport_maps="hash:/etc/postfix/transport"),
        ),
        shows=FAILED,
    ),
    Fault(
        id="one-header-rule-of-three-rejects-own",
        accept=("delivery-suspended-by-config",),
        about="one rule of a pcre table rejects the application's mail; the others are meant",
        setup=(
            write(
                "/etc/postfix/header_checks",
                "/^X-Spam-Flag: YES/ DISCARD\n/^Subject:.*verify/ REJECT spam is not wanted\n/^Received:.*localhost/ IGNORE\n",
            ),
            settings(header_checks="pcre:/etc/postfix/header_checks"),
        ),
        shows="reject: header Subject",
    ),
)
