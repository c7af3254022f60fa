"""DNS and names."""
