"""Postfix itself: settings, services, tables, filters."""

from __future__ import annotations

SEEN = (("kind", ("refused", "missing")),)
# Judged without the right to look: a container's socket in a shared directory is not on this host's list.
UNLISTED = (("kind", "unlisted"),)
