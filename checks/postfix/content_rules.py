"""Do header_checks or body_checks of this host discard, hold, refuse or redirect mail by what it says?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose.check import FLAG, Context, MailLog, Read, SignSpec, check, fail, ok, unknown, warn
from diagnose.facts import Mta, mta
from diagnose.model import Observation
from diagnose.parse.postfix import table

_PARAMETERS = (
    "header_checks",
    "body_checks",
    "mime_header_checks",
    "nested_header_checks",
    "smtp_header_checks",
    "smtp_body_checks",
    "smtp_mime_header_checks",
)
_ACTION = re.compile(r"^(?!\s*#)\S.*?[/!,)}\]a-z]\s+(DISCARD|HOLD|REJECT|REDIRECT|FILTER)\b", re.I)
# "discard: header Subject: … from local; from=<…>": what a rule did to mail that began on this host.
_APPLIED = re.compile(
    r"\]: \w+: (?:milter-)?(?P<how>discard|reject|redirect): (?P<where>header|body) (?P<what>.{0,90}?) "
    r"from (?:local|localhost\[|\S+\[127\.|\S+\[::1)"
)
_HANDED = re.compile(r"/pickup\[\d+\]: \w+: uid=|/smtpd\[\d+\]: \w+: client=(?:localhost|\S+\[127\.|\S+\[::1)")
# "NOQUEUE: discard: RCPT from localhost[127.0.0.1]: <u@d>: Recipient address triggers DISCARD action".
_ACCESS = re.compile(
    r"\]: \w+: (?P<how>discard|redirect): (?P<where>[A-Z-]+) from (?:localhost\[|\S+\[127\.|\S+\[::1)[^:]*: "
    r"(?P<what>.{0,90}?) triggers"
)


@check(
    id="content-rules",
    title="Header and body checks",
    signs=(
        SignSpec("config.content-rule", {"how": ("discard", "redirect", "reject"), "most": FLAG, "unlogged": FLAG}),
    ),
    tags=("postfix", "config"),
    needs=("postfix",),
)
def content_rules(ctx: Context) -> Iterator[Observation]:
    postfix = mta(ctx)
    applied: dict[str, int] = {}
    last: dict[str, re.Match[str]] = {}
    reply = ctx.ask(MailLog(ctx.settings.since))
    for line in reply.lines:
        if ": header " in line or ": body " in line or " triggers " in line:
            match = _APPLIED.search(line) or _ACCESS.search(line)
            if match:
                applied[match["how"]] = applied.get(match["how"], 0) + 1
                last[match["how"]] = match
    handed = sum(1 for line in reply.lines if _HANDED.search(line))
    for how, match in last.items():
        parameter = {"header": "header_checks", "body": "body_checks"}.get(match["where"], "an access table of smtpd")
        text = f"{parameter} did {how} {applied[how]} message(s) from this host lately, the last for: {match['what']}"
        most = applied[how] * 2 > handed
        yield fail("config.content-rule", parameter, text, how=how, parameter=parameter, count=applied[how], most=most)
    if not last:
        yield from _rules(ctx, postfix, unlogged=bool(reply.problem and not reply.lines))


def _rules(ctx: Context, postfix: Mta, unlogged: bool) -> Iterator[Observation]:
    """No rule was applied of late, as far as the log can be read: which could be."""
    found = False
    for parameter in _PARAMETERS:
        for reference in table.parse_list(postfix.value(parameter)):
            if reference.type not in ("regexp", "pcre", "texthash"):
                continue
            data = {"parameter": parameter, "table": reference.name}
            reply = ctx.ask(Read(reference.name))
            if reply.problem:
                yield unknown("config.content-rule", reference.raw, f"{parameter}: {reply.problem}", **data)
                continue
            hit = next(
                ((n, m) for n, line in enumerate(reply.text.splitlines(), 1) if (m := _ACTION.match(line))), None
            )
            if hit:
                found = True
                number, match = hit
                text = f"{parameter} line {number} may {match[1].upper()} mail: {match.string.strip()[:90]}"
                how = match[1].lower()
                yield warn("config.content-rule", reference.raw, text, how=how, line=number, unlogged=unlogged, **data)
    if not found:
        yield ok("config.content-rule", "header and body checks", "none that stops mail")
