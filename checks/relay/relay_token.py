"""Can Postfix use and renew its OAuth token for the relay?

It is read, never used and never renewed: a refresh token may be good for one time only.
"""

from __future__ import annotations

import json
from typing import Any

from diagnose.check import (
    Context,
    Data,
    Glob,
    Now,
    Observation,
    Observations,
    Read,
    SignSpec,
    Stat,
    check,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts import Route, mta
from diagnose.facts.relay import sasl, uses_token, way_in
from diagnose.facts.ways import relay_in_use

# Token files of sasl-xoauth2 (its README), whose paths stand in place of passwords; below smtp(8)'s chroot, if any.
_PLACES = ("/etc/tokens/*", "/etc/postfix/tokens/*", "/etc/sasl-xoauth2/*", "/var/lib/sasl-xoauth2/*")
_MOST = 8


@check(
    id="relay-token",
    title="OAuth token for the relay",
    signs=(SignSpec("relay.token", {"kind": ("unreadable", "no-refresh", "expired", "owner", "scope", "chroot")}),),
    tags=("relay-login", "relay", "sasl"),
    needs=("postfix",),
)
def relay_token(ctx: Context) -> Observations:
    way = relay_in_use(ctx)
    found = sasl(ctx, way)
    if not found.enabled or not uses_token(ctx, way):
        skip("Postfix logs in with a password, if at all")
    place = way_in(ctx, way).place
    user = found.hit.user if found.hit else ""
    root = mta(ctx).queue_directory if way.service is not None and way.service.chroot else ""
    paths = _files(ctx, root, user)
    outside = _files(ctx, "", user) if root and not paths else []
    if outside:
        text = f"smtp(8) runs in a chroot, and looks for {outside[0]} below {root}, where it is not"
        yield fail("relay.token", place, text, kind="chroot", path=f"{root}{outside[0]}", user=user, host=way.host)
    elif not paths:
        yield unknown(
            "relay.token", place, f"the token file of {user or 'the account'} was not found in the usual places"
        )
    for path in paths[:1]:
        yield _judged(ctx, way, place, user, path)


def _files(ctx: Context, root: str, user: str) -> list[str]:
    """The token files named after the account, else the only one there, else []."""
    found = [path for place in _PLACES for path in ctx.ask(Glob(root + place)).paths]
    kept = [path for path in found[:_MOST] if ctx.ask(Stat(path)).kind == "file"]
    named = [path for path in kept if user and user.lower() in path.rpartition("/")[2].lower()]
    return named or (kept if len(kept) == 1 else [])


def _judged(ctx: Context, way: Route, place: str, user: str, path: str) -> Observation:
    sign, stat, reply = "relay.token", ctx.ask(Stat(path)), ctx.ask(Read(path, secret="token"))
    data: Data = {"path": path, "user": user, "host": way.host, "owner": stat.owner}
    if reply.problem:
        return unknown(sign, place, f"the token file {path} could not be read: {reply.problem}", **data)
    said: dict[str, Any] = json.loads(reply.text or "{}")
    now = ctx.ask(Now()).epoch
    ends = _number(said.get("expiry")) or _number((said.get("claims") or {}).get("exp"))
    age = _words(ends - now) if ends else "of an unknown age"
    owner = mta(ctx).value("mail_owner") or "postfix"
    if "access_token" not in said and "refresh_token" not in said:
        return fail(sign, place, f"{path} holds no token", kind="unreadable", **data)
    if "refresh_token" not in said:
        if ends and ends < now:
            text = f"the access token in {path} {age}, and there is no refresh token to renew it with"
            return fail(sign, place, text, kind="expired", **data)
        return warn(
            sign, place, f"the token in {path} {age} cannot be renewed: no refresh token", kind="no-refresh", **data
        )
    if owner not in (stat.owner, stat.group):
        if not stat.mode & 0o004:
            text = f"{path} belongs to {stat.owner}, and smtp(8), which runs as {owner}, cannot read the token"
            return fail(sign, place, text, kind="owner", **data)
        if not stat.mode & 0o002:
            text = f"{path} belongs to {stat.owner}: smtp(8), which runs as {owner}, cannot keep a token that it renews"
            return warn(sign, place, text, kind="owner", **data)
    if (wrong := _scope(said.get("claims") or {})) is not None:
        return warn(
            sign, place, f"the access token in {path} is not for sending mail by SMTP: {wrong}", kind="scope", **data
        )
    return ok(sign, place, f"the access token in {path} {age}, and a refresh token is there", **data)


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, (int, float, str)) else 0.0
    except ValueError:
        return 0.0


def _words(left: float) -> str:
    amount = f"{abs(left) / 86400:.0f} days" if abs(left) > 172_800 else f"{abs(left) / 60:.0f} minutes"
    return f"is valid for {amount}" if left > 0 else f"expired {amount} ago"


def _scope(claims: dict[str, Any]) -> str | None:
    """What a token of Microsoft's is for, if not SMTP: its claim scp (a person's) or roles (an application's). None
    if it is SMTP, or unsaid."""
    named = " ".join(str(claims.get(key, "")) for key in ("scp", "roles"))
    if not named.strip() or "smtp" in named.lower():
        return None
    return named.strip()[:100]
