"""What the system says of itself: routes, packet filters, mounts, name services."""
