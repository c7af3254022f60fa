"""Where alarms go: the targets of --notify, and names for them that hold no secret."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import replace

from diagnose.errors import UsageError
from diagnose.parse.text import masking
from diagnose.parse.text.masking import STARS, plain
from diagnose.record import frozen

SHAPES = ("json", "slack", "teams", "ntfy", "gotify")
KNOWN = "an https:// address, slack:URL, teams:URL, ntfy:URL, gotify:URL, exec:COMMAND, syslog, journal or apprise:URL"


@frozen
class Target:
    """kind: one of SHAPES, "exec", "syslog", "journal" or "apprise". place: the address, command line or socket; may
    hold a secret. label: what is printed. key: tells targets apart in the kept state."""

    kind: str
    place: str
    label: str
    key: str


def several(texts: Sequence[str]) -> tuple[Target, ...]:
    """All targets of --notify without repetitions. Targets with the same label get four characters of their key
    added, which do not depend on the list. Raises UsageError."""
    found = {target.key: target for target in map(parse, texts)}
    labels = [target.label for target in found.values()]
    return tuple(
        replace(target, label=f"{target.label} #{target.key[:4]}") if labels.count(target.label) > 1 else target
        for target in found.values()
    )


def parse(text: str) -> Target:
    """Raises UsageError; its message shows no more of an address than the host."""
    head, colon, rest = text.strip().partition(":")
    kind = head.lower()
    if kind in ("syslog", "journal"):
        if colon and not rest.startswith("/"):
            raise UsageError(f"--notify {kind}: takes the path of a socket after the colon, or nothing")
        return _target(kind, rest, f"{kind}:{plain(rest)}" if rest else kind)
    if kind == "exec":
        return _target(kind, rest, f"exec:{_program(rest)}")
    if kind == "apprise":
        from diagnose.host.live import apprise_

        if not apprise_.installed():
            raise UsageError(f"--notify apprise: {apprise_.MISSING}")
        scheme = rest.partition("://")[0]
        if not scheme.isalnum() or "://" not in rest:
            raise UsageError("--notify apprise: takes an Apprise URL, such as apprise:tgram://...")
        return _target(kind, rest, f"apprise:{scheme}://{STARS}")
    if kind in ("http", "https"):
        return _web("json", text.strip())
    if kind in SHAPES and colon:
        return _web(kind, rest)
    raise UsageError(f"--notify: unknown kind of target; it takes {KNOWN}")


def _web(kind: str, url: str) -> Target:
    from diagnose.host.live.web import check_url

    wrong = check_url(url)
    if wrong:
        raise UsageError(f"--notify {kind}: {wrong}")
    return _target(kind, url, masked(url) if kind == "json" else f"{kind}:{masked(url)}")


def _program(command: str) -> str:
    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--notify exec: the command cannot be read: {error}") from None
    if not argv:
        raise UsageError("--notify exec: names no command; write exec:/path/to/program")
    return plain(argv[0].rpartition("/")[2])


def _target(kind: str, place: str, label: str) -> Target:
    from diagnose.host.gather import parts

    masking.KNOWN.add(*parts(place))
    digest = hashlib.sha256(f"{kind}\0{place}".encode()).hexdigest()[:16]
    return Target(kind=kind, place=place, label=label, key=digest)


def masked(url: str) -> str:
    """An address without user name, path and query, where webhooks keep their secrets."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    host = plain(parts.hostname or "")
    port = f":{parts.port}" if parts.port else ""
    rest = f"/{STARS}" if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}{rest}"
