"""Postfix's own files and tools: main.cf, master.cf, tables, the queue."""
