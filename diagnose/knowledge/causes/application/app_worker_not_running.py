from diagnose.model import PROVES, SPEAKS, STRONG, Cause, Impact, Remedy, Sign

CAUSE = Cause(
    id="app-worker-not-running",
    title="The application's queue worker does not run",
    impact=Impact.PARTIAL,
    station="application",
    explanation=(
        "Many applications put mail into a queue of their own, and leave it to a worker to send it: Sidekiq, Celery, Laravel's "
        "queue:work, cron. While none runs, the application reports success, and no mail reaches any mail server."
    ),
    remedy=Remedy(
        text="Start {worker|the worker} ({unit}): {start|by its unit}. Look in {log|its log} for why it stopped. The waiting mail is "
        "then sent; have the worker start at boot as well.",
    ),
    rules_out="A process of the worker runs, or the application sends without a queue.",
    flow=0,
    signs=(
        # The queue itself shows it.
        Sign("app.worker", PROVES, where=(("seen", "proven"),)),
        Sign("app.worker", STRONG, where=(("seen", "stopped"),)),
        Sign("app.worker", SPEAKS, where=(("seen", "missing"),)),
    ),
    explains=("nothing-submitted",),
    links=(
        "https://laravel.com/docs/queues#supervisor-configuration",
        "https://docs.celeryq.dev/en/stable/userguide/daemonizing.html",
        "https://github.com/sidekiq/sidekiq/wiki/Deployment",
    ),
)
