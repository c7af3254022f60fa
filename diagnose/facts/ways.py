"""The route that a relay check examines. Both raise Skip if there is none.

relay_in_use(ctx)   the route to the relay
way_by_smtp(ctx)    the route through smtp(8), to a relay or a recipient's own server
"""

from __future__ import annotations

from diagnose.errors import Skip
from diagnose.facts.asks import Asks
from diagnose.facts.relay import relay_route, settings_problem
from diagnose.facts.route import Route, route


def relay_in_use(ctx: Asks) -> Route:
    way = relay_route(ctx)
    if (problem := settings_problem(ctx)) or way is None:
        raise Skip(problem or "mail goes directly to the recipients' own servers: there is no relay")
    return way


def way_by_smtp(ctx: Asks) -> Route:
    way = route(ctx)
    if (problem := settings_problem(ctx)) or way is None or not way.remote or way.program != "smtp":
        raise Skip(problem or "no mail leaves by SMTP on this route")
    return way
