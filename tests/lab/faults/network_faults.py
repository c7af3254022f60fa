"""Faults of the network between the host and its exchangers."""

from __future__ import annotations

from ..fault import Fault
from ..steps import nft

FAULTS = (
    Fault(id="isp-drops-25", accept=("egress-port-25-blocked",), about="ISP drops TCP 25",
          setup=(nft("isp", "forward tcp dport 25 drop"),), shows="status=deferred .*timed out"),
)
