"""Mail that waits because a setting says so, and settings that look like it while mail flows."""

from __future__ import annotations

from tests.lab.fault import fault, healthy
from tests.lab.internet.world import one_server
from tests.lab.steps import append, mail, mapped, pause, relay, settings, shell, wait

THROTTLED = ("delivery-throttled-by-settings",)
SENT = wait("status=sent")

FAULTS = (
    fault(
        "rate-delay-an-hour",
        THROTTLED,
        "one delivery an hour to each destination: the second message waits",
        settings(smtp_destination_rate_delay="3600s"),
        then=(mail(), SENT, mail(times=3), pause(2)),
        shows="status=sent",
    ),
    fault(
        "default-rate-delay-through-relay",
        THROTTLED,
        "default_destination_rate_delay of half an hour, and everything goes to one relay",
        relay(),
        settings(default_destination_rate_delay="30m"),
        then=(mail(), SENT, mail(times=2), mail("kim@contoso.example"), pause(2)),
        shows="status=sent",
    ),
    fault(
        "transport-rate-delay",
        THROTTLED,
        "smtp_transport_rate_delay: one delivery in two hours, whatever the destination",
        settings(smtp_transport_rate_delay="2h"),
        then=(mail(), mail("kim@gmail.com"), mail("lee@northwind-trading.com"), pause(2)),
    ),
    fault(
        "slow-transport-of-a-map",
        THROTTLED,
        "a transport table sends one provider's mail through a slow transport",
        append("/etc/postfix/master.cf", "polite    unix  -       -       y       -       1       smtp\n"),
        mapped("transport_maps", "gmail.com polite:\n"),
        settings(polite_destination_rate_delay="1d"),
        then=(mail("kim@gmail.com"), SENT, mail("kim@gmail.com"), mail("lee@gmail.com"), mail(), pause(2)),
        shows="status=sent",
    ),
    fault(
        "rate-delay-in-master-cf",
        THROTTLED,
        "the queue manager's own line in master.cf has the delay",
        shell(
            "postconf -P qmgr/unix/default_destination_rate_delay=45m || postconf -P qmgr/fifo/default_destination_rate_delay=45m"
        ),
        then=(mail(), SENT, mail(times=2), pause(2)),
        shows="status=sent",
    ),
    fault(
        "backoff-of-a-week",
        THROTTLED,
        "a receiver said 'later' once, and main.cf asks for days between attempts",
        settings(minimal_backoff_time="3d", maximal_backoff_time="6d", queue_run_delay="1d"),
        world=one_server("mx?.northwind-trading.com", grey=3.0),
        then=(mail(), wait("status=deferred"), pause(4)),
        shows="status=deferred",
    ),
    fault(
        "time-out-shorter-than-the-greeting",
        THROTTLED,
        "smtp_helo_timeout was tuned to a second, and the receiver greets after two and a half",
        settings(smtp_helo_timeout="1s"),
        world=one_server("mx?.northwind-trading.com", stall=2.5),
        shows="status=deferred .*timed out",
    ),
    fault(
        "lifetime-of-nought",
        "message-expired",
        "each message is tried once, and the receiver puts off whom it does not know",
        settings(maximal_queue_lifetime="0"),
        world=one_server("mx?.northwind-trading.com", grey=600.0),
        shows="status=expired",
    ),
    healthy(
        "rate-delay-of-a-second",
        "a polite delay of a second between deliveries, and mail flows",
        settings(smtp_destination_rate_delay="1s", smtp_destination_concurrency_limit="2"),
        then=(mail(times=2), wait("(?s)status=sent.*status=sent"), pause(1)),
    ),
    healthy(
        "rate-delay-of-another-transport",
        "a slow transport for one provider, none of whose mail waits",
        append("/etc/postfix/master.cf", "slow      unix  -       -       y       -       1       smtp\n"),
        settings(slow_destination_rate_delay="1h", slow_destination_concurrency_limit="1"),
        then=(mail(times=2), wait("(?s)status=sent.*status=sent")),
    ),
)
