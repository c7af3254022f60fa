"""Whether this is a container, whose programs usually send their mail to a server outside it."""

from __future__ import annotations

from diagnose.facts.asks import Asks
from diagnose.host.query import Process, Processes, Stat

# Files that Docker and podman create, and the service account that Kubernetes mounts in a pod.
_MARKS = ("/.dockerenv", "/run/.containerenv", "/var/run/secrets/kubernetes.io", "/run/systemd/container")


def contained(ctx: Asks) -> bool:
    return any(ctx.ask(Stat(path)).exists for path in _MARKS)


def master_elsewhere(ctx: Asks) -> Process | None:
    """A Postfix master process, None if none is seen. If this file system has no Postfix, it runs in a container."""
    found = ctx.ask(Processes()).processes
    return next((p for p in found if p.name == "master" and p.command and "/postfix/" in p.command[0]), None)
