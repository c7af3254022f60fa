"""What several formats derive from a report of schema 1; independent of the model and the engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from diagnose.parse.text import duration
from diagnose.parse.text.masking import mask, plain as hygiene
from diagnose.patterns import late
from diagnose.record import frozen
from diagnose.report import Plain
from diagnose.scales import CODES
from diagnose.sentence import joined

WORDS = {"ok": "OK", "warning": "WARNING", "failed": "CRITICAL", "unknown": "UNKNOWN"}  # as monitors call them
IMPACTS = {
    "outage": "nothing leaves",
    "partial": "some mail fails",
    "placement": "mail is late, throttled or lands in spam",
    "latent": "will break later, or is unsafe today",
    "none": "the fault is not this mail server's",
}
_NOT_ASKED = ("network probes are switched off", "not recorded")
_NAMES = frozenset({"Puppet", "Debian"})
_ADDRESS = late(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~\u0080-\U0010ffff-]+(?=@[A-Za-z0-9\u0080-\U0010ffff\[])")


@frozen
class Queue:
    """The mail queue as far as it could be read: messages, and the age of the oldest in seconds; None: unknown."""

    length: int | None = None
    oldest: int | None = None
    held: int | None = None


def status(plain: Plain) -> str:
    return found if (found := str(plain.get("status"))) in CODES else "unknown"


def main_diagnoses(plain: Plain) -> list[Plain]:
    """The diagnoses that no other one explains, the first cause first."""
    return [d for d in plain.get("diagnoses", ()) if not d.get("explained_by")]


def observations(plain: Plain) -> Iterator[Plain]:
    for run in plain.get("runs", ()):
        yield from run.get("observations", ())


def measured(plain: Plain, *gauges: str) -> Iterator[Plain]:
    """The observations of signs with one of these gauges (`diagnose.model.SignSpec`)."""
    return (o for o in observations(plain) if o.get("gauge") in gauges)


def ports(plain: Plain) -> Iterator[tuple[Plain, int, bool]]:
    """Each TCP port known to be open or blocked from this network: the observation, the port, whether it is open."""
    for observation in measured(plain, "port"):
        port = _whole(observation["data"].get("port"))
        if port is not None and observation["status"] in ("ok", "failed"):
            yield observation, port, observation["status"] == "ok"


def kept(plain: Plain) -> Plain:
    """What `watch` keeps beside a report; empty for a single run."""
    return plain.get("watch", {})  # type: ignore[no-any-return]


def stale(plain: Plain) -> bool:
    return bool(kept(plain).get("stale"))


def ignored(plain: Plain) -> int:
    return len(kept(plain).get("ignored", ()))


def queue(plain: Plain) -> Queue:
    found: dict[str, int | None] = {"length": None, "oldest": None, "held": None}
    if stale(plain):  # what was, nobody should draw as what is
        return Queue()
    for data in (o["data"] for o in measured(plain, "queue") if "count" in o["data"]):
        found.update(length=_whole(data["count"]), oldest=_whole(data.get("oldest")))
    for observation in measured(plain, "held"):
        found["held"] = _whole(observation["data"].get("count", 0))
    return Queue(**found)


def waiting(plain: Plain) -> str:
    """The queue's length, age and messages on hold, in words; "" if unknown."""
    counts = queue(plain)
    if counts.length is None:
        return ""
    return waits(counts) + (f", {counts.held} on hold" if counts.held else "") if counts.length else "nothing waits"


def waits(counts: Queue) -> str:
    """The queue's length and age in words; "" if it is empty."""
    if not counts.length:
        return ""
    words = "1 message waits" if counts.length == 1 else f"{counts.length} messages wait"
    return words + (f", the oldest for {duration.words(counts.oldest)}" if counts.oldest else "")


def trend(plain: Plain) -> list[Plain]:
    """The recent deferral rate of the busiest destinations; empty if the result is stale."""
    return [] if stale(plain) else list(plain.get("trend", ()))


def rise(one: Plain) -> str:
    """One destination's trend in words."""
    since = str(one["since"])[11:16]
    reason = f", mostly {clean(one['reason'])}" if one["reason"] else ""
    before = "" if one["before"] is None else f", {one['before']:.0%} before"
    return f"mail to {clean(one['domain'])}: {one['share']:.0%} deferred since {since}{before}{reason}".replace(
        "%", " %"
    )


def shares(plain: Plain, gauge: str) -> dict[str, int]:
    """The queue by state, age or reason (gauges "states", "ages", "reasons"); empty if unknown or stale."""
    if stale(plain):
        return {}
    found = {}
    for seen in measured(plain, gauge):
        for name, value in seen["data"].items():
            if (count := _whole(value)) is not None:
                found[clean(name)[:60]] = count
    return found


def verdict(plain: Plain) -> str:
    """The first line: the fault in the words of a ticket, or what was found to be in order."""
    found = main_diagnoses(plain)
    if found:
        before = f"Not known now; {then}: " if (then := as_of(plain)) else ""
        return f"{before}{clean(found[0]['title']).rstrip('.')}."
    now = status(plain)
    left = ", ".join(str(stage) for stage in plain.get("unchecked", ()))
    unseen = left and f"; not checked: {left}"
    if now == "ok":
        return f"No fault found{unseen}." if left else f"Nothing wrong found{_acknowledged(plain)}."
    asked = next((o for o in measured(plain, "asked") if o["status"] == "unknown"), None)
    failed = next((p for p in plain.get("proofs", ()) if p["status"] == "failed"), None)
    note = clean(next(iter(plain.get("notes", ())), ""))
    if now == "warning" and (rising := [rise(each) for each in trend(plain) if each["rising"]]):
        return f"More is deferred than usual: {rising[0]}."
    crossed = plain.get("levels", {}).get("crossed") or ([lost(plain)] if lost(plain) else [])
    if now in ("warning", "failed") and crossed:
        return f"Nothing wrong found, but {clean(crossed[0])}."
    if now == "warning" and failed:
        return f"Mail passes, but was not seen to pass the {failed['stage']} just now."
    if asked:
        return f"Could not tell: {statement(asked)}."
    if note and (stale(plain) or not plain.get("runs")):
        return f"Could not tell: {note}."
    if failed:
        return f"Could not tell: mail was not seen to pass the {failed['stage']}{unseen}."
    run = next((r for r in plain.get("runs", ()) if r["outcome"] != "completed" and r["reason"]), None)
    if len(plain.get("runs", ())) == 1 and run:
        return f"Could not tell: {clean(run['reason'])}."
    return f"Could not tell{unseen}."


def cleared(plain: Plain) -> list[str]:
    """What is in order: every sign that clears it is OK."""
    found: dict[str, bool] = {}
    for seen in observations(plain):
        if word := str(seen.get("clears") or ""):
            found[word] = found.get(word, True) and seen["status"] == "ok"
    return [clean(word) for word, fine in found.items() if fine]


def mailer(plain: Plain) -> str:
    """The name of this host's mailer."""
    named = clean(plain.get("host", {}).get("mta") or "")
    return named.rpartition(" ")[0] or named or "Postfix"


def unchecked(plain: Plain) -> list[str]:
    """Checks that were cut off or crashed, and observations without a result."""
    ended = (run for run in plain.get("runs", ()) if run["outcome"] in ("timed-out", "crashed"))
    found = [f"{run['check']}: {run['reason']}" for run in ended]
    return list(dict.fromkeys([*found, *(statement(o) for o in observations(plain) if o["status"] == "unknown")]))


def explained(plain: Plain, diagnosis: Plain) -> str:
    """The titles of the diagnoses that this one explains."""
    found = (d for d in plain["diagnoses"] if d.get("explained_by") == diagnosis["cause"])
    return "; ".join(inside(str(d["title"])) for d in found)


def gaps(plain: Plain) -> list[str]:
    """The titles of the checks without a full result; those that do not apply to this host are left out."""
    found = []
    for run in plain.get("runs", ()):
        cut = run["outcome"] in ("timed-out", "crashed") or str(run["reason"]).startswith(_NOT_ASKED)
        if cut or any(o["status"] == "unknown" for o in run["observations"]):
            found.append(inside(clean(run.get("title") or run["check"])))
    return list(dict.fromkeys(found))


def hidden(plain: Plain) -> list[str]:
    return [inside(clean(title)) for title in plain.get("hidden", ())]


def inside(title: str) -> str:
    """A title in the middle of a sentence: lower case, except for names and abbreviations."""
    word = title.split(" ", maxsplit=1)[0]
    return (
        title
        if word[1:] != word[1:].lower() or word in _NAMES or word.startswith("Postfix")
        else title[:1].lower() + title[1:]
    )


def commands(plain: Plain, diagnosis: Plain) -> list[str]:
    """The commands of its remedy; if a relay is the remedy and one was found, the command that writes its
    configuration."""
    advice = next(iter(plain.get("advice", ())), None)
    own = [clean_block(command) for command in diagnosis["remedy"]["commands"]]
    relay = diagnosis.get("relay") and not diagnosis.get("data", {}).get("answers")  # by an application's own server
    if not own and relay and not advice and diagnosis["confidence"] != "possible":
        return ["mail-diagnose relay suggest"]
    if advice and relay and not own:
        provider = str(advice["provider"])
        # For other programs than Postfix; of a report that was kept.
        if not advice.get("main_cf") or not re.fullmatch(r"[a-z0-9.-]+", provider):
            return own
        sender = plain.get("target", {}).get("sender")
        safe = sender and re.fullmatch(r"[\w.+=-]+@[\w.-]+", str(sender))
        return [f"mail-diagnose relay suggest --relay {provider}" + (f" --from {sender}" if safe else "")]
    return own


def watched(plain: Plain) -> list[str]:
    """What `watch` keeps beside the report: acknowledged findings, alarms that did not get through."""
    found = [
        f"Acknowledged: {clean(i['sign'])} {clean(i['subject'])}, {clean(i['summary'])} ({clean(i['why'])})"
        for i in kept(plain).get("ignored", ())
    ]
    for item in undelivered(plain):
        tries = f"{item['tries']} {'try' if item['tries'] == 1 else 'tries'}"
        found.append(f"Alarm not delivered to {clean(item['target'])}: {clean(item['problem'])} ({tries})")
    if said := elsewhere(plain):
        found.append(f"{said[0].upper()}{said[1:]}.")
    return found


def statement(said: Plain) -> str:
    """An observation or support in one sentence."""
    text = joined(clean(said["subject"]), clean(mask(str(said["summary"]))))
    return f"{text} (and {said['more']} more like it)" if said.get("more") else text


def headline(plain: Plain) -> str:
    """The verdict in a sentence."""
    if status(plain) == "unknown":
        return clean(next(iter(plain.get("notes", ())), "could not tell"))
    found = main_diagnoses(plain)
    if not found and status(plain) == "warning":
        return verdict(plain).rstrip(".")
    if not found:
        return f"nothing wrong found{_acknowledged(plain)}"
    others = sum(other["confidence"] != "possible" for other in found[1:])
    more = f" (and {others} more)" if others else ""
    return f"{clean(found[0]['title'])} [{found[0]['cause']}, {found[0]['confidence']}]{more}"


def _acknowledged(plain: Plain) -> str:
    return f" ({count} acknowledged)" if (count := ignored(plain)) else ""


def state_words(plain: Plain) -> str:
    """The state that `watch` keeps (soft, hard, flapping), in words; "" for a single run."""
    watch = kept(plain)
    if not watch.get("state"):
        return ""
    words = [f"state {watch['state']}"]
    if watch.get("attempts"):
        words.append(f"attempt {watch['attempts']}")
    if watch.get("since"):
        words.append(f"since {watch['since']}")
    return clean(", ".join(words))


def lasting(plain: Plain) -> str:
    """Since when and for how many passes of `watch` the state has lasted, in words; "" if unknown."""
    watch: Plain = {} if as_of(plain) else kept(plain)
    words = []
    if (since := moment(watch.get("since"))) and status(plain) != "ok":
        words.append(f"since {since:%Y-%m-%d %H:%M}")
        begun, age = started(plain), watch.get("age_seconds")
        if begun and since.tzinfo and begun.tzinfo:
            lasted = (begun - since).total_seconds() + (age if isinstance(age, (int, float)) else 0)
            words += [f"for {duration.words(lasted)}"] if lasted >= 60 else []
    if (attempts := watch.get("attempts") or 0) > 1:
        words.append(f"seen {attempts} times in a row")
    text = clean(", ".join(words))
    return f"{text[0].upper()}{text[1:]}." if text else ""


def as_of(plain: Plain) -> str:
    """The time of a stale result, in words; "" for a current one."""
    begun, age = started(plain), kept(plain).get("age_seconds")
    if not stale(plain) or not begun or not plain.get("runs"):
        return ""
    return f"as of {begun:%Y-%m-%d %H:%M}" + (f" ({duration.words(age)} ago)" if isinstance(age, (int, float)) else "")


def undelivered(plain: Plain) -> list[Plain]:
    return [n for n in kept(plain).get("notifications", ()) if not n.get("delivered", True)]


def lost(plain: Plain) -> str:
    """The fault, if only the watch itself has one: undelivered alarms, a state directory that cannot be written."""
    count = len(undelivered(plain))
    said = f"alarms were not delivered: {count}" if count else elsewhere(plain)
    failed = any(p["status"] == "failed" for p in plain.get("proofs", ()))
    return "" if failed or main_diagnoses(plain) or any(each["rising"] for each in trend(plain)) else said


def elsewhere(plain: Plain) -> str:
    """Why `watch` keeps its state in another place for now; usually ""."""
    return clean(kept(plain).get("elsewhere") or "")


def started(plain: Plain) -> datetime | None:
    return moment(plain.get("started"))


def moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def clean(said: Any) -> str:
    """A text in one line, without control characters and bidirectional marks."""
    return " ".join(hygiene(str(said).replace("\r", " ")).split())


def clean_block(said: Any) -> str:
    """The same, line ends kept."""
    return hygiene(str(said).replace("\u2028", "\n").replace("\u2029", "\n"))


def anonymous(text: str) -> str:
    """The text without local parts of mail addresses, for a ticket that others read."""
    return _ADDRESS.sub("***", text)


def number(value: Any) -> str:
    """The number without exponent, with at most three decimals."""
    return f"{float(value):.3f}".rstrip("0").rstrip(".")


def _whole(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= 1e15:
        return None
    return max(0, int(value))
