"""Does any Postfix program end with a fatal error, and why?

Every program of Postfix ends at once where main.cf names an account that does not exist, or a file or library that is gone.
"""

from __future__ import annotations

import re

from diagnose.check import (
    FLAG,
    Context,
    Data,
    Exec,
    Lock,
    MailQueue,
    Observations,
    Read,
    SignSpec,
    Stat,
    check,
    fail,
    ok,
)
from diagnose.facts import Mta, accounts, master, mta, postfix_log, route, since_start, stands
from diagnose.facts.mail import SAID_SIGNS
from diagnose.knowledge import distributions
from diagnose.model import SAID
from diagnose.parse.postfix import master_cf
from diagnose.parse.postfix.main_cf import followed
from diagnose.parse.words.reason import classify

# "postqueue: fatal: read /etc/postfix/main.cf: Is a directory"; a parent's name may stand before the program's.
_FATAL = re.compile(r"^(?:postfix/)?(?P<program>[\w-]+)(?:\[\d+\])?: (?:fatal|panic): (?P<text>.+)", re.M)
# As ld.so (glibc, musl) and ldd say it.
_LOADER = re.compile(
    r"^(?P<program>\S+): error while loading shared libraries: (?P<library>[^:\s]+)"
    r"|^Error loading shared library (?P<musl>[^:\s]+)"
    r"|^\s*(?P<ldd>\S+) => not found",
    re.M,
)
_PATH = re.compile(r"(?<!\S)/[^\s:;,]+")
_PARAMETER = re.compile(r"\bparameter (\w+)")
# What it names: a file, a parameter, an account, a library; the rest may be a mere consequence.
_NAMED = re.compile(r"/|\bparameter\b|\b(?:user|group|owner)\b|_\w+|\.so\b|:\w")
_FILE = re.compile(r"(?:read|open|file|stat|directory|load) |^/")
# Labels that say no more than "fatal" does, or speak of tables, which these programs do not open.
_GENERAL = ("postfix-config-error", "daemon-failed", "noise", "lookup-table-broken")
# What says only that this user may not, that Postfix is down or that the tool gave it too little to work with.
_OTHER = re.compile(
    r"permission denied|not permitted|must be|use of this|usage:|mail system is down|connect to|execve|too many open"
    r"|no space left|read-only",
    re.I,
)
# How master(8) says that a program did not come as far as a word of its own: the kernel or the loader refused it.
_UNSTARTED = re.compile(r"/master\[\d+\]: warning: process (?P<path>/\S+) pid \d+ (?:exit status 127|killed by signal)")
# A line of dpkg(1) --verify or rpm(8) --verify about contents, without a letter before the path (c: a settings file).
_DIFFERS = re.compile(r"^(?:(?P<missing>missing)|..5\S*)[ \t]+(?P<path>/\S+)$", re.M)
_DAEMON = re.compile(
    r"postfix[\w-]*/(?:[\w-]+/)*(?P<program>[\w-]+)\[\d+\]: (?:(?P<level>fatal|panic|error|warning): )?(?P<text>.+)"
)
# Postfix's single-instance and unlimited services insist on it (mail_server.h, MAIL_SERVER_SOLITARY and _ZERO_LIMIT).
_LIMIT = re.compile(r"service (\S+) requires a process limit of (\d+)")
_TYPE = re.compile(r"unsupported transport type: (\S+)")
_ACCOUNT = re.compile(r"unknown (user|group)\s?(?:name)?:? (\S+)")
_DAEMONS = ("master", "qmgr", "pickup", "cleanup", "trivial-rewrite")


@check(
    id="postfix-programs",
    title="Postfix programs",
    signs=(SignSpec("config.fatal", {"named": FLAG}), SAID_SIGNS),
    tags=("postfix", "config"),
    needs=("postfix",),
)
def postfix_programs(ctx: Context) -> Observations:
    postfix = mta(ctx)
    found = [
        *_accounts(ctx, postfix),
        *_libraries(ctx, postfix),
        *_postlog(ctx, postfix),
        *_places(ctx, postfix),
        *_instances(ctx, postfix),
        *_fifos(ctx, postfix),
        *_entropy(ctx, postfix),
    ]
    # What a program says is the consequence of what is missing.
    found = found or list(_fatal(ctx, postfix)) or list(_last_words(ctx, postfix))
    yield from found
    if not found:
        yield ok("config.fatal", "postconf, postqueue", "end without a fatal error")


def _accounts(ctx: Context, postfix: Mta) -> Observations:
    for parameter, kind, name in accounts.missing(ctx, postfix):
        lost = f"is in {accounts.FILES[kind]} and is not looked up there (see /etc/nsswitch.conf)"
        text = f"names the {kind} {name}, which {lost if accounts.listed(ctx, kind, name) else 'does not exist'}"
        text += ": every program of Postfix exits when it starts"
        yield fail(
            "config.fatal", parameter, text, parameter=parameter, value=name, named=True, **stands(ctx, parameter)
        )  # fmt: skip


def _postlog(ctx: Context, postfix: Mta) -> Observations:
    """postfix(1) does not start without the service that writes maillog_file, nor the master without its directory."""
    folder = postfix.value("maillog_file").rpartition("/")[0] if "maillog_file" in postfix.explicit else ""
    reply = ctx.ask(Stat(folder)) if folder else None
    if reply is not None and not reply.exists and not reply.problem:
        text = f"is in {folder}, which does not exist: Postfix does not start"
        yield fail("config.fatal", "maillog_file", text, named=True, **_stands(ctx, postfix, "maillog_file"))
    if (
        postfix.value("maillog_file")
        and postfix.master.services
        and postfix.master.get("postlog", "unix-dgram") is None
    ):
        text = "maillog_file is set, and master.cf has no service postlog, which writes it: Postfix does not start"
        path = f"{postfix.config_directory}/master.cf"
        yield fail("config.fatal", "postlog", text, path=path, parameter="maillog_file", named=True)


# What Postfix's own script looks for in each directory; "" where the directory itself is enough.
_HELD = {
    "command_directory": "postconf",
    "daemon_directory": "master",
    "meta_directory": "postfix-files",
    "shlib_directory": "",
}


def _places(ctx: Context, postfix: Mta) -> Observations:
    """Directories of programs that main.cf names and that lack what Postfix keeps there."""
    for parameter, program in _HELD.items():
        place = postfix.value(parameter) if parameter in (*postfix.explicit, "meta_directory") else ""
        path = f"{place.rstrip('/')}/{program}".rstrip("/")
        reply = ctx.ask(Stat(path)) if place.startswith("/") else None
        if reply is not None and not reply.exists and not reply.problem:
            text = f"= {place}, and there is no {path}: Postfix does not start"
            yield fail(
                "config.fatal",
                parameter,
                text,
                parameter=parameter,
                value=place,
                named=True,
                apart=True,
                **stands(ctx, parameter),
            )


def _instances(ctx: Context, postfix: Mta) -> Observations:
    """Directories of other instances that have gone: `postfix start` reads them all first, and ends."""
    name = "multi_instance_directories"
    for folder in postfix.words(name) if master(ctx) is None else ():
        reply = ctx.ask(Stat(f"{folder}/main.cf"))
        if not reply.exists and not reply.problem:
            text = f"names {folder}, which has no main.cf: Postfix does not start"
            yield fail("config.fatal", name, text, parameter=name, value=folder, named=True, **stands(ctx, name))


def _fifos(ctx: Context, postfix: Mta) -> Observations:
    """Services that all mail passes and that are a fifo: cleanup(8) waits for them without a word in the log."""
    for program in ("trivial-rewrite", "bounce"):
        if data := _typed(ctx, postfix, program, "unsupported transport type: fifo"):
            text = "is a fifo in master.cf, which its program does not accept: it ends at once"
            yield fail("config.fatal", program, text, named=True, **data)


def _entropy(ctx: Context, postfix: Mta) -> Observations:
    """A failure if tls_random_source is missing, as tlsmgr's log shows: tlsmgr ends, and smtp(8) waits for it
    without a log line."""
    name = "tls_random_source"
    device = postfix.value(name).removeprefix("dev:") if name in postfix.explicit else ""
    reply = ctx.ask(Stat(device)) if device.startswith("/") else None
    lines = postfix_log(ctx).lines[-2000:] if reply and not (reply.exists or reply.problem) else ()
    if any(f"cannot open entropy device {device}:" in line for line in lines):
        text = f"= dev:{device}, which does not exist: tlsmgr ends at once, and mail that needs TLS is not tried"
        yield fail("config.fatal", name, text, parameter=name, value=f"dev:{device}", named=True, **stands(ctx, name))


def _libraries(ctx: Context, postfix: Mta) -> Observations:
    """Libraries that programs of Postfix lack, and files of its package that are gone or damaged; looked for only if a
    program could not be started, or the master is down."""
    said = ctx.ask(Exec(("postconf",))).err + ctx.ask(MailQueue()).err
    lock = ctx.ask(Lock(f"{postfix.queue_directory}/pid/master.pid"))
    down = not lock.held and lock.problem in (None, "not found")
    place = postfix.value("daemon_directory")
    unstarted = dict.fromkeys(m["path"] for line in since_start(ctx)[:2000] if (m := _UNSTARTED.search(line)))
    if not (down or _LOADER.search(said) or unstarted):
        return
    way = route(ctx)
    names = (*_DAEMONS, way.program if way and way.remote else "smtp") if down else ()
    lacking: dict[str, str] = {
        m["library"] or m["musl"] or "": m["program"] or "postconf" for m in _LOADER.finditer(said)
    }
    for path in dict.fromkeys((*unstarted, *(f"{place}/{name}" for name in names))):
        reply = ctx.ask(Exec(("ldd", path)))
        for match in _LOADER.finditer(f"{reply.out}\n{reply.err}"):
            lacking.setdefault(match["ldd"] or match["musl"] or match["library"], path)
    for library, program in lacking.items():
        text = f"{program} needs it, and it is not there: the program does not start"
        yield fail("config.fatal", library, text, path=program, library=library, named=True)
    if lacking:
        return
    own = (f"{place}/", f"{postfix.value('shlib_directory')}/")
    for argv in distributions.VERIFY:
        for match in _DIFFERS.finditer(ctx.ask(Exec(argv)).out):
            path = match["path"]
            if path.startswith(own) and (down or path in unstarted or ".so" in path):
                text = "is missing" if match["missing"] else "is not as Postfix's package installed it"
                text += ": programs that need it do not start"
                yield fail("config.fatal", path, text, path=path, library=path, named=True)


def _fatal(ctx: Context, postfix: Mta) -> Observations:
    place = f"{postfix.config_directory}/main.cf"
    said = [ctx.ask(Exec(("postconf", *more))).err for more in ((), ("-n",), ("-M",), ("-P",))]
    said.append(ctx.ask(MailQueue()).err)
    for match in dict.fromkeys(match.groups() for text in said for match in _FATAL.finditer(text)):
        program, text = match
        if _OTHER.search(text):
            continue
        reason = classify(f"fatal: {text}", own=True)
        if reason is not None and reason.label not in _GENERAL and "bad parameter value" not in text:
            yield fail(f"{SAID}{reason.label}", program, f"ends with a fatal error: {text}", **reason.scalars())
            continue
        named = _PATH.search(text) if _FILE.search(text) else None
        parameter = _PARAMETER.search(text)
        yield fail(
            "config.fatal",
            program,
            f"ends with a fatal error: {text}",
            **{"path": named[0] if named else place, "parameter": parameter[1] if parameter else None}
            | _stands(
                ctx, postfix, _named(postfix, text, named[0] if named else "") or (parameter[1] if parameter else "")
            ),
            named=_NAMED.search(text) is not None,
        )


def _named(postfix: Mta, text: str, path: str = "") -> str:
    """The main.cf parameter named in the text, else the *_directory parameter above the path, else the one whose value
    the text quotes at its end; "" for none."""
    quoted = re.search(r'"([^"]+)"$', text)
    held = [name for name in postfix.explicit if quoted and postfix.explicit[name] == quoted[1]]
    words = [
        word for word in re.findall(r"\b[a-z]\w*_\w+\b", text) if word in postfix.explicit and word in postfix.defaults
    ]
    folders = [
        name
        for name in postfix.explicit
        if name.endswith("_directory")
        and f"{path}/".startswith(f"{postfix.value(name).rstrip('/')}/")
        and len(postfix.value(name)) > 1
    ]
    return next(iter((*words, *folders, *(held if len(held) == 1 else ()))), "")


def _stands(ctx: Context, postfix: Mta, parameter: str) -> Data:
    """Path and line of a parameter, and its value, as data; nothing if main.cf does not set it."""
    return (
        {"parameter": parameter, "value": postfix.value(parameter), **stands(ctx, parameter)}
        if parameter in postfix.explicit
        else {}
    )


def _last_words(ctx: Context, postfix: Mta) -> Observations:
    """Fatal errors in the log since Postfix last started or reloaded, of daemons that have logged nothing normal
    since. Those that belong to another cause are left out."""
    programs = {"master", *(service.command for service in postfix.master.services)}
    alive: set[str] = set()
    said: set[str] = set()
    for line in reversed(postfix_log(ctx).lines[-2000:]):
        match = _DAEMON.search(line)
        if match is None:
            continue
        program, level, text = match["program"], match["level"], match["text"]
        if program == "master" and re.match(r"daemon started|reload --", text):
            return
        if level != "fatal":
            alive |= {program} if not level else set()
            continue
        if program in alive or text in said or program not in programs:
            continue
        said.add(text)
        reason = classify(f"fatal: {text}", own=True)
        if reason is not None and reason.label != "postfix-config-error":
            continue
        parameter, account = _named(postfix, text), _ACCOUNT.search(text)
        words = f"ended with a fatal error: {text}"
        if account:
            yield fail(
                "config.fatal", program, words, named=True, logged=True, **_used(ctx, postfix, account[1], account[2])
            )
        elif number := _option(ctx, postfix, program, text):
            place = f"{postfix.config_directory}/master.cf"
            yield fail(
                "config.fatal",
                program,
                words,
                named=True,
                logged=True,
                path=place,
                line=number,
                parameter="the options of a service",
            )
        elif field := _limited(ctx, postfix, text) or _typed(ctx, postfix, program, text):
            yield fail("config.fatal", program, words, named=True, logged=True, **field)
        elif parameter and not parameter.endswith("_maps"):
            yield fail("config.fatal", program, words, named=True, logged=True, **_stands(ctx, postfix, parameter))
        elif not parameter and program != "master":
            yield fail("config.fatal", program, words, named=False, logged=True)


def _used(ctx: Context, postfix: Mta, kind: str, name: str) -> Data:
    """Where master.cf names the account, as data."""
    path = f"{postfix.config_directory}/master.cf"
    lines = ctx.ask(Read(path)).text.splitlines()
    used = re.compile(rf"[^#]*\suser=(?:[\w.-]+:)?{re.escape(name)}(?![\w.-])")  # as pipe(8) and spawn(8) take it
    at = next((n for n, line in enumerate(lines, 1) if used.match(line)), None)
    return {"path": path, "line": at, "parameter": f"the {kind} {name}"}


def _limited(ctx: Context, postfix: Mta, text: str) -> Data:
    """Path and line of a process limit in master.cf that differs from what the program requires, and that value, as
    data; empty if none does."""
    asked = _LIMIT.search(text)
    if asked is None:
        return {}
    name, limit = asked.groups()
    path = f"{postfix.config_directory}/master.cf"
    services = master_cf.parse(ctx.ask(Read(path)).text).services
    line = next((s.line for s in services if s.name == name and s.maxproc != int(limit)), None)
    return {"path": path, "line": line, "parameter": f"the process limit of {name}", "value": limit} if line else {}


def _typed(ctx: Context, postfix: Mta, program: str, text: str) -> Data:
    """Path and line of the service in master.cf whose type the program refuses, as data; empty if there is none."""
    asked = _TYPE.search(text)
    path = f"{postfix.config_directory}/master.cf"
    services = master_cf.parse(ctx.ask(Read(path)).text).services if asked else ()
    named = (s for s in services if asked and s.command == program and s.type == asked[1])
    return next(
        ({"path": path, "line": s.line, "parameter": f"the type of {s.name}", "value": s.type} for s in named), {}
    )


def _option(ctx: Context, postfix: Mta, program: str, text: str) -> int:
    """The line of master.cf with the `-o` that the program complains of: without an argument, without "=", with blanks
    around it, or with a comment behind it; 0 for none."""
    lines = ctx.ask(Read(f"{postfix.config_directory}/master.cf")).text.splitlines()
    if spaced := re.match(r'invalid "-o (\w+)" option value', text):
        of_it = re.compile(rf"[^#]*\s-o\s+{spaced[1]}(?:\s+=|\s+-o\s|\s*$)")
        return next((n for n, line in enumerate(lines, 1) if of_it.match(line)), 0)
    if re.match(r"(?:unknown attribute name|unexpected command-line argument): #", text):
        return next((n for n, line in enumerate(lines, 1) if re.match(r"[^#]*\s-o\s.*\s#", line)), 0)
    if not re.match(r"invalid option|usage:", text):
        return 0
    wanted = re.compile(rf"[^#\s].*\s{re.escape(program)}(?:\s.*)?\s-o\s*$")
    return next((n for n, line, after in followed(lines) if wanted.match(line) and not after[:1].isspace()), 0)
