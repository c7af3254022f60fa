"""Ports that do not leave, and what blocks them."""

from __future__ import annotations

UPSTREAM = ("gateway", "isp", "beyond")
MUTE = ("closed", "silent", "not-smtp")  # it connects, and no mail server speaks
REFUSALS = ("timeout", "refused", "prohibited", "unreachable", "no-route", "closed")
