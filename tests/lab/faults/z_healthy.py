"""Machines that are well, some of them odd; nothing certain or likely may be said about them."""

from __future__ import annotations

from ..fault import Fault
from ..steps import relay

FAULTS = (
    Fault(id="healthy-direct", accept=(), kind="healthy", about="direct to exchangers", shows="status=sent", history=True),
    Fault(id="healthy-relay-587", accept=(), kind="healthy", about="relay with login", setup=(relay(),),
          shows="status=sent", history=True),
)
