"""Does the relay stop accepting passwords soon?"""

from __future__ import annotations

from datetime import date

from diagnose.check import Context, Data, Observations, check, ok, skip, warn
from diagnose.facts import now
from diagnose.facts.relay import sasl, uses_token, way_in
from diagnose.facts.ways import relay_in_use
from diagnose.knowledge.recognise import identify

AHEAD = 120  # days: getting another login, or another relay, takes weeks


@check(
    id="relay-password-end",
    title="End of password logins",
    signs=("relay.password-end",),
    tags=("relay-login", "relay", "sasl"),
    needs=("postfix",),
)
def relay_password_end(ctx: Context) -> Observations:
    way = relay_in_use(ctx)
    known, login = identify(way.host), sasl(ctx, way)
    if not login.enabled or (login.hit is None and not login.blind) or uses_token(ctx, way):
        skip("Postfix does not log in with a password")
    place = way_in(ctx, way).place
    end = known.passwords_end if known else None
    if known is None or end is None or not end.stated:
        skip("no end of password logins is known for this relay")
    left = (date.fromisoformat(end.date) - now(ctx).date()).days
    data: Data = {
        "host": way.host,
        "provider": known.name,
        "date": end.date,
        "days": left,
        "url": end.source,
    }
    if 0 <= left <= AHEAD:
        yield warn("relay.password-end", place, f"in {left} days, on {end.date}: {end.text}", text=end.text, **data)
    else:
        yield ok("relay.password-end", place, f"{end.date}: {end.text}", **data)
