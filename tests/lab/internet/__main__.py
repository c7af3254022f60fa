"""Process of the lab's internet: reads (World, authority) pickled on standard input, serves until it is killed."""

from __future__ import annotations

import pickle
import resource
import signal
import sys

from .dns import Nameserver
from .smtp import Servers
from .tls import Authority, Contexts

world, exported = pickle.load(sys.stdin.buffer)
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
nameserver = Nameserver(world)
nameserver.serve()
Servers(world, nameserver.names, Contexts(Authority.restore(exported))).serve()
print("ready", flush=True)
while True:
    signal.pause()
