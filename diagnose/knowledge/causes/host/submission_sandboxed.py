from diagnose.model import UNUSUAL, Cause, Impact, sign

CAUSE = Cause(
    id="submission-sandboxed",
    title="A service is sandboxed and cannot send mail",
    impact=Impact.OUTAGE,
    station="application",
    explanation=(
        "The sendmail command relies on postdrop's setgid bit. A service with NoNewPrivileges or a read-only "
        "file system loses it: postdrop reports 'Permission denied' and retries forever, while the same "
        "command works in a root shell. Postfix's own unit may keep it from other hosts (PrivateNetwork, "
        "RestrictAddressFamilies), or its daemons from changing users (CapabilityBoundingSet)."
    ),
    remedy="Lift that restriction for {unit}, or have the application send by SMTP to localhost port 25 instead.",
    rules_out="postdrop lacks its setgid bit altogether, or the same user can send both from a shell and from the service.",
    signs=(
        sign("host.sandbox", "proves"),
        # The bit is there, so what takes its effect away lies with the caller.
        sign("host.setgid", "hints", "ok"),
        sign("host.sandboxed-service", "hints", "warning"),
        sign("host.sandboxed-service", "fits", "warning", kind="unit"),
        # Nothing at all was handed over, though it should have been.
        sign("log.recipient", "hints", kind="none"),
        sign("host.setgid", "against"),
        sign("host.queue-permissions", "against"),
    ),
    # Many sound services are sandboxed and never send.
    prior=UNUSUAL,
    explains=(
        "nothing-submitted",
        "queue-permissions",
        "smtp-listener-missing",
        "smtp-listener-broken",
        "postfix-config-error",
        "no-internet",
        "resolver-failing",
    ),
    links=(
        "https://www.postfix.org/postdrop.1.html",
        "https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html",
    ),
)
