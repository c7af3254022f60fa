"""The check of filters and backends."""

import pytest

from checks.postfix.filters import filters
from diagnose.check import Dial, Read, Stat
from diagnose.host.query import Attempt, DialReply, ReadReply, StatReply
from diagnose.model import Status
from tests.checks.pretended_postfix import MASTER, failed, machine, of, run

REFUSED = DialReply(
    attempts=(Attempt(address="127.0.0.1", error="ECONNREFUSED"),), stage="connect", error="ECONNREFUSED"
)
OPEN = DialReply(attempts=(Attempt(address="127.0.0.1"),), address="127.0.0.1", stage="connect")
AMAVIS = MASTER + "amavis unix - - y - 2 smtp\n127.0.0.1:10025 inet n - y - - smtpd -o content_filter=\n"
SOCKET = StatReply(exists=True, kind="socket")


def test_nothing_configured() -> None:
    assert run(filters, machine()) == []


def test_amavis_up_and_down() -> None:
    for reply, expected in ((OPEN, []), (REFUSED, ["filter.content"])):
        host = machine(
            {"content_filter": "amavis:[127.0.0.1]:10024"}, master=AMAVIS, by_kind={Dial: lambda q, r=reply: r}
        )
        assert failed(run(filters, host)) == expected


def test_a_filter_that_turns_every_connection_away() -> None:
    busy = DialReply(
        attempts=(Attempt(address="127.0.0.1"),),
        address="127.0.0.1",
        stage="banner",
        banner="421 4.3.2 too many connections",
    )
    host = machine({"content_filter": "smtp:[127.0.0.1]:10024"}, by_kind={Dial: lambda q: busy})
    assert [o.data["kind"] for o in of(run(filters, host), "filter.content")] == ["turns-away"]


def test_a_filter_that_greets_and_takes_no_mail() -> None:
    line = (
        "Sep 14 11:40:00 app postfix/smtp[9]: 4F2A0A4C81: to=<m@example.net>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, "
        "dsn=4.3.0, status=deferred (host 127.0.0.1[127.0.0.1] said: 451 4.3.0 too many open files (in reply to MAIL FROM command))"
    )
    for settings, status in (({"content_filter": "smtp:[127.0.0.1]:10024"}, [Status.FAILED]), ({}, [])):
        host = machine(settings, log=(line,), by_kind={Dial: lambda q: OPEN})
        assert [o.status for o in of(run(filters, host), "filter.content")] == status


def test_dead_milter_and_one_that_may_be_missing() -> None:
    settings = {"smtpd_milters": "inet:localhost:8891", "non_smtpd_milters": "$smtpd_milters"}
    down = {Dial: lambda q: REFUSED}
    assert set(failed(run(filters, machine(settings, by_kind=down)))) == {"filter.milter"}
    accept = run(filters, machine({**settings, "milter_default_action": "accept"}, by_kind=down))
    assert {o.status for o in accept} == {Status.WARNING}


def test_a_program_that_takes_connections_and_hangs() -> None:
    mute = DialReply(attempts=(Attempt(address="x"),), address="x", stage="banner", error="timed out")
    policy = "check_policy_service {}, permit_mynetworks"
    for settings, sign in (
        ({"smtpd_milters": "inet:localhost:8891"}, "filter.milter"),
        ({"smtpd_milters": "unix:/run/x.sock"}, "filter.milter"),
        ({"smtpd_recipient_restrictions": policy.format("inet:127.0.0.1:10031")}, "filter.policy"),
        ({"smtpd_recipient_restrictions": policy.format("unix:/run/x.sock")}, "filter.policy"),
    ):
        for reply, wanted in ((mute, [sign]), (OPEN, [])):
            kinds = {Dial: lambda q, r=reply: r if q.say in ("milter", "policy") else None}
            stats = {f"{root}/run/x.sock": SOCKET for root in ("", "/var/spool/postfix")}
            assert failed(run(filters, machine(settings, stats=stats, by_kind=kinds))) == wanted, settings


@pytest.mark.parametrize(
    ("said", "over"),
    [
        ("warning: connect to Milter service inet:localhost:8891: Connection refused", True),
        ("warning: connect to Milter service unix:x/x.sock: No such file or directory", True),
        (
            "warning: milter inet:localhost:8891: can't read SMFIC_OPTNEG reply packet header: Connection timed out",
            False,
        ),
    ],
)
def test_a_milter_that_was_started_ends_what_the_log_says_of_its_absence(said: str, over: bool) -> None:
    line = f"Sep 14 11:40:00 app postfix/smtpd[9]: {said}"
    own = "NOQUEUE: milter-reject: CONNECT from localhost[127.0.0.1]: 451 4.7.1 Service unavailable - try again later; proto=SMTP"
    lines = (line, f"Sep 14 11:40:00 app postfix/smtpd[9]: {own}")
    endpoint = said.split()[5 if "Milter" in said else 2].rstrip(":")
    stats = {"/var/spool/postfix/x/x.sock": SOCKET}
    host = machine({"smtpd_milters": endpoint}, log=lines, stats=stats, by_kind={Dial: lambda q: OPEN})
    assert [o.data.get("kind") == "again" for o in of(run(filters, host), "filter.milter")] == [over]


def test_milter_port_in_sendmail_style() -> None:
    host = machine(
        {"smtpd_milters": "inet:8891@localhost"}, by_kind={Dial: lambda q: OPEN if q.port == 8891 else REFUSED}
    )
    assert failed(run(filters, host)) == []


def test_milter_socket_below_the_chroot() -> None:
    inside = {"/var/spool/postfix/opendkim/sock": SOCKET}
    assert failed(run(filters, machine({"smtpd_milters": "unix:/opendkim/sock"}, stats=inside))) == []
    assert failed(run(filters, machine({"smtpd_milters": "unix:/opendkim/sock"}))) == ["filter.milter"]


def test_milter_socket_outside_the_chroot() -> None:
    outside = {"/run/opendkim/sock": SOCKET}
    settings = {"smtpd_milters": "unix:/run/opendkim/sock", "milter_default_action": "tempfail"}
    for chroot, wanted in (("y", ["filter.milter"]), ("n", [])):
        host = machine(settings, master=f"smtp inet n - {chroot} - - smtpd\n", stats=outside)
        assert failed(run(filters, host)) == wanted


def test_policy_service_and_a_foreign_one_that_is_not_dialled() -> None:
    settings = {"smtpd_recipient_restrictions": "permit_mynetworks, check_policy_service inet:127.0.0.1:10023, reject"}
    assert failed(run(filters, machine(settings, by_kind={Dial: lambda q: REFUSED}))) == ["filter.policy"]
    far = {"smtpd_recipient_restrictions": "check_policy_service inet:10.0.0.9:10023"}
    assert run(filters, machine(far, by_kind={Dial: lambda q: REFUSED})) == []


def test_a_policy_service_without_which_mail_passes() -> None:
    by_itself = "check_policy_service { inet:127.0.0.1:10023, default_action=DUNNO, timeout=2s }, permit_mynetworks"
    for settings, status in (
        ({"smtpd_recipient_restrictions": by_itself}, Status.WARNING),
        ({"smtpd_recipient_restrictions": by_itself.replace("DUNNO", "451")}, Status.FAILED),
        (
            {
                "smtpd_recipient_restrictions": "check_policy_service inet:127.0.0.1:10023",
                "smtpd_policy_service_default_action": "DUNNO",
            },
            Status.WARNING,
        ),
    ):
        found = run(filters, machine(settings, by_kind={Dial: lambda q: REFUSED}))
        assert [o.status for o in of(found, "filter.policy")] == [status]


def test_dovecot_login_socket() -> None:
    settings = {"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "private/auth"}
    assert failed(run(filters, machine(settings))) == ["filter.backend"]
    assert failed(run(filters, machine(settings, stats={"/var/spool/postfix/private/auth": SOCKET}))) == []


def test_what_root_alone_may_see_is_unknown() -> None:
    hidden = {Stat: lambda q: StatReply(problem="permission denied")}
    found = run(filters, machine({"virtual_transport": "lmtp:unix:private/dovecot-lmtp"}, by_kind=hidden, root=False))
    assert [o.status for o in of(found, "filter.backend")] == [Status.UNKNOWN]


def test_network_switched_off_is_unknown() -> None:
    off = {Dial: lambda q: DialReply(problem="network probes are switched off")}
    found = run(filters, machine({"smtpd_milters": "inet:localhost:8891"}, by_kind=off))
    assert [o.status for o in found] == [Status.UNKNOWN]


def _unprivileged(listed: str, truncated: bool = False) -> list[tuple[str, str, object]]:
    """The verdicts on a milter's socket whose directory this user may not enter."""
    settings = {"smtpd_milters": "unix:/opendkim/opendkim.sock"}
    kernel = ReadReply(text=f"Num RefCount Protocol Flags Type St Inode Path\n{listed}", truncated=truncated)
    refused = StatReply(problem="permission denied")
    kinds = {Stat: lambda q: refused, Read: lambda q: kernel if q.path == "/proc/net/unix" else None}
    found = run(filters, machine(settings, root=False, by_kind=kinds))
    return [(o.sign, o.status.word, o.data.get("kind")) for o in found]


def test_ordinary_user_finds_the_socket_among_the_kernel_s_own() -> None:
    """The list is for everybody; a program below another root or directory bound a shorter name."""
    row = "000000007a1b: 00000002 00000000 {flags} 0001 01 5100 {path}\n"
    up = row.format(flags="00010000", path="/var/spool/postfix/opendkim/opendkim.sock")
    chrooted = row.format(flags="00010000", path="/opendkim/opendkim.sock")
    client = row.format(flags="00000000", path="/opendkim/opendkim.sock")
    assert _unprivileged(up) == _unprivileged(chrooted) == [("filter.milter", "ok", None)]
    assert _unprivileged(client) == [("filter.milter", "failed", "unlisted")]
    assert _unprivileged("", truncated=True) == [("filter.milter", "unknown", None)]


def test_a_milter_that_may_be_missing_is_no_reason_even_where_it_cannot_be_asked() -> None:
    settings = {"smtpd_milters": "inet:localhost:8891", "milter_default_action": "accept"}
    off = DialReply(problem="network probes are switched off")
    (found,) = run(filters, machine(settings, by_kind={Dial: lambda q: off}))
    assert found.status is Status.WARNING


def test_a_content_filter_that_takes_connections_and_is_silent() -> None:
    master = MASTER + "scan unix - - n - 2 smtp\n"
    for reply, wanted in (
        (DialReply(address="127.0.0.1", stage="banner", error="timed out"), ["filter.content"]),
        (DialReply(address="127.0.0.1", stage="quit", banner="220 amavisd"), []),
    ):
        host = machine(
            {"content_filter": "scan:[127.0.0.1]:10024"}, master=master, by_kind={Dial: lambda q, r=reply: r}
        )
        assert failed(run(filters, host)) == wanted


def test_a_socket_that_the_log_shows_closed_to_postfix() -> None:
    path, line = (
        "/var/spool/postfix/dkim/sock",
        "Nov 22 14:20:00 app postfix/cleanup[9]: warning: connect to Milter service unix:dkim/sock: Permission denied",
    )
    stats = {path: StatReply(exists=True, kind="socket", mode=0o700, owner="opendkim", group="opendkim")}
    silent = {Dial: lambda q: DialReply(problem="permission denied")}
    for log, found in (((line,), ["EACCES"]), ((), [])):
        host = machine({"smtpd_milters": "unix:dkim/sock"}, stats=stats, log=log, by_kind=silent)
        assert [o.data["error"] for o in of(run(filters, host), "filter.milter") if o.status is Status.FAILED] == found
