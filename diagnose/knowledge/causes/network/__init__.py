"""Ports that do not leave, and what blocks them."""

UPSTREAM = ("gateway", "isp", "beyond")
MUTE = ("closed", "silent", "not-smtp")  # it connects, and no mail server speaks
REFUSALS = ("timeout", "refused", "prohibited", "unreachable", "no-route", "closed")
