"""The path of a message or of its packets as an inline SVG: stations from top to bottom, up to where it ends."""

from __future__ import annotations

import itertools
from html import escape

from diagnose.record import dataclass
from diagnose.report import Plain, digest

WIDTH, STEP, LEFT, TOP = 340, 52, 22, 26
CHARACTERS = 40  # of a line's text that fit into WIDTH at 14 px
_STAGES = (
    ("connect", "connects"),
    ("greeting", "is greeted"),
    ("ehlo", "says EHLO"),
    ("starttls", "starts TLS"),
    ("auth", "logs in"),
    ("mail", "names the sender"),
    ("rcpt", "names the recipient"),
    ("data", "hands the message over"),
)
_STAGE_NAMES = {"banner": "greeting", "helo": "ehlo", "tls": "starttls", "end of data": "data", "dot": "data"}


@dataclass(frozen=True)
class Station:
    """state: passed, dead (the path ends before this one) or beyond (not reached)."""

    name: str
    about: str
    state: str = "passed"


def draw(plain: Plain) -> str:
    """The picture; "" if the report has no place where the path ends."""
    for stations, title in (_path(plain), _dialogue(plain)):
        if stations:
            return _svg(stations, title)
    return ""


def _path(plain: Plain) -> tuple[list[Station], str]:
    found = next((o for o in digest.measured(plain, "hops") if o["status"] == "failed"), None)
    if found is None or not _supports(plain, found):
        return [], ""
    data = found["data"]
    hop, port = int(data.get("hop") or 0), data.get("port")
    goal = str(found["subject"]).rpartition(" to ")[2]
    routers = dict(_routers(str(data.get("route") or "")))
    if data.get("last_hop"):
        routers.setdefault(hop, str(data["last_hop"]))
    if data.get("next_router"):
        routers.setdefault(hop + 1, str(data["next_router"]))
    distance = int(data.get("distance") or 0)
    last = distance - 1 if distance > hop else max([hop, *routers])
    stations = [Station("this host", str(plain["host"]["name"]))]
    stations += [Station(_hop(ttl), routers.get(ttl, "does not tell its address")) for ttl in range(1, hop + 1)]
    how = {"dropped": "vanish", "reset": "get a forged reset"}.get(str(data.get("how")), f"stopped: {data.get('how')}")
    place = {
        "host": "in this very host",
        "gateway": "at the gateway",
        "isp": "in the access provider's network",
        "beyond": "beyond the access network",
    }.get(str(data.get("where")), "")
    stations.append(Station(f"packets to port {port} {how}", place, "dead"))
    stations += [
        Station(_hop(ttl), routers.get(ttl, "does not tell its address"), "beyond") for ttl in range(hop + 1, last + 1)
    ]
    stations.append(Station(goal, f"port {port} is not reached", "beyond"))
    return stations, f"Where packets to port {port} end"


def _supports(plain: Plain, observation: Plain) -> bool:
    return any(
        support["sign"] == observation["sign"] and support["weight"] > 0
        for diagnosis in digest.main_diagnoses(plain)
        for support in diagnosis["support"]
    )


def _routers(route: str) -> list[tuple[int, str]]:
    """`1=192.0.2.1 3=198.51.100.1` as (TTL, address)."""
    pairs = [word.partition("=") for word in route.split()]
    return [(int(ttl), address) for ttl, _, address in pairs if ttl.isdecimal() and len(ttl) < 3 and address]


def _hop(ttl: int) -> str:
    return "hop 1, the gateway" if ttl == 1 else f"hop {ttl}"


def _dialogue(plain: Plain) -> tuple[list[Station], str]:
    first = next(iter(digest.main_diagnoses(plain)), None)
    if first is None or first["impact"] not in ("outage", "partial"):
        return [], ""
    data = first["data"]
    stage = str(data.get("stage") or "").lower()
    stage = _STAGE_NAMES.get(stage, stage)
    names = [name for name, _ in _STAGES]
    server = data.get("host")
    if stage not in names or not server:
        return [], ""
    port = f" port {data['port']}" if data.get("port") else ""
    stations = [Station("this host", str(plain["host"]["name"]))]
    reached = names.index(stage)
    for name, words in _STAGES[:reached]:
        # TLS and a login may have been left out; neither is claimed.
        if name not in ("starttls", "auth"):
            stations.append(Station(words, f"{server}{port}" if name == "connect" else ""))
    code = " ".join(str(data[key]) for key in ("code", "enhanced") if data.get(key))
    stations.append(Station(_STAGES[reached][1], f"fails here{f': {code}' if code else ''}", "dead"))
    if data.get("recipient") or data.get("domain"):
        stations.append(Station(str(data.get("recipient") or data["domain"]), "does not get the message", "beyond"))
    return stations, f"How far {server} lets the message get"


def _svg(stations: list[Station], title: str) -> str:
    if len(stations) > 20:
        stations = [*stations[:10], Station(f"{len(stations) - 19} more", "", stations[10].state), *stations[-9:]]
    height = TOP * 2 + STEP * (len(stations) - 1)
    story = "; ".join(f"{s.name} {s.about}".strip() for s in stations)
    parts = [
        f'<svg class="way" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{_attribute(f"{title}: {story}")}">',
    ]
    for index, (one, other) in enumerate(itertools.pairwise(stations)):
        y = TOP + STEP * index
        kind = "passed" if one.state == "passed" and other.state == "passed" else "beyond"
        kind = "last" if one.state == "passed" and other.state == "dead" else kind
        parts.append(f'<line class="{kind}" x1="{LEFT}" y1="{y + 11}" x2="{LEFT}" y2="{y + STEP - 11}"/>')
    for index, station in enumerate(stations):
        y = TOP + STEP * index
        if station.state == "dead":
            parts.append(
                f'<g class="dead"><circle cx="{LEFT}" cy="{y}" r="12"/>'
                f'<path d="M{LEFT - 5} {y - 5}l10 10m0 -10l-10 10"/></g>'
            )
        else:
            parts.append(f'<circle class="{station.state}" cx="{LEFT}" cy="{y}" r="9"/>')
        name_y = y - 3 if station.about else y + 5
        parts.append(f'<text class="name {station.state}" x="{LEFT + 24}" y="{name_y}">{_short(station.name)}</text>')
        if station.about:
            parts.append(f'<text class="about" x="{LEFT + 24}" y="{y + 15}">{_short(station.about)}</text>')
    return f"<figure><figcaption>{_attribute(title)}</figcaption>{''.join(parts)}</svg></figure>"


def _short(text: str) -> str:
    words = digest.clean(text)
    # Wide characters (of East Asia) take two columns.
    room, kept = CHARACTERS, ""
    for character in words:
        room -= 1 if ord(character) < 0x1100 else 2
        if room < 1:
            return escape(kept) + "…"
        kept += character
    return escape(kept)


def _attribute(text: str) -> str:
    return escape(digest.clean(text), quote=True)
