"""Steps carried out on real files by real commands: what is refused, what is kept, what is put back."""

from __future__ import annotations

import fcntl
import os
import resource
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnose.errors import StateError
from diagnose.remedy import guards, journal, originals, proposal, transaction
from diagnose.remedy.plan import Ask, Plan
from diagnose.remedy.running import Command, FirewallAccept, Mode, Service
from diagnose.remedy.steps import Content, RepairLine, SetParameter, Step, TableEntry, Verify
from diagnose.remedy.transaction import Failed, Transaction

WHY = "It is a test."


@pytest.fixture
def store(tmp_path: Path) -> Iterator[journal.Store]:
    with journal.opened(tmp_path / "undo") as opened:
        yield opened


@pytest.fixture
def main(tmp_path: Path) -> Path:
    path = tmp_path / "main.cf"
    path.write_text("relayhost =\n")
    path.chmod(0o640)
    return path


def begun(store: journal.Store, *steps: Step, **given: str) -> Transaction:
    shown = proposal.propose(Plan(steps=steps))
    assert not shown.obstacle
    return Transaction(store, store.begin("cause", "title", len(steps)), shown.read, given)


def relay(path: Path, value: str = "[relay.lan]") -> SetParameter:
    return SetParameter(path=str(path), name="relayhost", value=value, was="", why=WHY)


def test_a_file_keeps_its_mode_owner_attributes_and_link(store: journal.Store, main: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.cf"
    link.symlink_to(main.name)
    os.setxattr(main, "user.note", b"kept")
    before = originals.look(str(main))
    work = begun(store, relay(link))
    assert work.apply(relay(link))
    assert main.read_text() == "relayhost = [relay.lan]\n"
    assert link.is_symlink()
    now, _ = originals.look(str(main))
    assert (now.mode, now.uid, now.gid, now.xattrs) == (0o640, before[0].uid, before[0].gid, before[0].xattrs)
    assert not work.apply(relay(link)), "a second time there is nothing to do"
    work.journal.write("kept")
    assert transaction.undo(store, work.journal.change) == []
    after = originals.look(str(main))
    assert after == before, "also its time, by which tables are judged"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["link.cf", "main.cf", "undo"]


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can make another user's link")
@pytest.mark.parametrize("folder", [False, True])
def test_another_user_s_link_is_not_followed_to_root_s_file(main: Path, tmp_path: Path, folder: bool) -> None:
    link = tmp_path / "link"
    link.symlink_to(main.parent if folder else main)
    os.lchown(link, 65534, 65534)
    named = link / main.name if folder else link
    assert proposal.propose(Plan(steps=(relay(named),))).obstacle
    os.chown(main, 65534, 65534)
    assert not proposal.propose(Plan(steps=(relay(named),))).obstacle


def test_a_file_that_changed_since_it_was_shown_is_left_alone(store: journal.Store, main: Path) -> None:
    work = begun(store, relay(main))
    main.write_text("relayhost = theirs\n")
    with pytest.raises(Failed, match="changed in the meantime"):
        work.apply(relay(main))
    assert main.read_text() == "relayhost = theirs\n"


@pytest.mark.parametrize("how", ["content", "mode", "gone", "link"])
def test_undo_refuses_a_file_that_changed_since_the_fix(
    store: journal.Store, main: Path, tmp_path: Path, how: str
) -> None:
    other = tmp_path / "other"
    steps = (Content(path=str(other), text="new\n", why=WHY), relay(main))
    work = begun(store, *steps)
    for step in steps:
        work.apply(step)
    if how == "content":
        main.write_text("relayhost = theirs\n")
    elif how == "mode":
        main.chmod(0o600)
    else:
        main.unlink()
        if how == "link":
            main.symlink_to("/etc/hostname")
    with pytest.raises(Failed):
        transaction.undo(store, work.journal.change)
    assert other.read_text() == "new\n", "nothing is undone where not everything can be"


def changed(store: journal.Store, *steps: Step, first: str = "") -> journal.Change:
    """A change carried out and kept."""
    log = store.begin("cause", "title", len(steps), first)
    read = {path: originals.look(path)[0] for step in steps for path in step.files()}
    work = Transaction(store, log, read)
    for step in steps:
        work.apply(step)
    log.write("kept")
    return log.change


def test_changes_of_the_same_file_are_taken_back_in_their_order(
    store: journal.Store, main: Path, tmp_path: Path
) -> None:
    os.setxattr(main, "user.note", b"kept")
    other = tmp_path / "other"
    befores = [originals.look(str(main))]
    changes = []
    for number in range(3):
        mode = (
            Mode(path=str(main), mode=0o640 - number * 0o040, was=befores[-1][0].mode, why=WHY) if number < 2 else None
        )
        value = SetParameter(path=str(main), name="relayhost", value=f"[relay{number}.lan]", was="", why=WHY)
        changes.append(changed(store, *([mode] if mode else []), value))
        befores.append(originals.look(str(main)))
    apart = changed(store, Content(path=str(other), text="new\n", why=WHY))
    with pytest.raises(Failed, match=f"by fix {changes[2].id}: undo that one first"):
        transaction.undo(store, changes[1])
    assert originals.look(str(main)) == befores[3], "nothing is undone where not everything can be"
    assert transaction.chain(store, changes[2]) == [changes[2]]
    assert transaction.undo(store, changes[2]) == []
    assert originals.look(str(main)) == befores[2]
    wanted = transaction.chain(store, changes[0])
    assert [change.id for change in wanted] == [changes[1].id, changes[0].id]
    assert transaction.undo(store, *wanted) == []
    assert originals.look(str(main)) == befores[0]
    assert other.read_text() == "new\n"
    assert transaction.undo(store, apart) == []
    assert not other.exists()


def test_a_chain_is_taken_back_whole_or_not_at_all(store: journal.Store, main: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    first = changed(store, relay(main, "[one.lan]"), Content(path=str(other), text="new\n", why=WHY))
    second = changed(store, relay(main, "[two.lan]"), first=first.id)
    assert (first.first, second.first) == (first.id, first.id)
    other.write_text("theirs\n")
    with pytest.raises(Failed, match="other was changed since, by somebody else"):
        transaction.undo(store, second, first)
    assert main.read_text() == "relayhost = [two.lan]\n"
    assert store.change(second.id).end == "kept"  # type: ignore[union-attr]


def test_a_parent_that_became_a_link_is_not_followed(store: journal.Store, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "precious").mkdir()
    (tmp_path / "app/main.cf").write_text("relayhost =\n")
    (tmp_path / "precious/main.cf").write_text("relayhost =\n")
    wanted = relay(tmp_path / "app/main.cf")
    read = {wanted.path: originals.look(wanted.path)[0]}
    (tmp_path / "app").rename(tmp_path / "gone")
    (tmp_path / "app").symlink_to("precious")
    with pytest.raises((Failed, OSError)):
        originals.replace(wanted.path, b"", read[wanted.path], "part")
    assert (tmp_path / "precious/main.cf").read_text() == "relayhost =\n"


def test_another_name_of_the_file_and_a_missing_folder_are_refused(
    store: journal.Store, main: Path, tmp_path: Path
) -> None:
    os.link(main, tmp_path / "second")
    with pytest.raises(Failed, match="hard link"):
        begun(store, relay(main)).apply(relay(main))
    lost = Content(path=str(tmp_path / "no/such/file"), text="x", why=WHY)
    with pytest.raises(Failed, match="does not exist"):
        begun(store, lost).apply(lost)


def test_a_read_only_file_system_is_refused(tmp_path: Path) -> None:
    script = "mount --bind {0} {0} && mount -o remount,bind,ro {0} && exec {1} -c 'from diagnose.remedy.originals import obstacle; print(obstacle(\"{0}/main.cf\", True))'"
    (tmp_path / "ro").mkdir()
    (tmp_path / "ro/main.cf").write_text("")
    words = script.format(tmp_path / "ro", sys.executable)
    done = subprocess.run(["unshare", "-m", "sh", "-c", words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no mount here: {done.stderr.strip()}")
    assert "read-only" in done.stdout


def test_an_immutable_file_is_refused(main: Path) -> None:
    if subprocess.run(["chattr", "+i", str(main)], capture_output=True, check=False).returncode:
        pytest.skip("this file system knows no immutable files")
    try:
        assert "immutable" in originals.obstacle(str(main), True)
    finally:
        subprocess.run(["chattr", "-i", str(main)], check=True)


def test_a_command_that_fails_halfway_is_put_back(store: journal.Store, main: Path) -> None:
    before = originals.look(str(main))
    spoil = Command(
        argv=("python3", "-c", f"open('{main}', 'a').write('broken'); exit(3)"), changes=(str(main),), why=WHY
    )
    steps = (relay(main), spoil)
    work = begun(store, *steps)
    work.apply(steps[0])
    with pytest.raises(Failed, match="status 3"):
        work.apply(spoil)
    assert "broken" in main.read_text()
    transaction.undo(store, work.journal.change)
    assert originals.look(str(main)) == before


def test_undo_runs_the_opposite_and_says_what_stays(store: journal.Store, tmp_path: Path) -> None:
    mark = tmp_path / "rule"
    wanted = FirewallAccept(argv=("touch", str(mark)), undo=("unlink", str(mark)), opens="x", why=WHY)
    never = FirewallAccept(argv=("true",), opens="x", why=WHY)
    work = begun(store, wanted, never)
    assert work.apply(wanted)
    assert work.apply(never)
    assert mark.exists()
    assert transaction.undo(store, work.journal.change) == ["the firewall's accept rule stays"]
    assert not mark.exists()


@pytest.mark.parametrize(("does", "left"), [("false", 0), ("test $0 = status", 1)])
def test_what_did_not_start_is_not_missed_when_it_should_stop(store: journal.Store, does: str, left: int) -> None:
    work = begun(store, start := FirewallAccept(argv=("true",), undo=("sh", "-c", does, "stop"), why=WHY))
    assert work.apply(start)
    assert len(transaction.undo(store, work.journal.change)) == left


def test_a_step_is_checked_by_its_own_command(store: journal.Store, tmp_path: Path) -> None:
    good = Command(argv=("true",), checks=(Verify(argv=("echo", "yes"), prints="yes"),), why=WHY)
    bad = Command(argv=("true",), checks=(Verify(argv=("echo", "no"), prints="yes"),), why=WHY)
    worse = Command(argv=("true",), checks=(Verify(argv=("false",)),), why=WHY)
    # postconf(1) warns of every unused parameter, whatever it is asked.
    warns = ("python3", "-c", "import sys; print('unused parameter', file=sys.stderr); print('yes')")
    noisy = Command(argv=("true",), checks=(Verify(argv=warns, prints="yes"),), why=WHY)
    work = begun(store, good, bad, worse, noisy)
    assert [bool(work.verify(step)) for step in (good, bad, worse, noisy)] == [False, True, True, False]


def test_modes_are_put_back_on_directories_and_sockets(store: journal.Store, tmp_path: Path) -> None:
    import socket

    folder = tmp_path / "folder"
    folder.mkdir(mode=0o755)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "socket"))
        (tmp_path / "socket").chmod(0o666)
        steps = (
            Mode(path=str(folder), mode=0o700, was=0o755, why=WHY),
            Mode(path=str(tmp_path / "socket"), mode=0o600, was=0o666, why=WHY),
        )
        work = begun(store, *steps)
        for step in steps:
            work.apply(step)
            assert work.verify(step) == ""
        transaction.undo(store, work.journal.change)
        assert folder.stat().st_mode & 0o7777 == 0o755
        assert (tmp_path / "socket").stat().st_mode & 0o7777 == 0o666


def test_the_diff_shows_no_secret(tmp_path: Path) -> None:
    table = tmp_path / "sasl_passwd"
    table.write_text("[other.lan]:587 app:Tr0ub4dor-and-3\n")
    table.chmod(0o600)
    asks = (Ask(name="user", what="the user"), Ask(name="password", what="the password", secret=True))
    new = TableEntry(path=str(table), key="[relay.lan]:587", asks=("user", "password"), why=WHY)
    same = TableEntry(path=str(table), key="[near.lan]:587", same_as="[other.lan]:587", why=WHY)
    shown = proposal.propose(Plan(steps=(same, new), asks=asks))
    assert "+[near.lan]:587 app:" in shown.diff
    assert "[relay.lan]:587" in shown.diff
    assert "Tr0ub4dor" not in shown.diff
    main = tmp_path / "main.cf"
    main.write_text("relayhost =\n")
    plan = Plan(steps=(relay(main), Service(verb="reload", why=WHY)))
    assert "-relayhost =\n+relayhost = [relay.lan]" in proposal.propose(plan).diff
    assert proposal.propose(plan).runs == ("postfix check && postfix reload",)


def test_the_diff_of_an_application_s_settings_stars_its_passwords_alone(tmp_path: Path) -> None:
    settings = tmp_path / "application.yml"
    settings.write_text("spring:\n  mail:\n    password: rosenkohl\n    port: 465\n    ssl: false\n")
    settings.chmod(0o600)
    step = RepairLine(path=str(settings), line=4, find="    port: 465", put="    port: 587", why=WHY)
    shown = proposal.propose(Plan(steps=(step,))).diff
    assert "-    port: 465\n+    port: 587\n     ssl: false" in shown
    assert "rosenkohl" not in shown


def test_the_store_is_root_s_alone_and_for_one_at_a_time(tmp_path: Path) -> None:
    place = tmp_path / "state/undo"
    place.mkdir(parents=True, mode=0o755)
    with journal.opened(place) as store:
        assert place.stat().st_mode & 0o777 == 0o700
        with pytest.raises(StateError, match="still running"), journal.opened(place):
            pass
        log = store.begin("cause", "title", 1)
        log.copy(b"secret")
        assert {p.stat().st_mode & 0o077 for p in place.rglob("*")} == {0}
    (tmp_path / "link").symlink_to(place)
    with pytest.raises(StateError), journal.opened(tmp_path / "link"):
        pass
    if os.geteuid() == 0:
        os.chown(place, 65534, 65534)
        with pytest.raises(StateError, match="another user"), journal.opened(place):
            pass


def test_a_change_is_forgotten_after_a_month_but_not_while_it_is_open(store: journal.Store) -> None:
    for end in ("kept", ""):
        log = store.begin("cause", end, 1)
        path = store.root / log.change.id / "journal"
        path.write_bytes(path.read_bytes().replace(b'"at": ', b'"at": 1.0e0, "was": '))
        if end:
            log.write(end)
    store.tidy()
    assert [change.title for change in store.changes()] == [""]
    assert store.change("../undo") is None


def test_a_line_that_the_disk_takes_in_part_is_an_error_and_counts_for_nothing(store: journal.Store) -> None:
    log = store.begin("cause", "title", 1)
    room = (log.place / "journal").stat().st_size + 30
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(OSError, match="No space left"):
            log.write("step", why=WHY, files={}, undo=[["true"]], after=[], lasting="")
        resource.setrlimit(resource.RLIMIT_FSIZE, (30, hard))
        with pytest.raises(StateError, match="cannot save"):
            store.begin("cause", "title", 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [(change.id, change.undo) for change in store.changes()] == [(log.change.id, [])]


def test_a_journal_that_cannot_be_read_hinders_no_other(store: journal.Store) -> None:
    (read, other, pipe) = (store.begin("cause", title, 1) for title in ("read", "other", "pipe"))
    read.write("kept")
    (other.place / "journal").write_text('{"event": "begin", "version": 9}\n')
    (pipe.place / "journal").unlink()
    os.mkfifo(pipe.place / "journal")
    store.tidy()
    assert {change.id: change.end for change in store.changes()} == {
        read.change.id: "kept",
        other.change.id: journal.UNREAD,
        pipe.change.id: journal.UNREAD,
    }


def test_a_package_manager_or_puppet_at_work_is_seen(tmp_path: Path) -> None:
    assert guards.at_work(tmp_path) == ""
    lock = tmp_path / "var/lib/dpkg/lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    assert guards.at_work(tmp_path) == ""
    script = "import fcntl,sys,time; f=open(sys.argv[1],'w'); fcntl.lockf(f,fcntl.LOCK_EX); print('held',flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script, str(lock)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        assert guards.at_work(tmp_path) == "dpkg or apt"
        holder.kill()
    run = tmp_path / "var/lib/puppet/state/agent_catalog_run.lock"
    run.parent.mkdir(parents=True)
    run.write_text(str(os.getpid()))
    assert guards.at_work(tmp_path) == "Puppet"
    run.write_text("999999999")
    assert guards.at_work(tmp_path) == ""
    assert struct.calcsize("hhqqi4x") == 32
    assert fcntl.F_GETLK


def test_who_writes_a_file_is_known_by_its_mark(tmp_path: Path) -> None:
    for mark, who in (
        (b"# This file is managed by Puppet. DO NOT EDIT.\n", "Puppet"),
        (b"# Ansible managed\nrelayhost =\n", "Ansible"),
        (b"# This file is generated from information provided by the datasource (cloud-init).\n", "cloud-init"),
    ):
        assert who in guards.managed("/etc/postfix/main.cf", mark)
    assert guards.managed("/etc/postfix/main.cf", b"# puppet and chef like mail\nrelayhost =\n") == ""
    listed = tmp_path / "var/lib/puppet/state/resources.txt"
    listed.parent.mkdir(parents=True)
    listed.write_text("file[/etc/postfix/main.cf]\nservice[postfix]\n")
    assert "Puppet" in guards.managed("/etc/postfix/main.cf", b"", tmp_path)
    assert guards.managed("/etc/postfix/master.cf", b"", tmp_path) == ""
    (tmp_path / "etc/.etckeeper").mkdir(parents=True)
    assert "etckeeper" in guards.recorded(tmp_path)
