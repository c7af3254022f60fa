"""Compares many hosts' reports: what hosts with the same fault have in common."""
