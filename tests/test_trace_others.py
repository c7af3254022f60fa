"""Messages of Exim, Sendmail and sSMTP, followed in their logs."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from diagnose.mail.trace import trace

AT = datetime.now(timezone.utc) - timedelta(hours=2)

EXIM = """\
{at} 1xWRih-00004F-1w <= noreply@app.example U=www-data P=local S=428 id=77@app.example
{at} 1xWRih-00004F-1w relay_login authenticator failed H=smtp.example.com [198.51.100.7] 535 5.7.8 Error: authentication failed
{at} 1xWRih-00004F-1w == ann@example.org R=smarthost T=remote_smtp_smarthost defer (-42): authentication required but authentication attempt(s) failed
{at} 1xWRih-00004F-1w == ann@example.org R=smarthost T=remote_smtp_smarthost defer (-54): retry time not reached for any host for 'example.org'
{at} 1xWRjw-00004F-2j <= noreply@app.example U=www-data P=local S=428 id=78@app.example
{at} 1xWRjw-00004F-2j => bob@example.org R=smarthost T=remote_smtp_smarthost H=smtp.example.com [198.51.100.7] C="250 2.0.0 Ok"
"""
SENDMAIL = """\
{at} app sendmail[43]: 6ARNVfaV000043: from=noreply@app.example, size=122, nrcpts=1, msgid=<1@app.example>, relay=www-data@localhost
{at} app sm-mta[45]: 6ARNVfbW000045: from=<noreply@app.example>, size=422, nrcpts=1, msgid=<1@app.example>, relay=localhost [127.0.0.1]
{at} app sendmail[43]: 6ARNVfaV000043: to=ann@example.org, mailer=relay, relay=[127.0.0.1] [127.0.0.1], dsn=2.0.0, stat=Sent (6ARNVfbW000045 Message accepted for delivery)
{at} app sm-mta[47]: 6ARNVfbW000045: to=<ann@example.org>, mailer=esmtp, relay=mx.example.org. [192.0.2.9], dsn=2.0.0, stat=Sent (250 2.0.0 Ok: queued)
"""
SSMTP = "{at} app sSMTP[22]: Sent mail for noreply@app.example (221 2.0.0 Bye) uid=33 username=www-data outbytes=350\n"


@pytest.mark.parametrize(
    ("text", "who", "words", "cause"),
    [
        (EXIM, "ann@example.org", ["deferred"], "relay-credentials-rejected"),
        (EXIM, "<78@app.example>", ["delivered"], ""),
        (EXIM, "1xWRjw-00004F-2j", ["delivered"], ""),
        (EXIM, "noreply", ["deferred", "delivered"], "relay-credentials-rejected"),
        (SENDMAIL, "1@app.example", ["handed-on", "delivered"], ""),
        (SSMTP, "noreply@app.example", ["delivered"], ""),
        (SSMTP, "ann@example.org", [], ""),
    ],
)
def test_messages_of_other_mailers(text: str, who: str, words: list[str], cause: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(text.format(at=AT.strftime("%Y-%m-%d %H:%M:%S")))
    traced = trace(who, None, [str(path)])
    assert [fate.word for fate in traced.fates] == words
    assert next((fate.cause.cause for fate in traced.fates if fate.cause), "") == cause
