"""Process of the lab's internet: reads (World, authority) pickled on standard input, serves until it is killed."""

from __future__ import annotations

import pickle
import resource
import signal
import sys
from dataclasses import replace

from .dns import Nameserver
from .smtp import Servers
from .tls import Authority, Contexts

world, exported = pickle.load(sys.stdin.buffer)
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
nameserver = Nameserver(world)
nameserver.serve()
servers = Servers(world, nameserver.names, Contexts(Authority.restore(exported)))
servers.serve()


def turn(*_: object) -> None:
    """The world becomes what it is to be later, and the next time what it was."""
    then = servers.world.later
    if then is not None:
        now = replace(servers.world, later=None)
        servers.world = nameserver.world = nameserver.names.world = replace(then, later=now)


signal.signal(signal.SIGUSR1, turn)
print("ready", flush=True)
while True:
    signal.pause()
