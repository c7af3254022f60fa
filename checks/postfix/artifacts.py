"""Does main.cf or master.cf hold characters pasted from a web page that Postfix takes literally?"""

from __future__ import annotations

import re

from diagnose.check import FLAG, Context, Observation, Observations, Read, SignSpec, check, fail, ok, unknown, warn
from diagnose.facts import Mta, mta
from diagnose.parse.postfix import main_cf, master_cf
from diagnose.parse.postfix.main_cf import MainCf, Setting
from diagnose.parse.postfix.setting_types import kind_of
from diagnose.parse.text.paste import artifacts, homoglyphs

_WORDS = {
    "trailing-backslash": "ends in a backslash, which Postfix takes as part of the value",
    "smart-quote": "contains typographic quotes",
    "nbsp": "contains a non-breaking space",
    "zero-width": "contains an invisible character",
    "bom": "begins with a byte-order mark",
    "prompt": "begins with a shell's prompt",
    "dash": "contains a typographic dash",
    "entity": "contains an HTML entity in place of a character",
    "quoted": "is in quotes, which Postfix takes as part of the value",
    "inline-comment": "has a comment after the value, which Postfix takes as part of it",
    "letters": "contains non-ASCII letters in its name",
}
# What a person reads, or a command for a shell: odd characters there do no harm.
_FREE_TEXT = re.compile(r"banner|_text$|_footer|_command|_template|mail_name|checks|_notice|_reason")


@check(
    id="artifacts",
    title="Pasted characters in the settings",
    signs=(SignSpec("config.paste", {"plain": FLAG}),),
    tags=("postfix", "config"),
    needs=("postfix",),
)
def pasted(ctx: Context) -> Observations:
    postfix = mta(ctx)
    path = f"{postfix.config_directory}/main.cf"
    reply = ctx.ask(Read(path))
    if reply.problem:
        yield unknown(
            "config.paste", path, f"cannot be read ({reply.problem}), so it was not checked for pasted characters"
        )
        return
    text = main_cf.parse(reply.text)
    found = 0
    for setting in text.settings:
        for kind in _kinds(setting):
            found += 1
            yield _say(postfix, text, setting, kind, path)
    for finding in text.findings:
        if finding.kind == "missing-equals" and any(k in ("prompt", "bom") for k in artifacts(finding.text)):
            found += 1
            said = f"line {finding.line} begins with a shell's prompt"
            yield fail(
                "config.paste",
                path,
                said,
                kind="prompt",
                plain=False,
                path=path,
                line=finding.line,
                parameter="",
                value="",
            )
    yield from _master(ctx, postfix)
    if not found:
        yield ok("config.paste", path, "no pasted characters in its settings", path=path)


def _kinds(setting: Setting) -> list[str]:
    kinds = [kind for kind in artifacts(f"{setting.name} = {setting.value}") if kind != "cr"]
    if homoglyphs(setting.name) and not kinds:
        kinds.append("letters")
    if re.fullmatch(r"([\"']).*\1", setting.value):
        kinds.append("quoted")
    if re.search(r"\s#", setting.value) and "regexp" not in setting.value and "pcre" not in setting.value:
        kinds.append("inline-comment")
    return kinds


def _say(postfix: Mta, text: MainCf, setting: Setting, kind: str, path: str) -> Observation:
    name = setting.name.encode("ascii", "ignore").decode() or setting.name
    counts = text.get(setting.name) is setting
    in_name = not setting.name.isascii()
    # In a name it makes the setting unknown; in free text it does nothing.
    known = name in postfix.defaults
    harmless = not counts or (_FREE_TEXT.search(name) is not None) or (in_name and not known)
    harmless = harmless or (kind == "dash" and kind_of(name, postfix.defaults) == "text" and "host" not in name)
    # inline comments and quotes are ordinary mistakes of syntax: Postfix's own complaint names them better.
    plain = kind in ("inline-comment", "quoted")
    say = warn if harmless else fail
    return say(
        "config.paste", f"{path} line {setting.line}", f"{name}: the line {_WORDS.get(kind, kind)}",
        kind=kind, plain=plain, path=path, line=setting.line, parameter=name, value=setting.value,
    )  # fmt: skip


def _master(ctx: Context, postfix: Mta) -> Observations:
    path = f"{postfix.config_directory}/master.cf"
    for finding in master_cf.parse(ctx.ask(Read(path)).text).findings:
        if finding.kind in _WORDS:
            said = f"line {finding.line} {_WORDS[finding.kind]}"
            yield fail(
                "config.paste",
                path,
                said,
                kind=finding.kind,
                plain=False,
                path=path,
                line=finding.line,
                parameter="",
                value="",
            )
