"""Many hosts' reports at once: what those that fail alike have in common."""
