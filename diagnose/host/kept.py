"""What a recording keeps of an answer: parsed values and harmless shapes; the rest becomes placeholders.

A placeholder, `left-out-3-long`, says how long the value was, and is the same where the value was the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from diagnose.host.query import (
    DialReply,
    Exec,
    ExecReply,
    LogReply,
    MapReply,
    Processes,
    ProcessesReply,
    Query,
    QueueLinesReply,
    Read,
    ReadReply,
)
from diagnose.parse.text.known import SHORTEST, STARS
from diagnose.parse.text.masking import mask
from diagnose.parse.text.telling import random
from diagnose.patterns import late

_PIECE = late(r"[^\s=,:;/@<>()\"'\[\]{}|\\]+")
# Files and commands of the system that hold no settings of anybody's.
_SYSTEM = late(
    r"/(?:proc|sys|run/cloud-init)/.*|(?:/\S*)?/etc/(?:hosts|resolv\.conf|nsswitch\.conf|services|os-release|group|mailname|hostname"
    r"|protocols|host\.conf|gai\.conf|lsb-release)|/usr/lib/os-release|\S*\.(?:pem|crt)|\S*/last_run_summary\.yaml"
)
_TOOLS = frozenset(
    "ip nft iptables-save ip6tables-save iptables-nft-save ip6tables-nft-save getenforce chronyc timedatectl findmnt dpkg-query rpm "
    "ldd openssl getent".split()
)
_VARIABLE = late(r"\$\(?\w+\)?\??|%\w")
_MASTER = frozenset(
    "inet unix fifo smtp smtps smtpd pickup cleanup qmgr pipe error retry discard argv flags user null".split()
)
_ARGV = late(r"(\bargv=\S+)((?:[^\n]|\n[ \t])*)")
_ARGUMENT = late(r"/[\w./+@-]+|--?[A-Za-z][\w-]*|(?=[^$]*\$)[\w.@+!(){}$-]+|\d+|--?")
_PARAMETER = late(r"(?m)^(?P<name>[\w-]+)(?P<sign>[ \t]*=)(?P<value>[^\n]*(?:\n[ \t][^\n]*)*)")
_UNUSED = late(r"(\bunused parameter: [\w-]+=)(.*)")
_LOGS = late(r"/var/log/.*")
# What a runtime keeps of containers is nobody's settings alone, and of crontabs is read what runs an application's worker.
_CONTAINERS = late(r"/(?:var/lib/docker|run/containers|run/containerd)/.*")
_CRONTABS = late(r"/etc/cron.*|/var/spool/cron/.*")
_WORKER = late(r"artisan|bin/console|cron\.php|delayed_job|jobs:work")
_DENIAL = late(r"audit\(\d|avc:|apparmor=")
_HEAD = late(r"^(?:\S+ +){1,5}?(?P<program>[\w./-]+?)(?:\[\d+\])?: (?:(?P<id>[\dA-Za-z]{5,20}): )?")
_POSTFIX = late(r"postfix[\w.-]*(?:/|$)")
# Other mailers whose lines are read: Exim's own log and msmtp's name no program.
_MAILER = late(r"(?:exim4?|msmtp|nullmailer[\w-]*)$")
_STAMP = r"(?:\d{4}-\d\d-\d\d|[A-Z][a-z]{2} [ \d]\d) \d\d:\d\d:\d\d(?:\.\d+)?"
_EXIM_ID = r"[\dA-Za-z]{6}-[\dA-Za-z]{6,11}-[\dA-Za-z]{2,4}"
_OWN_LOG = late(rf"^{_STAMP} (?:[+-]\d{{4}} )?(?:\[\d+\] )?(?:(?P<id>{_EXIM_ID}) |host=\S+ tls=(?:on|off) )")
_PROCESS_WORD = late(
    r"/[\w./+@-]+|-[A-Za-z]{1,3}|-Djavax\.net\.ssl\.trustStore=[\w./-]+|[\w.-]*(?:codenvy|che|catalina|tomcat)[\w.-]*"
    # By which workers of queues, and the programs that feed them, are known.
    r"|artisan|queue:(?:work|listen)|horizon(?::\w+)?|octane|serve|bin/console|messenger:consume|sidekiq|delayed_job|jobs:work|celeryd?|beat"
    r"|workers?|rq|rqworker|puma|unicorn|passenger|rails|gunicorn|uwsgi|uvicorn|daphne|manage\.py|supervisord|crond?",
    re.I,
)


class Keeper:
    """One recording's placeholders. words: harmless ones, such as this tool's own."""

    def __init__(self, words: frozenset[str] = frozenset()) -> None:
        self._numbers: dict[str, int] = {}
        self._words = words
        self._ids: set[str] = set()
        self._parameters: set[str] = set()

    @property
    def left_out(self) -> int:
        """The number of values left out."""
        return len(self._numbers)

    def learn(self, asked: Mapping[Query[Any], Any]) -> None:
        """Adds the words of Postfix's own defaults to the harmless ones."""
        said = asked.get(Exec(("postconf", "-d")))
        self._words |= {word.lower() for word in re.findall(r"[^\W\d_]+", said.out)} if said else set()
        self._parameters |= set(re.findall(r"(?m)^(\w+) =", said.out)) if said else set()
        self._words |= _MASTER

    def reply(self, query: Query[Any], reply: Any) -> Any:
        """The answer as the recording keeps it."""
        if isinstance(reply, LogReply):
            return replace(reply, lines=self._log(reply.lines))
        if isinstance(query, Exec) and isinstance(reply, ExecReply):
            return self._exec(query, reply)
        if isinstance(query, Read) and isinstance(reply, ReadReply):
            return replace(reply, text=self._file(query, reply.text))
        if isinstance(query, Processes) and isinstance(reply, ProcessesReply):
            return replace(reply, processes=tuple(map(self._process, reply.processes)))
        if isinstance(reply, DialReply):
            said = ("banner", "ehlo", "starttls", "auth", "mail", "rcpt")
            return replace(reply, **{name: self.text(getattr(reply, name)) for name in said})  # type: ignore[arg-type]
        if isinstance(reply, MapReply):
            return replace(reply, value=self.text(reply.value), error=self.text(reply.error))
        if isinstance(reply, QueueLinesReply):
            return replace(reply, summary=self._data(reply.summary), err=self.text(reply.err))
        return reply

    def text(self, text: str) -> str:
        """The text without pieces that look like no word, name, address, path or number."""
        return self._pieces(text, _doubtful)

    def strict(self, text: str) -> str:
        """Only short numbers, punctuation, and words known to this tool or Postfix; dots for the rest."""
        return _PIECE.sub(lambda piece: piece[0] if STARS in piece[0] or self._plain(piece[0]) else "\u2026", text)

    def _pieces(self, text: str, secret: Callable[[str], bool]) -> str:
        def shown(piece: re.Match[str]) -> str:
            word = piece[0]
            if STARS in word or word in self._ids or not secret(word):
                return word
            return self._placeholder(word)

        return _PIECE.sub(shown, text)

    def _plain(self, piece: str) -> bool:
        words = re.findall(r"[^\W\d_]+", piece)
        if re.search(r"\d{6}", piece) or (words and len(piece) > 5 and re.search(r"\d", piece)):
            return False
        return all(len(word) < 4 or word.lower() in self._words for word in words)

    def _placeholder(self, value: str) -> str:
        number = self._numbers.setdefault(value, len(self._numbers) + 1)
        return f"left-out-{number}-{'short' if len(value) < 8 else 'medium' if len(value) < 20 else 'long'}"

    def _data(self, data: Any) -> Any:
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, Mapping):
            return {self.text(str(key)): self._data(value) for key, value in data.items()}
        return [self._data(value) for value in data] if isinstance(data, (list, tuple)) else data

    def _log(self, lines: tuple[str, ...]) -> tuple[str, ...]:
        """Postfix's lines; of other programs' lines the known words."""
        if not lines:
            return lines
        masked = mask("\n".join(lines)).split("\n")
        heads = [(line, _HEAD.match(line)) for line in masked]
        self._ids.update(head["id"] for _, head in heads if head and head["id"] and _POSTFIX.match(head["program"]))
        out = []
        for line, head in heads:
            if own := _OWN_LOG.match(line):
                self._ids.update(filter(None, (own["id"],)))
                out.append(self.text(line))
                continue
            cut = head.end() if head else 0
            ours = head is not None and (_POSTFIX.match(head["program"]) or _MAILER.match(head["program"]))
            out.append(line[:cut] + (self.text if ours else self.strict)(line[cut:]))
        return tuple(out)

    def _exec(self, query: Exec, reply: ExecReply) -> ExecReply:
        program = query.argv[0].rpartition("/")[2]
        if program == "dmesg":
            return replace(reply, out=_denials(reply.out))
        if program in _TOOLS:
            return reply
        if query.argv[1:] == ("-bp",):
            self._ids.update(re.findall(rf"\b{_EXIM_ID}\b", reply.out))
        if program == "postconf" and query.argv[1:] in (("-d",), ("-m",), ("-A",)):
            return reply
        if program == "postconf":
            err = _UNUSED.sub(lambda found: found[1] + self.strict(found[2]), reply.err)
            reply = replace(reply, out=self._commands(reply.out), err=err)
        return replace(reply, out=self.text(reply.out), err=self.text(reply.err))

    def _file(self, query: Read, text: str) -> str:
        if _SYSTEM.fullmatch(query.path):
            return text
        if query.path == "/etc/passwd":
            return "\n".join(
                ":".join([*line.split(":")[:4], "", *line.split(":")[5:]]) for line in text.split("\n") if line
            )
        if _LOGS.fullmatch(query.path):
            return _denials(text)
        if _CONTAINERS.fullmatch(query.path):
            return ""
        if _CRONTABS.fullmatch(query.path):
            text = "\n".join(line for line in text.split("\n") if _WORKER.search(line))
        if query.path.endswith("/master.cf"):
            text = self._commands(text)
        if query.path.endswith("/main.cf"):
            text = self._own(text)
        return "\n".join(
            (self.strict if line.lstrip().startswith("#") else self.text)(line) for line in text.split("\n")
        )

    def _commands(self, text: str) -> str:
        """The arguments of a master.cf service's program: only paths, options and Postfix's own variables."""

        def shown(word: re.Match[str]) -> str:
            return word[0] if STARS in word[0] or _ARGUMENT.fullmatch(word[0]) else self._placeholder(word[0])

        return _ARGV.sub(lambda argv: argv[1] + re.sub(r"\S+", shown, argv[2]), text)

    def _own(self, text: str) -> str:
        """The settings without parameters that neither Postfix nor another line knows: those may hold anything."""
        # ldap:people has its settings in people_bind_dn and the like.
        tables = tuple(f"{table}_" for table in re.findall(r":([A-Za-z]\w*)(?![\w.-])", text))

        words = Counter(re.findall(r"[\w-]+", text))

        def shown(found: re.Match[str]) -> str:
            name = found["name"]
            if not self._parameters or name in self._parameters or words[name] > 1 or name.startswith(tables):
                return found[0]
            return f"{name}{found['sign']}{self.strict(found['value'])}"

        return _PARAMETER.sub(shown, text)

    def _process(self, process: Any) -> Any:
        """The program, and of its arguments paths and options; all arguments of Postfix's programs."""
        first, *rest = process.command or ("",)
        if not _POSTFIX.search(first):
            rest = [word for word in rest if _PROCESS_WORD.fullmatch(word)]
        return replace(process, command=tuple(map(self.text, [first, *rest])) if process.command else ())


def _doubtful(piece: str) -> bool:
    """Whether a piece of a word may be a secret; parameter names and date formats in it do not count."""
    core = _VARIABLE.sub("", piece).strip("!?*%~^#&+")
    return len(core) >= SHORTEST and random(core)


def _denials(text: str) -> str:
    """The lines of access control, which are all that is read of the system's log."""
    return "\n".join(line for line in text.split("\n") if _DENIAL.search(line))
