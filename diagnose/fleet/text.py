"""A fleet as text: one table, the odd hosts, and one ticket for all of it."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator

from diagnose.report import Plain, digest, markdown
from diagnose.report.page import Page, Terminal

_ROWS = 20  # of a list
_NAMES = 12  # hosts of a cause that are named
_STATES = (("failed", "failed"), ("warning", "with a warning"), ("ok", "fine"), ("unknown", "could not tell"))


def render(plain: Plain, terminal: Terminal) -> str:
    page = Page(terminal)
    page.wrap(verdict(plain), "bold")
    page.wrap(counted(plain))
    page.blank()
    if plain["causes"]:
        _table(plain, page)
    _several(page, "ODD ONES OUT", [f"{each['host']} {each['text']}" for each in plain["odd"]])
    _several(page, "COULD NOT READ", [f"{each['file']}: {each['why']}" for each in plain["unread"]])
    if plain["causes"]:
        page.blank()
        page.wrap("TICKET", "bold")
        for kind, text in ticket(plain):
            if kind == "head":
                page.blank()
            page.wrap(text, first="  - " if kind == "item" else "  ")
    return page.text()


def ticket_markdown(plain: Plain) -> str:
    """The ticket alone, for a ticket system: every word escaped, no local part of an address."""
    blocks = itertools.groupby(ticket(plain), lambda pair: pair[0])
    shape = {"head": "#### {}", "item": "- {}", "line": "{}"}
    written = ("\n".join(shape[kind].format(markdown.escaped(text)) for _, text in block) for kind, block in blocks)
    return "\n\n".join(written) + "\n"


def verdict(plain: Plain) -> str:
    """One line: the strongest shared group; else the commonest cause; else that nothing is wrong."""
    found = [(each["log10_p"], seen, each) for seen in plain["causes"] for each in seen["shared"]]
    if found:
        _, seen, each = min(found, key=lambda one: one[0])
        return f"{seen['title']}: {each['hit']} of the {each['size']} hosts of {named(each)}."
    if plain["causes"]:
        seen = plain["causes"][0]
        return f"{seen['title']}: {_hosts(len(seen['hosts']))}; nothing in common beyond chance."
    if plain["status"] == "ok":
        return "Nothing wrong found."
    return "Could not tell."


def counted(plain: Plain) -> str:
    states = [f"{plain['counts'][state]:,} {words}" for state, words in _STATES if plain["counts"][state]]
    states += [f"{len(plain['unread']):,} {_plural('file', len(plain['unread']))} not read"] if plain["unread"] else []
    return f"{_hosts(plain['hosts'])}: {', '.join(states)}."


def named(finding: Plain) -> str:
    return f"{finding['group']} {finding['value']}"


def contrast(finding: Plain) -> str:
    """The share of affected hosts elsewhere, and the probability of the difference by chance."""
    return f"elsewhere {finding['elsewhere']:,} of {finding['outside']:,}; chance {chance(finding['log10_p'])}"


def chance(log10: float) -> str:
    """A probability from its decimal logarithm, also one too small for a float."""
    return f"{10**log10:.2g}" if log10 > -4 else f"1e{round(log10)}"


def method(plain: Plain) -> str:
    return (
        f"chance: Fisher's exact test, multiplied by the {plain['questions']:,} comparisons made; a group is named if it is at most "
        f"{plain['alpha']:g}."
    )


def ticket(plain: Plain) -> Iterator[tuple[str, str]]:
    """Pairs of kind (head, line, item) and text: what fails where, what is shared, and what to do."""
    yield "line", f"{verdict(plain)} {counted(plain)}"
    for seen in sorted(plain["causes"], key=lambda seen: not seen["shared"]):
        yield "head", f"{seen['title']} ({seen['cause']}): {_hosts(len(seen['hosts']))}"
        for each in seen["shared"]:
            yield "item", f"shared: {named(each)}, {each['hit']} of {each['size']} hosts; {contrast(each)}"
            if each["same"]:
                yield "item", f"of the same hosts: {', '.join(' '.join(pair) for pair in each['same'])}"
        if seen["since"]:
            half = f"; half of them by {moment(seen['half'])}" if len(seen["hosts"]) > 2 else ""
            yield "item", f"since {moment(seen['since'])}{half} (UTC)"
        more = len(seen["hosts"]) - _NAMES
        yield "item", f"hosts: {', '.join(seen['hosts'][:_NAMES])}{f' and {more:,} more' if more > 0 else ''}"
        if seen["remedy"]:
            yield "line", f"What to do: {' '.join(seen['remedy'].split())}"
        for ask in seen["asks"][:_NAMES]:
            yield "item", f"ask {ask['who']}: {ask['text']}"
        if (more := len(seen["asks"]) - _NAMES) > 0:
            yield "item", f"and {more:,} more such requests (--json has them all)"


def moment(text: str | None) -> str:
    found = digest.moment(text)
    return f"{found:%Y-%m-%d %H:%M}" if found else ""


def _table(plain: Plain, page: Page) -> None:
    """HOSTS, what they have and share, how many of the group that is, since when."""
    room = max(20, page.terminal.width - 38)
    row = f"{{:>6}}  {{:<{room}}}  {{:>13}}  {{:<13}}"
    page.lines.append(
        page.paint(
            row.format("HOSTS", "FIRST CAUSE, AND WHAT ITS HOSTS SHARE", "OF THE GROUP", "SINCE").rstrip(), "bold"
        )
    )

    def told(hosts: str, text: str, of: str, since: str) -> None:
        for number, line in enumerate(textwrap.wrap(page.shown(text), room, break_on_hyphens=False) or [""]):
            cells = (hosts, line, of, since) if not number else ("", f"  {line}"[:room], "", "")
            page.lines.append(row.format(*cells).rstrip())

    for seen in plain["causes"][:_ROWS]:
        told(f"{len(seen['hosts']):,}", seen["title"], "", moment(seen["since"])[5:])
        for each in seen["shared"]:
            told("", f"{page.sign('to')} {named(each)}", f"{each['hit']:,} of {each['size']:,}", "")
            told("", f"  {contrast(each)}", "", "")
            for pair in each["same"]:
                told("", f"  the same hosts: {' '.join(pair)}", "", "")
    if (more := len(plain["causes"]) - _ROWS) > 0:
        told("", f"and {more} causes more", "", "")
    if any(seen["shared"] for seen in plain["causes"]):
        page.wrap(method(plain), "dim", first=" " * 8)


def _several(page: Page, title: str, lines: list[str]) -> None:
    if not lines:
        return
    page.blank()
    page.wrap(title, "bold")
    for line in lines[:_ROWS]:
        page.wrap(line, first="  ", hang="    ", rows=3)
    if len(lines) > _ROWS:
        page.wrap(f"and {len(lines) - _ROWS:,} more (--json has them all)", first="  ")


def _hosts(number: int) -> str:
    return f"{number:,} {_plural('host', number)}"


def _plural(noun: str, number: int) -> str:
    return noun if number == 1 else f"{noun}s"
