"""One file for a browser, a phone or a printer: no script, nothing loaded, light and dark.

What hosts, servers and logs said is escaped, and a policy in the page forbids scripts and requests besides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from typing import Any

from diagnose.report import Plain, assurance, charts, digest, outage, picture, strip

_VERDICTS = {
    "ok": "Nothing wrong found",
    "warning": "Mail may well flow, but look at this",
    "failed": "Found why mail is not arriving",
    "unknown": "Could not tell",
}
_MARKS = {
    "ok": '<path d="M4 12.5l5.5 5.5L20 6.5"/>',
    "warning": '<path d="M12 3L22 20.5H2z"/><path d="M12 10v4.5M12 17.6v.1"/>',
    "failed": '<circle cx="12" cy="12" r="9.5"/><path d="M8 8l8 8m0-8l-8 8"/>',
    "unknown": '<circle cx="12" cy="12" r="9.5"/><path d="M9.2 9.5a2.8 2.8 0 1 1 3.9 2.6c-.8.4-1.1.9-1.1 1.9M12 17v.1"/>',
}
_LONG = re.compile(r"(https?://[^\s()<>\"']{40,}[^\s()<>\"'.,;:])")
_OPTION = re.compile(r"(?<!\S)-[\w-]{1,30}")
LONGEST = 1500  # characters of one text: a reply may be as long as a server likes
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render(plain: Plain) -> str:
    css = (files("diagnose") / "data" / "report.css").read_text("utf-8")
    name = _text(plain["host"]["name"]) or "this host"
    word = digest.WORDS[digest.status(plain)]
    main = digest.main_diagnoses(plain)
    sure = digest.status(plain) != "unknown"
    body = [_verdict(plain, main[0] if main and sure else None)]
    if main:
        body.append(_diagnosis(main[0], plain, picture.draw(plain), not sure))
    body += [_relay(advice) for advice in plain.get("advice", ())]
    body += [_diagnosis(diagnosis, plain, "", True) for diagnosis in main[1:]]
    body += [_seen(plain), _lately(plain), _not_checked(plain), _alarms(plain), _all(plain)]
    body.append(
        f'<footer class="soft">Made by mail-diagnose {_text(plain["version"])} on {name}, {_text(_when(plain))}. '
        "Make a new one: <code>mail-diagnose run --format html -o report.html</code></footer>"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{word}: mail on {name}</title>\n<style>\n{css}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def _verdict(plain: Plain, first: Plain | None) -> str:
    """The fault, since when, the queue, and what to do: a phone's first screen."""
    status = digest.status(plain)
    host, target = plain["host"], plain["target"]
    then = digest.as_of(plain)
    head = _text(first["title"]) if first else "Not known now" if then else _VERDICTS[status]
    word = _VERDICTS[status] if first else digest.WORDS[status]
    lasts = " ".join(filter(None, (f"Everything below is {then}." if then else digest.lasting(plain), _waiting(plain))))
    lasts = f'<p class="lasts">{_text(lasts)}</p>' if lasts else ""
    facts = [host["name"], host["system"], host["mta"] or "no Postfix", f"as {host['user']}" if host["user"] else ""]
    facts += [f"to {target['recipient']}" if target.get("recipient") else ""]
    facts += [f"from {target['sender']}" if target.get("sender") else "", _when(plain)]
    facts += [f"state {state}" if (state := digest.kept(plain).get("state")) else ""]
    notes = "".join(f'<p class="soft">{_text(note)}</p>' for note in plain.get("notes", ()))
    rests = "" if digest.main_diagnoses(plain) else _list(_kinds(assurance.lines(plain)))
    way = "".join(_station(station, bool(then)) for station in strip.stations(plain))
    drawn = f'<ol class="strip">{way}</ol>' if way else ""
    return (
        f'<header class="card verdict {status}"><div class="word"><svg viewBox="0 0 24 24" aria-hidden="true">'
        f"{_MARKS[status]}</svg>{word}</div><h1>{head}</h1>{lasts}{_to_do(plain, first) if first else rests}{drawn}{notes}"
        f'{charts.week(plain)}<div class="facts soft">{"".join(f"<span>{_text(fact)}</span>" for fact in facts if fact)}</div></header>'
    )


def _waiting(plain: Plain) -> str:
    words = digest.waiting(plain)
    return f"{words[0].upper()}{words[1:]}." if words and words != "nothing waits" else ""


def _to_do(plain: Plain, diagnosis: Plain) -> str:
    """The first line and the commands; the rest unfolds."""
    first, _, rest = str(diagnosis["remedy"]["text"]).partition("\n")
    commands = _commands(digest.commands(plain, diagnosis))
    more = f"<details><summary>Details</summary><p>{_lines(rest)}</p></details>" if rest.strip() else ""
    return f"<h2>What to do</h2><p>{_text(first)}</p>{commands}{more}{_others(diagnosis)}"


def _station(station: strip.Station, stale: bool) -> str:
    """A station of the message's path: a circle with its mark, the name below it or, on a phone, beside it."""
    mark = {strip.PASSED: '<path d="M7.5 12.3l3 3 6-6.6"/>', strip.BROKEN: '<path d="M8.5 8.5l7 7m0-7l-7 7"/>'}
    said = {strip.PASSED: "passed", strip.BROKEN: f"mail {'stopped' if stale else 'stops'} here"}.get(station.state, "")
    about = f"<small>{said}</small>" if said else ""
    return (
        f'<li class="{station.state or "open"}"><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="10"/>'
        f"{mark.get(station.state, '')}</svg><span>{_text(station.name)}{about}</span></li>"
    )


def _diagnosis(diagnosis: Plain, plain: Plain, drawn: str, titled: bool) -> str:
    """titled: whether to show the title, which the page's verdict has already for the first one."""
    tags = [
        digest.as_of(plain),
        diagnosis["cause"],
        diagnosis["confidence"],
        digest.IMPACTS.get(str(diagnosis["impact"]), ""),
    ]
    said = [("for", digest.statement(support)) for support in diagnosis["support"]]
    said += [("against", digest.statement(support)) for support in diagnosis["against"]]
    said += [("gap", f"not checked: {gap}") for gap in diagnosis["unknown"]]
    folded = digest.explained(plain, diagnosis)
    words = (
        f"<p>{_text(diagnosis.get('explanation') or '')}</p>"
        + (_to_do(plain, diagnosis).replace("h2>", "h3>") if titled else "")
        + f"<h3>Evidence</h3>{_list(said)}"
        + (f'<p class="soft more">It also explains: {_text(folded)}</p>' if folded else "")
        + _links(diagnosis["links"])
    )
    inner = f'<div class="columns two"><div>{words}</div><div class="drawn">{drawn}</div></div>' if drawn else words
    head = f"<h2>{_text(diagnosis['title'])}</h2>" if titled else "<h2>Why</h2>"
    return (
        f'<section class="card">{head}<div class="tags">{"".join(map(_tag, filter(None, tags)))}</div>{inner}</section>'
    )


def _others(diagnosis: Plain) -> str:
    """Who else must or could act, with the text to send them."""
    asked = diagnosis["remedy"].get("others", ())
    said = [
        f"<p>{_text(o['who'])}: {_text(o['text'])}</p>{_commands([o['record']] if o['record'] else ())}" for o in asked
    ]
    if not said and diagnosis.get("otherwise"):
        said = [f"<p>{_text(diagnosis['otherwise'])}</p>"]
    return f"<h3>Who else can act</h3>{''.join(said)}" if said else ""


def _relay(advice: Plain) -> str:
    seen = ("open", "seen open from this host") if advice["verified"] else ("shut", "NOT seen open from this host")
    rows = "".join(f'<tr><th scope="row">{_text(k)}</th><td>{_text(v)}</td></tr>' for k, v in advice["main_cf"].items())
    written = "".join(
        f'<h3>{_text(file["path"])}</h3><p class="soft">mode {_text(file["mode"])}, {_text(file["owner"])}</p>'
        f"{_commands([file['text'].rstrip()])}"
        for file in advice["files"]
    )
    commands = f"<h3>Commands, in this order</h3>{_commands(advice['commands'])}" if advice["commands"] else ""
    return (
        f'<section class="card"><h2>A relay to use: {_text(advice["host"])} port {_text(advice["port"])}</h2>'
        f'<div class="tags">{_tag(advice["provider"])}{_tag(seen[1], seen[0])}</div><p>{_text(advice["why"])}</p>'
        f"{commands}"
        f"<h3>Good to know</h3>{_list(('', note) for note in advice['notes'])}"
        f"<details><summary>The settings by themselves</summary><table>{rows}</table>{written}</details></section>"
    )


def _seen(plain: Plain) -> str:
    """Open and blocked ports, and the queue."""
    ports = [
        _tag(f"{o['subject']} {'open' if good else 'blocked'}", "open" if good else "shut")
        for o, _, good in digest.ports(plain)
    ]
    queue = "Nothing waits." if digest.waiting(plain) == "nothing waits" else _waiting(plain)
    queue = f'<h3>Queue</h3><p>{_text(queue)}</p><div class="charts">{charts.queue(plain)}</div>' if queue else ""
    network = f"<h3>From this network</h3><div>{''.join(ports)}</div>" if ports else ""
    return (
        f'<section class="card"><h2>Seen from here{f" ({then})" if (then := digest.as_of(plain)) else ""}</h2>{network}{queue}</section>'
        if network or queue
        else ""
    )


def _lately(plain: Plain) -> str:
    """The last four weeks: the queue, the states and the outages."""
    now = digest.started(plain)
    outages = [(str(each["worst"]), outage.words(each, now)) for each in digest.kept(plain).get("outages", ())]
    drawn = charts.month(plain)
    told = f"<h3>Outages</h3>{_list(outages)}" if outages else ""
    return f'<section class="card"><h2>The last four weeks</h2>{drawn}{told}</section>' if drawn or told else ""


def _not_checked(plain: Plain) -> str:
    gaps = _list(("gap", gap) for gap in digest.unchecked(plain))
    return f'<section class="card"><h2>Could not check</h2>{gaps}</section>' if gaps else ""


def _alarms(plain: Plain) -> str:
    watch = digest.kept(plain)
    said = [("gap", f"acknowledged: {_named(item)}") for item in watch.get("ignored", ())]
    said += [
        ("failed", f"alarm not delivered to {n.get('target', '')}: {n.get('problem', '')}")
        for n in digest.undelivered(plain)
    ]
    said += [("gap", digest.elsewhere(plain))] if digest.elsewhere(plain) else []
    return f'<section class="card"><h2>Watch</h2>{_list(said)}</section>' if said else ""


def _named(item: Any) -> str:
    if not isinstance(item, Mapping):
        return str(item)
    return " ".join(str(item[key]) for key in ("sign", "subject", "why") if item.get(key))


def _all(plain: Plain) -> str:
    parts = []
    for run in plain.get("runs", ()):
        said = _kinds((o["status"], digest.statement(o)) for o in run["observations"])
        if run["outcome"] != "completed":
            said.append(("skip" if run["outcome"] == "skipped" else "gap", f"{run['outcome']}: {run['reason']}"))
        parts.append(f"<h3>{_text(run['check'])}</h3>{_list(said or [('', 'nothing to report')])}")
    if not parts:
        return ""
    return (
        f'<details class="card checks"><summary>All {len(parts)} checks and what they found</summary>'
        f"{''.join(parts)}</details>"
    )


def _kinds(said: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The page's marks by status."""
    return [("gap" if status == "unknown" else status, text) for status, text in said]


def _list(said: Iterable[tuple[str, str]]) -> str:
    items = "".join(f"<li{f' class={kind}' if kind else ''}>{_shortened(text)}</li>" for kind, text in said)
    return f'<ul class="said">{items}</ul>' if items else ""


def _commands(commands: Iterable[str]) -> str:
    lines = [line for command in commands for line in digest.clean_block(command).split("\n")]
    # No line ends within an option, behind its hyphens.
    shown = (_OPTION.sub(r"<span>\g<0></span>", escape(line)) for line in lines)
    inner = "".join(f"<span>{line or ' '}</span>" for line in shown)
    return f"<pre>{inner}</pre>" if lines else ""


def _when(plain: Plain) -> str:
    """When the report was made, for reading: "2026-11-26 06:31 +00:00"."""
    begun = digest.started(plain)
    return (
        f"{begun:%Y-%m-%d %H:%M} {str(begun)[-6:] if begun.tzinfo else ''}".strip() if begun else str(plain["started"])
    )


def _links(links: Iterable[str]) -> str:
    known = [str(link) for link in links if str(link).startswith(("https://", "http://"))]
    if not known:
        return ""
    items = ", ".join(f'<a href="{_text(link)}" rel="noreferrer noopener">{_text(_name(link))}</a>' for link in known)
    return f'<p class="soft more">Read more: {items}</p>'


def _shortened(text: str) -> str:
    """Addresses of pages as short names, not as links, because a server may have sent them."""
    parts = _LONG.split(digest.clean(text)[: LONGEST + 1])
    shown = (
        f'<abbr title="{escape(p)}">{escape(_name(p))}</abbr>' if n % 2 else escape(p) for n, p in enumerate(parts)
    )
    return "".join(shown) + ("…" if len(text) > LONGEST else "")


def _name(link: str) -> str:
    """The page's title: host and time."""
    place, _, path = link.partition("://")[2].partition("/")
    page = path.partition("#")[0].partition("?")[0].rstrip("/").rpartition("/")[2].rpartition(".")
    name = f"{place.removeprefix('www.')}: {page[0] or page[2]}" if page[2] else place.removeprefix("www.")
    return name if len(name) <= 60 else f"{name[:59]}…"


def _lines(value: Any) -> str:
    return "<br>".join(_text(line) for line in str(value).split("\n"))


def _tag(text: Any, kind: str = "") -> str:
    return f'<span class="tag{f" {kind}" if kind else ""}">{_text(text)}</span>'


def _text(value: Any) -> str:
    words = digest.clean(value)
    if len(words) > LONGEST:
        words = f"{words[:LONGEST]}… ({len(words) - LONGEST} more characters)"
    return escape(words, quote=True)
