"""Whether this is a container, whose programs usually hand their mail to a server elsewhere."""

from __future__ import annotations

from diagnose.facts.asks import Asks
from diagnose.host.query import Process, Processes, Stat

# Docker's and podman's own marks, and the account that Kubernetes gives a pod.
_MARKS = ("/.dockerenv", "/run/.containerenv", "/var/run/secrets/kubernetes.io", "/run/systemd/container")


def contained(ctx: Asks) -> bool:
    return any(ctx.ask(Stat(path)).exists for path in _MARKS)


def master_elsewhere(ctx: Asks) -> Process | None:
    """If this file system has no Postfix: a master process that runs all the same, in a container."""
    found = ctx.ask(Processes()).processes
    return next((p for p in found if p.name == "master" and p.command and "/postfix/" in p.command[0]), None)
