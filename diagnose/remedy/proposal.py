"""A plan as it is shown before anything is done: a unified diff without secrets, the commands, and what is opened."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import field

from diagnose.host.secretfile import mask_read
from diagnose.parse.text.masking import KNOWN, STARS, mask, plain
from diagnose.record import dataclass
from diagnose.remedy import guards, never
from diagnose.remedy.edits import Changed
from diagnose.remedy.originals import CannotChange, State, look, resolved
from diagnose.remedy.plan import Plan
from diagnose.remedy.steps import FileStep, Step, TableEntry

# What may hold passwords though everybody can read it.
_SECRET = re.compile(r"sasl|passw|secret|credential|\.env(\.[\w-]+)?$", re.I)
_KINDS = {
    re.compile(r"\.properties$"): "properties",
    re.compile(r"\.(?:env(?:\.[\w-]+)?|ya?ml|json|ini|php|py)$"): "settings",
}


@dataclass(kw_only=True)
class Proposal:
    """read: each file of the plan as it is now, by path with links resolved. diff, runs: to be shown. notes: who manages the files.
    obstacle: why the plan cannot be carried out, "" where it can."""

    plan: Plan
    read: Mapping[str, State] = field(default_factory=dict)
    diff: str = ""
    runs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    obstacle: str = ""

    @property
    def policy(self) -> tuple[Step, ...]:
        return tuple(step for step in self.plan.steps if step.allow)


def propose(plan: Plan) -> Proposal:
    """Reads the plan's files; changes nothing."""
    before: dict[str, tuple[State, bytes]] = {}
    after: dict[str, bytes] = {}
    tables: set[str] = set()
    given = {ask.name: STARS for ask in plan.asks}
    try:
        for path in map(resolved, plan.files()):
            before[path] = look(path)
        for step in plan.steps:
            if why := next(never.reasons(step), ""):
                return Proposal(plan=plan, obstacle=why)
            if isinstance(step, FileStep):
                path = resolved(step.path)
                state, data = before[path]
                old = after.get(path, data if state.kind == "file" else None)
                after[path] = step.edit(old, given)
                if why := never.effect(path, old, after[path]):
                    return Proposal(plan=plan, obstacle=why)
                if isinstance(step, TableEntry):
                    tables.add(path)
    except (CannotChange, Changed) as error:
        return Proposal(plan=plan, obstacle=str(error))
    except OSError as error:
        return Proposal(plan=plan, obstacle=f"{error.filename}: {error.strerror}")
    shown = [line for path, new in after.items() for line in _diff(path, *before[path], new, path in tables)]
    runs = [line for step in plan.steps if not isinstance(step, FileStep) for line in step.commands()]
    notes = [note for path in after if (note := guards.managed(path, before[path][1]))]
    if any(path.startswith("/etc/") for path in after) and (note := guards.recorded()):
        notes.append(note)
    return Proposal(
        plan=plan,
        read={path: state for path, (state, _) in before.items()},
        diff="\n".join(shown),
        runs=tuple(mask(line) for line in runs),
        notes=tuple(notes),
    )


def _diff(path: str, state: State, old: bytes, new: bytes, table: bool) -> Iterator[str]:
    if old == new and state.kind == "file":
        return
    secret = table or bool(_SECRET.search(path.rsplit("/", 1)[-1])) or (state.kind == "file" and not state.mode & 0o004)
    before, after = (_shown(path, data, secret) for data in (old, new))
    name = path if state.kind == "file" else "/dev/null"
    lines = difflib.unified_diff(before, after, name, path, n=2, lineterm="")
    yield from list(lines) or (f"--- {path}", f"+++ {path}", "(a secret changes, which is not shown)")


def _shown(path: str, data: bytes, secret: bool) -> list[str]:
    text = data.decode("utf-8", "replace")
    if secret:
        kind = next((kind for end, kind in _KINDS.items() if end.search(path)), "sasl")
        text = mask_read(text, kind, KNOWN, path)
    return plain(mask(text)).splitlines()
