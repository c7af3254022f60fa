"""Does the relay accept the mailer's login?

One real AUTH with the configured credentials (unless told not to).
"""

from __future__ import annotations

import re

from diagnose.check import ANY, Context, Observations, SignSpec, Stage, check, fail, ok, unknown, warn
from diagnose.facts import Route
from diagnose.facts.relay import (
    Session,
    WayIn,
    sasl,
    session,
    settings_problem,
    uses_token,
    way_in,
)
from diagnose.facts.ways import relay_in_use
from diagnose.knowledge.recognise import identify
from diagnose.parse.postfix import table
from diagnose.parse.words.reason import Reason, classify
from diagnose.parse.words.smtp_reply import code_of

# A server's own trouble, which says nothing about the credentials.
_PASSING = ("server-busy", "rate-limited", "greylisted", "server-error", "session-lost")


@check(
    id="relay-login",
    title="Login at the relay",
    signs=(SignSpec("relay.login", {"label": ANY}, proves=Stage.LOGIN, clears="login"),),
    tags=("relay", "sasl", "network"),
    needs=("mta", "network"),
    probes=True,
    timeout=9.5,
)
def relay_login(ctx: Context) -> Observations:
    if problem := settings_problem(ctx):
        yield unknown("relay.login", "relay", problem)
        return
    way = relay_in_use(ctx)
    into = way_in(ctx, way)
    asked = session(ctx, way)
    reply = asked.reply
    if reply.problem or not reply.connected or not reply.greeted:
        why = reply.problem or reply.error or "no connection"
        yield unknown(
            "relay.login",
            into.place,
            f"could not check whether the relay accepts the credentials: {why}",
            **into.data,
        )
        return
    yield from _login(ctx, way, into, asked)


def _login(ctx: Context, way: Route, into: WayIn, asked: Session) -> Observations:
    found, reply, where = sasl(ctx, way), asked.reply, into.data
    hit = found.hit
    if not found.enabled or (hit is None and not found.blind):
        return  # the checks of the password map say so
    place = f"{hit.user} at {into.place}" if hit is not None and hit.user else into.place
    if found.blind:
        why = next(one.problem for one in found.asked if one.problem)
        yield unknown(
            "relay.login",
            place,
            f"could not check the credentials: they cannot be read ({why})",
            **where,
        )
        return
    if not ctx.settings.auth:
        yield unknown(
            "relay.login",
            place,
            "could not check whether the relay accepts the credentials: not tried, as asked for",
            **where,
        )
        return
    source = table.source(hit.table) if hit else ""
    if uses_token(ctx, way):
        yield unknown(
            "relay.login", place, "not tried: Postfix logs in with an OAuth token, which this tool never uses", **where
        )
        return
    where = {
        **where,
        "user": hit.user if hit else "",
        "mechanism": reply.mechanism,
        "table": hit.table.key if hit and source else "",
        "path": source,
    }
    if not asked.with_login or reply.stage not in ("auth", "mail", "rcpt", "quit") or not reply.auth:
        if reply.mechanisms:
            if reply.error == "no usable mechanism":
                # Postfix may have one of them; it is mail that passes which shows that.
                where |= {"proof": "tried", "one_of_many": True}
            yield unknown(
                "relay.login",
                place,
                f"not tried: {reply.error.removeprefix('not tried: ') or 'the dialogue ended before'}",
                **where,
            )
        return
    code = code_of(reply.auth)
    if code // 100 == 2:  # as Postfix takes it
        yield ok("relay.login", place, f"is accepted ({reply.mechanism})", **where)
        return
    reason = classify(reply.auth, peer=into.host, port=into.port, stage="auth")
    label = _label(reason, "relay-credentials-rejected" if code // 100 == 5 else "server-busy")
    where |= {
        "label": label,
        "code": code,
        "enhanced": (reason.enhanced if reason else "") or "",
    }
    say = warn if label in _PASSING or code // 100 not in (4, 5) else fail
    hint = _user_name(into, hit.user if hit else "") if label == "relay-credentials-rejected" else ""
    verb = "put off" if code // 100 == 4 else "refused"
    yield say("relay.login", place, f"is {verb}: {reply.auth}{hint}", text=reply.auth, **where)


def _user_name(into: WayIn, user: str) -> str:
    """A hint if the provider's user name is one fixed word for everybody, and another was sent; else ""."""
    known = identify(into.host)
    if (
        known is None
        or not known.login.user
        or not known.login.stated
        or re.search(r"[<>@ ]", known.login.user)
        or user in ("", known.login.user)
    ):
        return ""
    return f" (the user name at {known.name} is always {known.login.user}, and {user} was sent)"


def _label(reason: Reason | None, otherwise: str) -> str:
    if reason is None:
        return otherwise
    # A bare refusal in answer to AUTH means the credentials.
    vague = ("policy-refused", "noise", "spam-generic", "mailbox-unavailable", "greeting-refused", "auth-required")
    return otherwise if reason.label in vague else reason.label
