"""What is known of the world: causes, sayings, relays, networks. It decides nothing."""
