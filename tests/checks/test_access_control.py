"""The check of SELinux and AppArmor."""

from checks.postfix.access_control import DENIALS, access_control
from diagnose.check import Exec
from diagnose.host.query import ExecReply
from diagnose.model import Status
from tests.checks.pretended_postfix import NOW, failed, machine, run

ON = {"/sys/fs/selinux/enforce": "1"}


def audit(text: str) -> dict[str, str]:
    return {**ON, "/var/log/audit/audit.log": text}


def avc(comm: str, at: float = NOW - 60, more: str = "permissive=0") -> str:
    return f'type=AVC msg=audit({at:.3f}:91): avc:  denied  {{ name_connect }} for  pid=1 comm="{comm}" dest=2525 scontext=a {more}\n'


def test_neither_is_on() -> None:
    assert failed(run(access_control, machine())) == []


def test_denial_for_smtp() -> None:
    found = run(access_control, machine(files=audit(avc("smtp"))))
    assert (failed(found), found[0].data["process"]) == (["host.access-control"], "smtp")


def test_old_foreign_and_permissive_denials() -> None:
    old, foreign, permissive = (
        avc("smtp", NOW - 900_000),
        avc("chronyd").replace("dest=2525", "dest=123"),
        avc("smtp", more="permissive=1"),
    )
    for text in (old, foreign, permissive):
        assert failed(run(access_control, machine(files=audit(text)))) == []


def test_apparmor_in_the_kernel_log() -> None:
    files = {"/sys/module/apparmor/parameters/enabled": "Y\n", "/proc/uptime": "5000.0 1.0\n"}
    line = '[ 4990.1] audit: type=1400 audit(1.1:9): apparmor="DENIED" operation="open" profile="/usr/sbin/sendmail" name="/etc/x" comm="sendmail"\n'
    host = machine(files=files, more={Exec(("dmesg",), having=DENIALS): ExecReply(code=0, out=line)})
    assert failed(run(access_control, host)) == ["host.access-control"]


def test_ordinary_user_cannot_tell() -> None:
    assert [o.status for o in run(access_control, machine(files=ON, root=False))] == [Status.UNKNOWN]
