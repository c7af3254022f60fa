"""A queue's worker is missed only where something here is meant to run it, or jobs are seen to wait for it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from checks.application.workers import application_workers
from diagnose.host.query import Listener, Process
from diagnose.knowledge.causes import by_id
from diagnose.model import Confidence, Observation, Outcome, Run, Status
from diagnose.rank import rank

from .pretended_application import Machine

LARAVEL = "APP_NAME=Shop\nMAIL_HOST=localhost\nMAIL_PORT=25\nQUEUE_CONNECTION={}\n"
ENV = "/var/www/shop/.env"
UNIT = "/etc/systemd/system/shop-queue.service"
QUEUE = "[Service]\nUser=www-data\nExecStart=/usr/bin/php /var/www/shop/artisan queue:work redis --tries=3\nRestart=always\n"
SHOW = "systemctl show --no-pager --property=Id,LoadState,Type,ActiveState,SubState,Result,UnitFileState {0}.service {0}.timer"
REDIS = "redis-cli -h 127.0.0.1 -p 6379 -n 0 "


def process(pid: int, *command: str) -> Process:
    return Process(pid=pid, parent=1, name=command[0].rpartition("/")[2], command=command)


INIT, FPM = process(1, "/sbin/init"), process(72, "php-fpm: master process")
MASTER = Process(pid=9, parent=1, name="master", command=("/usr/lib/postfix/sbin/master", "-w"))
PUMA = process(73, "puma 6.4.0 (tcp://0.0.0.0:3000) [forum]")


def shown(
    name: str, active: str, sub: str = "dead", result: str = "success", file: str = "enabled", type_: str = "simple"
) -> str:
    return (
        f"Type={type_}\nResult={result}\nId={name}.service\nLoadState=loaded\nActiveState={active}\nSubState={sub}\n"
        f"UnitFileState={file}\n\nResult=success\nId={name}.timer\nLoadState=not-found\nActiveState=inactive\n"
    )


def said(
    files: Mapping[str, str], *processes: Process, commands: Mapping[str, str] | None = None, **more: object
) -> list[Observation]:
    machine = Machine(files, processes=(INIT, *processes), commands=commands or {}, **more)  # type: ignore[arg-type]
    return machine.run(application_workers)


def confidence(found: list[Observation]) -> Confidence | None:
    run = Run(check="workers", outcome=Outcome.COMPLETED, observations=tuple(found), signs=application_workers.signs)
    cause = by_id("app-worker-not-running")
    return next((each.confidence for each in rank((cause,), (run,), ())), None)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (shown("shop-queue", "failed", "failed", "exit-code"), True),
        (shown("shop-queue", "activating", "auto-restart", "exit-code"), True),
        (shown("shop-queue", "inactive"), True),
        (shown("shop-queue", "inactive", file="disabled"), True),
        # A worker that ended after its hour is started anew.
        (shown("shop-queue", "activating", "auto-restart"), False),
        (shown("shop-queue", "active", "running"), False),
        (shown("shop-queue", "inactive", file="disabled", type_="oneshot"), False),
        ("", False),
    ],
)
def test_what_systemd_says_of_the_unit(state: str, told: bool) -> None:
    files = {UNIT: QUEUE, ENV: LARAVEL.format("redis")}
    found = said(files, FPM, commands={SHOW.format("shop-queue"): state})
    assert (confidence(found) is Confidence.LIKELY) is told
    assert [o.status is Status.FAILED for o in found] == [told]


def test_a_unit_that_is_left_over_accuses_nobody() -> None:
    """Without a web server's PHP, or where the application sends at once."""
    disabled = {SHOW.format("shop-queue"): shown("shop-queue", "inactive", file="disabled")}
    files = {UNIT: QUEUE, ENV: LARAVEL.format("redis")}
    assert confidence(said(files, commands=disabled)) is None
    failed = {SHOW.format("shop-queue"): shown("shop-queue", "failed", "failed", "exit-code")}
    assert confidence(said(files | {ENV: LARAVEL.format("sync")}, FPM, commands=failed)) is None


def test_another_applications_worker_is_told_from_this_ones() -> None:
    failed = {SHOW.format("shop-queue"): shown("shop-queue", "failed", "failed", "exit-code")}
    other = process(80, "php", "artisan", "queue:work")
    files = {UNIT: QUEUE, ENV: LARAVEL.format("redis")}
    assert confidence(said(files, FPM, other, commands=failed, folders={80: "/var/www/blog"})) is Confidence.LIKELY
    assert confidence(said(files, FPM, other, commands=failed, folders={80: "/var/www/shop"})) is None
    assert confidence(said(files, FPM, other, commands=failed)) is None, "whose it is cannot be seen"


@pytest.mark.parametrize(
    ("waiting", "workers", "wanted"),
    [
        ("3", "0", Confidence.CERTAIN),
        ("0", "0", Confidence.LIKELY),
        ("3", "2", Confidence.LIKELY),
        ("", "", Confidence.LIKELY),
    ],
)
def test_what_sidekiqs_queue_says(waiting: str, workers: str, wanted: Confidence) -> None:
    """Jobs for which it knows no worker prove it; where it knows one, that runs elsewhere. A login is never tried."""
    unit = "[Service]\nWorkingDirectory=/srv/forum\nExecStart=/usr/bin/bundle exec sidekiq -e production\n"
    commands = {SHOW.format("sidekiq"): shown("sidekiq", "failed", "failed", "exit-code")}
    if waiting:
        commands |= {
            f"{REDIS}SMEMBERS queues": "mailers\n",
            f"{REDIS}LLEN queue:mailers": waiting,
            f"{REDIS}SCARD processes": workers,
        }
    else:
        commands[f"{REDIS}SMEMBERS queues"] = "NOAUTH Authentication required.\n"
    assert confidence(said({"/etc/systemd/system/sidekiq.service": unit}, PUMA, commands=commands)) is wanted


def test_a_queue_with_a_login_is_left_alone() -> None:
    unit = "[Service]\nEnvironment=REDIS_URL=redis://:Zq81-nbo-pw@127.0.0.1:6379/0\nExecStart=bundle exec sidekiq\n"
    commands = {
        SHOW.format("sidekiq"): shown("sidekiq", "failed", "failed", "exit-code"),
        f"{REDIS}SMEMBERS queues": "mailers\n",
        f"{REDIS}LLEN queue:mailers": "3",
        f"{REDIS}SCARD processes": "0",
    }
    assert confidence(said({"/etc/systemd/system/sidekiq.service": unit}, PUMA, commands=commands)) is Confidence.LIKELY


HERE = (Listener(address="127.0.0.1", port=6379),)
OPEN = (Listener(address="0.0.0.0", port=6379),)


@pytest.mark.parametrize(
    ("queue", "more", "listeners", "wanted"),
    [
        ("redis", {}, HERE, Confidence.LIKELY),
        # Others reach the queue, and may serve it.
        ("redis", {}, OPEN, None),
        ("redis\nREDIS_HOST=redis.example.net", {}, (), None),
        # Laravel's default, that nobody may ever have used.
        ("database", {}, (), None),
        ("sync", {}, (), None),
        ("sqs", {}, (), None),
        (
            "redis",
            {"/etc/cron.d/shop": "* * * * * www-data cd /var/www/shop && php artisan schedule:run\n"},
            HERE,
            None,
        ),
    ],
)
def test_a_worker_that_nothing_would_start(
    queue: str, more: dict[str, str], listeners: tuple[Listener, ...], wanted: Confidence | None
) -> None:
    cron = process(4, "/usr/sbin/cron", "-f")
    machine = Machine({ENV: LARAVEL.format(queue), **more}, processes=(INIT, FPM, cron, MASTER), listeners=listeners)
    found = [] if machine.skipped(application_workers) else machine.run(application_workers)
    assert confidence(found) is wanted


def test_jobs_in_a_table_of_sqlite() -> None:
    text = LARAVEL.format("database") + "DB_CONNECTION=sqlite\n"
    query = "select count(*) from jobs where reserved_at is null and available_at < strftime('%s','now') - 600"
    command = f"sqlite3 -readonly /var/www/shop/database/database.sqlite {query}"
    assert confidence(said({ENV: text}, FPM, commands={command: "7\n"})) is Confidence.CERTAIN
    assert confidence(said({ENV: text}, FPM, commands={command: "0\n"})) is None


def test_cron_and_supervisor() -> None:
    nextcloud = {"/var/spool/cron/crontabs/www-data": "*/5 * * * * php -f /var/www/nextcloud/cron.php\n"}
    cron, supervisor = process(4, "/usr/sbin/cron", "-f"), process(5, "/usr/bin/python3", "/usr/bin/supervisord")
    assert confidence(said(nextcloud, FPM)) is Confidence.LIKELY
    assert [o.status for o in said(nextcloud, FPM, cron)] == [Status.OK]
    forum = {"/etc/supervisor/conf.d/forum.conf": "[program:forum]\ncommand=bundle exec sidekiq\n"}
    assert confidence(said(forum, PUMA)) is Confidence.LIKELY
    for state, wanted in (("FATAL", Confidence.LIKELY), ("STARTING", None), ("", None)):
        commands = {"supervisorctl status": f"forum:forum_00   {state}    Exited too quickly\n"} if state else {}
        assert confidence(said(forum, PUMA, supervisor, commands=commands)) is wanted
    idle = {path: f"{text}autostart=false\n" for path, text in forum.items()}
    assert "no queue worker" in Machine(idle, processes=(INIT, PUMA)).skipped(application_workers)


def test_in_a_container_for_one_task_the_files_of_others_tell_nothing() -> None:
    files = {
        "/.dockerenv": "",
        "/etc/supervisor/conf.d/forum.conf": "[program:forum]\ncommand=bundle exec sidekiq\n",
        "/etc/cron.d/nextcloud": "*/5 * * * * www-data php -f /var/www/nextcloud/cron.php\n",
        ENV: LARAVEL.format("redis"),
    }
    assert confidence(said(files, FPM)) is None


def test_nothing_is_said_where_processes_are_hidden() -> None:
    machine = Machine({"/etc/cron.d/nextcloud": "* * * * * x php /var/www/nextcloud/cron.php\n"}, processes=(FPM,))
    assert "not all processes" in machine.skipped(application_workers)


def test_it_says_what_to_do() -> None:
    commands = {SHOW.format("shop-queue"): shown("shop-queue", "inactive")}
    (found,) = said({UNIT: QUEUE, ENV: LARAVEL.format("redis")}, FPM, commands=commands)
    assert found.data["start"] == "systemctl start shop-queue.service"
    assert found.data["log"] == "journalctl -u shop-queue.service"
