"""Postfix itself: settings, services, tables, filters."""
