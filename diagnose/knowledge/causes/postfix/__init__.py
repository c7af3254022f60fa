"""Postfix itself: settings, services, tables, filters."""

SEEN = ("refused", "missing")
# Judged without the right to look: a container's socket in a shared directory is not on this host's list.
UNLISTED = "unlisted"
