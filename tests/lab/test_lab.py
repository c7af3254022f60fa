"""The lab as a test: machines are broken, the tool is asked, and the figures that are promised must be reached."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from diagnose.watch import machine, message, verdict

from . import figures
from .drawn import EVERYTHING, commit, half
from .fault import Fault
from .faults import every
from .machine import SECRET, Machine
from .roots import MAILERS, Root
from .run import Answer, Options, ask, many, one, settled

pytestmark = [pytest.mark.lab, pytest.mark.timeout(4500)]
# Machines wait more than they work: three for each processor.
JOBS = int(os.environ.get("LAB_JOBS", str(3 * (os.cpu_count() or 1))))
NEEDED = ("unshare", "nsenter", "nft", "ip", "postfix", "openssl", "setpriv", "iptables-legacy")


@pytest.fixture(scope="module", autouse=True)
def able() -> None:
    """Machines need root and a few commands. In CI a lab that cannot run is a failure, elsewhere a loud skip."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [name for name in NEEDED if not shutil.which(name, path=path)]
    why = "the lab needs root" if os.geteuid() else f"the lab lacks {', '.join(missing)}" if missing else ""
    if why and os.environ.get("CI"):
        pytest.fail(why)
    if why:
        pytest.skip(f"LAB NOT RUN: {why}")


def cases() -> list[Fault]:
    """This commit's half of them, or all; without those of a mailer that apt cannot fetch from its mirror."""
    lacking = {name for name, root in MAILERS.items() if not _to_be_had(root)}
    if lacking:
        warnings.warn(f"NOT TESTED: machines with {', '.join(sorted(lacking))}, which apt cannot install", stacklevel=1)
    found = [case for case in every().values() if case.mailer not in lacking]
    return found if EVERYTHING else half(found, commit())


def _to_be_had(root: Root) -> bool:
    try:
        return bool(root.folder())
    except subprocess.CalledProcessError:
        return False


def test_each_cause_has_its_turn() -> None:
    """A commit's half holds every kind and first cause; another commit's half is another one."""
    whole, one, other = list(every().values()), half(every().values(), "one"), half(every().values(), "other")
    assert {(fault.kind, fault.accept[:1]) for fault in one} == {(fault.kind, fault.accept[:1]) for fault in whole}
    assert one != other
    assert len(one) <= 0.7 * len(whole)


@pytest.fixture(scope="module")
def rows(able: None) -> figures.Rows:
    """Every case, asked as root with the network, several machines side by side."""
    found = list(settled(cases(), Options(), JOBS))
    print(figures.report(found, set()))
    return found


def test_every_machine_answers(rows: figures.Rows) -> None:
    """No case ends without a report, be it the lab's fault or the tool's."""
    assert figures.sums(rows).broken == ()


def test_first_cause_is_right(rows: figures.Rows) -> None:
    """At least 97 of 100 faults are named first."""
    assert figures.sums(rows).right >= 0.97, "\n".join(figures.confusion(rows))


def test_both_faults_of_a_double_are_among_the_first_three(rows: figures.Rows) -> None:
    """At least nine of ten doubles show both causes at once."""
    assert figures.sums(rows).doubles >= 0.90


def test_healthy_machines_are_left_alone(rows: figures.Rows) -> None:
    """Nothing certain or likely is said about a machine that delivers."""
    assert figures.sums(rows).alarms == ()


def test_certain_is_right(rows: figures.Rows) -> None:
    """At most one in a hundred answers called certain is wrong."""
    certain = [row for row in rows if row[1].ranked and row[1].ranked[0][1] == "certain"]
    assert len(figures.sums(rows).wrong_certain) <= len(certain) / 100


def test_the_first_200_characters_of_an_alarm_say_what_is_wrong_and_what_to_do(rows: figures.Rows) -> None:
    """A pager shows no more, whatever the machine adds to the cause's words."""
    alarms = [(fault.id, alarm(json.loads(answer.text))) for fault, answer in rows if answer.status == "failed"]
    assert alarms
    assert {name: words for name, words in alarms if not acts(words)} == {}


def alarm(report: dict[str, Any]) -> dict[str, Any]:
    """What `watch` tells of it after it has lasted for three hours."""
    at = 1_790_000_000.0
    event = machine.Event(
        kind="reminder", status="failed", before="failed", cause=verdict.first(report), since=at - 10_800, at=at
    )
    return message.compose(event, report, "id", 3, {"began": at - 10_800, "title": ""})


def acts(note: dict[str, Any]) -> bool:
    """Its first 200 characters hold all of the title, and what to do."""
    first = str(note["text"]).partition("\n")[0]
    return first.startswith("Do: ") and len(first) > 20 and len(f"{note['title']}\n{first}") <= 200


def test_no_secret_is_shown(rows: figures.Rows) -> None:
    """The planted password stands in no report and no message."""
    assert figures.sums(rows).leaks == ()


SOME = (
    "isp-drops-25",
    "sasl-key-no-port",
    "gmail-app-password",
    "chroot-resolv-conf-stale",
    "healthy-relay-587",
    "bad-boolean",
)


@pytest.mark.parametrize(
    "options",
    [Options(user="nobody"), Options(extra=("--no-network",)), Options(via_snapshot=True)],
    ids=["nobody", "no-network", "snapshot"],
)
def test_what_cannot_be_known_is_never_certain_and_wrong(options: Options) -> None:
    """Unprivileged, without the network or from a recording: no wrong claim is called certain, no secret shows."""
    found = list(many([every()[name] for name in SOME], options, JOBS))
    got = figures.sums(found)
    assert (got.broken, got.wrong_certain, got.leaks) == ((), (), ())


def test_machines_leave_nothing_behind() -> None:
    """When a machine is closed its processes are gone."""
    with Machine(every()["healthy-idle"]) as machine:
        pids = [child.pid for child in machine.children] + [machine.pid]
        assert machine.run("hostname").stdout == "app\n"
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}/root/etc")]


def test_a_broken_lab_says_so() -> None:
    """A case whose fault does not show is an error of the lab, not an answer."""
    healthy = every()["healthy-idle"]
    values = {name: getattr(healthy, name) for name in healthy.__dataclass_fields__}
    wrong = type(healthy)(**values | {"shows": "", "proof": ("true", "never")})
    assert one(wrong, Options(check_only=True)).error.startswith("lab:")


def test_planted_password_is_really_there() -> None:
    """The search for secrets means something only if the machine holds one."""
    with ThreadPoolExecutor(1) as pool, Machine(every()["healthy-relay-587"]) as machine:
        pool.submit(machine.prepare).result()
        assert SECRET in machine.read("/etc/postfix/sasl_passwd")
        answer: Answer = ask(machine, Options())
        assert not answer.leaks
