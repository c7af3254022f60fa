"""Man page and shell completion, made of the commands themselves, so that they cannot differ from them.

`mail-diagnose install-units` writes them; packages make them while they are built, with
`--only documents --prefix DIR --command /usr/bin/mail-diagnose`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

NAME = "mail-diagnose"
# What completes a value, by its metavar: files, or words.
_FILES = ("FILE", "DIR", "PATH", "[FILE|-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """names: -o and --output; value: its metavar, empty for a flag; words: its known values."""

    names: tuple[str, ...]
    value: str
    help: str
    words: tuple[str, ...] = ()
    repeats: bool = False

    @property
    def files(self) -> bool:
        return self.value in _FILES


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A command: path is its words after the program's name, empty for the program itself."""

    path: tuple[str, ...]
    help: str
    options: tuple[Option, ...]
    arguments: tuple[Option, ...]
    commands: tuple[str, ...]

    @property
    def summary(self) -> str:
        return self.help.split("\n\n")[0].replace("\n", " ").strip()


def pages(command: Any, words: Mapping[str, tuple[str, ...]] | None = None) -> list[Page]:
    """Every command of a Typer application's root command, parents first. words: known values, by metavar."""
    return list(_walk(command, (), words or known_words()))


def known_words() -> dict[str, tuple[str, ...]]:
    from diagnose.report import PLAIN_FORMATS

    formats = tuple(PLAIN_FORMATS)
    return {"NAME": formats, "NAME[:PATH]": formats}


def _walk(command: Any, path: tuple[str, ...], words: Mapping[str, tuple[str, ...]]) -> Iterator[Page]:
    children = {name: child for name, child in getattr(command, "commands", {}).items() if not child.hidden}
    options = [Option(names=("--help", "-h"), value="", help="Show help and exit.")]
    arguments: list[Option] = []
    for parameter in command.params:
        if getattr(parameter, "hidden", False):
            continue
        flag = bool(getattr(parameter, "is_flag", False)) or bool(getattr(parameter, "count", False))
        value = "" if flag else str(parameter.metavar or parameter.name.upper())
        listed = tuple(value.split("|")) if re.fullmatch(r"[a-z]+(\|[a-z]+)+", value) else words.get(value, ())
        names = tuple(sorted((*parameter.opts, *parameter.secondary_opts), key=lambda n: (not n.startswith("--"), n)))
        found = Option(
            names=names,
            value=value,
            help=_flat(getattr(parameter, "help", "") or ""),
            words=listed if parameter.param_type_name == "option" else (),
            repeats=bool(getattr(parameter, "multiple", False)),
        )
        (options if parameter.param_type_name == "option" else arguments).append(found)
    yield Page(
        path=path,
        help=_help(command),
        options=tuple(options),
        arguments=tuple(arguments),
        commands=tuple(children),
    )
    for name, child in children.items():
        yield from _walk(child, (*path, name), words)


def _help(command: Any) -> str:
    text = str(command.help or command.short_help or "")
    lines = [line.strip() if not line.startswith("  ") else line for line in text.replace("\b", "").split("\n")]
    return "\n".join(lines).strip()


def _flat(text: str) -> str:
    return " ".join(text.split())


def man(found: list[Page], version: str, day: str) -> str:
    """The man page, section 1. day: such as 2026-11-22."""
    root = found[0]
    lines = [
        f'.TH MAIL-DIAGNOSE 1 "{day}" "mail-diagnose {version}" "User Commands"',
        ".SH NAME",
        "mail-diagnose \\- say why mail does not leave this server, prove it, and write the fix",
        ".SH SYNOPSIS",
        ".B mail-diagnose",
        "[\\-\\-version] COMMAND [OPTION]...",
        ".SH DESCRIPTION",
        *_paragraphs(root.help),
        ".SH OPTIONS",
        *(line for option in root.options for line in _entry(option)),
        ".SH COMMANDS",
    ]
    for page in found[1:]:
        arguments = "".join(f" {argument.value or argument.names[0].upper()}" for argument in page.arguments)
        lines += [f".SS {_roff(' '.join((NAME, *page.path)) + arguments)}", *_paragraphs(page.help)]
        for option in page.options:
            lines += _entry(option)
    lines += [
        ".SH EXIT STATUS",
        *_tagged("0", "Nothing wrong was found."),
        *_tagged("1", "A warning: mail may well flow."),
        *_tagged("2", "A cause of failure was found."),
        *_tagged("3", "It could not be told, or the options are wrong."),
        ".SH FILES",
        *_tagged("/etc/mail-diagnose.toml", "Options of watch and report by their names; options given win."),
        *_tagged("/var/lib/mail-diagnose", "What watch keeps between passes."),
        ".SH SEE ALSO",
        ".BR postfix (1),",
        ".BR postqueue (1),",
        ".BR postconf (5)",
    ]
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> list[str]:
    lines = []
    for paragraph in text.split("\n\n"):
        rows = paragraph.strip("\n").split("\n")
        if any(row.startswith("  ") for row in rows):
            lines += [".PP", ".nf", *(_roff(row) for row in rows), ".fi"]
        else:
            lines += [".PP", _roff(" ".join(row.strip() for row in rows))]
    return lines


def _entry(option: Option) -> list[str]:
    names = ", ".join(option.names) + (f" {option.value}" if option.value else "")
    return _tagged(names, option.help or "Show the traceback of an error.")


def _tagged(tag: str, text: str) -> list[str]:
    return [".TP", f"\\fB{_roff(tag)}\\fR", _roff(text)]


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    escaped = escaped.replace("^", "\\(ha").replace("~", "\\(ti")
    return f"\\&{escaped}" if escaped.startswith((".", "\\(aq")) else escaped


def bash(found: list[Page]) -> str:
    """Completion for bash, without the bash-completion package's help."""
    cases, values = [], []
    for page in found:
        key = " ".join(page.path)
        names = [name for option in page.options for name in option.names]
        cases.append(f"    '{key}') words='{' '.join([*page.commands, *names])}' ;;")
        for option in page.options:
            if option.value:
                action = "files=1" if option.files else f"words='{' '.join(option.words)}'"
                values += [f"    '{key} {name}') {action}; value=1 ;;" for name in option.names]
    groups = "|".join(f"'{' '.join(page.path)}'" for page in found if page.commands)
    return f"""# bash completion for {NAME}: made by `mail-diagnose install-units`
_mail_diagnose() {{
  local path='' word words='' files='' value='' index next='' current="${{COMP_WORDS[COMP_CWORD]}}"
  for (( index = 1; index < COMP_CWORD; index++ )); do
    word="${{COMP_WORDS[index]}}"
    if [ -n "$next" ]; then next=''; continue; fi
    case "$path $word" in
{_bash_takes(found)}
    esac
    case "$path" in {groups}) ;; *) continue ;; esac
    case "$word" in -*) ;; *) path="${{path:+$path }}$word" ;; esac
  done
  case "$path" in
{chr(10).join(cases)}
  esac
  if [ "$COMP_CWORD" -gt 1 ]; then
  case "$path ${{COMP_WORDS[COMP_CWORD-1]}}" in
{chr(10).join(values)}
  esac
  fi
  COMPREPLY=()
  if [ -n "$files" ] || {{ [ -z "$value" ] && [ "${{current#-}}" = "$current" ] && [ -n "$path" ]; }}; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current")
  fi
  if [ -z "$files" ]; then
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$words" -- "$current")
  fi
}}
complete -F _mail_diagnose {NAME}
"""


def _bash_takes(found: list[Page]) -> str:
    """The options that take the next word, so that a value is not read as a command."""
    names = [
        f"'{' '.join(page.path)} {name}'"
        for page in found
        for option in page.options
        if option.value
        for name in option.names
    ]
    return f"      {'|'.join(names)}) next=1; continue ;;"


def zsh(found: list[Page]) -> str:
    functions = [_zsh_function(page, found) for page in found]
    return (
        f"#compdef {NAME}\n# made by `mail-diagnose install-units`\n" + "\n".join(functions) + '\n_mail_diagnose "$@"\n'
    )


def _zsh_function(page: Page, found: list[Page]) -> str:
    name = "_".join(("_mail_diagnose", *page.path)).replace("-", "_")
    specs = []
    for option in page.options:
        alone = "" if option.repeats else f"({' '.join(option.names)})"
        value = ""
        if option.value:
            action = "_files" if option.files else f"({' '.join(option.words)})" if option.words else ""
            value = f":{_zsh(option.value)}:{action}"
        for spelled in option.names:
            specs.append(f"    '{'*' if option.repeats else alone}{spelled}[{_zsh(option.help)}]{value}'")
    if not page.commands:
        files = any(argument.files or not argument.value.isupper() for argument in page.arguments)
        specs.append(f"    '*:argument:{'_files' if files else ''}'")
        return f"{name}() {{\n  _arguments -s \\\n" + " \\\n".join(specs) + "\n}"
    children = {p.path[-1]: p for p in found if p.path[:-1] == page.path and p.path}
    listed = "\n".join(f"    '{key}:{_zsh(child.summary)}'" for key, child in children.items())
    calls = "\n".join(f"        {key}) {name}_{key.replace('-', '_')} ;;" for key in children)
    specs += ["    '1:command:->command'", "    '*::argument:->argument'"]
    return (
        f"{name}() {{\n  local state line\n  local -a commands\n  commands=(\n{listed}\n  )\n  _arguments -s -C \\\n"
        + " \\\n".join(specs)
        + f"\n  case $state in\n    command) _describe command commands ;;\n    argument)\n      case $line[1] in\n{calls}\n"
        "      esac ;;\n  esac\n}"
    )


def _zsh(text: str) -> str:
    return text.replace("\\", "").replace("'", "").replace("[", "(").replace("]", ")").replace(":", " -")


def fish(found: list[Page]) -> str:
    lines = [f"# fish completion for {NAME}: made by `mail-diagnose install-units`", f"complete -c {NAME} -f"]
    for page in found:
        condition = _fish_condition(page)
        for child in (p for p in found if p.path and p.path[:-1] == page.path):
            lines.append(f"complete -c {NAME} -n '{condition}' -a {child.path[-1]} -d {_fish(child.summary)}")
        for option in page.options:
            short = "".join(f" -s {name[1:]}" for name in option.names if not name.startswith("--"))
            long = "".join(f" -l {name[2:]}" for name in option.names if name.startswith("--"))
            value = "" if not option.value else " -r -F" if option.files else " -x"
            words = f" -a {_fish(' '.join(option.words))}" if option.words else ""
            lines.append(f"complete -c {NAME} -n '{condition}'{short}{long}{value}{words} -d {_fish(option.help)}")
        if any(argument.files for argument in page.arguments):
            lines.append(f"complete -c {NAME} -n '{condition}' -F")
    return "\n".join(lines) + "\n"


def _fish_condition(page: Page) -> str:
    seen = [f"__fish_seen_subcommand_from {word}" for word in page.path]
    if not page.path:
        return "__fish_use_subcommand"
    if page.commands:
        seen.append(f"not __fish_seen_subcommand_from {' '.join(page.commands)}")
    return "; and ".join(seen)


def _fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


# Where each belongs below /usr/local or /usr.
FILES: Mapping[str, Callable[[list[Page]], str]] = {
    "share/bash-completion/completions/mail-diagnose": bash,
    "share/zsh/site-functions/_mail-diagnose": zsh,
    "share/fish/vendor_completions.d/mail-diagnose.fish": fish,
}
MAN = "share/man/man1/mail-diagnose.1"


def texts(command: Any) -> dict[str, str]:
    """Each file's place below /usr/local or /usr, and its text."""
    from diagnose import __version__

    found = pages(command)
    day = _day()
    return {MAN: man(found, __version__, day), **{path: make(found) for path, make in FILES.items()}}


def _day() -> str:
    """Of the build: SOURCE_DATE_EPOCH where it is set, so that builds can be reproduced."""
    import os
    import time

    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    return time.strftime("%Y-%m-%d", time.gmtime(int(given) if given.isdigit() else time.time()))
