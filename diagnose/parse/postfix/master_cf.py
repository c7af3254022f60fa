"""The services that master(8) starts, from master.cf or the output of `postconf -M` and `postconf -P`."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

from diagnose.parse.postfix.main_cf import logical_lines
from diagnose.parse.text.finding import Finding
from diagnose.parse.text.paste import artifacts
from diagnose.record import frozen

TYPES = ("inet", "unix", "unix-dgram", "fifo", "pass")
STOPS = ("bad-type", "bad-field-count", "bad-flag", "bad-number")  # findings that keep master(8) from starting
_FIELDS = 8


@frozen
class Service:
    """One service. `private`, `unprivileged` and `chroot` are resolved ('-' replaced by its default).

    `wakeup` in seconds, 0 for never; `maxproc` None for $default_process_limit, 0 for no limit. `command` is the daemon
    (smtp, pipe …), `argv` its arguments, `overrides` the `-o name=value` among them (the last of a name wins).
    """

    line: int
    name: str
    type: str
    private: bool
    unprivileged: bool
    chroot: bool
    wakeup: int
    maxproc: int | None
    command: str
    argv: tuple[str, ...]
    overrides: Mapping[str, str]


@frozen
class MasterCf:
    """The services in order and the findings by line."""

    services: tuple[Service, ...]
    findings: tuple[Finding, ...]

    def get(self, name: str, type_: str = "unix") -> Service | None:
        """The service of that name and type, the last one if there are several; None if there is none."""
        found = (s for s in reversed(self.services) if s.name == name and (s.type == type_ or type_ in s.type))
        return next(found, None)


def parse(text: str, compatibility_level: str = "0") -> MasterCf:
    """Read master.cf or `postconf -M` output. '-' for chroot means yes below compatibility level 1, otherwise no.

    Kinds of finding: bad-field-count, bad-type, bad-flag, bad-number, duplicate, spaced-override (`-o name = value`,
    which Postfix takes as three words), override-without-value, leading-whitespace, and those of paste.artifacts.
    """
    chroot_default = _level(compatibility_level) < 1
    services: list[Service] = []
    known: set[tuple[str, str]] = set()
    findings: list[Finding] = []
    for line in logical_lines(text):
        for number, part in line.parts:
            findings.extend(Finding(line=number, kind=kind, text=part.strip()[:80]) for kind in artifacts(part))
        if line.text[0].isspace():
            findings.append(Finding(line=line.number, kind="leading-whitespace", text=line.text.strip()[:80]))
            continue
        words = re.findall(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\S+", line.text)  # `{ … }` stays one word
        if len(words) < _FIELDS:
            findings.append(Finding(line=line.number, kind="bad-field-count", text=line.text.strip()[:80]))
            continue
        service, remarks = _service(words, line.number, chroot_default)
        findings.extend(Finding(line=line.number, kind=kind, text=remark) for kind, remark in remarks)
        if service is None:
            continue
        if (service.name, service.type) in known:
            findings.append(Finding(line=line.number, kind="duplicate", text=f"{service.name}/{service.type}"))
        known.add((service.name, service.type))
        services.append(service)
    return MasterCf(services=tuple(services), findings=tuple(findings))


def parse_overrides(text: str) -> dict[tuple[str, str], dict[str, str]]:
    """Overrides by (name, type) from the lines of `postconf -P`, such as `smtp/unix/smtp_tls_wrappermode = yes`."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for raw in text.splitlines():
        match = re.match(r"(\S+)/([a-z-]+)/(\S+)\s*=\s*(.*)$", raw)
        if match and match[2] in TYPES:
            found.setdefault((match[1], match[2]), {})[match[3]] = match[4].strip()
    return found


def effective(settings: Mapping[str, str], service: Service | None) -> dict[str, str]:
    """The settings that apply to a service: main.cf with the service's overrides on top."""
    return {**settings, **(service.overrides if service else {})}


def with_overrides(master: MasterCf, overrides: Mapping[tuple[str, str], Mapping[str, str]]) -> MasterCf:
    """Add the overrides from `postconf -P` to the services, for when `-M` was truncated or not run."""
    return replace(
        master,
        services=tuple(
            replace(s, overrides={**s.overrides, **overrides.get((s.name, s.type), {})}) for s in master.services
        ),
    )


def _level(text: str) -> int:
    match = re.match(r"\s*(\d+)", text)
    return int(match[1][:6]) if match else 0


def _service(words: list[str], line: int, chroot_default: bool) -> tuple[Service | None, list[tuple[str, str]]]:
    name, type_, private, unprivileged, chroot, wakeup, maxproc, command = words[:_FIELDS]
    remarks: list[tuple[str, str]] = []
    if type_ not in TYPES:
        return None, [("bad-type", f"{name}: {type_}")]
    for field, flag in (("private", private), ("unprivileged", unprivileged), ("chroot", chroot)):
        if flag not in ("y", "n", "-"):
            remarks.append(("bad-flag", f"{name}/{type_}: {field} is {flag}, not y, n or -"))
    for field, number in (("wakeup", wakeup.rstrip("?")), ("maxproc", maxproc)):
        if number != "-" and not re.fullmatch(r"[0-9]{1,9}", number):
            remarks.append(("bad-number", f"{name}/{type_}: {field} is {number}"))
    argv = tuple(words[_FIELDS:])
    overrides, more = _overrides(argv)
    remarks.extend((kind, f"{name}/{type_}: {text}") for kind, text in more)
    service = Service(
        line=line,
        name=name,
        type=type_,
        private=private != "n",
        unprivileged=unprivileged != "n",
        chroot=chroot_default if chroot == "-" else chroot == "y",
        wakeup=_number(wakeup.rstrip("?")) or 0,
        maxproc=_number(maxproc),
        command=command.rpartition("/")[2],
        argv=argv,
        overrides=overrides,
    )
    return service, remarks


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def _overrides(argv: tuple[str, ...]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    found: dict[str, str] = {}
    remarks: list[tuple[str, str]] = []
    words = deque(argv)
    while words:
        word = words.popleft()
        if not word.startswith("-o"):
            continue
        pair = word[2:] or (words.popleft() if words else "")
        if pair.startswith("{"):
            pair = pair.strip("{}").strip()
        name, equals, value = pair.partition("=")
        if equals:
            found[name.strip()] = value.strip()
        elif words and words[0].startswith("="):
            remarks.append(("spaced-override", f"-o {name} = …: write -o {name}=… without blanks"))
        else:
            remarks.append(("override-without-value", f"-o {name}"))
    return found, remarks
