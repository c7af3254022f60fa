"""Do the workers run that take mail from the applications' job queues?

Sources: the process list, systemd, supervisor, crontabs, and queues on this host that answer without a login. A
worker is missed only if something here should start it, or an application here is set to put its jobs into a queue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from diagnose.check import (
    Context,
    Data,
    Observation,
    Observations,
    Read,
    SignSpec,
    check,
    dataclass,
    fail,
    ok,
    skip,
    unknown,
)
from diagnose.facts import master
from diagnose.facts.applications import installed
from diagnose.facts.contained import contained
from diagnose.facts.workers import (
    Starter,
    Worker,
    at_work,
    cron_runs,
    everything_seen,
    jobs,
    local_queue,
    running,
    started_by,
    states,
    supervised_state,
    workers,
)


@dataclass(frozen=True)
class _Stopped:
    """A starter whose worker does not run. how: why, in words; start: the command that starts it."""

    starter: Starter
    how: str
    start: str


@check(
    id="workers",
    title="Applications' queue workers",
    signs=(SignSpec("app.worker", {"seen": ("proven", "stopped", "missing")}),),
    tags=("application",),
    needs=("linux",),
    timeout=5.0,
)
def application_workers(ctx: Context) -> Observations:
    if not everything_seen(ctx):
        skip("not all processes are shown to this user")
    told = False
    for worker in workers():
        for observation in _worker(ctx, worker):
            told = True
            yield observation
    if not told:
        skip("no queue worker is meant to run here")


def _worker(ctx: Context, worker: Worker) -> Observations:
    starters = started_by(ctx, worker)
    title = worker["title"]
    found = running(ctx, worker["process"])
    if not starters and not found:
        yield from _missing(ctx, worker)
        return
    stopped = [each for each in _stopped(ctx, worker, starters) if not at_work(ctx, worker, each.starter.folder)]
    for each in stopped:
        text = _settings(ctx, worker, each.starter.folder)
        if "sync" in worker and re.search(worker["sync"], text, re.M):
            said = f"{each.starter.name} is not running, and the application puts nothing into a queue"
            yield ok("app.worker", title, said)
        else:
            yield _down(ctx, worker, each, text)
    if found and not stopped:
        yield ok("app.worker", title, f"runs (pid {found[0].pid})")
    elif not stopped:
        say = ok if all(each.kind == "cron" for each in starters) else unknown
        yield say("app.worker", title, f"no process of it is running just now; {starters[0].path} starts it")


def _image(ctx: Context) -> bool:
    """Whether this is a container without a Postfix master: its worker may run in another container of the same
    files."""
    return contained(ctx) and master(ctx) is None


def _settings(ctx: Context, worker: Worker, folder: str) -> str:
    if not folder or "settings" not in worker:
        return ""
    return ctx.ask(Read(f"{folder}/{worker['settings']}", secret="settings")).text


def _down(ctx: Context, worker: Worker, each: _Stopped, text: str) -> Observation:
    data: Data = {
        "worker": worker["title"],
        "unit": each.starter.name,
        "path": each.starter.path,
        "start": each.start,
        "log": f"journalctl -u {each.starter.name}" if each.starter.kind == "unit" else "its log",
    }
    counted = jobs(ctx, worker, text or ctx.ask(Read(each.starter.path)).text, each.starter.folder)
    words = f"{each.starter.name} {each.how}, and no process does its work"
    if counted is not None and counted[0] and not counted[1]:
        return fail(
            "app.worker", worker["title"], f"{words}; {_waiting(counted[0])}", seen="proven", jobs=counted[0], **data
        )
    return fail("app.worker", worker["title"], words, seen="stopped", **data)


def _stopped(ctx: Context, worker: Worker, starters: tuple[Starter, ...]) -> Iterator[_Stopped]:
    """The starters whose worker does not run; none of them if a crontab that is read runs the worker itself."""
    image = _image(ctx)
    lines = [each for each in starters if each.kind == "cron"]
    if lines and not image and not cron_runs(ctx):
        yield _Stopped(lines[0], "is a crontab that no cron daemon reads", "systemctl enable --now cron")
    elif any(each.direct for each in lines):
        return
    supervised = running(ctx, r"\bsupervisord\b")
    units = states(ctx, [each.name.replace("@.service", "@*.service") for each in starters if each.kind == "unit"])
    for each in starters:
        if each.kind == "program" and not supervised and not image:
            yield _Stopped(each, "is run by supervisor, which is not running", "systemctl enable --now supervisor")
        elif each.kind == "program" and (word := supervised_state(ctx, each.name)) in (
            "FATAL",
            "BACKOFF",
            "STOPPED",
            "EXITED",
        ):
            yield _Stopped(each, f"is {word} in supervisor", f"supervisorctl restart '{each.name}:*'")
        elif each.kind == "unit":
            stem = re.sub(r"@?\.service$", "", each.name)
            for name, unit in units.items():
                if name.endswith(".service") and re.sub(r"@.*|\.service$", "", name) == stem:
                    timer = units.get(name.replace(".service", ".timer"))
                    yield from _of_unit(ctx, worker, each, unit, timer, bool(lines))


def _of_unit(
    ctx: Context,
    worker: Worker,
    starter: Starter,
    unit: Mapping[str, str],
    timer: Mapping[str, str] | None,
    scheduled: bool,
) -> Iterator[_Stopped]:
    """The unit, if it failed, waits for an inactive timer, or is stopped though it should run. scheduled: a crontab
    may start the worker too."""
    starter = replace(starter, name=unit["Id"])
    if how := _state(unit):
        yield _Stopped(starter, how, f"systemctl restart {unit['Id']}")
    elif timer and timer["ActiveState"] != "active" and timer["UnitFileState"] == "enabled":
        how = f"waits for {timer['Id']}, which is {timer['ActiveState']}"
        yield _Stopped(starter, how, f"systemctl start {timer['Id']}")
    elif timer or unit["ActiveState"] != "inactive" or unit["Type"] == "oneshot" or worker.get("once"):
        return
    elif unit["UnitFileState"] in ("enabled", "enabled-runtime"):
        yield _Stopped(starter, "is enabled, and stopped", f"systemctl start {unit['Id']}")
    elif running(ctx, worker["web"]) and not scheduled:
        # Nothing starts it, although the application that needs it runs.
        how = f"is {unit['UnitFileState'] or 'not enabled'}, and stopped"
        yield _Stopped(starter, how, f"systemctl enable --now {unit['Id']}")


def _state(unit: Mapping[str, str]) -> str:
    """That the unit failed, or is restarted after each failure; "" otherwise."""
    if unit["ActiveState"] == "failed":
        return f"failed ({unit['Result']})"
    # A worker that ends with success and is restarted after a pause is normal.
    again = unit["SubState"] == "auto-restart" and unit["Result"] != "success"
    return f"starts again and again ({unit['Result']})" if again else ""


def _missing(ctx: Context, worker: Worker) -> Observations:
    """Observes a worker that nothing here starts, although an application's settings put jobs into its queue."""
    if "settings" not in worker or not (worker.get("queued") or worker.get("stored")):
        return
    for each in installed(ctx):
        path = each.app.path
        if each.container or path.rpartition("/")[2] != worker["settings"] or not running(ctx, worker["web"]):
            continue
        text = each.app.raw
        queued = "queued" in worker and re.search(worker["queued"], text, re.M)
        if not queued and not ("stored" in worker and re.search(worker["stored"], text, re.M)):
            continue
        folder = path.rpartition("/")[0]
        counted = jobs(ctx, worker, text, folder)
        data: Data = {
            "worker": worker["title"],
            "path": path,
            "unit": folder,
            "start": worker["source"],
            "log": path,
        }
        words = f"{path} puts jobs into a queue, and nothing here runs {worker['title']}"
        if counted is not None and counted[0] and not counted[1]:
            yield fail(
                "app.worker",
                worker["title"],
                f"{words}; {_waiting(counted[0])}",
                seen="proven",
                jobs=counted[0],
                **data,
            )
        elif counted is not None or not queued or _image(ctx) or not local_queue(ctx, text):
            # The queue is empty, or workers elsewhere may serve it.
            yield unknown("app.worker", worker["title"], f"{words}; could not check whether jobs wait", **data)
        else:
            yield fail("app.worker", worker["title"], words, seen="missing", **data)


def _waiting(jobs: int) -> str:
    return "1 job waits" if jobs == 1 else f"{jobs} jobs wait"
