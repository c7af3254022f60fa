"""The check of owners and modes."""

import pytest

from checks.postfix.permissions import permissions
from diagnose.host.query import Glob, GlobReply, Lock, LockReply, StatReply
from diagnose.model import Status
from tests.checks.pretended_postfix import failed, machine, of, run


def place(mode: int, owner: str = "postfix", group: str = "root", kind: str = "dir") -> StatReply:
    return StatReply(exists=True, kind=kind, mode=mode, owner=owner, group=group)


GOOD = {
    "/var/spool/postfix": place(0o755, "root"),
    **{f"/var/spool/postfix/{n}": place(0o700) for n in ("incoming", "active", "deferred", "bounce", "private")},
    "/var/spool/postfix/maildrop": place(0o1730, group="postdrop"),
    "/var/spool/postfix/public": place(0o2710, group="postdrop"),
    **{f"/var/spool/postfix/public/{n}": place(0o666, kind="socket") for n in ("pickup", "cleanup", "qmgr")},
    **{f"/var/spool/postfix/private/{n}": place(0o666, kind="socket") for n in ("rewrite", "bounce", "defer", "smtp")},
    "/var/spool/postfix/pid": place(0o755, "root"),
    "/var/lib/postfix": place(0o755, group="postfix"),
    "/usr/sbin/postdrop": place(0o2555, "root", "postdrop", "file"),
    "/usr/sbin/postqueue": place(0o2755, "root", "postdrop", "file"),
    "/usr/sbin/sendmail": place(0o755, "root", kind="file"),
}


def test_debian_and_red_hat_modes_are_fine() -> None:
    assert failed(run(permissions, machine(stats=GOOD))) == []
    red_hat = {
        **GOOD,
        "/usr/sbin/postdrop": place(0o2755, "root", "postdrop", "file"),
        "/var/lib/postfix": place(0o700),
    }
    assert failed(run(permissions, machine(stats=red_hat))) == []


def test_other_owner_names_by_the_settings() -> None:
    stats = {
        k: place(
            v.mode, "mail" if v.owner == "postfix" else v.owner, "drop" if v.group == "postdrop" else v.group, v.kind
        )
        for k, v in GOOD.items()
    }
    assert failed(run(permissions, machine({"mail_owner": "mail", "setgid_group": "drop"}, stats=stats))) == []


def test_lost_setgid_bit() -> None:
    stats = {**GOOD, "/usr/sbin/postdrop": place(0o755, "root", "root", "file")}
    assert failed(run(permissions, machine(stats=stats))) == ["host.setgid"]


def test_wrong_owner_of_the_queue_and_of_the_data_directory() -> None:
    for path in (
        "/var/spool/postfix/maildrop",
        "/var/spool/postfix/incoming",
        "/var/lib/postfix",
        "/var/lib/postfix/master.lock",
    ):
        found = run(permissions, machine(stats={**GOOD, path: place(0o700, "root")}))
        assert [o.data["path"] for o in of(found, "host.queue-permissions")] == [path]


def test_what_cannot_be_seen_is_not_accused() -> None:
    stats = {**GOOD, "/var/spool/postfix": StatReply(problem="permission denied")}
    assert of(run(permissions, machine(stats=stats, root=False)), "host.queue-permissions")[0].status is Status.UNKNOWN


@pytest.mark.parametrize(("mode", "kind"), [(0o700, "file"), (0o755, "fifo")])
def test_a_sendmail_that_users_cannot_run(mode: int, kind: str) -> None:
    stats = {**GOOD, "/usr/sbin/sendmail": place(mode, "root", "root", kind)}
    assert failed(run(permissions, machine(stats=stats))) == ["host.setgid"]


@pytest.mark.parametrize("path", ["/var/spool/postfix/private", "/var/spool/postfix/maildrop"])
def test_a_directory_gone_under_a_running_postfix(path: str) -> None:
    lost = GOOD | {path: StatReply()}
    assert [o.subject for o in run(permissions, machine(stats=lost)) if o.status is Status.FAILED] == [path]


def test_a_socket_gone_under_a_running_postfix() -> None:
    for path in ("/var/spool/postfix/public/pickup", "/var/spool/postfix/private/smtp"):
        lost, hidden = (GOOD | {path: reply} for reply in (StatReply(), StatReply(problem="permission denied")))
        assert [o.subject for o in run(permissions, machine(stats=lost)) if o.status is Status.FAILED] == [path]
        assert failed(run(permissions, machine(stats=hidden))) == []


def test_a_program_that_the_master_cannot_run() -> None:
    smtp = "/usr/lib/postfix/sbin/smtp"
    for mode, wrong in ((0o755, []), (0o644, [smtp])):
        found = run(permissions, machine(stats=GOOD | {smtp: place(mode, "root", kind="file")}))
        assert [o.subject for o in found if o.status is Status.FAILED] == wrong


def test_a_folder_above_the_queue_that_lets_nobody_through() -> None:
    """By its own name or by that of what a link leads to; an ordinary user sees that much, too."""
    moved = StatReply(exists=True, kind="dir", mode=0o755, owner="root", group="root", real="/data/spool/postfix")
    shut = place(0o750, "root")
    for stats, root in (
        ({**GOOD, "/var/spool": shut}, True),
        ({**GOOD, "/usr/sbin": shut}, True),
        ({**GOOD, "/var/spool/postfix": moved, "/data": shut}, True),
        ({**GOOD, "/var/spool": shut, "/var/spool/postfix": StatReply(problem="permission denied")}, False),
    ):
        found = of(run(permissions, machine(stats=stats, root=root)), "host.queue-permissions")
        assert [(o.status, o.data.get("kind")) for o in found] == [(Status.FAILED, "above")]


def test_what_should_be_a_directory_and_is_none() -> None:
    stats = {**GOOD, "/var/spool/postfix/pid": place(0o644, "root", kind="file")}
    (seen,) = [o for o in run(permissions, machine(stats=stats)) if o.status is Status.FAILED]
    assert (seen.subject, seen.data["kind"]) == ("/var/spool/postfix/pid", "other")


def test_what_the_master_cannot_make_its_socket_of_and_what_no_mail_needs() -> None:
    path = "/var/spool/postfix/private/scache"
    more = {
        Lock("/var/spool/postfix/pid/master.pid"): LockReply(),
        Glob("/var/spool/postfix/p*/*"): GlobReply(paths=(path,)),
    }
    (seen,) = [
        o for o in run(permissions, machine(stats={**GOOD, path: place(0o700)}, more=more)) if o.status is Status.FAILED
    ]
    assert (seen.subject, seen.data["kind"]) == (path, "other")
    assert failed(run(permissions, machine(stats={**GOOD, "/var/spool/postfix/saved": place(0o700, "www-data")}))) == []


def test_libraries_that_only_root_may_load() -> None:
    shut = {**GOOD, "/usr/lib/postfix/sbin": place(0o700, "root")}
    (seen,) = [o for o in run(permissions, machine(stats=shut)) if o.status is Status.FAILED]
    assert (seen.subject, seen.data["mode"]) == ("/usr/lib/postfix/sbin", "0755")


@pytest.mark.parametrize(
    ("path", "settings"),
    [
        ("/etc/passwd", {}),
        ("/etc/mailname", {"myorigin": "/etc/mailname"}),
        ("/etc/postfix/users.db", {"authorized_submit_users": "!nobody, hash:/etc/postfix/users"}),
    ],
)
def test_what_sendmail_reads_and_only_root_may_read(path: str, settings: dict[str, str]) -> None:
    for mode, wanted in ((0o600, ["host.queue-permissions"]), (0o644, [])):
        stats = GOOD | {path: place(mode, "root", "root", kind="file")}
        assert failed(run(permissions, machine(settings, stats=stats))) == wanted


def test_nothing_speaks_against_it_where_a_command_lost_its_bit() -> None:
    for mode, said in ((0o2555, [Status.OK]), (0o755, [])):
        stats = GOOD | {"/usr/sbin/postdrop": place(mode, "root", "postdrop", "file")}
        found = of(run(permissions, machine(stats=stats)), "host.queue-permissions")
        assert [seen.status for seen in found] == said


def test_a_sendmail_command_that_leads_nowhere() -> None:
    assert failed(run(permissions, machine(stats={**GOOD, "/usr/sbin/sendmail": StatReply()}))) == ["host.setgid"]
