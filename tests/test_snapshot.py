"""Recordings: what was asked comes back, and nothing that is no recording gets through."""

from __future__ import annotations

import gzip
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from diagnose import demos
from diagnose.commands.options import write
from diagnose.errors import SnapshotError
from diagnose.host.kept import Keeper
from diagnose.host.memo import FakeHost, Memo
from diagnose.host.persons import Persons
from diagnose.host.plain import from_plain, to_plain
from diagnose.host.query import (
    Attempt,
    Dial,
    DialReply,
    Exec,
    ExecReply,
    LogReply,
    Lookup,
    MailLog,
    Process,
    Processes,
    ProcessesReply,
    Read,
    ReadReply,
    TlsInfo,
)
from diagnose.host.snapshot import CutOff, Recording, contents, dumps, load, loads, packed, readable
from diagnose.model import Outcome, Target
from diagnose.parse.text.masking import Secrets, mask
from diagnose.session import Request, diagnose, of_recording

DIAL = Dial(host="mx.example.net", port=25, tls="starttls")
REPLY = DialReply(
    attempts=(Attempt(address="192.0.2.1", error="ETIMEDOUT", seconds=3.5),),
    address="192.0.2.2",
    stage="quit",
    banner="220 hello",
    tls=TlsInfo(version="TLSv1.3", names=("mx.example.net",)),
)
RECORDING = Recording(
    version="0.1.0",
    started="2026-01-02T03:04:05+00:00",
    target=Target("a@example.com", None),
    asked={DIAL: REPLY, Exec(("postconf", "-n")): ExecReply(code=0, out="relayhost =\n")},
    settings={"auth": True},
)


def test_a_recording_comes_back_as_it_was() -> None:
    again = loads(dumps(RECORDING))
    assert again == RECORDING
    assert again.answer(DIAL, 0.0) == REPLY


def test_a_recording_by_a_version_of_other_patience_is_read() -> None:
    """Else every change of a time-out would lose the answers of all recordings that there are."""
    assert RECORDING.answer(replace(DIAL, connect_timeout=9.0), 0.0) == REPLY
    assert RECORDING.answer(replace(DIAL, port=2525), 0.0).problem == "not recorded"


def test_of_a_recording_with_all_lines_those_with_a_word_are_had() -> None:
    assert RECORDING.answer(Exec(("postconf", "-n"), having=("relayhost",)), 0.0).out == "relayhost =\n"


def test_what_was_not_asked_is_said_to_be_not_recorded() -> None:
    assert RECORDING.answer(Read("/etc/hosts"), 0.0).problem == "not recorded"
    assert FakeHost().answer(Lookup("a", "MX"), 0.0).problem == "not recorded"


@pytest.mark.parametrize("name", ["host.json", "host.json.gz"])
def test_a_file_keeps_it_for_its_owner_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write(packed(RECORDING, name), path)
    assert load(path) == RECORDING
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[1, 2]", "not a recording"),
        ('{"asked": [], "schema": 99, "version": "9.9"}', "schema 99"),
        ('{"asked": [{}], "schema": 1, "started": ""}', "damaged"),
        (
            '{"asked": [{"query": {"kind": "Exec", "argv": 7}, "reply": {}}], "schema": 1, "started": ""}',
            "list was expected",
        ),
        (
            '{"asked": [{"query": {"kind": "Exec", "argv": [], "x": 1}, "reply": {}}], "schema": 1, "started": ""}',
            "unknown field",
        ),
    ],
)
def test_what_is_no_recording_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(SnapshotError, match=message) as caught:
        loads(text)
    assert "\n" not in str(caught.value)


def test_damaged_and_missing_files_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "x.gz"
    broken.write_bytes(gzip.compress(b"{}")[:-6])
    with pytest.raises(SnapshotError, match="damaged"):
        load(broken)
    with pytest.raises(SnapshotError, match="cannot read"):
        load(tmp_path / "none")


def test_plain_data_round_trip_keeps_types() -> None:
    assert from_plain(DialReply, to_plain(REPLY)) == REPLY


@pytest.mark.parametrize(
    "line",
    [
        "smtp_sasl_password_maps = static:user:hunter22hunter",
        "smtp_sasl_password_maps = static:{user:hunter22hunter}",
        "smtp_sasl_password_maps = inline:{ [a]:587=user:hunter22hunter }",
        "C: AUTH PLAIN aHVudGVyMjJodW50ZXI=",
        "mail.smtp.auth.password=hunter22hunter",
        "http://user:hunter22hunter@example.com/",
        '"api_key": "hunter22hunter"',
    ],
)
def test_what_looks_like_a_secret_is_masked(line: str) -> None:
    assert "hunter22hunter" not in mask(line)
    assert "aHVudGVyMjJodW50ZXI" not in mask(line)


@pytest.mark.parametrize(
    "line",
    [
        "smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd",
        "smtpd_sasl_local_domain = example.com",
        "reason=connect to mx.example.com[192.0.2.1]:25: Connection timed out",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert mask(line) == line


def test_a_secret_met_once_is_hidden_everywhere_also_in_base64() -> None:
    secrets = Secrets()
    secrets.add("Hunter2-Hunter2", "password", "abc")
    data = secrets.hide_data({"a": ["x Hunter2-Hunter2 y", "SHVudGVyMi1IdW50ZXIy"], "password": "abc password"})
    assert "Hunter2" not in str(data)
    assert "SHVudGVy" not in str(data)
    assert data["password"] == "abc password"


def test_hiding_reaches_a_recording() -> None:
    secrets = Secrets()
    secrets.add("ETIMEDOUT")
    assert b"ETIMEDOUT" not in packed(RECORDING, "x", secrets.hide_data)


def test_a_check_that_was_out_of_time_says_no_more_in_the_recording() -> None:
    """Its answers may have come too late for it, and stand in the recording all the same."""
    late = replace(RECORDING, asked={Exec(("postconf",)): ExecReply(problem="not found: postconf")})
    request = Request(recording=late, only=("processes",))
    (run,) = diagnose(request).report.runs
    assert [o.sign for o in run.observations] == ["postfix.installed"]
    late = replace(late, cut_off={"processes": CutOff(observations=0, reason="no answer in time")})
    again = diagnose(replace(request, recording=loads(dumps(late))))
    (run,) = again.report.runs
    assert (run.outcome, run.observations, run.reason) == (Outcome.TIMED_OUT, (), "no answer in time")
    assert again.recording.cut_off == late.cut_off


def test_an_answer_that_was_given_up_is_not_recorded_as_if_it_had_come() -> None:
    """One slow server's answer may come when the check has said without it what it could."""
    asked, go = threading.Event(), threading.Event()

    def slow(query: Dial) -> DialReply:
        asked.set()
        go.wait(5)
        return REPLY

    memo = Memo(FakeHost(by_kind={Dial: slow}))
    asker = threading.Thread(target=lambda: memo.answer(DIAL, time.monotonic() + 5), daemon=True)
    asker.start()
    asked.wait(5)
    late = DialReply(problem="timed out")
    assert memo.settle(DIAL, late) == late
    go.set()
    asker.join(5)
    assert dict(memo.known()) == {DIAL: late}
    assert memo.answer(DIAL, time.monotonic() + 1) == late
    quick = Memo(FakeHost((DIAL, REPLY)))
    quick.answer(DIAL, time.monotonic() + 1)
    assert quick.settle(DIAL, late) == REPLY


def test_a_recording_keeps_what_is_harmless_by_its_shape() -> None:
    """What cannot be told from a secret is a placeholder: its length, and whether it is the same one again."""
    keeper = Keeper(frozenset(("connection", "refused")))
    lines = (
        "Nov 25 12:00:01 h postfix/smtp[7]: 4F00BA1C2D3E: to=<a@b.example>, relay=mx.b.example[192.0.2.1]:25, status=deferred (x Zq7xK9pLm x)",
        "Nov 25 12:00:02 h postfix/smtp[7]: 4F00BA1C2D3E: again Zq7xK9pLm",
        "Nov 25 12:00:03 h saslauthd[7]: hunter connection refused",
    )
    kept = keeper.reply(MailLog(), LogReply(lines=lines)).lines
    assert "4F00BA1C2D3E: to=<a@b.example>, relay=mx.b.example[192.0.2.1]:25" in kept[0]
    assert kept[0].endswith("(x left-out-1-medium x)")
    assert kept[1].endswith("again left-out-1-medium")
    assert kept[2].endswith("saslauthd[7]: \u2026 connection refused")
    passwd = keeper.reply(Read("/etc/passwd"), ReadReply(text="acme:x:7:7:Zq7xK9pLm:/home/acme:/bin/sh\n")).text
    assert passwd == "acme:x:7:7::/home/acme:/bin/sh"
    system = keeper.reply(Read("/var/log/syslog"), ReadReply(text='a: login hunter2\nb: apparmor="DENIED"\n')).text
    assert system == 'b: apparmor="DENIED"'
    main = "smtp_tls_security_level = $smtp_tls_level\nmy_note = Zq7xK9pLm\n# old one: hunter\n"
    text = keeper.reply(Read("/etc/postfix/main.cf"), ReadReply(text=main)).text
    assert text == "smtp_tls_security_level = $smtp_tls_level\nmy_note = left-out-1-medium\n# old one: \u2026\n"
    keeper.learn({Exec(("postconf", "-d")): ExecReply(code=0, out="myhostname = h\nvirtual_alias_maps =\n")})
    main = "myhostname = maria\nmy_cookie = maria\nvirtual_alias_maps = ldap:people\npeople_bind_dn = maria\n"
    text = keeper.reply(Read("/etc/postfix/main.cf"), ReadReply(text=main)).text
    assert text == main.replace("my_cookie = maria", "my_cookie = \u2026")  # which nobody reads
    running = Process(pid=1, parent=0, name="app", command=("/opt/app", "--level", "secretword", "/srv/x.conf"))
    assert keeper.reply(Processes(), ProcessesReply(processes=(running,))).processes[0].command == (
        "/opt/app",
        "/srv/x.conf",
    )
    worker = Process(pid=1, parent=0, name="php", command=("php", "artisan", "queue:work", "secretword"))
    assert keeper.reply(Processes(), ProcessesReply(processes=(worker,))).processes[0].command[1:] == (
        "artisan",
        "queue:work",
    )
    crontab = "* * * * * curl -u me:x https://a.example\n* * * * * php /srv/artisan schedule:run\n"
    text = keeper.reply(Read("/etc/cron.d/x"), ReadReply(text=crontab)).text
    assert text == "* * * * * php /srv/artisan schedule:run"
    container = keeper.reply(
        Read("/var/lib/docker/containers/1/config.v2.json"), ReadReply(text='{"Env": ["PIN=4711"]}')
    ).text
    assert container == ""


def test_a_recording_keeps_of_a_pipe_in_master_cf_what_is_no_prose_of_its_program() -> None:
    pipe = 'p unix - n n - - pipe\n  flags=R user=nobody argv=/usr/bin/ruby -e "login(%qacme%q,%qsevoromevolo%q)"\n  ${sender} /srv/x --opt\n'
    for query, reply in (
        (Read("/etc/postfix/master.cf"), ReadReply(text=pipe)),
        (Exec(("postconf", "-M")), ExecReply(code=0, out=pipe)),
    ):
        kept = str(Keeper().reply(query, reply))
        assert "sevoromevolo" not in kept
        assert all(word in kept for word in ("flags=R user=nobody argv=/usr/bin/ruby -e", "${sender} /srv/x --opt"))


def test_a_recording_can_be_read_through() -> None:
    """All its answers, as text; and what it is made of in one sentence."""
    shown = readable(packed(RECORDING, "x.json.gz"))
    assert all(type(query).__name__ in shown for query in RECORDING.asked)
    assert "3 values that may be secret were left out" in contents(RECORDING, 3)


def test_a_recording_keeps_the_lines_of_other_mailers_without_what_may_be_secret() -> None:
    lines = (
        "2026-11-26 05:08:31 1xWRih-00004F-1w == maria@example.org R=smarthost T=remote_smtp_smarthost defer (110): Connection timed out",
        "Nov 26 04:56:05 host=smtp.example.com tls=on auth=on user=u recipients=a@b.test exitcode=EX_NOHOST",
        "Nov 26 05:09:05 app nullmailer[1]: Starting delivery: host: smtp.example.com protocol: smtp file: 1795669745.22",
        '2026-11-26 05:08:31 1xWRih-00004F-1w <= a@example.org T="xK9-qT4z8Wv1-Lm3"',
    )
    query = MailLog(86_400.0, paths=("/var/log/exim4/mainlog",))
    kept = Keeper().reply(query, LogReply(lines=lines)).lines
    assert kept[:3] == lines[:3]
    assert "xK9-qT4z8Wv1" not in kept[3]
    listing = Exec(("exim4", "-bp"))
    text = "25m  428 1xWRih-00004F-1w <noreply@example.net>\n          maria@example.org\n"
    assert Keeper().reply(listing, ExecReply(code=0, out=text)).out == text


@pytest.mark.parametrize("name", ["app-password", "blocked-isp"])
def test_a_recording_with_pseudonyms_has_the_same_diagnosis(name: str) -> None:
    """What is asked by an address is found under its pseudonym."""
    was = demos.request(name)
    assert was.recording is not None
    text = dumps(was.recording, Persons().data)
    assert "maria@" in dumps(was.recording)
    assert "maria" not in text.lower()
    found = [diagnose(each).report for each in (was, of_recording(loads(text)))]
    assert [d.cause.id for d in found[0].diagnoses] == [d.cause.id for d in found[1].diagnoses]
    assert [d.confidence for d in found[0].diagnoses] == [d.confidence for d in found[1].diagnoses]


def test_pseudonyms_are_the_same_for_the_same_person() -> None:
    persons = Persons()
    said = [
        "from=<Kim.Ahl@quince.example>, to=<postmaster@quince.example>",
        "prvs=12=kim.ahl@medlar.example sasl_username=kim.ahl user=<kim.ahl> rcpt <ola@medlar.example>",
        "smtpd_milters = inet:8891@localhost getty@tty1.service SystemCallFilter=~@system-service",
    ]
    assert persons.data({"a": said})["a"] == [
        "from=<person1@quince.example>, to=<postmaster@quince.example>",
        "prvs=12=person1@medlar.example sasl_username=person1 user=<person1> rcpt <person2@medlar.example>",
        said[2],
    ]
