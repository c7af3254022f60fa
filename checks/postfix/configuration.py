"""Does Postfix accept main.cf and master.cf?

`postconf` prints values without judging them: a daemon that reads a bad one exits, and the mail stays where it is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from diagnose.check import FLAG, Context, Data, Observations, Read, SignSpec, Stat, check, fail, ok, unknown, warn
from diagnose.facts import Mta, earlier, master, mta, route, unread
from diagnose.facts.accounts import closed_above
from diagnose.parse.postfix import main_cf, master_cf, setting_types
from diagnose.parse.postfix.main_cf import MainCf

# Settings that decide whether and where mail goes; a misspelling of one of these matters.
_DECISIVE = tuple(
    "relayhost smtp_sasl_ smtp_tls_ smtp_use_tls transport_maps mydestination myorigin myhostname mynetworks "
    "inet_interfaces inet_protocols default_transport sender_dependent_ smtp_bind_address smtp_generic_maps "
    "virtual_ alias_ smtpd_relay_restrictions message_size_limit".split()
)
_HARMLESS = re.compile(r"loglev|cache|note_starttls|timeout|_limit|_delay|_size")
_REFERENCE = re.compile(r"\$(?:(\w+)|[{(](\w+)[})])")
# Postfix, a shell or local(8) fills these in at the time of use.
_EXPANDED_LATER = re.compile(
    r"_command$|_path$|luser_relay|rbl_repl|_reply$|_banner$|_template|_directory_expansion|_expansion_filter|_text$|footer"
)
_ON_THE_WAY = (
    "relayhost",
    "smtp_sasl_",
    "myhostname",
    "mydomain",
    "myorigin",
    "mydestination",
    "transport_maps",
    "default_transport",
)
# Settings that no longer work with another one at their value's end; lists and texts bear it.
_WHOLE = re.compile(
    r"relayhost|inet_\w+|\w*milters|content_filter|\w*transport|\w*bind_address6?|my(?:hostname|origin|domain)"
)
_READ_BY_ALL = ("all", "cleanup", "smtp")
_OF_A_SERVICE = re.compile(r'invalid \w+ field "|invalid transport type')  # postconf names neither file nor line
_FATAL_KINDS = ("missing-equals", "missing-name", "bad-field-count", "cannot-open")


@check(
    id="configuration",
    title="Postfix settings",
    signs=(
        "config.syntax",
        SignSpec("config.value", {"everything": FLAG}, clears="Postfix"),
        "config.unknown-parameter",
        "config.duplicate",
        "config.readable",
    ),
    informational=("config.duplicate",),
    tags=("postfix", "config"),
    needs=("postfix",),
)
def configuration(ctx: Context) -> Observations:
    postfix = mta(ctx)
    path = f"{postfix.config_directory}/main.cf"
    read = ctx.ask(Read(path))
    text = main_cf.parse(read.text)
    lost = not text.settings and not postfix.explicit and read.problem in (None, "not found")
    if lost and (copies := earlier(ctx, path)):
        gone = "sets nothing" if read.problem is None else "does not exist"
        said: Data = {"path": path, "kind": "empty", "apart": master(ctx) is not None}
        yield fail("config.syntax", path, f"{gone}, and an earlier copy stands beside it: {copies[0]}", **said)
        return
    yield from _syntax(ctx, postfix, text, path)
    yield from _values(ctx, postfix, text, path)
    yield from _unknown(postfix, text)
    yield from _duplicates(text)
    yield from _readable(ctx, postfix)


def _syntax(ctx: Context, postfix: Mta, text: MainCf, path: str) -> Observations:
    bad = [c for c in postfix.complaints if c.fatal or c.kind in _FATAL_KINDS]
    # The running master has not read these settings: mail that passes proves nothing about them.
    runs = master(ctx) is not None
    later = "; the next start or reload of Postfix will fail" if runs else ""
    services = f"{postfix.config_directory}/master.cf"
    # The rest of master.cf's findings is reported elsewhere.
    stops = next((f for f in postfix.master.findings if f.kind in master_cf.STOPS), None)
    if not postfix.master.services:
        lost = ctx.ask(Read(services)).problem
        if lost == "not found" or not (lost or bad):
            lacks = "does not exist" if lost else "has no service"
            yield fail("config.syntax", services, f"{lacks}: Postfix does not start", path=services, kind="empty")
            return
    quoted = " ".join(c.text for c in postfix.complaints if "macro" in c.text)
    for complaint in bad[:3]:
        file, line = complaint.file or path, complaint.line
        if stops and not complaint.file and _OF_A_SERVICE.match(complaint.text):
            file, line = services, stops.line
        said = complaint.text
        if said == "macro processing error" and (badly := next(text.unexpanded(quoted), None)):
            line, said = badly.line, f"{said} in the value of {badly.name}"
        place = f"{file} line {line}" if line else file
        data: Data = {"path": file, "line": line, "kind": complaint.kind, "apart": runs}
        yield fail("config.syntax", place, f"{said}{later}", **data)
    if stops and not bad:
        where: Data = {"path": services, "line": stops.line, "kind": stops.kind, "apart": runs}
        yield fail("config.syntax", f"{services} line {stops.line}", f"{stops.text}{later}", **where)
        return
    if not bad and not postfix.problem:
        yield ok("config.syntax", path, "postconf reads main.cf and master.cf without an error", path=path)
    elif not bad:
        yield unknown("config.syntax", path, postfix.problem)


def _values(ctx: Context, postfix: Mta, text: MainCf, path: str) -> Observations:
    refused = list(setting_types.rejected(postfix.explicit, postfix.defaults))
    for service in postfix.master.services:
        refused += setting_types.rejected(service.overrides, postfix.defaults)
    # Mail that passes proves nothing about settings that Postfix has not read.
    apart = unread(ctx, path) > 0
    for item in refused:
        setting = text.get(item.parameter)
        status = fail if item.fatal else warn
        who = {"all": "Postfix's daemons"}.get(item.daemon, item.daemon)
        one = "" if item.daemon == "all" or " and " in who else "s"
        does = f"{who} exit{one} at start" if item.fatal else f"{who} ignore{one} it"
        does = "every mail that it applies to gets 451" if item.expected == "restriction" else does
        # A bad host name of one daemon only affects its HELO; with a bad myhostname no daemon starts.
        everything = item.daemon == "all" or (item.daemon in _READ_BY_ALL and item.expected != "host-name")
        yield status(
            "config.value", item.parameter, f"{item.text}: {does}",
            parameter=item.parameter, value=item.value, daemon=item.daemon, everything=everything,
            path=path, line=setting.line if setting else 0, expected=item.expected, apart=apart and everything,
        )  # fmt: skip
    at_odds = [*_boxes(ctx, postfix, text, path), *_port(ctx, text, path), *_swallowed(postfix, text, path)]
    yield from at_odds
    stray = list(_stray(postfix))
    for name in stray:
        setting = text.get(name)
        decides = name.startswith(_ON_THE_WAY)
        said = "contains a $ that Postfix takes as a reference to a parameter, but there is no such parameter: what follows is lost"
        yield (fail if decides else warn)(
            "config.value",
            name,
            said,
            parameter=name,
            everything=decides,
            apart=apart and decides,
            path=path,
            line=setting.line if setting else 0,
        )
    if not refused and not stray and not at_odds and postfix.explicit:
        yield ok("config.value", "values", f"{len(postfix.explicit)} settings have values of the right type")


def _stray(postfix: Mta) -> Iterator[str]:
    """Names of settings with a $name that no parameter has; those that programs expand later are left out."""
    for name, value in postfix.explicit.items() if postfix.defaults else ():
        if _EXPANDED_LATER.search(name):
            continue
        named = {match[1] or match[2] for match in _REFERENCE.finditer(value.replace("$$", ""))}
        if any(word not in postfix.settings for word in named):
            yield name


def _boxes(ctx: Context, postfix: Mta, text: MainCf, path: str) -> Observations:
    """local(8) and virtual(8) end with a fatal error where a mailbox may hold less than a message."""
    way, most = route(ctx), setting_types.integer(postfix.value("message_size_limit"))
    for name, program in (("mailbox_size_limit", "local"), ("virtual_mailbox_limit", "virtual")):
        box = setting_types.integer(postfix.value(name))
        if box and most is not None and (box < most or most == 0):
            say = fail if way is not None and way.program == program else warn
            said = f"is {box}, below message_size_limit = {most}: {program}(8), which delivers to mailboxes here, exits because of it"
            setting = text.get(name)
            yield say("config.value", name, said, parameter=name, value=str(box), daemon=program, everything=False,
                      path=path, line=setting.line if setting else 0, expected="message_size_limit")  # fmt: skip


def _port(ctx: Context, text: MainCf, path: str) -> Observations:
    """A failure if smtp_tcp_port sends direct mail to another port than 25, where MX hosts listen (RFC 5321)."""
    way, name = route(ctx), "smtp_tcp_port"
    if way is not None and way.program == "smtp" and not way.relay and way.value(name) not in ("smtp", "25", ""):
        setting, value = text.get(name), way.value(name)
        said = f"is {value}: mail without a relay goes to that port of the recipients' MX hosts, which listen on 25"
        yield fail("config.value", name, said, parameter=name, value=value, daemon="smtp", everything=True,
                   path=path, line=setting.line if setting else 0, expected="mx-port")  # fmt: skip


def _swallowed(postfix: Mta, text: MainCf, path: str) -> Observations:
    """Failures for values that end in another setting, indented or in the same line; one that is relayhost itself is
    another check's."""
    indented = list(text.swallowed())
    for setting in () if indented else text.settings:
        other = re.search(r"\s(\w+)\s*=", setting.value)
        if _WHOLE.fullmatch(setting.name) and other and other[1] in postfix.defaults:
            said = f"contains the setting {other[1]}, which belongs in a line of its own"
            yield fail(
                "config.value",
                setting.name,
                said,
                parameter=setting.name,
                everything=True,
                path=path,
                line=setting.line,
            )
    for above, found in indented:
        if _WHOLE.fullmatch(above.name) and not found.text.startswith("relayhost"):
            said = f"line {found.line} is indented, so Postfix takes '{found.text}' as a part of {above.name}"
            yield fail(
                "config.value", above.name, said, parameter=above.name, everything=True, path=path, line=above.line
            )


def _unknown(postfix: Mta, text: MainCf) -> Observations:
    known = tuple(postfix.defaults)
    for complaint in postfix.complaints:
        if complaint.kind != "unused-parameter":
            continue
        name = complaint.parameter
        plain = name.encode("ascii", "ignore").decode()
        if _HARMLESS.search(plain):
            close = []
        else:
            close = [n for n in difflib.get_close_matches(plain, known, 3, 0.88) if n.startswith(_DECISIVE)]
        # The right name set elsewhere in the file makes the misspelling harmless.
        meant = next((n for n in close if n not in postfix.explicit or not postfix.value(n)), "")
        setting = text.get(name)
        line = setting.line if setting else complaint.line
        if meant:
            said = f"Postfix has no parameter {name}; it reads {meant}, which is not set"
            yield fail("config.unknown-parameter", name, said, parameter=meant, name=name, line=line)
        else:
            yield warn(
                "config.unknown-parameter", name, "is a setting that nothing in Postfix reads", name=name, line=line
            )


def _duplicates(text: MainCf) -> Observations:
    for finding in text.findings:
        if finding.kind == "duplicate" and "(same value)" not in finding.text:
            name = finding.text.split(" ", 1)[0]
            said = f"{finding.text}; line {finding.line} counts"
            yield warn("config.duplicate", name, said, parameter=name, line=finding.line)


def _readable(ctx: Context, postfix: Mta) -> Observations:
    """sendmail and postdrop read main.cf and the list of map types with the caller's rights; other mail passes."""
    folder = postfix.config_directory
    types = f"{postfix.value('meta_directory') or folder}/dynamicmaps.cf"
    said_of: set[str] = set()
    for path in (folder, f"{folder}/main.cf", types, f"{types}.d"):
        reply = ctx.ask(Stat(path))
        needed = 0o005 if reply.kind == "dir" else 0o004
        if reply.exists and reply.mode & needed != needed:
            said_of.add(reply.real)
            said = f"has mode {reply.mode:04o}: ordinary users' programs cannot read it, and the sendmail command fails for them"
            yield fail("config.readable", path, said, path=path, mode=f"{reply.mode:04o}", apart=True)
        elif reply.exists and (shut := next(closed_above(ctx, reply.real), "")) and shut not in said_of:
            said = (
                f"is {reply.real}, below {shut}, which ordinary users cannot enter: the sendmail command fails for them"
            )
            yield fail("config.readable", path, said, path=path, above=shut, apart=True)
