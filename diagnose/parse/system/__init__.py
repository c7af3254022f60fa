"""Data about the host: routes, packet filters, name services."""
