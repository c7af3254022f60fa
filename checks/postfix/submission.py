"""Does this host's Postfix reject mail from its own programs or networks?

Refusing strangers is normal for a mail server; only clients on this host or its networks count.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence

from diagnose.check import (
    FLAG,
    Context,
    Data,
    MapLookup,
    Observation,
    Observations,
    Read,
    SignSpec,
    check,
    fail,
    ok,
    unknown,
    warn,
)
from diagnose.facts import Mta, mta, origin, postfix_log, settings_read
from diagnose.facts.accounts import HANDED, WEB, absent, rows
from diagnose.facts.dials import interface_addresses
from diagnose.knowledge.smtp import OWN_HELO
from diagnose.model import Strength
from diagnose.parse.log import submitted
from diagnose.parse.postfix.setting_types import before_networks, items

# By a rule of smtpd(8), or by a milter, which cleanup(8) also asks about mail from the sendmail command.
_REJECT = re.compile(
    r"(?:NOQUEUE: |: \w+: (?:milter-)?)reject: (?P<command>[A-Z-]+) from (?P<name>[^\[\s]*)\[(?P<client>[0-9A-Fa-f.:]+)\](?::\d+)?: "
    r"(?P<reply>(?:[45](?:\d\d|\.\d+\.\d+)|bare) .*?)(?:$|; proto=|; from=<(?P<sender>[^>]*)>)(?: to=<(?P<recipient>[^>]*)>)?"
)
# What smtpd refuses without such a line: it warns, and counts the command as failed when the client leaves.
_WARNED = re.compile(
    r"smtpd\[(?P<pid>\d+)\]: (?:warning: |(?=improper ))(?P<reply>.* from [^\[\s]*\[(?P<client>[0-9A-Fa-f.:]+)\].*)"
)
_LEFT = re.compile(r"smtpd\[(\d+)\]: disconnect from (?P<failed>.* (?:mail|rcpt|data)=0/)?")
_LIMIT = re.compile(r"(?:rate|concurrency) limit exceeded: |improper command pipelining ")
# smtpd names the client at the first recipient; only a message that follows reaches cleanup(8), or a filter before
# the queue. This tool's own dialogue ends before that.
_CLIENT = re.compile(r"smtpd\[\d+\]: (\w{6,}): client=[^\[]*\[([0-9A-Fa-f.:]+)\]")
_TAKEN = re.compile(r"(?:/cleanup\[\d+\]: (\w{6,}): message-id=|smtpd\[\d+\]: (NOQUEUE): proxy-accept: )")
# Refusals that have another root: a filter, a milter, a table, the disk, or a recipient that is not there.
_ELSEWHERE = re.compile(
    r"Server configuration|Service unavailable(?!; Client host)|system storage|lookup failure|Greylist|(?<!rejected: )try again later|unverified"
    r"|Recipient address rejected: User (?:unknown in [\w ]+ table|has moved to)",
    re.I,
)
# Restrictions that an application's HELO name or made-up sender fails.
_STRICT = re.compile(r"reject_(?:non_fqdn|invalid|unknown)_(?:helo_hostname|hostname|sender_domain|sender|client\w*)$")
_SMALL_LIMIT = 1_000_000  # bytes; a message with one picture is larger


@check(
    id="submission",
    title="Mail refused by this host",
    signs=(
        SignSpec("config.submission-refused", {"kind": ("rule",)}),
        SignSpec("config.submit-users", {"used": FLAG, "idle": FLAG, "kind": ("misspelt",)}),
        "config.size-limit",
    ),
    tags=("postfix", "config"),
    needs=("postfix",),
)
def submission(ctx: Context) -> Observations:
    postfix = mta(ctx)
    reply = postfix_log(ctx)
    if reply.problem and not reply.lines:
        yield unknown(
            "config.submission-refused", "smtpd", f"Could not check whether programs are refused: {reply.problem}"
        )
        yield from _by_settings(postfix)
        yield from _users(ctx, postfix, {}, idle=True)
        return
    home = _home(ctx)
    last: dict[str, re.Match[str]] = {}
    counts: dict[str, int] = {}
    clients: dict[str, str] = {}  # client of each queue id whose message has not arrived yet
    since: set[str] = set()  # clients whose mail was taken after their last refusal
    handed: dict[str, str] = {}  # number of each user who used sendmail, and the last sender address
    reloaded: set[str] = set()  # clients whose last refusal is older than the settings in force
    warned: dict[str, re.Match[str]] = {}  # what each smtpd process said of the client that it serves
    for line in reply.lines:
        if settings_read(line):
            reloaded = set(last)
        if "uid=" in line and (by := HANDED.search(line)):
            handed[by[1]] = by[2]
            continue
        if "client=" in line and (begun := _CLIENT.search(line)):
            clients[begun[1]] = begun[2]
            continue
        if ("message-id=" in line or "proxy-accept: " in line) and (taken := _TAKEN.search(line)):
            since.update(filter(None, [clients.pop(taken[1] or taken[2], None)]))
            continue
        match = _REJECT.search(line) if "reject: " in line and OWN_HELO not in line else None
        if ("]: warning: " in line or "]: improper " in line) and (said := _WARNED.search(line)):
            warned[said["pid"]] = said
            match = said if _LIMIT.search(said["reply"]) else None
        elif "]: disconnect from" in line and (gone := _LEFT.search(line)) and (said := warned.pop(gone[1], None)):
            match = said if gone["failed"] and not _LIMIT.search(said["reply"]) else None
        if match and _near(match["client"], home) and not _ELSEWHERE.search(match["reply"]):
            last[match["client"]] = match
            counts[match["client"]] = counts.get(match["client"], 0) + 1
            since.discard(match["client"])
            reloaded.discard(match["client"])
    for client, match in sorted(last.items()):
        data: Data = {
            "client": client,
            **{key: match.groupdict().get(key) for key in ("sender", "recipient")},
            "text": match["reply"],
            "count": counts[client],
        }
        if client in reloaded or _foreign(ctx, postfix, client, match, reply.lines):
            data["at_most"] = Strength.FITS
        times = f" ({counts[client]} times)" if counts[client] > 1 else ""
        whom = (
            "a milter of this host rejected mail of" if "milter-reject: " in match[0] else "this host's Postfix refused"
        )
        text = f"{whom} {client}{times}: {match['reply'].strip()}"
        say = warn if client in since else fail
        after = "; it has accepted mail from there since" if client in since else ""
        after = after or ("; smtpd has reloaded its settings since" if client in reloaded else "")
        yield say("config.submission-refused", client, text + after, **data)
    if not last:
        yield ok("config.submission-refused", "smtpd", "no program of this host's networks was refused recently")
    yield from _users(ctx, postfix, handed, idle=not (handed or since))


def _foreign(ctx: Context, postfix: Mta, client: str, match: re.Match[str], lines: Sequence[str]) -> bool:
    """Whether another machine sent as a domain unknown to this host: it may as well be a guest's as an
    application's."""
    sender = (match.groupdict().get("sender") or "").rpartition("@")[2].lower()
    if not sender or ipaddress.ip_address(client).is_loopback:
        return False
    own = {origin(ctx, postfix), postfix.value("myhostname"), postfix.value("mydomain"), *submitted.domains(lines)}
    return not any(f".{sender}".endswith(f".{name}") for name in own if "." in name)


def _by_settings(postfix: Mta) -> Observations:
    """For use without the log: observes settings of main.cf that would refuse this host's own programs."""
    for parameter in ("smtpd_client_restrictions", "smtpd_helo_restrictions", "smtpd_sender_restrictions"):
        words = postfix.words(parameter) if parameter in postfix.explicit else ()
        if refusing := [word for word in before_networks(words) if _STRICT.match(word)]:
            text = f"{parameter} has {refusing[0]} before any permit_mynetworks: programs of this host must pass it too"
            yield warn("config.submission-refused", parameter, text, kind="rule", parameter=parameter)
    limit = postfix.value("message_size_limit")
    if "message_size_limit" in postfix.explicit and limit.isdecimal() and 0 < int(limit) < _SMALL_LIMIT:
        text = f"is {limit} bytes: larger messages are refused here"
        yield warn("config.size-limit", "message_size_limit", text, parameter="message_size_limit", value=limit)


def _home(ctx: Context) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The networks whose clients count as local: loopback, the interfaces' private networks, and their public
    addresses alone."""
    found = [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")]
    for one in interface_addresses(ctx):
        network = ipaddress.ip_network(f"{one.address}/{one.prefix}", strict=False)
        # On a public network the neighbours are strangers.
        found.append(network if network.is_private else ipaddress.ip_network(one.address))
    return found


def _near(client: str, home: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return False
    return any(address in network for network in home)


def _users(ctx: Context, postfix: Mta, handed: Mapping[str, str], idle: bool) -> Observations:
    """Observes whether authorized_submit_users and local_login_sender_maps let applications use the sendmail command.
    handed: sender address by the uid of each user who used it; idle: no mail is known that a program of this host or
    another client handed in."""
    # A further instance takes mail from the first one, not from users.
    parameters = () if postfix.value("multi_instance_name") else ("authorized_submit_users", "local_login_sender_maps")
    lists = {name: postfix.words(name) for name in parameters if name in postfix.explicit and postfix.words(name)}
    if not lists:
        yield ok("config.submit-users", "sendmail", "every user may submit mail")
    accounts = rows(ctx) if lists else []
    # What root hands in are reports of cron, not an application's mail.
    used = {row[0]: handed[row[2]] for row in accounts if row[2] in handed and row[2] != "0"}
    for parameter, words in lists.items():
        yield _listed(ctx, parameter, words, {row[0] for row in accounts}, used, idle)


def _listed(
    ctx: Context, parameter: str, words: tuple[str, ...], names: set[str], used: Mapping[str, str], idle: bool
) -> Observation:
    sign, subject, value = "config.submit-users", "sendmail", ", ".join(words)
    senders = parameter == "local_login_sender_maps"
    data: Data = {"parameter": parameter, "value": value}
    for word in () if senders else words:
        lost = word not in names and re.fullmatch(r"\w[\w.-]*", word)
        for meant in difflib.get_close_matches(word, names, 1, 0.8) if lost else ():
            if not _allowed(ctx, words, meant):
                text = f"{parameter} names {word}, which is no account of this host; {meant} is"
                return fail(sign, subject, text, **data, user=meant, written=word, kind="misspelt")
    may = {
        user: _may_send_as(ctx, words, user, used.get(user)) if senders else _allowed(ctx, words, user)
        for user in used or WEB
    }
    if None in may.values():
        return unknown(sign, subject, f"{parameter} = {value}: a table of users could not be read")
    shut = sorted(user for user in may if not may[user])
    named = any(f"!{user}" in words for user in shut)
    # A list that lets one of the usual accounts in was written for applications.
    if not shut or (not used and not named and any(may.values())):
        return ok(sign, subject, f"{parameter} = {value} lets applications in")
    who = f"{shut[0]}, who used the sendmail command before, is no longer allowed to" if used else ""
    who += f" send as {used[shut[0]] or 'nobody'}" if used and senders else ""
    who = who or f"users such as {', '.join(shut[:3])} may not use the sendmail command"
    # A list with an account of its own may well name the application's.
    listed = [word for word in words if word != "root" and not word.startswith("!")]
    unknown_here = [word for word in listed if ":" not in word and word not in names and absent(ctx, "passwd", word)]
    if unknown_here:
        who += f"; this host has no account {' or '.join(unknown_here)}"
    say = fail if used or named or len(unknown_here) == len(listed) else warn
    return say(sign, subject, f"{parameter} = {value}: {who}", **data, user=shut[0], used=bool(used), idle=idle)


def _allowed(ctx: Context, words: Iterable[str], user: str) -> bool | None:
    """Whether a list of names, files and tables (postconf(5)) has this user; None if one cannot be read."""
    for word in words:
        name = word.lstrip("!")
        found: bool | None = name == user
        if name.startswith("/"):
            reply = ctx.ask(Read(name))
            found = None if reply.problem else user in re.sub("#.*", "", reply.text).split()
        elif ":" in name:
            entry = _entry(ctx, name, user)
            found = None if entry is None else bool(entry)
        if found is not False:
            return found and not word.startswith("!")
    return False


def _may_send_as(ctx: Context, tables: Iterable[str], user: str, sender: str | None) -> bool | None:
    """Whether local_login_sender_maps lets a user send from this address, or from any if that is None."""
    for table in tables:
        entry = _entry(ctx, table, user)
        if entry is None:
            return None
        if entry:
            domain = (sender or "").rpartition("@")[2].lower()
            return sender is None or bool({"*", sender or "<>", f"@{domain}"} & set(items(entry)))
    return False


def _entry(ctx: Context, table: str, user: str) -> str | None:
    """A user's entry in a table, "" if there is none; None if the table cannot be read."""
    if table.startswith("static:"):
        return table.removeprefix("static:").strip("{}")
    reply = ctx.ask(MapLookup(table, user))
    return reply.value if reply.found else None if reply.problem or reply.broken else ""
