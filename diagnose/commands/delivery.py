"""install-units: what runs `watch` and reads its results, ready for the host."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from diagnose.commands.options import Debug, write
from diagnose.errors import UsageError
from diagnose.record import dataclass

GROUPS = ("postdrop", "adm", "systemd-journal")
SHARE = "usr/local/share/mail-diagnose"
# Name for --only, template below diagnose/data/units, place below the prefix.
_TEMPLATES = (
    ("systemd", "mail-diagnose.service", "etc/systemd/system/mail-diagnose.service"),
    ("systemd", "mail-diagnose.timer", "etc/systemd/system/mail-diagnose.timer"),
    ("systemd", "mail-diagnose.sysusers", "etc/sysusers.d/mail-diagnose.conf"),
    ("cron", "mail-diagnose.cron", f"{SHARE}/cron.d/mail-diagnose"),
    ("config", "mail-diagnose.toml", f"{SHARE}/mail-diagnose.toml"),
    ("checkmk", "mail-diagnose.checkmk", f"{SHARE}/checkmk/mail-diagnose"),
    ("icinga", "icinga2.conf", f"{SHARE}/icinga2/mail-diagnose.conf"),
    ("zabbix", "zabbix.yaml", f"{SHARE}/zabbix/mail-diagnose.yaml"),
    ("zabbix", "zabbix-agent.conf", f"{SHARE}/zabbix/mail-diagnose.conf"),
    ("prometheus", "mail-diagnose.textfile.conf", f"{SHARE}/prometheus/textfile.conf"),
    ("prometheus", "alerts.yml", f"{SHARE}/prometheus/mail-diagnose.rules.yml"),
    ("grafana", "grafana.json", f"{SHARE}/grafana/mail-diagnose.json"),
)
KINDS = (*dict.fromkeys(kind for kind, _, _ in _TEMPLATES), "documents")
NEXT = {
    "systemd": "systemd-sysusers && systemctl daemon-reload && systemctl enable --now mail-diagnose.timer",
    "cron": f"for hosts without systemd: see /{SHARE}/cron.d/mail-diagnose",
    "config": f"where alarms go, and a dead man's switch: see /{SHARE}/mail-diagnose.toml",
    "checkmk": f"install -m 755 /{SHARE}/checkmk/mail-diagnose /usr/lib/check_mk_agent/local/",
    "icinga": f"cp /{SHARE}/icinga2/mail-diagnose.conf /etc/icinga2/conf.d/ && icinga2 daemon -C",
    "zabbix": f"import /{SHARE}/zabbix/mail-diagnose.yaml, and put mail-diagnose.conf beside it into the agent's directory",
    "prometheus": f"install -D -m 644 /{SHARE}/prometheus/textfile.conf "
    "/etc/systemd/system/mail-diagnose.service.d/textfile.conf",
    "grafana": f"import /{SHARE}/grafana/mail-diagnose.json",
}


@dataclass(frozen=True)
class Piece:
    """A file to write: its kind, its absolute place without the prefix, its text."""

    kind: str
    path: str
    text: str


def install_units(
    show: Annotated[bool, typer.Option("--print", help="Print the files instead of writing them.")] = False,
    ansible: Annotated[
        bool,
        typer.Option("--ansible", help="Print a playbook that installs this on many hosts and fetches their reports."),
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="KIND", help=f"Only {', '.join(KINDS)}; may be repeated.")
    ] = None,
    prefix: Annotated[Path, typer.Option("--prefix", metavar="DIR", help="Write the files below DIR.")] = Path("/"),
    command: Annotated[
        Path | None,
        typer.Option("--command", metavar="FILE", help="The program that the units call; default: this one."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that have been changed.")] = False,
    debug: Debug = False,
) -> int:
    """Write units and recipes that run `watch`. A systemd service and timer, and what monitoring systems need; nothing is enabled.

    Recipes for cron, Checkmk, Icinga, Zabbix, Prometheus and Grafana go to /usr/local/share/mail-diagnose, man page and shell
    completion to their places in /usr/local/share.

    \b
    Examples:
      mail-diagnose install-units --print --only systemd
      mail-diagnose install-units
      mail-diagnose install-units --ansible > mail-diagnose.yml
      mail-diagnose install-units --prefix pkg --command /usr/bin/mail-diagnose
    """
    if ansible:
        write((files("diagnose") / "data" / "units" / "playbook.yml").read_text("utf-8"), None)
        return 0
    wanted = tuple(only or KINDS)
    unknown = [kind for kind in wanted if kind not in KINDS]
    if unknown:
        raise UsageError(f"--only {unknown[0]!r} is not known; choose from {', '.join(KINDS)}")
    program = _program(command)
    pieces = [piece for piece in _pieces(program, wanted) if piece.kind in wanted]
    if show:
        write("\n".join(f"# {piece.path}\n{piece.text}" for piece in pieces), None)
        return 0
    told = [_install(piece, prefix, force) for piece in pieces]
    kept = [line for line in told if line.startswith("kept")]
    write("".join(f"{line}\n" for line in told), None)
    for kind in (kind for kind in wanted if kind in NEXT):
        write(f"then ({kind}): {NEXT[kind]}\n", None)
    for warning in _warnings(program, command is None):
        sys.stderr.write(f"mail-diagnose: {warning}\n")
    return 1 if kept else 0


def _pieces(program: str, wanted: tuple[str, ...]) -> Iterator[Piece]:
    place = files("diagnose") / "data" / "units"
    groups = " ".join(_groups())
    for kind, template, path in _TEMPLATES:
        text = (place / template).read_text("utf-8")
        yield Piece(kind, f"/{path}", text.replace("@COMMAND@", program).replace("@GROUPS@", groups))
    if "documents" in wanted:
        from typer.main import get_command

        from diagnose.commands import application, documents

        for path, text in documents.texts(get_command(application())).items():
            yield Piece("documents", f"/usr/local/{path}", text)


def _groups() -> list[str]:
    """systemd refuses to start a service with a group that is not there."""
    import grp

    known = {entry.gr_name for entry in grp.getgrall()}
    return [name for name in GROUPS if name in known] if "postdrop" in known else list(GROUPS)


def _program(given: Path | None) -> str:
    """The absolute path of the program, as the units call it. Raises UsageError."""
    if given is not None:
        program = str(given)
        if not given.is_absolute():
            raise UsageError(f"--command {program}: give its absolute path")
    else:
        started = Path(sys.argv[0]).absolute()
        found = (
            str(started)
            if started.name in ("mail-diagnose", "mail-diagnose.pyz") and os.access(started, os.X_OK)
            else None
        )
        program = found or shutil.which("mail-diagnose") or ""
        if not program:
            raise UsageError("no installed mail-diagnose was found for the units to call; name it with --command FILE")
    if not all(c.isalnum() or c in "/._+-@" for c in program):
        raise UsageError(f"--command {program!r}: its path has characters with a special meaning in units and crontabs")
    return program


def _install(piece: Piece, prefix: Path, force: bool) -> str:
    from diagnose import files as plain_files

    target = prefix / piece.path.lstrip("/")
    try:
        old = plain_files.read(target, 10_000_000).decode("utf-8") if target.exists() else None
        if old == piece.text:
            return f"unchanged {target}"
        if old is not None and not force:
            return f"kept {target}: it differs from this version's file; compare it with --print, or use --force"
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        plain_files.write(target, piece.text.encode("utf-8"), 0o644)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise UsageError(f"cannot write {target}: {why}; run as root, or give --prefix DIR") from None
    return f"wrote {target}"


def _warnings(program: str, own: bool) -> list[str]:
    homes = ("/home/", "/root/", "/run/user/", "/tmp/")
    places = [program, os.path.realpath(program), *([os.path.realpath(sys.prefix)] if own else [])]
    if any(place.startswith(homes) for place in places):
        return [f"{program} is in a place that the service's sandbox hides: install it elsewhere, such as in /opt"]
    return []
