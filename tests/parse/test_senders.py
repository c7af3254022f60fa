"""A sender to many strangers is told from an application whose server refuses all."""

from __future__ import annotations

from datetime import datetime, timezone

from diagnose.mail.explain import explain
from diagnose.parse.log.senders import Senders

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=timezone.utc)
_GONE = "dsn=5.1.1, status=bounced (host mx.d{n}.test[192.0.2.{n}] said: 550 5.1.1 <u@d{n}.test>: User unknown (in reply to RCPT TO command))"
_SENT = "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued)"
_SUSPENDED = "dsn=5.7.1, status=bounced (host smtp.relay.test[192.0.2.9] said: 550 5.7.1 Account suspended (in reply to MAIL FROM command))"


def _log(outcome: str, gone_of_ten: int, login: str = "sasl_method=LOGIN, sasl_username=info@a.test") -> list[str]:
    lines = []
    for n in range(1, 81):
        id = f"4F1A3{n:05X}"
        lines.append(f"Nov 22 14:00:00 h postfix/submission/smtpd[7]: {id}: client=unknown[203.0.113.5], {login}")
        lines.append(f"Nov 22 14:00:01 h postfix/qmgr[2]: {id}: from=<info@a.test>, size=900, nrcpt=1 (queue active)")
        said = (outcome if n % 10 < gone_of_ten else _SENT).format(n=n)
        lines.append(
            f"Nov 22 14:00:02 h postfix/smtp[3]: {id}: to=<u@d{n}.test>, relay=mx.d{n}.test[192.0.2.{n}]:25, delay=1, "
            f"delays=0/0/0/1, {said}"
        )
    return lines


def test_an_account_that_reaches_many_strangers() -> None:
    counted = Senders()
    counted.feed(_log(_GONE, 5))
    worst = counted.worst()
    assert worst is not None
    assert (worst.name, worst.recipients, worst.gone) == ("account info@a.test", 80, 40)
    told = explain(_log(_GONE, 5), "log", NOW).diagnoses
    assert told[0].cause.id == "sending-spam"
    assert "recipient-unknown" not in {d.cause.id for d in told if d.explained_by is None}


def test_a_few_who_moved_and_a_suspended_account_are_no_storm() -> None:
    for log in (_log(_GONE, 1), _log(_SUSPENDED, 10)):
        counted = Senders()
        counted.feed(log)
        assert counted.worst() is None
        assert "sending-spam" not in {d.cause.id for d in explain(log, "log", NOW).diagnoses}
