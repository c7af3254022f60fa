"""Reads pasted text: bounces, dialogues, other mailers' logs, stack traces."""
