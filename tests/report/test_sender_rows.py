"""What a report says of the sender that the user asked for, and how it prints DNS records."""

from __future__ import annotations

import re
from datetime import datetime

from diagnose.model import HostInfo, Observation, Outcome, Report, Run, SignSpec, Status, Target
from diagnose.report import text
from diagnose.report.json_ import as_plain
from diagnose.report.page import Page, Terminal

RECORD = 'sender.com. TXT "v=spf1 ip4:192.0.2.3 ~all"'


def rendered(asked: bool) -> str:
    seen = (
        Observation(
            sign="x.spf",
            status=Status.WARNING,
            subject="sender.com",
            summary="has no SPF record",
            data={"asked": asked, "publish": RECORD},
        ),
    )
    signs = (SignSpec("x.spf", gauge="sender"),)
    run = Run(check="x", outcome=Outcome.COMPLETED, observations=seen, signs=signs)
    now = datetime(2026, 11, 22).astimezone()
    report = Report(version="0", host=HostInfo(), target=Target(), started=now, seconds=0, runs=(run,))
    return text.render(as_plain(report))


def test_the_sender_that_was_asked_for_has_rows_and_the_records_that_it_lacks() -> None:
    shown = rendered(asked=True)
    assert "! sender.com has no SPF record" in shown
    assert RECORD in shown
    assert "sender.com" not in rendered(asked=False)


def test_a_long_record_is_one_that_a_zone_file_takes() -> None:
    page = Page(Terminal(width=60))
    value = "v=DKIM1; k=rsa; p=" + "ABCDEFGHIJ" * 40
    page.record(f'mail._domainkey.sender.com. TXT "{value[:255]}" "{value[255:]}"')
    assert page.lines[0].strip() == "mail._domainkey.sender.com. TXT ("
    assert page.lines[-1].endswith('" )')
    assert "".join(re.findall('"(.*)"', "\n".join(page.lines))) == value
    assert max(map(len, page.lines)) <= 60


def test_words_are_parted_behind_a_blank_that_stays() -> None:
    page = Page(Terminal(width=60))
    value = "v=spf1 " + " ".join(f"include:mailer{n}.example.net" for n in range(6)) + " -all"
    page.record(f'sender.com. TXT "{value}"')
    assert "".join(re.findall('"(.*)"', "\n".join(page.lines))) == value
