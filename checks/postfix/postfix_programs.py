"""Does any of Postfix' own programs end with a fatal error, and on what?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose.check import FLAG, Context, Exec, MailQueue, SignSpec, check, fail, ok
from diagnose.facts import mta
from diagnose.facts.mail import SAID_SIGNS
from diagnose.model import SAID, Observation
from diagnose.parse.words.reason import classify

# "postqueue: fatal: read /etc/postfix/main.cf: Is a directory"; a parent's name may stand before the program's.
_FATAL = re.compile(r"^(?:postfix/)?(?P<program>[\w-]+)(?:\[\d+\])?: (?:fatal|panic): (?P<text>.+)", re.M)
_PATH = re.compile(r"(?<!\S)/[^\s:;,]+")
# What it names: a file, a parameter, an account, a library; the rest may be a mere consequence.
_NAMED = re.compile(r"/|\bparameter\b|\b(?:user|group|owner)\b|_\w+|\.so\b|:\w")
_FILE = re.compile(r"(?:read|open|file|stat|directory|load) ")
# Labels that say no more than "fatal" does.
_GENERAL = ("postfix-config-error", "daemon-failed", "noise")
# What says only that this user may not, that Postfix is down or that the tool gave it too little to work with.
_OTHER = re.compile(
    r"permission denied|not permitted|must be|use of this|usage:|mail system is down|connect to|execve|too many open"
    r"|no space left|read-only",
    re.I,
)


@check(
    id="postfix-programs",
    title="Postfix' own programs",
    signs=(SignSpec("config.fatal", {"named": FLAG}), SAID_SIGNS),
    tags=("postfix", "config"),
    needs=("postfix",),
)
def postfix_programs(ctx: Context) -> Iterator[Observation]:
    place = f"{mta(ctx).config_directory}/main.cf"
    said = [ctx.ask(Exec(("postconf", *more))).err for more in ((), ("-n",), ("-M",), ("-P",))]
    said.append(ctx.ask(MailQueue()).err)
    seen = False
    for match in dict.fromkeys(match.groups() for text in said for match in _FATAL.finditer(text)):
        program, text = match
        if _OTHER.search(text):
            continue
        seen = True
        reason = classify(f"fatal: {text}", own=True)
        if reason is not None and reason.label not in _GENERAL:
            yield fail(f"{SAID}{reason.label}", program, f"ends with a fatal error: {text}", **reason.scalars())
            continue
        named = _PATH.search(text) if _FILE.search(text) else None
        path = named[0] if named else place
        yield fail(
            "config.fatal",
            program,
            f"ends with a fatal error: {text}",
            path=path,
            named=_NAMED.search(text) is not None,
        )
    if not seen:
        yield ok("config.fatal", "postconf, postqueue", "end without a fatal error")
