"""Facts that the relay checks share: how Postfix would log in, and one dialogue with the relay.

sasl(ctx, way)              the password maps, the keys looked up, and the entry found
way_in(ctx, way)            the host, port and TLS that smtp(8) would use
session(ctx, way)           the dialogue as Postfix would hold it, up to AUTH and an envelope, without a message
plug_ins(ctx)               the SASL mechanisms installed
"""

from __future__ import annotations

from dataclasses import replace

from diagnose.facts import ANYBODY, Asks, Route, TlsMode, mailers, mta, next_hop_hosts, route, target, tls_mode
from diagnose.facts.dials import near_end
from diagnose.facts.next_hop_name import named, past_hosts_file
from diagnose.facts.patience import wait
from diagnose.host.query import Dial, DialReply, Glob, Login, MapLookup, Stat
from diagnose.knowledge.recognise import identify
from diagnose.knowledge.smtp import IMPLICIT_TLS_PORTS
from diagnose.model import Data, Target
from diagnose.parse.postfix import sasl_options, sasl_passwd, table, tls_settings
from diagnose.parse.postfix.nexthop import NextHop
from diagnose.parse.postfix.table import Table
from diagnose.record import frozen

PLUG_IN_PATTERNS = (
    "/usr/lib/*/sasl2/lib*.so*",
    "/usr/lib64/sasl2/lib*.so*",
    "/usr/lib/sasl2/lib*.so*",
    "/usr/local/lib/sasl2/lib*.so*",
)


@frozen
class Asked:
    """The result of looking up the keys in one password map. problem: why this tool could not look; error: Postfix's
    message; value: "user:" and stars."""

    table: Table
    key: str = ""
    user: str = ""
    value: str = ""
    has_colon: bool = True
    found: bool = False
    error: str = ""
    problem: str = ""


@frozen
class Sasl:
    """How smtp(8) would log in. keys: in the order tried; asked: every map, in order; hit: the one that has an entry."""

    enabled: bool
    keys: tuple[str, ...]
    asked: tuple[Asked, ...]

    @property
    def hit(self) -> Asked | None:
        return next((one for one in self.asked if one.found), None)

    @property
    def blind(self) -> bool:
        """True if no entry was found and some map could not be looked up."""
        return self.hit is None and any(one.problem for one in self.asked)

    @property
    def broken(self) -> bool:
        return any(one.error for one in self.asked)


def sasl(ctx: Asks, way: Route) -> Sasl:
    if way.way is not None:
        return _own_login(ctx, way)
    keys = sasl_passwd.keys_tried(
        way.nexthop,
        hosts=() if way.bracketed else next_hop_hosts(ctx, way),
        sender=target(ctx).sender or "",
        sender_dependent=way.flag("smtp_sender_dependent_authentication"),
        delimiter=way.value("recipient_delimiter"),
    )
    maps = table.parse_list(way.value("smtp_sasl_password_maps"))
    return Sasl(enabled=way.flag("smtp_sasl_auth_enable"), keys=keys, asked=tuple(_ask(ctx, one, keys) for one in maps))


def _own_login(ctx: Asks, way: Route) -> Sasl:
    """The login of a mailer other than Postfix, its file represented as a password map."""
    assert way.way is not None
    found = mailers.login(ctx, way.way)
    one = Asked(
        table=table.parse(f"texthash:{found.path or 'its settings'}"),
        key=way.host,
        user=found.user,
        value=f"{found.user}:",
        found=found.found,
        problem=found.problem,
    )
    return Sasl(enabled=bool(way.way.login_by and (found.found or found.problem)), keys=(way.host,), asked=(one,))


def _ask(ctx: Asks, one: Table, keys: tuple[str, ...]) -> Asked:
    for key in keys:
        # Bypasses proxy:, which needs a running proxymap; whether that may read the file is judged by its mode.
        reply = ctx.ask(MapLookup(one.key, key, secret=True))
        if reply.problem:
            return Asked(table=one, problem=reply.problem)
        if reply.broken:
            return Asked(table=one, error=reply.error)
        if reply.found:
            user, colon, _ = reply.value.partition(":")
            return Asked(
                table=one, key=key, user=user if colon else "", value=reply.value, has_colon=bool(colon), found=True
            )
    return Asked(table=one)


@frozen
class WayIn:
    """host, port: to dial, at `address` if the system would resolve the name otherwise; ca_file, ca_path: CAs that
    Postfix verifies against, or ""; ca_broken: why the CA file cannot be used; verify_name: the certificate's name, ""
    for `host`; direct: to a recipient's own server, not a relay; program: whose terms advice uses, "" for Postfix."""

    host: str
    port: int
    next_hop: str
    direct: bool
    domain: str
    family: int
    mode: TlsMode
    ca_file: str
    ca_path: str
    ca_broken: str
    verify_name: str
    provider: str
    needs_login: bool
    program: str = ""
    address: str = ""

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def data(self) -> Data:
        """Data for every observation on the relay."""
        said: Data = {"host": self.host, "port": self.port}
        said |= {"next_hop": self.next_hop, "provider": self.provider}
        return said | ({"program": self.program} if self.program else {})

    @property
    def tls_data(self) -> Data:
        """Data for every observation on its TLS."""
        more: Data = {
            "level": self.mode.level,
            "by": self.mode.by,
            "direct": self.direct,
            "domain": self.domain,
        }
        return self.data | more


def way_in(ctx: Asks, way: Route) -> WayIn:
    mode = tls_mode(ctx, way)
    host = next(iter(next_hop_hosts(ctx, way)), way.host)
    words = {word.lower() for word in way.words("inet_protocols")}
    family = 4 if words == {"ipv4"} else 6 if words == {"ipv6"} else 0
    known = identify(way.host)
    broken = ca_problem(ctx, mode.ca_file)
    policy = tls_settings.policy(mode.policy)
    match = policy.get("match").split(":")[0].strip(".")
    # At the level `secure` the name must be the next hop's, whatever its MX records say.
    name = match if "." in match else (way.host if mode.level == "secure" and not way.bracketed else "")
    address = past_hosts_file(ctx, way, host)
    name = name or (host if address else "")
    return WayIn(
        host=host,
        port=way.port,
        next_hop=way.nexthop,
        direct=not way.relay,
        domain=way.domain,
        family=family,
        mode=mode,
        ca_file="" if broken else mode.ca_file,
        # If both are set, the file is used: the directory only adds to it.
        ca_path="" if mode.ca_file and not broken else mode.ca_path,
        ca_broken=broken,
        verify_name="" if name == host and not address else name,
        provider=known.name if known else "",
        needs_login=bool(known and known.sign_in in ("password", "oauth2")),
        program=here.program if way.mailer and (here := mailers.mailer(ctx)) else "",
        address=address,
    )


def ca_problem(ctx: Asks, path: str) -> str:
    """Why a CA file cannot be loaded: missing, no-file or empty; "" if it can, is not set or cannot be checked."""
    if not path:
        return ""
    stat = ctx.ask(Stat(path))
    if stat.problem and stat.problem != "not found":
        return ""
    if not stat.exists:
        return "missing"
    return "no-file" if stat.kind != "file" else "empty" if stat.size == 0 else ""


def plug_ins(ctx: Asks) -> frozenset[str] | None:
    """The mechanisms of the installed SASL plug-ins, empty if there are none; None if unknown."""
    found: list[str] = []
    if ctx.ask(Stat("/nix/store")).exists:
        return None  # plug-ins are wherever a wrapper's SASL_PATH points
    for pattern in PLUG_IN_PATTERNS:
        reply = ctx.ask(Glob(pattern))
        if reply.problem and reply.problem != "not found":
            return None
        found += reply.paths
    return sasl_options.installed(found)


def options(way: Route, encrypted: bool, verified: bool = False) -> tuple[str, ...]:
    """The SASL security options that apply to a connection of this kind."""
    name = "smtp_sasl_security_options"
    if encrypted:
        name = "smtp_sasl_tls_verified_security_options" if verified else "smtp_sasl_tls_security_options"
    return way.words(name)


def _mechanisms(way: Route, encrypted: bool) -> tuple[str, ...]:
    """The mechanisms that this tool supports and the settings allow; ("NONE",) without any, since () means all."""
    spoken = ("PLAIN", "LOGIN", "CRAM-MD5")
    names = sasl_options.left(
        spoken,
        mechanism_filter=way.value("smtp_sasl_mechanism_filter"),
        options=options(way, encrypted),
        plugins=None,
    ).allowed
    return names or ("NONE",)


@frozen
class Session:
    """The dialogue; tls: how it began (none, starttls, implicit); with_login, enveloped: whether it included a
    login, an envelope."""

    reply: DialReply
    tls: str
    with_login: bool
    enveloped: bool = False


def first_way(into: WayIn) -> str:
    """How to begin TLS: as Postfix would, but always implicit on an implicit TLS port, where a server is silent in
    the clear."""
    return "implicit" if into.port in IMPLICIT_TLS_PORTS else into.mode.dial


def session(ctx: Asks, way: Route) -> Session:
    """The dialogue with the relay as Postfix would hold it; the query is always equal, so that it is asked once.
    Nothing is dialled if Postfix finds no address, even if other programs do."""
    if way.relay and not named(ctx, way).found:
        return Session(reply=DialReply(problem="its name gives Postfix no address"), tls="", with_login=False)
    into = way_in(ctx, way)
    login = _login(ctx, way)
    tls = first_way(into)
    if login is None:
        return _without_login(ctx, way, into, begin(ctx, into, way, tls), tls)
    whose = _envelope(ctx, way)
    say = "rcpt" if whose else "auth"
    careful = ctx.ask(begin(ctx, into, way, tls, say=say, login=login, whose=whose))
    if not careful.error.startswith("not tried: the c") or into.mode.verifies:
        return Session(reply=careful, tls=tls, with_login=True, enveloped=whose is not None)
    # Not encrypted or not verified: Postfix still logs in if its settings allow it.
    encrypted = bool(careful.tls and careful.tls.version)
    # Other mailers send no password in the clear, most of them never.
    if not encrypted and (way.mailer or into.mode.mandatory or "noplaintext" in options(way, encrypted=False)):
        return Session(reply=careful, tls=tls, with_login=False)
    bold = begin(ctx, into, way, tls, say=say, login=login, whose=whose, trust=True, encrypted=encrypted)
    return Session(reply=ctx.ask(bold), tls=tls, with_login=True, enveloped=whose is not None)


def _without_login(ctx: Asks, way: Route, into: WayIn, first: Dial, tls: str) -> Session:
    found, whose = sasl(ctx, way), _envelope(ctx, way)
    if whose is None or found.blind or (found.hit is not None and found.enabled):
        # A refusal would only show that this tool did not log in.
        return Session(reply=ctx.ask(first), tls=tls, with_login=False)
    query = begin(ctx, into, way, tls, say="rcpt", whose=whose)
    return Session(reply=ctx.ask(query), tls=tls, with_login=False, enveloped=True)


def _envelope(ctx: Asks, way: Route) -> Target | None:
    """The sender and recipient to try, if both are known; made-up addresses are never tried."""
    whose = target(ctx)
    if not way.relay or not whose.sender or "@" not in whose.sender or way.recipient == ANYBODY or not whose.recipient:
        return None
    return Target(whose.sender, way.recipient)


def uses_token(ctx: Asks, way: Route) -> bool:
    """Whether smtp(8) would log in with an OAuth token: the mechanism filter allows nothing else, or a token plug-in
    is installed and the relay accepts tokens (Cyrus SASL prefers them to passwords). The password map then holds no
    password."""
    chosen = way.value("smtp_sasl_mechanism_filter")
    if not any(sasl_options.passes_filter(name, chosen) for name in (*sasl_options.PLAINTEXT, "CRAM-MD5")):
        return any(sasl_options.passes_filter(name, chosen) for name in sasl_options.TOKENS)
    known = identify(way.host)
    taken = [name for name in sasl_options.TOKENS if known is not None and name in known.mechanisms]
    if not any(sasl_options.passes_filter(name, chosen) for name in taken):
        return False
    return bool(set(taken) & (plug_ins(ctx) or frozenset()))


def _login(ctx: Asks, way: Route) -> Login | None:
    if not ctx.settings.auth or uses_token(ctx, way):
        return None
    found = sasl(ctx, way)
    hit = found.hit
    if not found.enabled or hit is None or found.broken or not hit.has_colon:
        return None
    if way.way is not None:
        return mailers.login(ctx, way.way).login
    return Login(source="map", table=hit.table.key, keys=(hit.key,))


def begin(
    ctx: Asks,
    into: WayIn,
    way: Route,
    tls: str,
    *,
    say: str = "ehlo",
    login: Login | None = None,
    trust: bool = False,
    whose: Target | None = None,
    encrypted: bool = True,
) -> Dial:
    """The query for a dialogue with the relay in one TLS mode. Without `trust` it logs in over verified TLS only."""
    end = near_end(ctx, way)
    return Dial(
        host=into.address or into.host,
        port=into.port,
        family=into.family,
        tls=tls,
        say=say,
        helo=way.value("smtp_helo_name"),
        sender=(whose.sender or "") if whose else "",
        recipient=(whose.recipient or "") if whose else "",
        login=login,
        mechanisms=_mechanisms(way, encrypted) if login else (),
        ca_file=into.ca_file,
        ca_path=into.ca_path,
        verify_name=into.verify_name,
        trust=trust,
        bind=end["bind"],
        user=end["user"],
        timeout=wait(ctx),
    )


def relay_route(ctx: Asks) -> Route | None:
    """The target's route if smtp(8) sends its mail to a relay, else None. Of several relays (relayhost accepts a
    list) it is the first that greets, which gets the mail; `passed_over` names those before it."""
    way = route(ctx)
    if way is None or not way.relay or not way.remote or way.program != "smtp":
        return None
    if len(way.hops) < 2:
        return way
    ways = [_towards(way, hop) for hop in way.hops]
    return next((one for one in ways if _greets(ctx, one)), ways[0])


def passed_over(ctx: Asks, way: Route) -> tuple[str, ...]:
    """The relays listed before the one in use, which do not greet, as configured."""
    whole = route(ctx)
    hops = [hop.raw.strip() for hop in whole.hops] if whole is not None else []
    return tuple(hops[: hops.index(way.nexthop)]) if way.nexthop in hops else ()


def _towards(way: Route, hop: NextHop) -> Route:
    default = int(way.value("smtp_tcp_port")) if way.value("smtp_tcp_port").isdecimal() else 25
    return replace(
        way,
        way=replace(way.way, host=hop.host, port=hop.port_number() or 25) if way.way else None,
        nexthop=hop.raw.strip(),
        hops=(hop,),
        host=hop.host,
        port=hop.port_number(default) or default,
        bracketed=hop.bracketed or hop.address,
    )


def _greets(ctx: Asks, way: Route) -> bool:
    into = way_in(ctx, way)
    return ctx.ask(begin(ctx, into, way, first_way(into), say="banner")).banner.startswith("2")


def settings_problem(ctx: Asks) -> str:
    """Why the relay settings are unknown; "" if they are known."""
    postfix = mta(ctx)
    if mailers.mailer(ctx) is not None:
        return mailers.outgoing(ctx).problem
    return "" if postfix.settings else postfix.problem or "Postfix's settings cannot be read"
