from diagnose.model import AGAINST, Cause, Impact, sign

CAUSE = Cause(
    id="delivery-suspended-by-config",
    title="Postfix's settings hold back or discard this mail",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "defer_transports keeps mail waiting, an error: transport returns it, and a discard: transport drops it "
        "and reports it as sent. Debian's choice 'Local only' has the same effect."
    ),
    remedy=(
        "If this is no longer wanted, remove or correct its cause ({parameter}: {how}): the setting, or just "
        "that entry or rule of a table; then reload Postfix. Waiting mail is tried again; bounced or "
        "discarded mail must be sent again."
    ),
    rules_out="The recipient's transport is smtp or relay, and defer_transports is empty.",
    # A rule stops some mail beside other mail that flows.
    flow=AGAINST,
    signs=(
        # What Postfix would do with this very recipient: success elsewhere hardly speaks against it.
        sign("config.suspended", "settles"),
        sign("config.content-rule", "proves", how=("discard", "reject", "redirect")),
        # More than half of what this host submitted, or the last of it: other mail, or its bounces, still flows.
        sign("config.content-rule", "settles", how=("discard", "reject", "redirect"), most=True),
        sign("config.content-rule", "hints", "warning", how=("discard", "reject", "redirect")),
        # The log, which would show whether it was applied, cannot be read.
        sign(
            "config.content-rule",
            "strong",
            "warning",
            how=("discard", "reject", "redirect"),
            unlogged=True,
        ),
        sign("config.soft-bounce", "hints", "warning"),
        sign("config.suspended", "doubts", "ok"),
    ),
    explains=("queue-congested", "mail-on-hold", "retry-pending", "greylisted", "rate-limited"),
    links=("https://www.postfix.org/postconf.5.html#defer_transports", "https://www.postfix.org/transport.5.html"),
)
