"""Reports to render: of the demos, poisoned ones, and the consumers that must take them."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from diagnose import demos
from diagnose.host.plain import to_plain
from diagnose.host.query import LogReply, MailLog, MailQueue, QueueLinesReply
from diagnose.parse.postfix.queue import summarise
from diagnose.report.json_ import as_plain
from diagnose.session import diagnose
from tests.tool import isolated

ROOT = Path(__file__).parents[2]
NAMES = ("blocked-isp", "blocked-firewall", "document-pasted", "wrong-key", "app-password", "healthy")
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
HOSTILE = (
    "<script>document.title='OWNED'</script><img src=x onerror=\"document.title='OWNED'\">"
    "</style></svg></pre><style>*{display:none!important}</style><h1>big</h1>"
    "' \" ` $(id) ${IFS} | a=1;2;3 ; & \\ \\n * _x_ **b** [l](javascript:alert(1)) ![i](http://x.invalid/i.png) #12 @admin ~~s~~"
    "\u202e\u200f\u2067evil\u2069 \u05e9\u05dc\u05d5\u05dd \u0627\u0644\u0628\u0631\u064a\u062f \u0000\u0007\u001b[31m\u0085\u2028\u2029\ufffe"
    '\r\n2 "Fake service" - x\r\n# TYPE evil gauge\nevil 1\n```\n- item\n===\n' + "W" * 6000 + "\U0001f4a5"
)
_KEPT = frozenset(
    "schema status gauge confidence impact outcome explained_by at started check sign family kind tls mode state since".split()
)


@functools.cache
def _text(name: str) -> str:
    return json.dumps(as_plain(diagnose(demos.request(name)).report))


@functools.cache
def _crowded(kind: str, messages: int, domains: int) -> str:
    """The healthy machine with that many messages in its queue, on hold or deferred, and as many lines in its log."""
    asked = demos.request("healthy")
    assert asked.recording is not None
    began = datetime.fromisoformat(asked.recording.started)
    at, epoch = f"{began:%b %d %H:%M:%S} app postfix", began.timestamp()
    log, queue = [], []
    for n in range(messages):
        domain, id = f"d{n % domains}.example", f"{n + 0xA0000:X}"
        why = f"connect to mx.{domain}[192.0.2.{n % domains % 250 + 1}]:25: Connection timed out"
        said = {"address": f"u{n}@{domain}"}
        if kind == "hold":
            log.append(
                f"{at}/cleanup[9]: {id}: hold: header Subject: Hello {n} from localhost[127.0.0.1]; from=<app@app.example> "
                f"to=<u{n}@{domain}> proto=ESMTP helo=<app.example>: by rule"
            )
        else:
            said["delay_reason"] = why
        if kind == "deferred" and n < 500:  # the log's reader keeps so many destinations; more lines only take longer
            log.append(
                f"{at}/smtp[9]: {id}: to=<u{n}@{domain}>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, "
                f"status=deferred ({why})"
            )
        message = {"queue_name": kind, "queue_id": id, "arrival_time": int(epoch) - 7200 - n % 900, "message_size": 900}
        queue.append(json.dumps({**message, "sender": "app@app.example", "recipients": [said]}))
    replies = dict(asked.recording.asked)
    reply = QueueLinesReply(summary=to_plain(summarise(queue, epoch)), code=0)
    for query in (q for q in replies if isinstance(q, (MailLog, MailQueue))):
        replies[query] = LogReply(lines=tuple(log), source=("mail.log",)) if isinstance(query, MailLog) else reply
    recording = replace(asked.recording, asked=replies)
    return json.dumps(as_plain(diagnose(replace(asked, recording=recording)).report))


def held(messages: int = 300) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_crowded("hold", messages, 300))
    return found


def deferred(messages: int = 20_000, domains: int = 3000) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_crowded("deferred", messages, domains))
    return found


def report(name: str = "blocked-isp") -> dict[str, Any]:
    """The plain data of a demo; replayed, nothing is asked of a network."""
    found: dict[str, Any] = json.loads(_text(name))
    return found


def watched(plain: Mapping[str, Any], **watch: Any) -> dict[str, Any]:
    """The same as `report --last` has it."""
    kept = {
        "state": "hard",
        "since": "2026-11-22T14:00:00+00:00",
        "attempts": 3,
        "ignored": [{"sign": "disk.space", "subject": "/var/spool/postfix", "summary": "full", "why": HOSTILE[:200]}],
        "age_seconds": 61.5,
        "stale": False,
        "notifications": [
            {
                "id": "1",
                "kind": "problem",
                "target": "webhook",
                "at": 1.0,
                "tries": 4,
                "delivered": False,
                "problem": "503",
            }
        ],
    }
    return {**plain, "trend": [dict(each) for each in TREND], "watch": {**kept, **watch}}


TREND = (
    {"domain": "gmail.com", "rising": True, "since": "2026-11-25T14:00:00+00:00", "messages": 100, "deferred": 61,
     "share": 0.61, "before": 0.04, "reason": "rate-limited"},
    {"domain": "northwind.example", "rising": False, "since": "2026-11-25T11:00:00+00:00", "messages": 40, "deferred": 0,
     "share": 0.0, "before": None, "reason": None},
)  # fmt: skip


def stale(plain: Mapping[str, Any]) -> dict[str, Any]:
    found = watched(plain, stale=True, age_seconds=7200.0)
    return {
        **found,
        "status": "unknown",
        "notes": ["the last result is 2 h old, older than 15 m: is the timer running?"],
    }


def poisoned(plain: Any, key: str = "") -> Any:
    """Every text that a host, a server or a log may have given replaced by a hostile one."""
    if isinstance(plain, Mapping):
        return {k: poisoned(v, k) for k, v in plain.items()}
    if isinstance(plain, list):
        return [poisoned(v, key) for v in plain]
    if isinstance(plain, str) and key not in _KEPT:
        return HOSTILE if key != "cause" else plain
    return plain


def recipes(prefix: Path, command: str = "/usr/bin/env") -> Path:
    """What `install-units` writes, below the prefix; command: the program that they call."""
    argv = [
        *isolated(),
        sys.executable,
        "-m",
        "diagnose",
        "install-units",
        "--prefix",
        str(prefix),
        "--command",
        command,
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return prefix / "usr/local/share/mail-diagnose"


def needed(*commands: str) -> str:
    """The path of the first command. Without one of them the test is skipped, loudly; in CI that is a failure."""
    missing = [command for command in commands if not shutil.which(command, path=PATH)]
    if missing:
        why = f"NOT TESTED: {', '.join(missing)} missing; tests/run installs it"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return shutil.which(commands[0], path=PATH) or ""
