"""Does the mailer accept its own settings, and can it read them when it sends?"""

from __future__ import annotations

import difflib
import ipaddress
import re
import shlex
from collections.abc import Collection, Iterator

from diagnose.apps.reading import NO_SERVER
from diagnose.check import (
    ANY,
    FLAG,
    Context,
    Data,
    Exec,
    Observation,
    Observations,
    Read,
    Resolve,
    SignSpec,
    Stat,
    check,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts import Mailer, ca, exchangers, mail_log, mailer, mailers, route, target
from diagnose.facts.dials import interface_addresses
from diagnose.facts.relay import way_in
from diagnose.parse.mailers.way import Way

_OF_CALLER = ("msmtp", "ssmtp", "dma")  # run with the rights of whoever calls them
_KINDS = ("refused", "missing", "unreadable", "login-unreadable", "wrong")


@check(
    id="mailer-settings",
    title="The mailer's settings",
    signs=(
        SignSpec("mailer.settings", {"kind": _KINDS, "mailer": ANY}),
        SignSpec("mailer.mode", {"kind": ("local",)}),
        SignSpec("sasl.enabled", {"on": FLAG}),
        SignSpec("sasl.key", {"kind": ("near", "none", "empty")}),
        SignSpec("tls.ca", {"kind": ANY}),
        "config.recipient-local",
    ),
    informational=("mailer.mode",),
    tags=("mailer", "config"),
    needs=("mta",),
    timeout=9.0,  # Exim may take seconds to show its routers, and its relay is asked what it offers
)
def mailer_settings(ctx: Context) -> Observations:
    here = mailer(ctx)
    if here is None:
        skip("the mailer here is Postfix")
    data: Data = {"mailer": here.id, "program": here.program}
    if here.complaint:
        text = f"{here.title} does not start with these settings: {here.complaint.splitlines()[0]}"
        yield fail("mailer.settings", here.title, text, kind="refused", said=here.complaint[:300], **data)
        return
    way = mailers.outgoing(ctx)
    yield from _file(ctx, here, way, data)
    if way.kind == "local":
        yield _local(ctx, here, way, data)
    elif here.id == "exim":
        yield from _own_domain(ctx, here, data)
    if way.kind == "relay":
        yield from _login(ctx, way, data)
        yield from _authorities(ctx, way, data)


def _file(ctx: Context, here: Mailer, way: Way, data: Data) -> Observations:
    found = mailers.settings_file(ctx, here)
    where = {"path": found.path, **data}
    if found.problem == "not found" and here.id != "nullmailer":
        text = "there is none for the whole host; each user may have their own"
        yield unknown("mailer.settings", found.path, text, **where)
        return
    none = {"not found": f"does not exist, so {here.title} has no server", NO_SERVER: "names no mail server"}
    if why := none.get(found.problem):
        yield fail("mailer.settings", found.path, why, kind="missing", **where)
    if closed := _closed(ctx, here, found.path):
        # A host where root alone sends mail is rare, and has no fault.
        say = fail if here.account else warn
        yield say("mailer.settings", found.path, closed, kind="unreadable", repair=_repair(here, found.path), **where)
    elif found.problem == "permission denied":
        yield unknown("mailer.settings", found.path, "permission denied: this user may not read it", **where)
        return
    elif not way.kind and not why:
        yield unknown(
            "mailer.settings", found.path, f"where mail goes could not be read from them: {way.problem}", **where
        )
    elif not why:
        goes = {
            "relay": f"mail goes to {way.host}:{way.port}",
            "direct": "mail goes directly to the recipients' servers",
        }
        yield ok("mailer.settings", found.path, goes.get(way.kind, "mail stays on this host"), **where)
    for host, _ in (way.host, way.port), *way.more:
        if here.id == "exim" and host.isdecimal():
            text = f"the list of smarthosts has {host} as a host: a port follows two colons (host::{host})"
            yield fail("mailer.settings", way.relay_by, text, kind="wrong", key="dc_smarthost", **where)
    if here.id == "msmtp" and found.path.startswith("/root/"):
        text = f"does not exist: root has {found.path}, and who else sends mail needs a ~/.msmtprc"
        yield warn("mailer.settings", here.table["settings"][0], text, kind="missing", **data)
    accounts = re.findall(r"(?m)^[ \t]*account[ \t]+([^\s:]+)", found.text) if here.id == "msmtp" else []
    if accounts and "default" not in accounts:
        # One is also chosen by the sender's address (from).
        say = warn if re.search(r"(?m)^[ \t]*from[ \t]", found.text) else fail
        text = f"has no account default, and msmtp refuses mail that names none of {', '.join(accounts)}"
        yield say("mailer.settings", found.path, text, kind="wrong", key="account default", **where)
    for line, word, meant in _misspelt(found.text, here.table.get("keywords", ())):
        text = f"line {line}: {here.title} knows no {word}, and sends nothing; is {meant} meant?"
        yield fail("mailer.settings", found.path, text, kind="wrong", line=line, key=word, **where)
    for problem in found.settings.problems if found.settings is not None else ():
        if problem.kind in ("setting-wrong", "port-not-a-number", "placeholder"):
            text = f"line {problem.line}: {problem.text}" if problem.line else problem.text
            yield fail("mailer.settings", found.path, text, kind="wrong", line=problem.line, key=problem.key, **where)


def _misspelt(text: str, known: Collection[str]) -> Iterator[tuple[int, str, str]]:
    """(line, word, keyword meant) of each unknown word that resembles a keyword; others may belong to a later
    version."""
    options = all(each.startswith("--") for each in known)
    for number, raw in enumerate(text.split("\n"), 1):
        words = raw.split() if not raw.lstrip().startswith("#") else []
        for word in [each.partition("=")[0] for each in words if each.startswith("--")] if options else words[:1]:
            if word not in known and (near := difflib.get_close_matches(word, known, 1, 0.8)):
                yield number, word, near[0]


def _repair(here: Mailer, path: str) -> str:
    """The command that makes a file readable for the mailer's account (Exim, nullmailer), "" for others."""
    owner = {"exim": f"root:{here.account}", "nullmailer": f"{here.account}:{here.account}"}.get(here.id, "")
    mode = "640" if here.id == "exim" else "600"
    return f"chown {shlex.quote(owner)} {shlex.quote(path)} && sudo chmod {mode} {shlex.quote(path)}" if owner else ""


def _closed(ctx: Context, here: Mailer, path: str) -> str:
    """Why the user that the mailer sends as cannot read its settings, "" if it can."""
    stat = ctx.ask(Stat(path))
    program = ctx.ask(Stat(here.path))
    if here.id in _OF_CALLER and not path.startswith("/root/") and stat.exists and not mailers.readable(stat, program):
        return f"has mode {stat.mode:04o} ({stat.owner}:{stat.group}): {here.title} runs as the application's user, who may not read it"
    if here.id == "nullmailer" and stat.exists:
        user = here.account
        mine = (stat.owner == user and stat.mode & 0o400) or (stat.group == user and stat.mode & 0o040)
        if not mine and not stat.mode & 0o004 and ctx.ask(Stat("/var/spool/nullmailer/queue")).owner == user:
            return f"has mode {stat.mode:04o} ({stat.owner}:{stat.group}): nullmailer-send runs as {user} and cannot read it"
    return ""


def _local(ctx: Context, here: Mailer, way: Way, data: Data) -> Observation:
    text = f"{here.title} is set up for local mail only: it has no route to other hosts ({way.relay_by})"
    read = mail_log(ctx)
    # Debian's default: no fault if nobody submits mail to other hosts.
    tried = bool(ctx.target.recipient or (read is not None and read.deliveries))
    say = fail if tried else warn
    text += "" if tried else "; no mail to other hosts was submitted to it recently"
    return say("mailer.mode", here.title, text, kind="local", setting=way.relay_by, **data)


def _own_domain(ctx: Context, here: Mailer, data: Data) -> Observations:
    """Observes a recipient's domain that Exim counts among its own (the list local_domains of its default and
    Debian's configuration) although its MX hosts are elsewhere."""
    domain = (target(ctx).recipient or "").rpartition("@")[2].lower()
    if not re.fullmatch(r"[a-z\d-]+(?:\.[a-z\d-]+)+", domain):
        return
    asked = f"${{if match_domain{{{domain}}}{{+local_domains}}{{own}}{{other}}}}"
    found = exchangers(ctx, domain)
    if ctx.ask(Exec((here.command, "-be", asked), timeout=4.0)).out.strip() != "own" or found.kind != "mx":
        return
    addresses = {each for host in found.hosts[:3] for each in ctx.ask(Resolve(host)).addresses}
    mine = {each.address for each in interface_addresses(ctx)}
    if not addresses or addresses & mine or here.options.get("primary_hostname", "").lower() in found.hosts:
        return
    # Behind NAT a mail server does not see its own public address.
    public = any(ipaddress.ip_address(each.partition("%")[0]).is_global for each in mine)
    text = f"{domain} counts among Exim's own domains, while its MX is {found.hosts[0]}, another host: this mail never leaves"
    where = {"domain": domain, "parameter": "dc_other_hostnames", "host": found.hosts[0], **data}
    yield (fail if public else warn)("config.recipient-local", domain, text, **where)


def _login(ctx: Context, way: Way, data: Data) -> Observations:
    """Observes whether a login for this server is configured, and readable by the mailer."""
    found = mailers.login(ctx, way)
    here = mailer(ctx)
    if here is not None and found.path and way.login_by == "file" and (closed := _unreadable(ctx, here, found.path)):
        # Checked first, because asking the server takes time.
        where = {"host": way.host, "port": way.port, "path": found.path, "user": found.user, **data}
        repair = _repair(here, found.path)
        yield fail("mailer.settings", found.path, closed, kind="login-unreadable", repair=repair, **where)
        return
    whole = route(ctx)
    into = way_in(ctx, whole) if whole is not None else None
    provider, needs = (into.provider, into.needs_login) if into is not None else ("", False)
    where = {"host": way.host, "port": way.port, "path": found.path, "provider": provider, "user": found.user, **data}
    if here is not None and here.id == "msmtp":
        yield from _asked_for(ctx, found.path, data)
    if found.problem:
        yield unknown(
            "sasl.enabled", found.path or "login", f"could not check whether it logs in: {found.problem}", **where
        )
    elif found.found:
        yield ok("sasl.enabled", found.path, f"holds a login for {way.host}", on=True, **where)
    elif found.near:
        alias = here is not None and here.id == "exim" and found.name != way.host and found.near == way.host
        text = f"has no login for {found.name}, but one for {found.near}"
        text += ", whose CNAME record leads there: Exim looks up the former" if alias else ""
        if found.port:
            text = f"has a port in the entry for {found.near} ({found.near}{found.port}:), which is taken for a part of the login"
        say = fail if needs or alias or found.port else warn
        kind = "near" if alias or found.port else "none"
        yield say("sasl.key", found.path, text, kind=kind, near=found.near, **{**where, "host": found.name})
    elif needs:
        text = f"there is no login for {way.host}, and {provider} accepts mail only after one"
        yield fail("sasl.enabled", found.path or "login", text, kind="provider-wants", **where)
    else:
        yield ok("sasl.enabled", found.path or "login", f"mail goes to {way.host} without a login", on=False, **where)


def _asked_for(ctx: Context, path: str, data: Data) -> Observations:
    """Observes files that msmtp's passwordeval reads and that are missing, or closed to the users who send mail."""
    said = re.search(r"(?m)^[ \t]*passwordeval[ \t]+(.+)", ctx.ask(Read(path, secret="settings")).text)
    for name in re.findall(r"(?<![\w.~/$}-])/[\w./+-]+", said[1]) if said else ():
        stat = ctx.ask(Stat(name))
        if not stat.exists and stat.problem in (None, "not found"):
            text = f"passwordeval needs {name}, which does not exist"
            yield fail("mailer.settings", path, text, kind="missing", path=path, **data)
        elif stat.kind == "file" and not stat.mode & 0o055:
            text = f"passwordeval reads {name}, mode {stat.mode:04o} ({stat.owner}:{stat.group}): only {stat.owner} gets the password"
            yield warn("mailer.settings", path, text, kind="unreadable", path=path, **data)


def _unreadable(ctx: Context, here: Mailer, path: str) -> str:
    """Why the mailer cannot read its file of logins, "" if it can."""
    stat, spool = ctx.ask(Stat(path)), ctx.ask(Stat(mailers.spool(ctx, here)))
    user = here.account
    mode = f"has mode {stat.mode:04o} ({stat.owner}:{stat.group})"
    if here.id in _OF_CALLER and stat.exists and not mailers.readable(stat, ctx.ask(Stat(here.path))):
        return f"{mode}: {here.title} runs as the application's user, who may not read it"
    if here.id != "exim" or not stat.exists or not user or (spool.exists and spool.owner != user):
        return ""
    readable = stat.mode & 0o004 or (stat.owner == user and stat.mode & 0o400)
    # The user's group has the same name in Debian's and other packages.
    readable = readable or (stat.group in (user, spool.group) and stat.mode & 0o040)
    if readable:
        return ""
    return f"{mode}: Exim sends as {user} and cannot read it: it does not log in"


def _authorities(ctx: Context, way: Way, data: Data) -> Observations:
    if way.tls == "none" or not way.ca_file:
        return
    problem = ca.file_problem(ctx, way.ca_file)
    where = {"path": way.ca_file, "host": way.host, "port": way.port, "bundle": ca.bundle(ctx), **data}
    if problem == "unknown":
        yield unknown(
            "tls.ca", way.ca_file, "not readable by this user, so its certificates could not be checked", **where
        )
    elif problem and way.verifies:
        yield fail(
            "tls.ca",
            way.ca_file,
            f"cannot be used ({problem}), and no certificate verifies without it",
            kind=problem,
            **where,
        )
    elif problem:
        yield warn("tls.ca", way.ca_file, f"cannot be used ({problem})", kind=problem, **where)
    else:
        yield ok("tls.ca", way.ca_file, "holds certificates", **where)
