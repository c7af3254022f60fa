"""Does PHP's mail() hand its mail to Postfix?

php.ini's sendmail_path names the program. If it does not exist or is another mailer's, no mail reaches Postfix. The
setting may also give msmtp a settings file, which it reads with the rights of PHP's user.
"""

from __future__ import annotations

import re
import shlex

from diagnose.check import Context, Observation, Observations, Read, SignSpec, Stat, check, fail, ok, skip, warn
from diagnose.facts import mailers
from diagnose.facts.asks import globbed

# Debian's, Red Hat's and SUSE's, Alpine's, and the images of Docker.
_PLACES = (
    "/etc/php/*/*/php.ini", "/etc/php/*/*/conf.d/*.ini", "/etc/php/*/*/pool.d/*.conf", "/etc/php.ini", "/etc/php.d/*.ini",
    "/etc/php*/php.ini", "/etc/php*/conf.d/*.ini", "/usr/local/etc/php/php.ini", "/usr/local/etc/php/conf.d/*.ini",
)  # fmt: skip
_SETTING = re.compile(r"^\s*(?:php_admin_value\[|php_value\[)?sendmail_path\]?\s*=\s*(?P<value>.*?)\s*$", re.M)
_FILES = 40
_OTHERS = re.compile(r"ssmtp|msmtp|nullmailer|esmtp|mhsendmail|mailhog|catchmail|mailpit|exim|busybox|\bdma\b", re.I)


@check(
    id="php-mail",
    title="PHP's mail()",
    signs=(
        "app.sendmail-path",
        "postfix.sendmail-command",
        SignSpec("mailer.settings", {"kind": ("missing", "unreadable")}),
    ),
    tags=("application",),
)
def php_mail(ctx: Context) -> Observations:
    files = [*globbed(ctx, _PLACES)][:_FILES]
    named = [
        (path, words)
        for path in dict.fromkeys(files)
        if (words := _words(ctx.ask(Read(path, having=("sendmail_path",))).text))
    ]
    if not named:
        skip("no php.ini names a sendmail_path")
    for path, (program, *rest) in named:
        reply = ctx.ask(Stat(program))
        data = {"path": path, "parameter": "sendmail_path", "key": "sendmail_path", "value": program}
        if reply.problem:
            continue
        if not reply.exists:
            text = f"sendmail_path = {program}, which does not exist: PHP's mail() sends nothing"
            yield fail("app.sendmail-path", path, text, line=_line(ctx, path), wrong="no such program", **data)
        elif not reply.mode & 0o111:
            text = f"sendmail_path = {program}, which is not executable (mode {reply.mode:04o}): PHP's mail() sends nothing"
            yield fail("app.sendmail-path", path, text, line=_line(ctx, path), wrong="not executable", **data)
        elif closed := _own_settings(ctx, path, program, " ".join(rest)):
            yield closed
        elif other := _OTHERS.search(reply.real or program):
            text = f"sendmail_path = {program}, which is {other[0]}'s: PHP's mail never reaches this Postfix"
            yield warn("postfix.sendmail-command", path, text, mailer=other[0], real=reply.real or program, **data)
        else:
            yield ok("app.sendmail-path", path, f"sendmail_path = {program}", **data)


def _line(ctx: Context, path: str) -> int:
    """The number of the last line that sets sendmail_path, 0 if none does."""
    lines = enumerate(ctx.ask(Read(path)).text.splitlines(), 1)
    return max((number for number, line in lines if _SETTING.match(line)), default=0)


def _words(text: str) -> list[str]:
    """The last sendmail_path's program and arguments, [] where none is set with a full path."""
    values = [match["value"].strip("\"'") for match in _SETTING.finditer(text)]
    try:
        words = shlex.split(values[-1]) if values else []
    except ValueError:
        return []
    return words if words and words[0].startswith("/") else []


def _own_settings(ctx: Context, ini: str, program: str, arguments: str) -> Observation | None:
    """An observation if the settings file named in msmtp's arguments is missing, or PHP's user cannot read it; else
    None."""
    told = re.search(r"(?:^| )(?:-C ?|--file[= ])(/\S+)", arguments)
    if told is None or not (ctx.ask(Stat(program)).real or program).endswith("msmtp"):
        return None
    file, stat = told[1], ctx.ask(Stat(told[1]))
    data = {"path": file, "mailer": "msmtp", "program": "msmtp"}
    if not stat.exists and stat.problem in (None, "not found"):
        text = f"does not exist, and sendmail_path in {ini} has msmtp read it: PHP's mail() sends nothing"
        return fail("mailer.settings", file, text, kind="missing", **data)
    if stat.exists and not mailers.readable(stat, ctx.ask(Stat(program))):
        text = f"has mode {stat.mode:04o} ({stat.owner}:{stat.group}), and sendmail_path in {ini} has msmtp read it as PHP's user"
        say = warn if "/cli/" in ini else fail  # that may be root
        return say("mailer.settings", file, text, kind="unreadable", **data)
    return None
