"""Do header_checks, body_checks or SMTP access rules stop, hold or discard mail by what it says?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from diagnose.check import Context, Read, check, ok, unknown, warn
from diagnose.facts import mta
from diagnose.model import Observation
from diagnose.parse import table

_PARAMETERS = (
    "header_checks", "body_checks", "mime_header_checks", "nested_header_checks",
    "smtp_header_checks", "smtp_body_checks", "smtp_mime_header_checks",
)  # fmt: skip
_ACTION = re.compile(r"^(?!\s*#)\S.*?[/!,)}\]a-z]\s+(DISCARD|HOLD|REJECT|REDIRECT|FILTER|BCC)\b", re.I)


@check(
    id="content-rules",
    title="Rules on what mail says",
    signs=("config.content-rule",),
    tags=("postfix", "config"),
    needs=("postfix",),
)
def content_rules(ctx: Context) -> Iterator[Observation]:
    postfix = mta(ctx)
    found = False
    for parameter in _PARAMETERS:
        for reference in table.parse_list(postfix.value(parameter)):
            if reference.type not in ("regexp", "pcre", "texthash"):
                continue
            reply = ctx.ask(Read(reference.name))
            if reply.problem:
                yield unknown(
                    "config.content-rule", reference.raw, f"{parameter}: {reply.problem}", table=reference.raw
                )
                continue
            for number, line in enumerate(reply.text.splitlines(), 1):
                match = _ACTION.match(line)
                if match:
                    found = True
                    action = match[1].upper()
                    text = f"{parameter} line {number} may {action} mail: {line.strip()[:90]}"
                    yield warn(
                        "config.content-rule",
                        reference.raw,
                        text,
                        how=action.lower(),
                        parameter=parameter,
                        table=reference.name,
                        line=number,
                    )
                    break
    if not found:
        yield ok("config.content-rule", "header and body checks", "none that stops mail")
