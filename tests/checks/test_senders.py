"""The check of who sends: a storm from the log and from the queue, and an ordinary application."""

import json

from checks.mail.senders import senders
from diagnose.check import MailQueue
from diagnose.host.plain import to_plain
from diagnose.host.query import QueueLinesReply
from diagnose.model import Observation, Status
from diagnose.parse.postfix.queue import summarise
from tests.checks.pretended_postfix import NOW, machine, of, run


def seen(log: tuple[str, ...] = (), queue: tuple[str, ...] = ()) -> list[Observation]:
    reply = QueueLinesReply(summary=to_plain(summarise(queue, NOW)), code=0)
    return run(senders, machine(log=log, by_kind={MailQueue: lambda q: reply}))


def log_of(gone: int, user: str = "33") -> tuple[str, ...]:
    lines = []
    for n in range(60):
        id, head = f"4F1A3{n:05X}", "Nov 22 14:00:00 app postfix/"
        lines.append(f"{head}pickup[187]: {id}: uid={user} from=<www@brightwater.example>")
        end = "dsn=5.1.1, status=bounced (550 5.1.1 unknown)" if n < gone else "dsn=2.0.0, status=sent (250 Ok)"
        lines.append(f"{head}smtp[188]: {id}: to=<u@d{n}.example>, relay=mx.d{n}.example[192.0.2.4]:25, delay=1, {end}")
    return tuple(lines)


def queue_of(domains: int) -> tuple[str, ...]:
    who = [
        {"address": f"u@d{n % domains}.example", "delay_reason": "450 4.2.1 The user is receiving mail too quickly"}
        for n in range(80)
    ]
    return tuple(
        json.dumps({"queue_name": "deferred", "queue_id": f"{n:05X}", "arrival_time": int(NOW - 600), "message_size": 300,
                    "sender": "www@brightwater.example", "recipients": [each]})
        for n, each in enumerate(who)
    )  # fmt: skip


def test_a_script_that_reaches_strangers() -> None:
    (storm,) = of(seen(log_of(30)), "senders.storm")
    assert (storm.status, storm.subject, storm.data["gone"]) == (Status.FAILED, "uid 33", 30)


def test_an_application_with_a_few_who_moved() -> None:
    (storm,) = of(seen(log_of(3)), "senders.storm")
    assert (storm.status, storm.data["count"]) == (Status.OK, 60)


def test_a_queue_that_is_one_senders_and_refused_by_many() -> None:
    assert [o.status for o in of(seen(queue=queue_of(40)), "senders.queue")] == [Status.FAILED]
    assert [o.status for o in of(seen(queue=queue_of(2)), "senders.queue")] == [Status.OK]
