"""Values that strangers choose, in every command that a cause suggests: each stays one word, and the word it was."""

from __future__ import annotations

import re
import shlex
import string

import pytest

from diagnose.knowledge.causes import all_causes
from diagnose.quoting import command

TEMPLATES = sorted(
    {
        each
        for cause in all_causes()
        for each in (*cause.remedy.commands, *cause.remedy.debian, *cause.remedy.rhel, *cause.remedy.alpine)
        if re.search(r"(?<!{){\w+}", each)
    }
)
VALUES = (
    "a b", "/etc/postfix/sasl passwd", "a;id", "$(id)", "`id`", "a'b", "a'; id; '", 'a"b', "a|id", "a&id", "a>b", "*", "~root",
    "-oProxyCommand=id", "--help", "-e", "+trace", "@evil", "a\nid", "a\rid", "\x1b[31m", "a\u202eb", "a#b", "# x", "!id", "{x}",
    "$HOME", "[host]:587", "relayhost=[evil]", "s/x/y/e", "a\\", "\u2066x", "<EVIL>", "a\tb", "/etc/x;1s/.*/y/w /etc/z", "1!G;h",
)  # fmt: skip


def names(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_value_becomes_code_an_option_or_another_value(template: str) -> None:
    plain = command(template, dict.fromkeys(names(template), "X1"))
    assert plain is not None
    wanted = shlex.split(plain, comments=True)
    for value in VALUES:
        made = command(template, dict.fromkeys(names(template), value))
        if made is None:
            continue
        assert made.isprintable()
        words = shlex.split(made, comments=True)
        for before, word in zip(wanted, words, strict=True):
            assert before.startswith("-") or not word.startswith("-")
            assert word.removeprefix("./") == before.replace("X1", value)


def test_the_sum() -> None:
    made = [command(t, dict.fromkeys(names(t), v)) for t in TEMPLATES for v in VALUES]
    offered = sum(one is not None for one in made)
    print(f"injections: {len(made)} tried, {offered} offered as a command, 0 ran as code, 0 options, 0 paths changed")
    assert len(made) >= 1000
    # A path with a blank stays that path, and is offered.
    assert command("chmod 600 {path}", {"path": "/etc/postfix/sasl passwd"}) == "chmod 600 '/etc/postfix/sasl passwd'"
    assert command("ls -l {path}", {"path": "-x"}) == "ls -l ./-x"
    assert command("getent hosts {host}", {"host": "-oProxyCommand=id"}) is None
    assert command("postconf {parameter}", {"parameter": "relayhost=[evil]"}) is None
    assert command("sed -i '{line}s/x//' /etc/x", {"line": "1e id;"}) is None
