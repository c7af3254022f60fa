"""Which mailer owns this host's sendmail command and port 25?

Many programs hand mail to /usr/sbin/sendmail, whoever that is: exim, ssmtp, msmtp, nullmailer and busybox install it too.
"""

from __future__ import annotations

import re

from diagnose.check import FLAG, Context, Listeners, Observations, Read, SignSpec, Stat, check, fail, ok, unknown, warn
from diagnose.facts import Mailer, Mta, greeting, mailer, mailers, master, mta
from diagnose.knowledge.distributions import POSTFIX_FILES, SENDMAIL
from diagnose.knowledge.mailers import recognise

# Mailers that are only recognised: their settings are not read.
_OTHERS = (
    ("busybox", r"busybox"),
    ("esmtp", r"esmtp"),
    ("qmail", r"qmail"),
    ("Courier", r"courier"),
    ("MailHog", r"mailhog|mhsendmail"),
    ("Mailpit", r"mailpit"),
    ("MailCatcher", r"catchmail|mailcatcher"),
)
# What a wrapper may hand mail to: a mailer, a network client, or a language in which anything can be done.
_SENDS = re.compile(
    r"sendmail|postdrop|smtp|exim|mail|mutt|swaks|curl|wget|\bn(?:et)?cat|\bnc\b|/dev/tcp|python|perl|php|ruby|node|\bexec\b|\$"
)
_INTO_FILE = re.compile(r">>?\s*/\S+")
_PATH = re.compile(r"(?<![^\s\"'`(;&|=])/[\w./+-]+")
_SENDMAIL = re.compile(r"/(?:s?bin|lib\w*)/(?:[\w.+-]+/)*[\w.+-]*(?:sendmail|smtp|exim|postfix|mailer)[\w.+-]*$")
_POSTFIX_OWN = ("master", "smtpd", "postscreen", "")
# Programs in front of Postfix on purpose, or that listen on 25 without being a mailer.
_FRONTS = tuple("haproxy nginx envoy docker-proxy rootlesskit systemd stunnel stunnel4 rspamd assp perl".split())


@check(
    id="mta",
    title="Mail server of this host",
    signs=("postfix.sendmail-command", SignSpec("postfix.port-25-owner", {"wanted": FLAG})),
    tags=("postfix",),
)
def mta_owner(ctx: Context) -> Observations:
    postfix = mta(ctx)
    here = mailer(ctx)
    if here is not None:
        data = {"mailer": here.id, "real": here.path, "path": SENDMAIL[0]}
        yield ok("postfix.sendmail-command", SENDMAIL[0], f"is {here.title}'s ({here.path}), this host's MTA", **data)
    else:
        yield from _command(ctx, postfix)
    yield from _port(ctx, postfix, here)


def _command(ctx: Context, postfix: Mta) -> Observations:
    paths = dict.fromkeys((*((postfix.value("sendmail_path"),) if postfix.installed else ()), *SENDMAIL))
    for path in paths:
        reply = ctx.ask(Stat(path)) if path.startswith("/") else None
        if reply is None or not reply.exists:
            continue
        real = reply.real or path
        name = _mailer(real) or _wrapped(ctx, real, postfix)
        if not name and postfix.installed and _swallows(ctx, real):
            text = f"is a dummy ({real}): it discards the mail that programs hand it, and reports success"
            yield fail("postfix.sendmail-command", path, text, path=path, mailer="the dummy", real=real)
            return
        if not name and postfix.installed and (gone := _gone(ctx, real)):
            text = f"is a script that hands mail to {gone}, which does not exist ({real})"
            yield fail("postfix.sendmail-command", path, text, path=path, mailer="that script", real=real)
            return
        if not name:
            yield ok(
                "postfix.sendmail-command",
                path,
                f"is this host's sendmail ({real})" if real != path else "is this host's sendmail",
                path=path,
            )
        elif postfix.installed:
            text = f"is {name}'s ({real}), not Postfix's: mail that programs hand to it never reaches this Postfix"
            yield fail("postfix.sendmail-command", path, text, path=path, mailer=name, real=real)
        else:
            yield warn("postfix.sendmail-command", path, f"is {name}'s ({real})", path=path, mailer=name, real=real)
        return


def _swallows(ctx: Context, real: str) -> bool:
    """Whether the command is a dummy that discards mail: true(1), or a script that calls no program which could send."""
    if real.rpartition("/")[2] in ("true", "false"):
        return True
    lines = _script(ctx, real)
    return lines is not None and not any(_SENDS.search(_INTO_FILE.sub("", line)) for line in lines)


def _gone(ctx: Context, real: str) -> str:
    """The first mailer that a script names, if none that it names exists; else ""."""
    lines = _script(ctx, real) or []
    named = [path for line in lines for path in _PATH.findall(line) if _SENDMAIL.search(path)]
    replies = [ctx.ask(Stat(path)) for path in named]
    return named[0] if named and not any(reply.exists or reply.problem for reply in replies) else ""


def _script(ctx: Context, real: str) -> list[str] | None:
    """A short shell script's lines without comments; None for anything else."""
    text = ctx.ask(Read(real, limit=4096)).text
    if len(text) >= 4096 or not re.match(r"#! *\S*/(?:env +)?(?:ba|da|k|z)?sh\b", text):
        return None
    return [line for line in text.splitlines()[1:] if not line.lstrip().startswith("#")]


def _mailer(path: str) -> str:
    """The mailer that a path or a package's name belongs to, "" for Postfix and for an unknown one."""
    known = recognise(path)
    return known or next((name for name, pattern in _OTHERS if re.search(pattern, path, re.I)), "")


def _wrapped(ctx: Context, real: str, postfix: Mta) -> str:
    """The mailer that installed itself as plain 'sendmail', by the package that owns the file; "" for Postfix or
    none known."""
    if not postfix.installed or real in ctx.ask(Read(POSTFIX_FILES, having=(real,))).text.splitlines():
        return ""
    package = mailers.owner(ctx, real)
    return "" if "postfix" in package else _mailer(package)


def _port(ctx: Context, postfix: Mta, here: Mailer | None) -> Observations:
    reply = ctx.ask(Listeners())
    if reply.problem:
        yield unknown(
            "postfix.port-25-owner", "port 25", f"Could not check which program listens on port 25: {reply.problem}"
        )
        return
    holders = sorted({listener.process for listener in reply.listeners if listener.port == 25})
    if not holders:
        return
    if holders == [""]:
        # Without root the socket's owner is hidden: its greeting names it.
        holders = [_greeting(ctx)]
    # Any daemon of Postfix may be seen with the socket, which it has from the master.
    own = {service.command.rpartition("/")[2][:15] for service in postfix.master.services} | set(_POSTFIX_OWN)
    foreign = [name for name in holders if name not in own and name not in _FRONTS]
    if here is not None:
        own = here.table.get("process", "(?!)")
        foreign = [name for name in foreign if not recognise(name) and not re.fullmatch(own, name)]
    if not foreign:
        whose = here.title if here else "Postfix" if "master" in holders else ""
        yield ok("postfix.port-25-owner", "port 25", f"belongs to {whose}" if whose else "is open")
    elif postfix.installed and "master" not in holders:
        wanted = any(s.type == "inet" and s.name.rpartition(":")[2] in ("smtp", "25") for s in postfix.master.services)
        text = f"is held by {foreign[0]}, not by Postfix"
        if wanted:
            text += ", whose own smtp service therefore cannot listen there"
        yield fail("postfix.port-25-owner", "port 25", text, mailer=foreign[0], port=25, wanted=wanted)
    else:
        yield warn("postfix.port-25-owner", "port 25", f"is held by {', '.join(foreign)}", mailer=foreign[0], port=25)


def _greeting(ctx: Context) -> str:
    """The mailer that port 25 of this host greets as: "master" while Postfix's runs, "" for an unknown greeting or
    Postfix's."""
    if master(ctx) is not None:
        return "master"
    banner = greeting(ctx).banner
    return "" if "postfix" in banner.lower() else _mailer(banner.partition("SMTP")[2])
