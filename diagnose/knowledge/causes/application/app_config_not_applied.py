from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="app-config-not-applied",
    title="The application still runs with old mail settings",
    impact=Impact.OUTAGE,
    station="application",
    explanation=(
        "The application reads its generated file once, when it starts. Where the template was edited but Puppet "
        "has not run, is disabled or fails, or the service was not restarted, the old settings stay in force. A process keeps "
        "the environment that it was started with."
    ),
    remedy="{rendered|Where a tool generates the file, let it run first.} {restart|Then restart the application: it reads its settings when it starts.}",
    rules_out="The generated file matches the template, and the application was started after the file was written.",
    flow=0,
    signs=(
        sign("app.applied", "proves", kind=("template-newer", "agent-disabled", "run-failed", "not-managed")),
        # The file's time alone does not show that what the application uses has changed in it.
        sign("app.applied", "speaks", kind="not-restarted"),
        sign("app.process", "proves", kind=("differs", "missing")),
        sign("app.process", "speaks", kind="older"),
        sign("app.applied", "hints", "warning", kind="edited-by-hand"),
    ),
    explains=(
        "app-config-invalid",
        "app-smtp-unreachable",
        "app-tls-mismatch",
        "app-credentials-rejected",
        "app-certificate-untrusted",
        "app-tls-too-old",
        "smtp-listener-missing",
        "relay-name-not-found",
        "nothing-submitted",
    ),
    links=("https://www.puppet.com/docs/puppet/latest/man/agent.html",),
)
