"""Watching: one pass after another, the state between them, and the alarms that do not travel by mail."""
