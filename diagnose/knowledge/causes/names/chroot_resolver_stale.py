from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="chroot-resolver-stale",
    title="Postfix's chroot has outdated DNS settings",
    impact=Impact.OUTAGE,
    station="Postfix",
    explanation=(
        "The smtp service runs chrooted and reads its own copies of resolv.conf, hosts and nsswitch.conf below "
        "the queue directory. They are copied when Postfix starts. Where a copy is outdated or unreadable, "
        "Postfix reports 'Host not found, try again' for names that every other program resolves."
    ),
    remedy=(
        "Copy the files again and restart Postfix; on Debian and Ubuntu the start script does it. To avoid it "
        "for good, run smtp and relay unchrooted (n in the fifth column of master.cf)."
    ),
    rules_out="The copy matches the host's file, or the smtp service is not chrooted.",
    signs=(
        sign("dns.chroot", "proves"),
        sign("dns.chroot-file", "fits", file="resolv.conf"),
        sign("dns.chroot-file", "fits"),
        # The relay's name stands in the host's file, which is read, and not in the copy.
        sign("dns.chroot-file", "strong", lacks_relay=True),
        # The copy differs in hosts or services only: matters for names that stand nowhere else.
        sign("dns.chroot-file", "hints", "warning", file=("hosts", "services")),
        sign("dns.chroot", "doubts", "ok"),
        # The copies are made when Postfix is started: while it is down they may well be old or missing.
        sign("postfix.master", "refutes"),
        sign("dns.resolver", "against"),
    ),
    explains=(
        "relay-name-not-found",
        "recipient-domain-not-found",
        "smtp-listener-broken",
    ),
    links=(
        "https://www.postfix.org/BASIC_CONFIGURATION_README.html#chroot_setup",
        "https://www.postfix.org/DEBUG_README.html#no_chroot",
    ),
)
