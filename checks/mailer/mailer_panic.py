"""Did the mailer recently log why it cannot work (Exim's panic log)?"""

from __future__ import annotations

from datetime import timedelta

from diagnose import facts
from diagnose.check import (
    ANY,
    Context,
    Data,
    Observations,
    Read,
    SignSpec,
    Stat,
    check,
    counted,
    fail,
    ok,
    skip,
    stamped,
    unknown,
    warn,
)
from diagnose.facts.mail import SAID_SIGNS
from diagnose.parse.mailers.log import panics

# Labels of what Exim says of its own files; a setting that it quotes may suggest any other.
_OWN = ("mailer-config-error", "disk-full", "queue-no-space", "system-storage", "queue-permissions", "resource-limits")


@check(
    id="mailer-panic",
    title="The mailer's panic log",
    signs=(SignSpec("mailer.panic", {"mailer": ANY}), SAID_SIGNS),
    tags=("mailer", "log"),
    needs=("mta",),
)
def mailer_panic(ctx: Context) -> Observations:
    here = facts.mailer(ctx)
    if here is None or not here.table.get("panic"):
        skip("only Exim writes one")
    named = here.options.get("log_file_path", "")
    paths = [named.split(":")[0].strip().replace("%s", "panic")] if named.startswith("/") else []
    for path in dict.fromkeys((*paths, *here.table["panic"])):
        stat = ctx.ask(Stat(path))
        if stat.exists or stat.problem not in (None, "not found"):
            yield from _judge(ctx, path, {"path": path, "mailer": here.id, "program": here.program})
            return
    yield ok("mailer.panic", paths[0] if paths else "panic log", "does not exist: nothing was ever written to it")


def _judge(ctx: Context, path: str, data: Data) -> Observations:
    reply = ctx.ask(Read(path, tail=True, limit=65_536))
    if reply.problem:
        yield unknown("mailer.panic", path, f"Could not read it: {reply.problem}", **data)
        return
    now = facts.now(ctx)
    found = panics(reply.text, now)
    if not found:
        yield ok("mailer.panic", path, "is empty", **data)
        return
    last = found[-1]
    read = facts.mail_log(ctx)
    sent = max((at for at in read.sent.values() if at is not None), default=None) if read is not None else None
    recent = last.at is not None and now - last.at < timedelta(seconds=ctx.settings.since)
    live = recent and (sent is None or last.at is None or sent < last.at)
    when = f" at {last.at:%Y-%m-%d %H:%M:%S}" if last.at else ""
    text = f"{counted(len(found), 'kind')} of messages, the last{when}: {last.text[:300]}"
    say = fail if live else warn if recent else ok
    yield say("mailer.panic", path, text, count=len(found), said=last.text[:300], **data)
    for each in found[-5:]:
        fresh = each.at is not None and now - each.at < timedelta(seconds=ctx.settings.since)
        if each.reason is None or each.reason.label not in _OWN or not fresh:
            continue
        said = {**each.reason.scalars(), "route": "local", "source": "log", **data}
        current = live and (sent is None or each.at is None or sent < each.at)
        say = fail if current else warn
        yield stamped(say(f"mail.{each.reason.label}", path, each.text[:300], current=current, **said), each.at)
