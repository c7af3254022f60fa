"""relay list and relay suggest: which are known, and which works from here."""

from __future__ import annotations

from diagnose.commands.diagnosis import diagnosed, rendered, requested, with_relay
from diagnose.commands.options import (
    Color,
    Debug,
    Force,
    Format,
    From,
    NoNetwork,
    Output,
    Timeout,
    UseRelay,
    check_format,
    write,
)
from diagnose.errors import UsageError


def relay_list(debug: Debug = False) -> None:
    """List the known relays, with their hosts and ports."""
    from diagnose import catalogue

    write(catalogue.relays(), None)


def relay_suggest(
    wanted: UseRelay = None,
    sender: From = None,
    timeout: Timeout = 15.0,
    format: Format = "text",
    output: Output = None,
    force: Force = False,
    no_network: NoNetwork = False,
    color: Color = "auto",
    debug: Debug = False,
) -> int:
    """Find a relay that works from here. Writes its exact configuration, on a port seen open from this host.

    \b
    Examples:
      mail-diagnose relay suggest
      mail-diagnose relay suggest --relay sendgrid --from app@example.net
    """
    import dataclasses

    check_format(format, color)
    request = requested(None, sender, None, ["relay-choice"], None, timeout, no_network, True)
    result = diagnosed(dataclasses.replace(with_relay(request, wanted), advise=True))
    if not result.report.advice:
        raise UsageError("no known relay works with this Postfix; see `mail-diagnose relay list`")
    rendered(result, format, output, 0, color, advice_only=True)
    return 0 if result.report.advice[0].verified else 1
