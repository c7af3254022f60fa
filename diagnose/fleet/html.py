"""A fleet as one file for a browser: no script, nothing loaded; what hosts said is escaped."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import Any

from diagnose.fleet import text as words
from diagnose.report import Plain, digest
from diagnose.report.html import POLICY

_ROWS = 1000  # of a list


def render(plain: Plain) -> str:
    css = (files("diagnose") / "data" / "report.css").read_text("utf-8")
    status = plain["status"]
    body = [
        f'<header class="card verdict {status}"><div class="word">{digest.WORDS[status]}</div>'
        f"<h1>{_text(words.verdict(plain))}</h1><p>{_text(words.counted(plain))}</p></header>",
        *(_cause(seen) for seen in plain["causes"]),
        _list("Odd ones out", [f"{each['host']} {each['text']}" for each in plain["odd"]]),
        _list("Could not read", [f"{each['file']}: {each['why']}" for each in plain["unread"]]),
        f'<footer class="soft">Made by mail-diagnose {_text(plain["version"])}. {_text(words.method(plain))}</footer>',
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{digest.WORDS[status]}: mail on {plain['hosts']:,} hosts</title>\n<style>\n{css}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def _cause(seen: Plain) -> str:
    since = f'<p class="lasts">Since {_text(words.moment(seen["since"]))} (UTC).</p>' if seen["since"] else ""
    rows = "".join(
        f'<tr><th scope="row">{_text(words.named(each))}</th><td>{each["hit"]:,} of {each["size"]:,}</td>'
        f"<td>{_text(words.contrast(each))}</td>"
        f"<td>{_text(', '.join(' '.join(pair) for pair in each['same']))}</td></tr>"
        for each in seen["shared"]
    )
    heads = "".join(
        f'<th scope="col">{head}</th>' for head in ("Shared", "Of the group", "Elsewhere", "The same hosts")
    )
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
    asks = "".join(f"<li>{_text(ask['who'])}: {_text(ask['text'])}</li>" for ask in seen["asks"][:_ROWS])
    names = _text(", ".join(seen["hosts"][:_ROWS])) + (" …" if len(seen["hosts"]) > _ROWS else "")
    return (
        f'<section class="card"><h2>{_text(seen["title"])}</h2><div class="tags"><span class="tag">{_text(seen["cause"])}</span>'
        f'<span class="tag">{len(seen["hosts"]):,} hosts</span></div>{since}{table}'
        + (f"<h3>What to do</h3><p>{_text(seen['remedy'])}</p>" if seen["remedy"] else "")
        + (f'<h3>Who else can act</h3><ul class="said">{asks}</ul>' if asks else "")
        + f"<details><summary>The hosts</summary><p>{names}</p></details></section>"
    )


def _list(title: str, lines: list[str]) -> str:
    if not lines:
        return ""
    items = "".join(f"<li>{_text(line)}</li>" for line in lines[:_ROWS])
    more = f'<p class="soft">and {len(lines) - _ROWS:,} more</p>' if len(lines) > _ROWS else ""
    return f'<section class="card"><h2>{title}</h2><ul class="said">{items}</ul>{more}</section>'


def _text(value: Any) -> str:
    return escape(digest.clean(value), quote=True)
