"""Applications whose settings file was changed after their process had read it, and those that have what it says.

The application is a shell script that waits; it reads nothing, so that what it has is what it was started with.
"""

from __future__ import annotations

from tests.lab.fault import Fault
from tests.lab.machine import SECRET
from tests.lab.steps import Step, pause, shell, systemd, write

NOT_APPLIED = ("app-config-not-applied",)
FILE, DOTENV, COMPOSE = "/etc/default/shop", "/srv/shop/.env", "/srv/stack/docker-compose.yml"
UNIT = f"[Service]\nEnvironmentFile={FILE}\nExecStart=/usr/local/bin/shop\n[Install]\nWantedBy=lab.target\n"
SETTINGS = f"SMTP_HOST=relay.rhein-mail.de\nSMTP_PORT=587\nSMTP_USER=lab-user\nSMTP_PASSWORD={SECRET}\n"
OLD = SETTINGS.replace("relay.rhein", "mail.rhein")
LARAVEL = SETTINGS.replace("SMTP_", "MAIL_").replace("USER=", "USERNAME=") + "MAIL_MAILER=smtp\n"
STACK = "services:\n  shop:\n    image: shop:1\n    environment:\n" + "".join(
    f"      - {line}\n" for line in SETTINGS.splitlines()
)
PROGRAM = write("/usr/local/bin/shop", "#!/bin/sh\nwhile :; do sleep 5; done\n", 0o755)
NODE = "bash -c 'exec -a node sleep 600'"
PHP = "bash -c 'exec -a \"php-fpm: pool www\" sleep 600'"
DOCKER = "/var/lib/docker/containers/0123"
LABELS = f'"com.docker.compose.project.config_files":"{COMPOSE}","com.docker.compose.service":"shop"'


def service(*more: Step) -> tuple[Step, ...]:
    return (
        systemd,
        PROGRAM,
        write(FILE, OLD),
        write("/etc/systemd/system/shop.service", UNIT),
        shell("systemctl daemon-reload; systemctl start shop; sleep 3"),
        *more,
    )


def plain(start: str, old: str, new: str) -> tuple[Step, ...]:
    """A process that runs in the folder of its .env, which is changed afterwards."""
    begin = shell(f"cd /srv/shop && setsid -f {start} >/dev/null 2>&1")
    return (write(DOTENV, old), begin, pause(3), write(DOTENV, new), shell(f"touch {DOTENV}"))


def contained(environment: str) -> tuple[Step, ...]:
    """A process in name spaces of its own, with Docker's account of the container whose first one it is."""
    state = f'{{"State":{{"Running":true,"Pid":%d}},"Name":"/shop","Config":{{"Labels":{{{LABELS}}}}}}}'
    script = (
        f'env -i PATH="$PATH" {environment} setsid unshare -mu /usr/local/bin/shop >/dev/null 2>&1 & sleep 1\n'
        f"mkdir -p {DOCKER}; printf '{state}' $(pgrep -fx '/bin/sh /usr/local/bin/shop') >{DOCKER}/config.v2.json\n"
    )
    return (PROGRAM, write(COMPOSE, STACK), shell(script))


def case(name: str, about: str, path: str, steps: tuple[Step, ...]) -> Fault:
    healthy = name.startswith("healthy-")
    return Fault(
        id=name,
        accept=() if healthy else NOT_APPLIED,
        about=about,
        kind="healthy" if healthy else "fault",
        setup=steps,
        start=path != FILE,
        then=(),
        args=("--app-config", path),
    )


GIVEN = " ".join(SETTINGS.split())
FAULTS = (
    case(
        "applied-service-old",
        "the unit's EnvironmentFile names another server since it was started",
        FILE,
        service(write(FILE, SETTINGS)),
    ),
    case("applied-process-old", "Node runs since before its .env was changed", DOTENV, plain(NODE, OLD, SETTINGS)),
    case(
        "applied-container-never",
        "a container was made without the variables that its compose file sets",
        COMPOSE,
        contained("TZ=UTC"),
    ),
    case(
        "applied-container-old",
        "a container has the server that its compose file named before",
        COMPOSE,
        contained(GIVEN.replace("relay.rhein", "mail.rhein")),
    ),
    case(
        "applied-laravel-cache",
        "Laravel's cached configuration is of before",
        DOTENV,
        (
            write("/srv/shop/bootstrap/cache/config.php", "<?php return ['mail' => ['host' => 'mail.rhein-mail.de']];"),
            *plain(PHP, "APP_NAME=Shop\n", LARAVEL),
        ),
    ),
    case(
        "healthy-applied-service",
        "the unit was started again",
        FILE,
        service(write(FILE, SETTINGS), shell("systemctl restart shop; sleep 1")),
    ),
    case("healthy-applied-container", "the container has what its compose file says", COMPOSE, contained(GIVEN)),
    case(
        "healthy-applied-each-request",
        "PHP reads .env at each request",
        DOTENV,
        plain(PHP, LARAVEL.replace("relay", "mail"), LARAVEL),
    ),
)
