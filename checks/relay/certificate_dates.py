"""Does a certificate that the mail depends on expire within three weeks: the relay's, the SMTP client's, the server's?"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterator

from diagnose.check import Context, Data, Exec, Now, Observations, SignSpec, Stat, check, ok, skip, warn
from diagnose.facts import Mta, Route, mta, route, tls_mode
from diagnose.facts.relay import way_in
from diagnose.facts.relay_tls import spoken, tried
from diagnose.knowledge.recognise import identify
from diagnose.parse.postfix.setting_types import items

AHEAD = 21  # days; what renews by itself does so when a third of its life is left
LIFE = 4  # a short-lived certificate is late in the last quarter of its life
PROVIDERS = 3  # days, for relay services, which often renew in the last weeks
_DAY = 86_400.0
_FORM = "%b %d %H:%M:%S %Y"  # of `openssl x509 -dates`, always in English
_CLIENT = ("smtp_tls_cert_file", "smtp_tls_eccert_file", "smtp_tls_chain_files")
_SERVER = ("smtpd_tls_cert_file", "smtpd_tls_eccert_file", "smtpd_tls_chain_files")


@check(
    id="certificate-dates",
    title="Certificates that expire soon",
    signs=(SignSpec("certificate.ends", {"kind": ("relay", "client", "server", "client-purpose")}),),
    tags=("tls",),
    needs=("postfix",),
    timeout=9.5,
)
def certificate_dates(ctx: Context) -> Observations:
    postfix, way = mta(ctx), route(ctx)
    if not postfix.settings:
        skip(postfix.problem or "Postfix's settings cannot be read")
    yield from _server(ctx, postfix)
    if way is None or not way.remote or way.program != "smtp":
        return
    if tls_mode(ctx, way).level != "none":
        yield from _client(ctx, way)
    yield from _relay(ctx, way)


def _relay(ctx: Context, way: Route) -> Observations:
    """Observes the relay's certificate, if it verifies now; another check reports one that does not."""
    into = way_in(ctx, way)
    tls = spoken(ctx, way, into).tls if ctx.settings.network and tried(way, into) else None
    if tls is not None and tls.verified and tls.not_after:
        ahead = PROVIDERS if identify(way.host) else AHEAD
        yield from _ends(ctx, "relay", into.place, "its certificate", (tls.not_before, tls.not_after), ahead)


def _client(ctx: Context, way: Route) -> Observations:
    for name, path in _files(_CLIENT, way):
        said = _openssl(ctx, path)
        if (life := _life(said)) is not None:
            yield from _ends(ctx, "client", path, f"the certificate of {name}", life)
        if re.search(r"^SSL client\s*:\s*No", said, re.M):
            text = f"the certificate of {name} is not for TLS clients: a server that asks for one ignores it"
            yield warn("certificate.ends", path, text, kind="client-purpose", path=path, parameter=name)


def _server(ctx: Context, postfix: Mta) -> Observations:
    """Observes smtpd's certificates, if it offers TLS to other hosts. Nobody verifies the one that Debian's package
    makes (snakeoil)."""
    listens = postfix.words("inet_interfaces")
    if listens in (("loopback-only",), ("localhost",)) or (
        postfix.value("smtpd_tls_security_level") in ("", "none") and not postfix.flag("smtpd_use_tls")
    ):
        return
    for name, path in _files(_SERVER, postfix):
        if "snakeoil" not in path and (life := _life(_openssl(ctx, path))) is not None:
            yield from _ends(ctx, "server", path, f"the certificate of {name}", life)


def _files(names: tuple[str, ...], of: Mta | Route) -> Iterator[tuple[str, str]]:
    """Parameters and the files that they name, each file once."""
    found = {path: name for name in reversed(names) for path in items(of.value(name)) if path.startswith("/")}
    yield from ((name, path) for path, name in found.items())


def _openssl(ctx: Context, path: str) -> str:
    """openssl's dates and purposes of a file's first certificate, "" if there is none that this user may read."""
    if ctx.ask(Stat(path)).kind != "file":
        return ""
    return ctx.ask(Exec(("openssl", "x509", "-in", path, "-noout", "-dates", "-purpose"))).out


def _life(said: str) -> tuple[float, float] | None:
    """(notBefore, notAfter) in epoch seconds, None if openssl's output lacks one."""
    found = dict(re.findall(r"^(notBefore|notAfter)=(.+) GMT$", said, re.M))
    try:
        begins, ends = (calendar.timegm(time.strptime(found[name], _FORM)) for name in ("notBefore", "notAfter"))
    except (KeyError, ValueError):
        return None
    return float(begins), float(ends)


def _ends(
    ctx: Context, kind: str, place: str, whose: str, life: tuple[float, float], ahead: int = AHEAD
) -> Observations:
    begins, ends = life
    left = (ends - ctx.ask(Now()).epoch) / _DAY
    day = time.strftime("%Y-%m-%d", time.gmtime(ends))
    data: Data = {"kind": kind, "days": int(left), "date": day, "path": "" if kind == "relay" else place}
    if left > min(ahead, (ends - begins) / _DAY / LIFE):
        yield ok("certificate.ends", place, f"{whose} is valid until {day}", **data)
    elif left > 0:
        yield warn("certificate.ends", place, f"{whose} expires in {left:.0f} days, on {day}", **data)
    elif kind != "relay":
        yield warn("certificate.ends", place, f"{whose} expired {-left:.0f} days ago, on {day}", **data)
