"""Applications whose mail waits in a queue of their own, for a worker that does not run; and those whose worker is well.

The worker is a shell script in place of PHP or Python: it takes job files, each a message, and hands them to sendmail. Postfix is well.
"""

from __future__ import annotations

from tests.lab.fault import Fault, fault, healthy
from tests.lab.machine import LabError, Machine
from tests.lab.steps import Step, mail, shell, systemd, write

DOWN = ("app-worker-not-running",)
SHOP = "/var/www/shop"
JOB = f"{SHOP}/storage/jobs/1"
_SETTINGS = (
    "APP_NAME=Shop\nMAIL_MAILER=smtp\nMAIL_HOST=localhost\nMAIL_PORT=25\nMAIL_FROM_ADDRESS=shop@brightwater-labs.com\n"
    "REDIS_HOST=127.0.0.1\n"
)
_WORKER = f"""\
[ -z "$FAILS" ] || {{ echo "Connection refused [tcp://127.0.0.1:6379]" >&2; exit 1; }}
while :; do
    for job in {SHOP}/storage/jobs/*; do
        [ -e "$job" ] && sendmail -f shop@brightwater-labs.com orders@northwind-trading.com <"$job" && rm "$job"
    done
    sleep 0.3
done
"""
_UNIT = """\
[Unit]
StartLimitBurst=2
[Service]
{more}
WorkingDirectory=/var/www/shop
ExecStart=/bin/sh {start}
[Install]
WantedBy=lab.target
"""
_PHP = shell(
    "setsid -f bash -c \"exec -a 'php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)' sleep 600\" >/dev/null 2>&1"
)
_TABLE = "create table jobs (id integer primary key, queue text, reserved_at integer, available_at integer);"


def shop(queue: str) -> tuple[Step, ...]:
    """The application, a job that waits, and its web server's PHP."""
    return (
        write(f"{SHOP}/.env", f"{_SETTINGS}{queue}\n"),
        write(f"{SHOP}/artisan", _WORKER, 0o755),
        write(JOB, "Subject: Your order\n\nThank you.\n"),
        _PHP,
    )


def unit(name: str, start: str = f"{SHOP}/artisan queue:work redis --tries=3", more: str = "") -> Step:
    return write(f"/etc/systemd/system/{name}.service", _UNIT.format(start=start, more=more))


def waits(m: Machine) -> None:
    """Nobody took the job, and so nobody got the mail."""
    if not m.path(JOB).exists() or m.received("orders@northwind-trading.com"):
        raise LabError("the job was taken")


def taken(m: Machine) -> None:
    if m.path(JOB).exists():
        raise LabError("the job waits")


def under_systemd(
    name: str, accept: tuple[str, ...], about: str, *more: Step, queue: str = "QUEUE_CONNECTION=redis", **values: object
) -> Fault:
    return fault(name, accept, about, systemd, *shop(queue), *more, start=False, then=(mail(),), **values)


FAULTS = (
    under_systemd(
        "worker-unit-failed",
        DOWN,
        "the unit of queue:work gave up: its Redis did not answer",
        unit("shop-queue", more="Environment=FAILS=1"),
        shell("systemctl daemon-reload; systemctl start shop-queue; sleep 0.5"),
        proof=("systemctl is-failed shop-queue; :", "^failed"),
        truth=waits,
    ),
    under_systemd(
        "worker-unit-stopped",
        DOWN,
        "Celery's unit is enabled, and somebody stopped it",
        unit("desk-celery", "/srv/desk/bin/celery -A desk worker -l info"),
        shell("systemctl daemon-reload; systemctl enable desk-celery; systemctl stop desk-celery"),
        proof=("systemctl is-active desk-celery; :", "^inactive"),
        truth=waits,
    ),
    under_systemd(
        "worker-not-enabled",
        DOWN,
        "the worker was started by hand, and not enabled: it is gone since the last boot",
        unit("shop-queue"),
        shell("systemctl daemon-reload"),
        truth=waits,
    ),
    fault(
        "worker-missing",
        DOWN,
        "the queue is Redis on this host, PHP runs, and nothing was ever set up to take jobs",
        *shop("QUEUE_CONNECTION=redis"),
        truth=waits,
    ),
    fault(
        "worker-missing-jobs-wait",
        DOWN,
        "the queue is a table of SQLite, in which jobs wait since yesterday",
        *shop("QUEUE_CONNECTION=database\nDB_CONNECTION=sqlite"),
        shell(
            f"mkdir -p {SHOP}/database && sqlite3 {SHOP}/database/database.sqlite "
            f"\"{_TABLE} insert into jobs values (1, 'default', null, strftime('%s','now') - 90000)\""
        ),
        truth=waits,
    ),
    fault(
        "worker-supervisor-down",
        DOWN,
        "supervisor, which starts Sidekiq, does not run",
        write(
            "/etc/supervisor/conf.d/forum.conf",
            "[program:forum-sidekiq]\ncommand=bundle exec sidekiq -e production\ndirectory=/srv/forum\n",
        ),
    ),
    fault(
        "worker-cron-down",
        DOWN,
        "Nextcloud's jobs are cron's, and no cron runs",
        write("/etc/cron.d/nextcloud", "*/5 * * * * www-data php -f /var/www/nextcloud/cron.php\n"),
    ),
    under_systemd(
        "healthy-worker-runs",
        (),
        "the same unit, at work",
        unit("shop-queue"),
        shell("systemctl daemon-reload; systemctl enable --now shop-queue; sleep 1.5"),
        kind="healthy",
        truth=taken,
    ),
    under_systemd(
        "healthy-worker-not-needed",
        (),
        "a unit is left over, and the application sends without a queue",
        unit("shop-queue"),
        shell("systemctl daemon-reload"),
        queue="QUEUE_CONNECTION=sync",
        kind="healthy",
    ),
    healthy(
        "healthy-queue-never-used",
        "Laravel's default, a queue in the database, and nothing in it",
        *shop("QUEUE_CONNECTION=database\nDB_CONNECTION=sqlite"),
        shell(f'mkdir -p {SHOP}/database && sqlite3 {SHOP}/database/database.sqlite "{_TABLE}"'),
    ),
    healthy(
        "healthy-worker-by-cron",
        "cron runs the worker each minute until nothing is left",
        *shop("QUEUE_CONNECTION=redis"),
        write("/etc/cron.d/shop", f"* * * * * www-data php {SHOP}/artisan queue:work --stop-when-empty\n"),
        shell("cron"),
    ),
)
