"""What leaves this host: ports, routes, packet filters, DNS."""
