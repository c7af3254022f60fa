"""The HTML report in a real browser: no script runs, nothing is wider than the screen, at any width and in both schemes."""

from __future__ import annotations

import html
import html.parser
import json
import re
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from diagnose.report import PLAIN_FORMATS
from tests.report import material
from tests.report.test_monitors import CASES
from tests.tool import isolated

every = pytest.mark.parametrize("name", CASES)
Look = Callable[[str, int, bool], dict[str, Any]]
_HOURS = "0" * 40 + "-" * 6 + "0" * 30 + "1" * 5 + "0" * 20 + "3" * 4 + "0" * 50 + "2" * 13
WEEK = {"begin": "2026-11-18T21:00:00+00:00", "hours": _HOURS}
MONTH = {
    "begin": "2026-10-29",
    "days": "-" * 8 + "0" * 10 + "2" + "0" * 7 + "12",
    "waiting": [None] * 8 + [0, 1, 3, 2, 0, 0, 4, 2, 1, 0, 1204, 3, 0, 0, 2, 1, 0, 5, 310, 700],
}
OUTAGES = [
    {"began": "2026-11-25T09:10:00+00:00", "ended": None, "worst": "failed", "title": "Outgoing port 25 is blocked"},
    {
        "began": "2026-11-16T02:03:00+00:00",
        "ended": "2026-11-16T04:15:00+00:00",
        "worst": "failed",
        "title": "No <name> servers answer",
    },
]
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --allow-file-access-from-files"
).split()
# The report is looked at from outside, in a frame of the width under test: it may run no script itself.
FRAME = """<!DOCTYPE html><meta charset="utf-8"><iframe id="f" src="report.html" style="width:%dpx;height:900px;border:0"></iframe>
<pre id="found"></pre><script>
const frame = document.getElementById("f");
frame.onload = () => {
  const inner = frame.contentDocument, root = inner.documentElement, wide = [];
  for (const element of inner.body.querySelectorAll("*")) {
    if (element.closest("h2.aside") || element.closest("svg")) continue;
    if (element.getBoundingClientRect().right > root.clientWidth + 1) wide.push(element.tagName + "." + element.className);
  }
  const box = (s) => { const e = inner.querySelector(s); return e ? e.getBoundingClientRect().toJSON() : null; };
  document.getElementById("found").textContent = JSON.stringify({
    title: inner.title, scroll: root.scrollWidth, client: root.clientWidth, wide: wide.slice(0, 5), page: box("main"),
    way: box("svg.way"), act: box(".verdict h2"), week: box("svg.week"), back: frame.contentWindow.getComputedStyle(inner.body).backgroundColor,
    scripts: inner.scripts.length, images: inner.images.length, shown: inner.body.innerText.slice(0, 2000),
  });
};
</script>"""


@pytest.fixture
def look(tmp_path: Path) -> Look:
    chromium = material.needed("chromium")

    def look(text: str, width: int, dark: bool) -> dict[str, Any]:
        (tmp_path / "report.html").write_text(text, encoding="utf-8")
        (tmp_path / "frame.html").write_text(FRAME % width, encoding="utf-8")
        scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
        done = subprocess.run(
            [*isolated(), chromium, *FLAGS, *scheme, f"--user-data-dir={tmp_path}/profile", "--window-size=1600,1000",
             "--virtual-time-budget=3000", "--dump-dom", f"file://{tmp_path}/frame.html"],
            capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S)
        assert found, done.stderr[-2000:]
        assert found[1], done.stderr[-2000:]
        data: dict[str, Any] = json.loads(html.unescape(found[1]))
        return data

    return look


@pytest.mark.parametrize(("width", "dark"), [(320, False), (390, True), (1280, False)])
def test_hostile_text_runs_no_script_and_breaks_no_layout(look: Look, width: int, dark: bool) -> None:
    found = look(PLAIN_FORMATS["html"](CASES["poisoned"]()), width, dark)
    assert "OWNED" not in found["title"].split("<script>", maxsplit=1)[0]
    assert found["title"].startswith("CRITICAL: mail on")
    assert (found["scripts"], found["images"]) == (0, 0)
    assert found["scroll"] <= found["client"] == width
    assert found["wide"] == []
    assert "<script>" in found["shown"]  # shown as text


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1200])
def test_a_report_fits_phone_and_desktop_in_light_and_dark(look: Look, width: int, dark: bool) -> None:
    found = look(
        PLAIN_FORMATS["html"](material.watched(material.report(), week=WEEK, month=MONTH, outages=OUTAGES)), width, dark
    )
    assert found["scroll"] <= width
    assert found["wide"] == []
    red = int(re.findall(r"\d+", found["back"])[0])
    assert red < 60 if dark else red > 200
    # The picture can be read: it is drawn about as large as it was made, and not below the fold of a desktop.
    assert found["way"]["width"] >= 280
    assert found["way"]["top"] < 950 or width < 1000
    # What to do stands on the first screen of a phone, and the week is as wide as can be read.
    assert found["act"]["top"] < 350
    assert found["week"]["width"] >= 270


def _shown(**watch: Any) -> str:
    return PLAIN_FORMATS["html"](material.watched(material.report(), week=WEEK, notifications=[], ignored=[], **watch))


def test_the_verdict_tells_since_when_how_much_waits_and_what_to_do() -> None:
    began = datetime.fromisoformat(material.report()["started"]) - timedelta(hours=3, minutes=14)
    text = _shown(since=began.isoformat())
    header = text[text.index("<header") : text.index("</header>")]
    words = re.sub(r"<[^>]*>", " ", header)
    since = rf"Since {began:%Y-%m-%d %H:%M}, for 3 h 1[45] min, seen 3 times in a row\."  # to the run's end
    assert re.search(since + r" 1 message waits, the oldest for \d+ s\.", words)
    plain = material.watched(material.report(), since=began.isoformat())
    assert re.fullmatch(since, PLAIN_FORMATS["text"](plain).split("\n")[1])
    assert header.index("What to do") < header.index("mail-diagnose relay suggest") < header.index('class="strip"')
    assert text.count("Send through a relay: email-smtp") == 1 + text.count(">relay-not-configured<")


def test_the_week_is_a_strip_whose_heights_and_words_say_what_its_colours_say() -> None:
    text = _shown()
    assert "The last seven days, hour by hour: failed 13 h, warning 5 h, not known 4 h, not watched 6 h" in text
    svg = text[text.index('<svg class="week"') :].partition("</svg>")[0]
    rows = re.findall(r'<rect class="(\w+)" x="(\d+)" y="\d+" width="(\d+)" height="(\d+)"', svg)
    assert sum(int(width) for _, _, width, _ in rows) == 336
    assert {kind: height for kind, _, _, height in rows} == {
        "ok": "8", "none": "4", "warning": "16", "unknown": "12", "failed": "24",
    }  # fmt: skip
    assert re.findall(r"<text[^>]*>(\w+)<", svg) == ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    assert 'class="week"' not in PLAIN_FORMATS["html"](material.report())


def test_the_month_shows_queue_states_and_outages() -> None:
    text = PLAIN_FORMATS["html"](material.watched(material.report(), month=MONTH, outages=OUTAGES))
    part = text[text.index("<h2>The last four weeks") :].partition("</section>")[0]
    assert (
        "waiting each day (most: 1204, on 16 Nov), above its worst state: failed 2 d, warning 1 d, not watched 8 d"
        in part
    )
    bars = re.findall(r'<rect class="bar" x="(\d+)" y="\d+" width="10" height="(\d+)"', part)
    assert len(bars) == 28
    assert ("217", "48") in bars  # the day on which most waited
    assert {int(height) for _, height in bars} == {0, 2, 12, 28, 48}
    assert re.findall(r"<text[^>]*>([^<]+)<", part) == ["2 Nov", "9 Nov", "16 Nov"]
    assert "<li class=failed>2026-11-16 02:03, 2 h 12 min, failed: No &lt;name&gt; servers answer</li>" in part
    assert " so far, failed: Outgoing port 25 is blocked" in part
    assert "The last four weeks" not in _shown()


def test_the_queue_is_drawn_by_state_age_and_reason_and_not_when_it_is_old() -> None:
    text = PLAIN_FORMATS["html"](material.deferred())
    for label in (
        "Messages by queue: deferred 20000",
        "80 min to 5 h 20000",
        "Recipients by reason: connect-timeout 20000",
    ):
        assert label in text
    assert "Recipients by reason" not in PLAIN_FORMATS["html"](material.stale(material.deferred()))


def test_a_stale_page_says_so_and_as_of_when_and_takes_nothing_for_current() -> None:
    text = PLAIN_FORMATS["html"](material.stale(material.report()))
    assert "<h1>Not known now</h1>" in text
    assert re.search(r"Everything below is as of \d{4}-\d\d-\d\d \d\d:\d\d \(2 h ago\)\.", text)
    assert "mail stops here" not in text
    assert "Since 20" not in text
    assert re.search(r"<h2>Seen from here \(as of ", text)
    fresh = PLAIN_FORMATS["html"](material.watched(material.report()))
    assert "mail stops here" in fresh
    assert "as of" not in fresh


def test_a_stale_text_begins_with_that() -> None:
    text = PLAIN_FORMATS["text"](material.stale(material.report()))
    first, second = text.splitlines()[:2]
    assert re.match(r"Not known now; as of \d{4}-\d\d-\d\d \d\d:\d\d \(2 h ago\): Outgoing port 25 is", first)
    assert "(certain)" not in first + second
    assert "Since 20" not in text


def test_what_was_skipped_is_not_what_is_unknown() -> None:
    plain = material.report()
    skipped = [run for run in plain["runs"] if run["outcome"] == "skipped"]
    text = PLAIN_FORMATS["html"](plain)
    assert skipped
    assert text.count("<li class=skip>skipped: ") == len(skipped)
    assert "<li class=gap>skipped: " not in text


def test_heads_of_tables_have_a_scope_and_long_links_a_name() -> None:
    text = PLAIN_FORMATS["html"](material.report())
    assert text.count("<th") == text.count('<th scope="row"') > 0
    assert '<a href="https://www.postfix.org/SOHO_README.html"' in text
    assert ">postfix.org: SOHO_README</a>" in text
    visible = re.sub(r"<[^>]*>", " ", text)
    assert not re.search(r"https?://\S{60,}", visible)


@every
def test_the_page_loads_nothing_and_closes_what_it_opens(name: str) -> None:
    text = PLAIN_FORMATS["html"](CASES[name]())
    assert "default-src 'none'" in text
    parser = _Parser()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    assert parser.strange == []


def test_the_picture_names_the_hops_and_where_the_port_dies() -> None:
    text = PLAIN_FORMATS["html"](material.report())
    picture = text[text.index('<svg class="way"') : text.index("</svg>", text.index('<svg class="way"'))]
    names = re.findall(r"<text[^>]*>([^<]*)</text>", picture)
    assert names == [
        "this host", "app", "hop 1, the gateway", "192.168.1.1", "hop 2", "85.214.88.1",
        "packets to port 25 vanish", "in the access provider&#x27;s network", "aspmx.l.google.com", "port 25 is not reached",
    ]  # fmt: skip


def test_without_a_trace_the_picture_shows_how_far_the_server_lets_the_message_come() -> None:
    text = PLAIN_FORMATS["html"](material.report("app-password"))
    assert "How far smtp.gmail.com lets the message get" in text
    assert "logs in" in text
    assert 'class="way"' not in PLAIN_FORMATS["html"](material.report("healthy"))


def test_good_news_says_on_what_it_rests() -> None:
    page = PLAIN_FORMATS["html"](material.report("healthy"))
    assert re.search(
        r"<h1>Nothing wrong found</h1>.*<li class=ok>[^<]*mail .*<li class=ok>checked and fine: ", page, re.S
    )


class _Parser(html.parser.HTMLParser):
    """Notes tags that are left open, and whatever the page has no business with."""

    VOID = ("meta", "circle", "path", "line", "br", "rect")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.strange: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "img", "iframe", "object", "embed", "link", "form", "base", "foreignobject"):
            self.strange.append(tag)
        self.strange += [name for name, _ in attrs if name.startswith("on") or name in ("style", "src")]
        self.strange += [v or "" for k, v in attrs if k == "href" and not re.match("https?://", v or "")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.strange.append(f"/{tag}")
