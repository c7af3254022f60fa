from diagnose.model import Cause, Impact, sign

CAUSE = Cause(
    id="app-worker-not-running",
    title="The application's queue worker does not run",
    impact=Impact.PARTIAL,
    station="application",
    explanation=(
        "Many applications put mail into a queue of their own, and a worker sends it: Sidekiq, Celery, Laravel's "
        "queue:work, cron. While no worker runs, the application reports success, but no mail reaches a mail server."
    ),
    remedy=(
        "Start {worker|the worker} ({unit}): {start|see its unit}. Check {log|its log} for the reason it "
        "stopped. The waiting mail is then sent; make sure the worker also starts at boot."
    ),
    rules_out="A process of the worker runs, or the application sends without a queue.",
    flow=0,
    signs=(
        # The queue itself shows it.
        sign("app.worker", "proves", seen="proven"),
        sign("app.worker", "strong", seen="stopped"),
        sign("app.worker", "speaks", seen="missing"),
    ),
    explains=("nothing-submitted",),
    links=(
        "https://laravel.com/docs/queues#supervisor-configuration",
        "https://docs.celeryq.dev/en/stable/userguide/daemonizing.html",
        "https://github.com/sidekiq/sidekiq/wiki/Deployment",
    ),
)
