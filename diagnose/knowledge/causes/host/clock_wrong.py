from diagnose.model import Cause, Impact, Remedy, Sign, Status

CAUSE = Cause(
    id="clock-wrong",
    title="This host's clock is wrong",
    impact=Impact.PARTIAL,
    explanation=(
        "The clock is off by so much that certificates seem expired or not yet valid, and signatures and logins that carry a "
        "time are refused."
    ),
    remedy=Remedy(
        text="Set the clock and let a time service keep it; then flush the queue.",
        commands=("date -u", "timedatectl set-ntp true || chronyc makestep", "postqueue -f"),
        alpine=("rc-service chronyd start && chronyc makestep",),
    ),
    rules_out="The time service says that the clock is right.",
    signs=(
        Sign("host.clock", 22),
        # The file system's clock and the kernel's differ by a second on any busy machine.
        Sign("mail.clock-wrong", 14, where=(("weak", (False, None)),)),
        Sign("mail.clock-wrong", 3),
        # The certificate is out of its dates by this clock.
        Sign("mail.relay-certificate-invalid", 3),
        Sign("mail.certificate-not-trusted", 3),
        Sign("host.clock", -25, Status.OK, where=(("sure", True),)),
        # Mail flows in spite of it: then it is a remark.
        Sign("mail.flow", -8, Status.OK),
    ),
    explains=("relay-certificate-invalid", "app-certificate-untrusted", "relay-credentials-rejected"),
    links=("https://www.postfix.org/TLS_README.html",),
)
