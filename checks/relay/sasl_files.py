"""Are the relay's password files closed to other users, and does Postfix have the SASL plug-ins it needs?"""

from __future__ import annotations

from diagnose.check import Context, Data, Exec, Observations, SignSpec, Stat, check, fail, ok, skip, unknown
from diagnose.facts import Mta, mta
from diagnose.facts.relay import plug_ins, relay_route, settings_problem
from diagnose.parse.postfix import table
from diagnose.parse.postfix.sasl_passwd import USUAL_NAMES

_OWNERS = ("root", "postfix")


@check(
    id="sasl-files",
    title="Password files and SASL plug-ins",
    signs=(
        SignSpec("sasl.exposed", {"kind": ("readable", "owner")}),
        SignSpec("sasl.plugins", {"kind": ("none", "no-plaintext")}),
        "sasl.type",
    ),
    tags=("relay", "sasl"),
    needs=("postfix",),
)
def files(ctx: Context) -> Observations:
    if problem := settings_problem(ctx):
        yield unknown("sasl.plugins", "SASL", problem)
        return
    postfix = mta(ctx)
    yield from _exposed(ctx, postfix)
    way = relay_route(ctx)
    if way is None or not way.flag("smtp_sasl_auth_enable"):
        if not postfix.value("smtp_sasl_password_maps"):
            skip("no login at a relay is configured")
        return
    kind = way.value("smtp_sasl_type") or "cyrus"
    yield from _type(ctx, kind)
    if kind != "cyrus":
        return
    found = plug_ins(ctx)
    if found is None:
        yield unknown(
            "sasl.plugins",
            "SASL plug-ins",
            "Could not check which mechanisms are installed: the plug-in directory is unknown",
        )
    elif not found:
        text = "there is none on this host: Postfix can use no login mechanism at all"
        yield fail("sasl.plugins", "SASL plug-ins", text, kind="none")
    elif not found & {"PLAIN", "LOGIN"}:
        text = f"neither PLAIN nor LOGIN is installed, only {', '.join(sorted(found))}"
        yield fail("sasl.plugins", "SASL plug-ins", text, kind="no-plaintext")
    else:
        yield ok("sasl.plugins", "SASL plug-ins", f"installed: {', '.join(sorted(found))}")


def _type(ctx: Context, kind: str) -> Observations:
    reply = ctx.ask(Exec(("postconf", "-A")))
    known = reply.out.split()
    if reply.problem or (not known and reply.code != 0):
        return
    if kind in known:
        yield ok("sasl.type", "smtp_sasl_type", f"is {kind}", value=kind)
    else:
        has = ", ".join(known) or "nothing"
        text = f"is {kind}, which this Postfix's SMTP client does not know (it knows {has}): smtp(8) cannot start"
        yield fail("sasl.type", "smtp_sasl_type", text, value=kind, parameter="smtp_sasl_type")


def _exposed(ctx: Context, postfix: Mta) -> Observations:
    maps = table.parse_list(postfix.value("smtp_sasl_password_maps"))
    named = [(table.source(it), path) for it in maps for path in dict.fromkeys((table.source(it), *table.files(it)))]
    there = [(source, path, reply) for source, path in named if path and (reply := ctx.ask(Stat(path))).kind == "file"]
    if not there:
        # The setting names no file that is there; passwords lie where they are usually kept.
        usual = [f"{postfix.config_directory}/{name}" for name in USUAL_NAMES]
        there = [(path, path, reply) for path in usual if (reply := ctx.ask(Stat(path))).kind == "file"]
    for source, path, reply in there:
        said, kind = _why_exposed(ctx, path, reply.mode, reply.owner)
        where: Data = {
            "path": source or path,
            "file": path,
            "mode": f"{reply.mode:04o}",
            "owner": f"{reply.owner}:{reply.group}",
        }
        if said:
            yield fail("sasl.exposed", path, said, kind=kind, **where)
        else:
            yield ok(
                "sasl.exposed",
                path,
                f"has mode {reply.mode:04o} and belongs to {reply.owner}:{reply.group}",
                **where,
            )


def _why_exposed(ctx: Context, path: str, mode: int, owner: str) -> tuple[str, str]:
    if mode & 0o006:
        directory = ctx.ask(Stat(path.rpartition("/")[0] or "/"))
        if directory.exists and not directory.mode & 0o001:
            return "", ""  # nobody else comes that far
        may = "write" if mode & 0o002 else "read"
        return f"every user of this host can {may} it (mode {mode:04o}), and it holds the relay's password", "readable"
    if owner and owner not in _OWNERS:
        return f"belongs to {owner}, who can read and change the relay's password", "owner"
    return "", ""
