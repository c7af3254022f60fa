"""Links that lead nowhere, and files in a directory's place: put aside, and put back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from checks.postfix.permissions import permissions
from diagnose.check import Glob
from diagnose.host.query import GlobReply, StatReply
from diagnose.model import Status
from diagnose.remedy import never
from diagnose.remedy.running import Aside
from tests.checks import pretended_postfix as pretended
from tests.checks.pretended_postfix import machine, run
from tests.checks.test_permissions import GOOD
from tests.remedy.test_own_settings import planned


@pytest.mark.parametrize("link", [True, False])
def test_a_compiled_table_that_is_a_dead_link_is_put_aside_first(link: bool) -> None:
    text = StatReply(exists=True, kind="file", mode=0o644)
    path = "/etc/postfix/transport"
    listed = {Glob(f"{path}.db"): GlobReply(paths=(f"{path}.db",) if link else ())}
    host = pretended.machine(files={path: "a.test smtp:\n"}, stats={path: text}, more=listed)
    plan = planned("lookup-table-broken", "table.works", host, type="hash", path=path, parameter="transport_maps")
    commands = [command for step in plan.steps for command in step.commands()]
    assert (f"mv -nT -- {path}.db {path}.db.old" in commands) is link
    assert commands.index(f"postmap hash:{path}") == int(link)


@pytest.mark.parametrize(("name", "moved"), [("public", True), ("pid", True), ("deferred", False)])
def test_what_stands_in_a_directorys_place_goes_where_no_mail_can_be_in_it(name: str, moved: bool) -> None:
    path = f"/var/spool/postfix/{name}"
    stats = {key: stat for key, stat in GOOD.items() if key != path}
    listed = {Glob("/var/spool/postfix/*"): GlobReply(paths=(path,))}
    (seen,) = [o for o in run(permissions, machine(stats=stats, more=listed)) if o.status is Status.FAILED]
    assert (seen.data["kind"], seen.data["path"]) == ("other", path)
    plan = planned("queue-permissions", seen.sign, pretended.machine(stats=stats), **seen.data)
    assert any(isinstance(step, Aside) for step in plan.steps) is moved


def test_putting_aside_is_undone_and_nothing_else_is_moved(tmp_path: Path) -> None:
    link, other = tmp_path / "pid", tmp_path / "pid.old"
    link.symlink_to("/nowhere/at/all")
    step = Aside(path=str(link), directory=True, why="x")
    for argv in step.argvs():
        subprocess.run(argv, check=True)
    assert other.is_symlink()
    link.mkdir()
    (link / "master.pid").write_text("1")
    for argv in step.reverted().commands:
        subprocess.run(argv, check=True)
    assert link.readlink() == Path("/nowhere/at/all")
    assert not other.is_symlink()
    assert not list(never.reasons(step))
    assert never.command(("mv", "/a", "/b"))
