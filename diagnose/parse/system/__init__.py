"""What the system says of itself: routes, packet filters, name services."""
