"""Do header_checks or body_checks discard, hold, reject or redirect mail because of its content?"""

from __future__ import annotations

import re

from diagnose.check import FLAG, Context, Data, Observations, Read, SignSpec, check, fail, ok, unknown, warn
from diagnose.facts import Mta, mta, postfix_log, settings_read
from diagnose.parse.postfix import pattern_rule, table
from diagnose.parse.postfix.main_cf import followed
from diagnose.parse.postfix.pattern_rule import Rule, Untried

_PARAMETERS = (
    "header_checks",
    "body_checks",
    "mime_header_checks",
    "nested_header_checks",
    "smtp_header_checks",
    "smtp_body_checks",
    "smtp_mime_header_checks",
)
_RESULT = re.compile(r"(?P<how>DISCARD|HOLD|REJECT|REDIRECT)\b\s*(?P<words>.*)", re.I)
_ENDS = re.compile(r"to=<[^>]*>[^:]*(?:: (?:[45]\.\d+\.\d+ )?(?P<words>.*))?$")
_DOES = {"discard": "discards", "hold": "holds back", "reject": "rejects", "redirect": "redirects"}
_FAMILIES = {
    "header": ("header_checks", "mime_header_checks", "nested_header_checks"),
    "body": ("body_checks",),
}
_ACTION = re.compile(r"^(?!\s*#)\S.*?[/!,)}\]a-z]\s+(DISCARD|HOLD|REJECT|REDIRECT|FILTER)\b", re.I)
# "discard: header Subject: … from local; from=<…>": what a rule did to mail that began on this host.
_APPLIED = re.compile(
    r"\]: \w+: (?:milter-)?(?P<how>discard|hold|reject|redirect): (?P<where>header|body) (?P<what>.{0,500}?) "
    r"from (?:local|localhost\[|\S+\[127\.|\S+\[::1)"
)
_HANDED = re.compile(r"/pickup\[\d+\]: \w+: uid=|/smtpd\[\d+\]: \w+: client=(?:localhost|\S+\[127\.|\S+\[::1)")
_QUEUED = re.compile(r"/qmgr\[\d+\]: \w+: from=<[^>]")  # no bounce
# "NOQUEUE: discard: RCPT from localhost[127.0.0.1]: <u@d>: Recipient address triggers DISCARD action", or the table's own words there.
_ACCESS = re.compile(
    r"\]: \w+: (?:milter-)?(?P<how>discard|redirect): (?P<where>[A-Z-]+) from (?:localhost\[|\S+\[127\.|\S+\[::1)[^:]*: "
    r"(?P<what>.{0,90}?)(?: triggers|; from=)"
)


@check(
    id="content-rules",
    title="Header and body checks",
    signs=(
        SignSpec(
            "config.content-rule", {"how": ("discard", "hold", "redirect", "reject"), "most": FLAG, "unlogged": FLAG}
        ),
    ),
    tags=("postfix", "config"),
    needs=("postfix",),
)
def content_rules(ctx: Context) -> Observations:
    postfix = mta(ctx)
    applied: dict[str, int] = {}
    last: dict[str, re.Match[str]] = {}
    reply = postfix_log(ctx)
    passed = False  # since a rule was last applied
    older: set[str] = set()  # last applied before Postfix last read its settings
    for line in reply.lines:
        if settings_read(line):
            older = set(last)
        passed = passed or _QUEUED.search(line) is not None
        if any(f"{how}: " in line for how in _DOES):
            match = _APPLIED.search(line) or _ACCESS.search(line)
            if match:
                applied[match["how"]] = applied.get(match["how"], 0) + 1
                last[match["how"]] = match
                older.discard(match["how"])
                passed = False
    handed = sum(1 for line in reply.lines if _HANDED.search(line))
    rules = {how: _rules_of(ctx, postfix, match) for how, match in last.items()}
    for how in older:
        if not rules[how] and last[how]["where"] in _FAMILIES:
            del last[how]  # its rule is gone
    for how, match in last.items():
        other = "a milter" if "milter-" in match[0] else "an access table of smtpd"
        parameter = {"header": "header_checks", "body": "body_checks"}.get(match["where"], other)
        data: Data = {
            "how": how,
            "parameter": parameter,
            "count": applied[how],
            "most": applied[how] * 2 > handed or not passed,
        }
        whose = parameter
        if len(rules[how]) == 1:
            rule = rules[how][0]
            data |= {"parameter": rule[0], "table": rule[1], "line": rule[2]}
            whose = f"{rule[0]}, {rule[1]} line {rule[2]} ({rule[3][:70]}),"
        number = "1 message" if applied[how] == 1 else f"{applied[how]} messages"
        text = f"{whose} {_DOES[how]} this host's own mail: {number} recently, the last for: {match['what'][:90]}"
        yield fail("config.content-rule", parameter, text, **data)
    if not last:
        yield from _rules(ctx, postfix, unlogged=bool(reply.problem and not reply.lines))


def _rules_of(ctx: Context, postfix: Mta, applied: re.Match[str]) -> list[tuple[str, str, int, str]]:
    """(parameter, file, line number, text) of each rule that can have done it."""
    ends = _ENDS.search(applied.string)
    said = (ends["words"] or "").strip() if ends else ""
    found: dict[tuple[str, int], tuple[str, str, int, str]] = {}  # the other header checks are header_checks by default
    for parameter in _FAMILIES.get(applied["where"], ()):
        for reference in table.parse_list(postfix.value(parameter)):
            if reference.type not in ("regexp", "pcre"):
                continue
            for number, raw, after in followed(ctx.ask(Read(reference.name)).text.splitlines()):
                rule = pattern_rule.parse(raw)
                if rule and not after[:1].isspace() and _fits(rule, applied, said):
                    found.setdefault((reference.name, number), (parameter, reference.name, number, raw.strip()))
    return list(found.values())


def _fits(rule: Rule, applied: re.Match[str], said: str) -> bool:
    result = _RESULT.match(rule.result)
    if result is None or result["how"].lower() != applied["how"]:
        return False
    words = re.sub(r"^[45]\.\d+\.\d+\s+", "", result["words"].strip())
    if words and "$" not in words and words != said:
        return False
    try:
        return rule.search(applied["what"]) is not None
    except Untried:
        return True


def _rules(ctx: Context, postfix: Mta, unlogged: bool) -> Observations:
    """Observes rules that could stop mail, where the log shows none that did. unlogged: the log could not be read."""
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
        yield ok("config.content-rule", "header and body checks", "none stops mail")
