"""What leaves this host: ports, routes, packet filters, name service."""
