"""Texts of servers and programs: replies, and their meaning."""
