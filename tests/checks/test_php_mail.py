"""The check of PHP's sendmail_path."""

from typing import Any

import pytest

from checks.application.php_mail import php_mail
from diagnose.check import Glob
from diagnose.host.query import GlobReply, StatReply
from diagnose.model import Status
from tests.checks.pretended_postfix import machine, run

INI = "/etc/php/8.2/fpm/php.ini"
PROGRAM = StatReply(exists=True, kind="file", mode=0o755)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sendmail_path = /usr/local/bin/ssmtp -t", ("app.sendmail-path", Status.FAILED)),
        ("php_admin_value[sendmail_path] = /opt/gone -t", ("app.sendmail-path", Status.FAILED)),
        ('sendmail_path="/usr/sbin/sendmail -t -i -f a@b.example"', ("app.sendmail-path", Status.OK)),
        ("sendmail_path = /usr/bin/msmtp -t", ("postfix.sendmail-command", Status.WARNING)),
        ("sendmail_path = /home/x/wrap -t", ("app.sendmail-path", Status.FAILED)),
        ("sendmail_path = /usr/bin/msmtp -C /etc/rc.shop -t", ("mailer.settings", Status.FAILED)),
        ("sendmail_path = /usr/bin/msmtp --file=/etc/rc.gone -t", ("mailer.settings", Status.FAILED)),
        ("sendmail_path = /usr/bin/msmtp -C /etc/rc.web -t", ("postfix.sendmail-command", Status.WARNING)),
        ("; sendmail_path = /opt/gone", None),
        ("sendmail_path =", None),
    ],
)
def test_the_program_that_it_names(text: str, said: tuple[str, Status] | None) -> None:
    stats = {
        "/usr/sbin/sendmail": PROGRAM,
        "/usr/bin/msmtp": PROGRAM,
        "/etc/rc.shop": StatReply(exists=True, kind="file", mode=0o600, owner="root", group="root"),
        "/etc/rc.web": StatReply(exists=True, kind="file", mode=0o640, owner="root", group="www-data"),
        "/home/x/wrap": StatReply(exists=True, kind="file", mode=0o644),
    }
    globs: dict[Any, Any] = {Glob: lambda q: GlobReply(paths=(INI,) if q.pattern == "/etc/php/*/*/php.ini" else ())}
    found = run(php_mail, machine(stats=stats, files={INI: f"[mail function]\n{text}\n"}, by_kind=globs))
    assert [(o.sign, o.status) for o in found] == ([said] if said else [])
