"""Did Puppet render the edited template, and was the service restarted since?"""

from __future__ import annotations

import re

from diagnose.check import (
    ANY,
    Context,
    Data,
    Observation,
    Observations,
    Read,
    SignSpec,
    Stat,
    check,
    fail,
    ok,
    skip,
    unknown,
    warn,
)
from diagnose.facts.application import Application, Sources, found
from diagnose.facts.java import processes
from diagnose.facts.mail import written

_STATES = ("/var/lib/puppet/state", "/opt/puppetlabs/puppet/cache/state", "/var/cache/puppet/state")
_TOGETHER = 60.0  # seconds: files written within a minute were deployed together, in either order
# Keys that are not compared: they only tune, or their values are masked.
_UNCOMPARED = re.compile(r"(?:passw|secret|token|timeout|debug)", re.I)


@check(
    id="puppet",
    title="Puppet template applied",
    signs=(SignSpec("app.applied", {"kind": ANY}),),
    tags=("application",),
)
def puppet(ctx: Context) -> Observations:
    sources = found(ctx)
    if not sources.any:
        skip("no settings of a Java application were found here (name them with --app-config FILE)")
    agent = _agent(ctx)
    templates = [app for app in (*sources.templates, *sources.named) if app.path.endswith(".erb")]
    rendered = [app for app in (*sources.generated, *sources.named) if not app.path.endswith(".erb")]
    if not templates and not rendered:
        skip("there is neither a template nor a generated file")
    for template in templates:
        for file in rendered:
            yield _compare(ctx, template, file, agent)
        if not rendered:
            yield _never(template, sources, agent)
    for file in rendered:
        yield from _restarted(ctx, file)


def _agent(ctx: Context) -> tuple[str, str, float]:
    """What keeps Puppet from applying: (kind, text, epoch of its last run, 0.0 if unknown); kind is "" if nothing
    does."""
    for folder in _STATES:
        summary = ctx.ask(Read(f"{folder}/last_run_summary.yaml"))
        ran = re.search(r"(?m)^\s+last_run:\s*(\d+)", summary.text)
        last = float(ran[1]) if ran else 0.0
        if ctx.ask(Stat(f"{folder}/agent_disabled.lock")).exists:
            return "agent-disabled", f"the Puppet agent is disabled ({folder}/agent_disabled.lock)", last
        failed = re.search(r"(?m)^\s+(?:failure|failed|failed_to_restart):\s*([1-9]\d*)", summary.text)
        if failed or (summary.text and re.search(r"(?m)^\s+config:\s*(?:null|~|''|)\s*$", summary.text) and not ran):
            return "run-failed", f"the last Puppet run had failures ({folder}/last_run_summary.yaml)", last
        if summary.text:
            return "", "", last
    return "", "", 0.0


def _compare(ctx: Context, template: Application, file: Application, agent: tuple[str, str, float]) -> Observation:
    data: Data = {"path": file.path, "template": template.path, "product": "codenvy by puppet"}
    if template.problem or file.problem or template.settings is None or file.settings is None:
        why = template.problem or file.problem
        return unknown("app.applied", file.path, f"{why}: template and generated file cannot be compared", **data)
    differing = _differing(template, file)
    kind, words, ran = agent
    if not differing:
        if kind:
            return warn("app.applied", file.path, f"{words}; the file still matches the template", kind=kind, **data)
        return ok("app.applied", file.path, f"matches {template.path}", kind="same", **data)
    key = differing[0]
    old, new = file.value(_bare(key)), template.value(_bare(key))
    more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
    text = f"{key} is {old!r} in the generated file, {new!r} in the template{more}"
    data |= {"key": key, "line": file.line(key), "value": new, "old": old}
    data["rendered"] = f"Have Puppet render {template.path} into {file.path}."
    if template.mtime > file.mtime - _TOGETHER or kind:
        text += f"; the template is of {written(ctx, template.mtime)}, the file of {written(ctx, file.mtime)}"
        return fail(
            "app.applied", file.path, f"{text}{'; ' + words if words else ''}", kind=kind or "template-newer", **data
        )
    if ran > file.mtime:
        return fail(
            "app.applied",
            file.path,
            f"{text}; Puppet has run since and left the file alone",
            kind="not-managed",
            **data,
        )
    text += "; the file was edited by hand after Puppet wrote it: the next run puts the template's values back"
    return warn("app.applied", file.path, text, kind="edited-by-hand", **data)


def _bare(key: str) -> str:
    return key.removeprefix("che.")


def _differing(template: Application, file: Application) -> list[str]:
    """Keys whose values differ, in the template's order; secrets and tuning are left out."""
    left = {_bare(e.key): e for e in template.properties.entries}
    right = {_bare(e.key): e for e in file.properties.entries}
    unknown_keys = {_bare(key) for key in template.unresolved}
    found = []
    for key in dict.fromkeys((*left, *right)):
        if key in unknown_keys or _UNCOMPARED.search(key) or not key.startswith("mail."):
            continue
        one, other = left.get(key), right.get(key)
        if (one.value if one else None) != (other.value if other else None):
            found.append((one or other).key)  # type: ignore[union-attr]
    return found


def _never(template: Application, sources: Sources, agent: tuple[str, str, float]) -> Observation:
    kind, words, _ = agent
    if kind and not sources.named:
        return fail(
            "app.applied",
            template.path,
            f"no generated file is found, and {words}",
            kind=kind,
            path=template.path,
            template=template.path,
            product="codenvy by puppet",
        )
    text = "no file generated from it was found here, so the template itself was checked"
    return unknown("app.applied", template.path, text, kind="no-file", template=template.path)


def _restarted(ctx: Context, file: Application) -> Observations:
    """Compares the start of the application's processes with the file's time: the mail session is made once, at
    start."""
    if not file.mtime or file.settings is None:
        return
    mine = [
        p
        for p in processes(ctx)
        if p.started
        and (p.user == file.owner or re.search(r"codenvy|\bche\b|catalina|tomcat", " ".join(p.command), re.I))
    ]
    if not mine:
        return
    oldest = min(mine, key=lambda p: p.started)
    data: Data = {"path": file.path, "pid": oldest.pid, "product": file.product}
    if all(p.started < file.mtime - 2 for p in mine):
        text = f"the application (pid {oldest.pid}) has run since {written(ctx, oldest.started)}, the file was written {written(ctx, file.mtime)}: it still has the old values"
        yield fail("app.applied", f"pid {oldest.pid}", text, kind="not-restarted", **data)
    else:
        yield ok("app.applied", f"pid {oldest.pid}", "was started after the file was written", kind="restarted", **data)
